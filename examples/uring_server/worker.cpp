// SPDX-License-Identifier: MIT OR Apache-2.0
#include "worker.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include "../support/detached.h"
#include "../support/port_wait.h"
#include "client.h"

namespace uring_server {
namespace {

// A client that takes nothing of its answer for so long is given up.
constexpr std::chrono::milliseconds kPatience{10'000};
// After an accept that failed for want of descriptors or memory: clients must go first.
constexpr std::chrono::milliseconds kRespite{20};

void set_up(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto patience = static_cast<unsigned>(kPatience.count());
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof patience);
}

}  // namespace

tally& tally::operator+=(const tally& other) {
  served += other.served;
  shed += other.shed;
  timed_out += other.timed_out;
  metrics += other.metrics;
  malformed += other.malformed;
  unsent += other.unsent;
  return *this;
}

void worker::run() {
  ring_.own();
  doorbell_.arm();
  begin_waiting_for_the_end();
  begin_accepting();
  for (;;) {
    example::resume_completed(completions());
    if (done()) return;
    ring_.turn();
  }
}

void worker::begin_client(int fd) {
  set_up(fd);
  clients_.insert(fd);
  // It came in the last moment: what it has sent is answered.
  if (stopping_) shutdown(fd, SHUT_RD);
  if (!serve_client(*this, fd)) end_client(fd);
}

void worker::end_client(int fd) {
  clients_.erase(fd);
  close(fd);
}

void worker::begin_accepting() {
  [](worker& self) -> example::detached {
    for (;;) {
      const int fd = co_await self.ring_.accept(self.listener_.fd());
      if (fd >= 0) {
        self.begin_client(fd);
      } else if (self.stopping_) {
        break;
      } else if (fd != -ECONNABORTED && fd != -EINTR) {
        co_await self.ring_.sleep(kRespite);
      }
    }
    self.accepting_ = false;
  }(*this);
}

void worker::begin_waiting_for_the_end() {
  [](worker& self) -> example::detached {
    co_await example::wait_for(self.shared_.stop.handle(), self.completions());
    self.stop();
  }(*this);
}

void worker::stop() {
  stopping_ = true;
  listener_.stop();
  // Ends the idle ones. What a client has sent before is still received, and answered.
  for (const int fd : clients_) shutdown(fd, SHUT_RD);
}

}  // namespace uring_server
