// SPDX-License-Identifier: MIT OR Apache-2.0
#include "client.h"

#include <http_parser.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "../support/tenant_name.h"

namespace uring_load {
namespace {

std::string request_of(std::string_view tenant) {
  std::string text = "GET / HTTP/1.1\r\nHost: localhost\r\n";
  if (!tenant.empty())
    text.append(example::kTenantHeader).append(": ").append(tenant).append("\r\n");
  return text + "\r\n";
}

// A socket, or -1 and errno.
int connect_to(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

}  // namespace

client::client(std::uint16_t port, std::string_view tenant)
    : port_(port), request_(request_of(tenant)), fd_(connect_to(port)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "no connection");
}

client::client(client&& other) noexcept
    : port_(other.port_),
      request_(std::move(other.request_)),
      fd_(std::exchange(other.fd_, -1)),
      seen_(std::move(other.seen_)) {}

client::~client() {
  if (fd_ >= 0) close(fd_);
}

void client::run(const std::stop_token& enough, const habits& how) {
  while (!enough.stop_requested() && ask_once(clock::now(), how)) {
    if (how.pause.count() != 0) std::this_thread::sleep_for(how.pause);
  }
}

void client::run(arrivals& due, const habits& how) {
  while (const std::optional<clock::time_point> next = due.take()) {
    std::this_thread::sleep_until(*next);
    seen_.behind.push_back(clock::now() - *next);
    if (!ask_once(*next, how)) return;
  }
}

bool client::ask_once(clock::time_point due, const habits& how) {
  ++seen_.sent;
  const bool waits = how.deadline.count() == 0;
  const unsigned status = ask(waits ? clock::time_point::max() : due + how.deadline);
  const nanoseconds time = clock::now() - due;
  if (status == kLate) {
    ++seen_.late;
    return connect_again();
  }
  if (status != 0 && !waits && time > how.deadline) {
    ++seen_.late;
  } else if (status == 200) {
    seen_.served.push_back(time);
  } else if (status == 503) {
    seen_.shed.push_back(time);
  } else if (status == 504) {
    seen_.timeout.push_back(time);
  } else if (status != 0) {
    ++seen_.other;
  } else {
    ++seen_.lost;
    return false;
  }
  return true;
}

unsigned client::ask(clock::time_point give_up) {
  if (clock::now() >= give_up) return kLate;
  if (send(fd_, request_.data(), request_.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request_.size())) {
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
    if (!wait_for_answer(give_up)) return kLate;
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
    if (got <= 0) return 0;
    http_parser_execute(&parser, &settings, buffer.data(), static_cast<std::size_t>(got));
    if (HTTP_PARSER_ERRNO(&parser) != HPE_OK) return 0;
  }
  return parser.status_code;
}

// False: nothing has come in time.
bool client::wait_for_answer(clock::time_point give_up) const {
  if (give_up == clock::time_point::max()) return true;  // recv() waits
  const nanoseconds left = std::max(nanoseconds::zero(), nanoseconds(give_up - clock::now()));
  const timespec time{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
  pollfd asked{fd_, POLLIN, 0};
  return ppoll(&asked, 1, &time, nullptr) != 0;
}

// The answer would still come over the old connection, which is therefore given up, by a reset: so
// its port is free at once.
bool client::connect_again() {
  const linger at_once{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(fd_);
  fd_ = connect_to(port_);
  if (fd_ >= 0) return true;
  ++seen_.lost;
  return false;
}

}  // namespace uring_load
