// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A real io_uring, as a loop has it.
#pragma once

#include <afflux/afflux.h>
#include <gtest/gtest.h>
#include <liburing.h>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace afflux_test {

// Names that older headers lack.
inline constexpr std::uint32_t kSingleIssuer = 1U << 12;  // IORING_SETUP_SINGLE_ISSUER, 6.0
inline constexpr std::uint32_t kDeferTaskrun = 1U << 13;  // IORING_SETUP_DEFER_TASKRUN, 6.1
inline constexpr std::uint64_t kBell = 0xbe11;            // the port's user_data

// Of one thread: the one that makes it.
class ring_guard {
 public:
  explicit ring_guard(std::uint32_t flags = 0, unsigned entries = 16, unsigned cq_entries = 0) {
    io_uring_params parameters{};
    parameters.flags = flags;
    if (cq_entries != 0) {
      parameters.flags |= IORING_SETUP_CQSIZE;
      parameters.cq_entries = cq_entries;
    }
    open_ = io_uring_queue_init_params(entries, &ring_, &parameters) == 0;
  }
  ~ring_guard() { exit(); }
  ring_guard(const ring_guard&) = delete;
  ring_guard& operator=(const ring_guard&) = delete;

  bool open() const { return open_; }
  int descriptor() const { return ring_.ring_fd; }
  void exit() {
    if (open_) io_uring_queue_exit(&ring_);
    open_ = false;
  }

  io_uring_sqe* entry() {
    io_uring_sqe* const free = io_uring_get_sqe(&ring_);
    if (free == nullptr) std::abort();
    return free;
  }
  void submit() { EXPECT_GE(io_uring_submit(&ring_), 0); }
  void submit_nop(std::uint64_t user_data) {
    io_uring_sqe* const sqe = entry();
    io_uring_prep_nop(sqe);
    sqe->user_data = user_data;
    submit();
  }

  // Sleeps until one is there.
  io_uring_cqe wait() {
    io_uring_cqe* cqe = nullptr;
    int error = 0;
    while ((error = io_uring_wait_cqe(&ring_, &cqe)) == -EINTR) {
    }
    if (error != 0) std::abort();
    return take(cqe);
  }
  // Whether one is there; what the kernel has still to do for it is done first.
  bool look(io_uring_cqe& event) {
    io_uring_enter(static_cast<unsigned>(ring_.ring_fd), 0, 0, IORING_ENTER_GETEVENTS, nullptr);
    io_uring_cqe* cqe = nullptr;
    if (io_uring_peek_cqe(&ring_, &cqe) != 0 || cqe == nullptr) return false;
    event = take(cqe);
    return true;
  }
  bool quiet() {
    io_uring_cqe event;
    return !look(event);
  }

  void arm(afflux_port* port) {
    const afflux_status answer = afflux_port_prep_uring(port, entry());
    EXPECT_TRUE(answer == AFFLUX_OK || answer == AFFLUX_EALREADY) << answer;
    submit();
  }

 private:
  io_uring_cqe take(io_uring_cqe* cqe) {
    io_uring_cqe event{};
    event.user_data = cqe->user_data;
    event.res = cqe->res;
    event.flags = cqe->flags;
    io_uring_cqe_seen(&ring_, cqe);
    return event;
  }

  io_uring ring_{};
  bool open_ = false;
};

// A ring and how its port rings.
struct ring_variant {
  std::uint32_t ring_flags;
  std::uint32_t port_flags;
};

inline std::string ring_variant_name(const testing::TestParamInfo<ring_variant>& info) {
  return std::string(info.param.ring_flags == 0 ? "Plain" : "Deferred") +
         ((info.param.port_flags & AFFLUX_PORT_MSG_RING) == 0 ? "Poll" : "Message");
}

// A port of the kind URING that ends with its scope.
class uring_port {
 public:
  uring_port(const ring_guard& ring, std::uint32_t flags) {
    afflux_port_options o;
    afflux_port_options_init(&o);
    o.kind = AFFLUX_PORT_URING;
    o.flags = flags;
    o.handle = ring.descriptor();
    o.user_data = kBell;
    if (afflux_port_create(&o, &port_) != AFFLUX_OK) std::abort();
  }
  ~uring_port() { afflux_port_unref(port_); }
  uring_port(const uring_port&) = delete;
  uring_port& operator=(const uring_port&) = delete;
  operator afflux_port*() const { return port_; }

 private:
  afflux_port* port_ = nullptr;
};

}  // namespace afflux_test
