// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An event loop's io_uring, and messages to it from other threads.
#pragma once

#include <liburing.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace afflux::bench {

inline void check(int error, const char* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

class ring {
 public:
  // SINGLE_ISSUER | DEFER_TASKRUN is how a loop of today asks for it: the thread that makes the
  // ring is the only one that submits, and its completions are delivered while it waits.
  static constexpr unsigned kLoop = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;

  explicit ring(unsigned entries, unsigned flags = kLoop) {
    int result = io_uring_queue_init(entries, &ring_, flags);
    if (result == -EINVAL) result = io_uring_queue_init(entries, &ring_, 0);  // before 6.1
    check(-result, "io_uring_setup");
  }
  ~ring() { io_uring_queue_exit(&ring_); }
  ring(const ring&) = delete;
  ring& operator=(const ring&) = delete;

  int fd() const { return ring_.ring_fd; }

  io_uring_sqe& entry() {
    io_uring_sqe* const sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) throw std::system_error(EBUSY, std::generic_category(), "io_uring is full");
    return *sqe;
  }

  void submit() {
    const int result = io_uring_submit(&ring_);
    if (result < 0) check(-result, "io_uring_submit");
  }

  // Sleeps until there is a CQE.
  void wait() {
    int result = 0;
    do {
      result = io_uring_submit_and_wait(&ring_, 1);
    } while (result == -EINTR);
    if (result < 0) check(-result, "io_uring_submit_and_wait");
  }

  // Lets the kernel deliver what it has, without sleeping.
  void look() { io_uring_get_events(&ring_); }

  // Hands all CQEs there are to see(cqe); how many there were.
  template <class See>
  unsigned each(See&& see) {
    std::array<io_uring_cqe*, 64> events;
    unsigned total = 0;
    while (const unsigned count = io_uring_peek_batch_cqe(&ring_, events.data(), events.size())) {
      for (unsigned i = 0; i < count; ++i) see(*events[i]);
      io_uring_cq_advance(&ring_, count);
      total += count;
    }
    return total;
  }

 private:
  io_uring ring_{};
};

// A CQE in another's ring, by a system call without a ring of one's own (Linux 6.13).
inline void send_message(int to) {
  constexpr unsigned kSendMessage = 31;  // IORING_REGISTER_SEND_MSG_RING, which older headers lack
  io_uring_sqe sqe{};
  io_uring_prep_msg_ring(&sqe, to, 0, 0, 0);
  if (syscall(__NR_io_uring_register, -1, kSendMessage, &sqe, 1) < 0) check(errno, "MSG_RING");
}

}  // namespace afflux::bench
