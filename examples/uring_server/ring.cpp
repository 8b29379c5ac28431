// SPDX-License-Identifier: MIT OR Apache-2.0
#include "ring.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace uring_server {
namespace {

constexpr unsigned kSubmissions = 1024;
// Beyond these the kernel keeps events in a list of its own (IORING_FEAT_NODROP, 5.5).
constexpr unsigned kCompletions = 8192;

// Among thousands of events a permit that has been granted, or what is to be submitted, does not
// wait for the last of them.
constexpr unsigned kEventsATurn = 64;

// With these a completion does not interrupt the thread at its work: it is delivered when the
// thread asks for events (kernel 6.1).
constexpr unsigned kByTheThread = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;

void check(int result, const char* what) {
  if (result < 0) throw std::system_error(-result, std::generic_category(), what);
}

int create(io_uring& ring, unsigned flags) {
  io_uring_params params{};
  // Disabled: a ring with a single issuer belongs to the thread that enables it.
  params.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | flags;
  params.cq_entries = kCompletions;
  return io_uring_queue_init_params(kSubmissions, &ring, &params);
}

}  // namespace

ring::ring() {
  int result = create(ring_, kByTheThread);
  if (result == -EINVAL) result = create(ring_, 0);
  check(result, "io_uring is refused");
}

ring::~ring() { io_uring_queue_exit(&ring_); }

// By the system call: liburing 2.3 declares io_uring_enable_rings(), but does not export it.
void ring::own() {
  const long result =
      syscall(__NR_io_uring_register, ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  check(result < 0 ? -errno : 0, "IORING_REGISTER_ENABLE_RINGS");
  ring_.flags &= ~IORING_SETUP_R_DISABLED;
}

void ring::start(entry& e) {
  e.next_ = nullptr;
  (first_ != nullptr ? last_->next_ : first_) = &e;
  last_ = &e;
}

void ring::turn() {
  fill_entries();
  const int result = io_uring_submit_and_wait(&ring_, 1);
  // The kernel may be short of memory or room for the moment.
  if (result != -EINTR && result != -EAGAIN && result != -EBUSY) check(result, "io_uring");

  unsigned head = 0;
  unsigned count = 0;
  io_uring_cqe* cqe = nullptr;
  io_uring_for_each_cqe(&ring_, head, cqe) {
    static_cast<entry*>(io_uring_cqe_get_data(cqe))->on_event(*cqe);
    if (++count == kEventsATurn) break;
  }
  io_uring_cq_advance(&ring_, count);
}

void ring::fill_entries() {
  while (first_ != nullptr) {
    io_uring_sqe* const sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) {
      if (io_uring_submit(&ring_) <= 0) return;  // the next turn tries again
      continue;
    }
    entry& e = *first_;
    first_ = e.next_;
    e.fill(*sqe);
    io_uring_sqe_set_data64(sqe, user_data_of(e));
  }
}

}  // namespace uring_server
