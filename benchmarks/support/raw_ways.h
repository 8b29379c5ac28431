// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a loop is woken by without the library: a system call for each completion. The ways that
// do not count those which come together are for one at a time. See port_ways.h.
#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "support/poller.h"
#include "support/ring.h"

namespace afflux::bench {

// write, epoll_wait, read.
class raw_eventfd {
 public:
  explicit raw_eventfd(std::size_t) {}

  void begin(std::size_t) {}
  void complete(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) counter_.add_one();
  }
  void sleep() { poller_.wait(); }
  std::size_t take() {
    const std::uint64_t come = counter_.take();
    rings_ += come;
    return come;
  }
  std::uint64_t rings() { return rings_; }

 private:
  event_counter counter_;
  poller poller_{counter_.fd()};
  std::uint64_t rings_ = 0;
};

// write, epoll_wait by edges; never read. One at a time.
class raw_eventfd_edge {
 public:
  explicit raw_eventfd_edge(std::size_t) {}

  void begin(std::size_t) {}
  void complete(std::size_t) { counter_.add_one(); }
  void sleep() { come_ += poller_.wait(); }
  std::size_t take() { return std::exchange(come_, 0U); }
  std::uint64_t rings() { return eventfd_count(counter_.fd()); }

 private:
  event_counter counter_;
  poller poller_{counter_.fd(), EPOLLET};
  unsigned come_ = 0;
};

// write, a CQE by a multishot poll; never read. One at a time.
class raw_uring_poll {
 public:
  explicit raw_uring_poll(std::size_t) { arm(); }

  void begin(std::size_t) {}
  void complete(std::size_t) { counter_.add_one(); }
  void sleep() { ring_.wait(); }
  std::size_t take() {
    bool again = false;
    const std::size_t come =
        ring_.each([&](const io_uring_cqe& e) { again |= (e.flags & IORING_CQE_F_MORE) == 0; });
    if (again) arm();
    return come;
  }
  std::uint64_t rings() { return eventfd_count(counter_.fd()); }

 private:
  void arm() {
    io_uring_prep_poll_multishot(&ring_.entry(), counter_.fd(), POLLIN);
    ring_.submit();
  }

  event_counter counter_;
  ring ring_{64};
};

// A loop's ring that can be sent messages: throws where the kernel lacks them.
class message_ring {
 public:
  explicit message_ring(std::size_t most) : ring_(static_cast<unsigned>(most)) {
    send_message(ring_.fd());
    ring_.wait();
    take();
  }

  int fd() const { return ring_.fd(); }
  void wait() { ring_.wait(); }
  std::size_t take() {
    const std::size_t come = ring_.each([](const io_uring_cqe&) {});
    events_ += come;
    return come;
  }
  std::uint64_t events() const { return events_; }

 private:
  ring ring_;
  std::uint64_t events_ = 0;
};

// MSG_RING, each by a system call.
class raw_message {
 public:
  explicit raw_message(std::size_t most) : ring_(most) {}

  void begin(std::size_t) {}
  void complete(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) send_message(ring_.fd());
  }
  void sleep() { ring_.wait(); }
  std::size_t take() { return ring_.take(); }
  std::uint64_t rings() { return ring_.events(); }

 private:
  message_ring ring_;
};

// MSG_RING, an entry each of a ring of the waker's own, submitted together.
class raw_messages_together {
 public:
  explicit raw_messages_together(std::size_t most)
      : ring_(most), wakers_(static_cast<unsigned>(most), 0) {}

  void begin(std::size_t) {}
  void complete(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      io_uring_sqe& entry = wakers_.entry();
      io_uring_prep_msg_ring(&entry, ring_.fd(), 0, 0, 0);
      io_uring_sqe_set_flags(&entry, IOSQE_CQE_SKIP_SUCCESS);
    }
    wakers_.submit();
  }
  void sleep() { ring_.wait(); }
  std::size_t take() { return ring_.take(); }
  std::uint64_t rings() { return ring_.events(); }

 private:
  message_ring ring_;
  ring wakers_;
};

}  // namespace afflux::bench
