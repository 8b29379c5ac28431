// SPDX-License-Identifier: MIT OR Apache-2.0
#include "listener.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace uring_server {
namespace {

void check(int result, const char* call) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), call);
}

void listen_at(int fd, std::uint16_t port) {
  const int on = 1;
  check(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), "SO_REUSEPORT");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  check(listen(fd, SOMAXCONN), "listen");
}

}  // namespace

listener::listener(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  check(fd_, "socket");
  try {
    listen_at(fd_, port);
  } catch (...) {
    close(fd_);
    throw;
  }
}

listener::~listener() { close(fd_); }

std::uint16_t listener::port() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  check(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  return ntohs(address.sin_port);
}

void listener::stop() const { shutdown(fd_, SHUT_RD); }

}  // namespace uring_server
