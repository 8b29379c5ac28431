// SPDX-License-Identifier: MIT OR Apache-2.0
#include "client.h"

#include <http_parser.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace uring_load {
namespace {

constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

[[noreturn]] void fail(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

}  // namespace

client::client(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (fd_ < 0) fail("socket");
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return;
  close(fd_);
  fail("connect");
}

client::client(client&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), seen_(std::move(other.seen_)) {}

client::~client() {
  if (fd_ >= 0) close(fd_);
}

void client::run(const std::stop_token& enough, nanoseconds pause) {
  using clock = std::chrono::steady_clock;
  while (!enough.stop_requested()) {
    const clock::time_point asked = clock::now();
    ++seen_.sent;
    const unsigned status = ask();
    const nanoseconds time = clock::now() - asked;
    if (status == 200) {
      seen_.served.push_back(time);
    } else if (status == 503) {
      seen_.shed.push_back(time);
    } else if (status != 0) {
      ++seen_.other;
    } else {
      ++seen_.lost;
      return;
    }
    if (pause.count() != 0) std::this_thread::sleep_for(pause);
  }
}

unsigned client::ask() {
  if (send(fd_, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(kRequest.size())) {
    return 0;
  }
  http_parser parser;
  http_parser_init(&parser, HTTP_RESPONSE);
  bool complete = false;
  parser.data = &complete;
  http_parser_settings settings{};
  settings.on_message_complete = [](http_parser* ended) {
    *static_cast<bool*>(ended->data) = true;
    return 0;
  };
  std::array<char, 1024> buffer;
  while (!complete) {
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
    if (got <= 0) return 0;
    http_parser_execute(&parser, &settings, buffer.data(), static_cast<std::size_t>(got));
    if (HTTP_PARSER_ERRNO(&parser) != HPE_OK) return 0;
  }
  return parser.status_code;
}

}  // namespace uring_load
