// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ways into an event loop, each with two sides. The loop's thread makes and destroys it, and calls
//   begin(n)     n requests wait from now on
//   sleep()      until something may have come
//   take()       how many have come since; 0: the loop may go to sleep
//   rings()      how often it was rung so far, give or take a constant
// and the other thread
//   complete(n)  what is measured
// Here are those that the library offers; raw_ways.h has what they are compared with.
#pragma once

#include <afflux/afflux.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include "support/afflux_handle.h"
#include "support/poller.h"
#include "support/ring.h"

namespace afflux::bench {

// Requests of one permit each, and a semaphore whose permits are all held: they wait. On lines of
// its own, as both threads read it.
class alignas(128) requests {
 public:
  explicit requests(std::size_t most) : sem_(make(most, AFFLUX_QUEUE_AUTO)), waiters_(most) {
    afflux_request_init(&form);
    if (afflux_sem_try_acquire(sem_.get(), most) != AFFLUX_OK) throw std::runtime_error("no sem");
  }

  void queue(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      if (afflux_sem_acquire_async(sem_.get(), &form, &waiters_[i].memory) != AFFLUX_PENDING) {
        throw std::runtime_error("a request does not wait");
      }
    }
  }
  void release(std::size_t n) {
    if (afflux_sem_release(sem_.get(), n) != AFFLUX_OK) throw std::runtime_error("not released");
  }
  afflux_waiter& waiter(std::size_t i) { return waiters_[i].memory; }

  afflux_request form;

 private:
  struct alignas(64) record {
    afflux_waiter memory{};
  };

  handle sem_;
  std::vector<record> waiters_;
};

struct unref_port {
  void operator()(afflux_port* port) const noexcept { afflux_port_unref(port); }
};
using port_handle = std::unique_ptr<afflux_port, unref_port>;

// `ring`: for MSG_RING, whose kernel it needs.
inline port_handle make_port(std::uint32_t kind, std::uint32_t flags, int ring = -1) {
  if ((flags & AFFLUX_PORT_MSG_RING) != 0 &&
      (afflux_uring_features() & AFFLUX_URING_MSG_RING) == 0) {
    throw std::runtime_error("this kernel has no messages to rings");
  }
  afflux_port_options options;
  afflux_port_options_init(&options);
  options.kind = kind;
  options.flags = flags;
  options.handle = ring;
  afflux_port* port = nullptr;
  if (afflux_port_create(&options, &port) != AFFLUX_OK) throw std::runtime_error("no port");
  port_handle made(port);
  if (afflux_port_kind(port) != kind) throw std::runtime_error("not this kind of port here");
  return made;
}

// So many at a time, as a loop does that handles them in between. The loop's alone.
class alignas(128) drained {
 public:
  std::size_t from(afflux_port* port) { return afflux_port_drain(port, out_.data(), out_.size()); }

 private:
  std::array<afflux_completion, 64> out_;
};

class eventfd_port {
 public:
  explicit eventfd_port(std::size_t most) : requests_(most) { requests_.form.port = port_.get(); }

  void begin(std::size_t n) { requests_.queue(n); }
  void complete(std::size_t n) { requests_.release(n); }
  void sleep() { wakes_ += poller_.wait(); }
  std::size_t take() { return drained_.from(port_.get()); }
  // The loop drains until 0 before it sleeps, and a ring that comes later wakes it anew.
  std::uint64_t rings() { return wakes_ + eventfd_count(fd()); }

 private:
  int fd() const { return static_cast<int>(afflux_port_handle(port_.get())); }

  port_handle port_ = make_port(AFFLUX_PORT_EVENTFD, 0);
  poller poller_{fd()};
  requests requests_;
  drained drained_;
  std::uint64_t wakes_ = 0;
};

// By a poll in the ring, or by messages to it.
template <std::uint32_t kFlags>
class uring_port {
 public:
  explicit uring_port(std::size_t most) : requests_(most) {
    requests_.form.port = port_.get();
    arm();
  }

  void begin(std::size_t n) { requests_.queue(n); }
  void complete(std::size_t n) { requests_.release(n); }
  void sleep() {
    ring_.wait();
    hear();
  }
  std::size_t take() { return drained_.from(port_.get()); }
  std::uint64_t rings() {
    if constexpr ((kFlags & AFFLUX_PORT_MSG_RING) == 0) {  // each ring is a write, and none is read
      return eventfd_count(static_cast<int>(afflux_port_handle(port_.get())));
    }
    ring_.look();
    hear();
    return events_;
  }

 private:
  void arm() {
    afflux_port_prep_uring(port_.get(), &ring_.entry());
    ring_.submit();
  }
  void hear() {
    bool again = false;
    ring_.each([&](const io_uring_cqe& event) {
      const afflux_status status = afflux_port_check_uring(port_.get(), &event);
      again |= status == AFFLUX_EAGAIN;
      ++events_;
    });
    if (again) arm();
  }

  ring ring_{64};
  port_handle port_ = make_port(AFFLUX_PORT_URING, AFFLUX_PORT_DRAINS_ALL | kFlags,
                                (kFlags & AFFLUX_PORT_MSG_RING) != 0 ? ring_.fd() : -1);
  requests requests_;
  drained drained_;
  std::uint64_t events_ = 0;
};

// No port: the kernel waits on each waiter's own word, for the ring.
class kernel_waits {
 public:
  explicit kernel_waits(std::size_t most) : ring_(static_cast<unsigned>(most)), requests_(most) {
    if ((afflux_uring_features() & AFFLUX_URING_FUTEX) == 0) {
      throw std::runtime_error("this kernel has no futex waits in rings");
    }
    requests_.form.flags = AFFLUX_WAIT_FOR_URING;
  }

  void begin(std::size_t n) {
    requests_.queue(n);
    for (std::size_t i = 0; i < n; ++i) {
      io_uring_sqe& entry = ring_.entry();
      io_uring_sqe_set_data64(&entry, i);
      if (afflux_waiter_prep_uring(&requests_.waiter(i), &entry) != AFFLUX_OK) {
        throw std::runtime_error("no kernel wait");
      }
    }
    ring_.submit();
  }
  void complete(std::size_t n) { requests_.release(n); }
  void sleep() { ring_.wait(); }
  std::size_t take() {
    return ring_.each([&](const io_uring_cqe& event) {
      ++events_;
      if (afflux_waiter_status(&requests_.waiter(event.user_data)) != AFFLUX_OK) {
        throw std::runtime_error("a kernel wait ended early");
      }
    });
  }
  std::uint64_t rings() { return events_; }

 private:
  ring ring_;
  requests requests_;
  std::uint64_t events_ = 0;
};

// Neither: a callback that counts, for a loop that looks there again and again.
class callback {
 public:
  explicit callback(std::size_t most) : requests_(most) {
    requests_.form.ctx = &come_;
    requests_.form.wake = [](void* come, afflux_status) {
      static_cast<counter*>(come)->value.fetch_add(1, std::memory_order_release);
    };
  }

  void begin(std::size_t n) { requests_.queue(n); }
  void complete(std::size_t n) { requests_.release(n); }
  void sleep() {}
  std::size_t take() {
    // acquire, pairs with the callback's release: the waiter's memory is the loop's again.
    const std::size_t now = come_.value.load(std::memory_order_acquire);
    const std::size_t before = taken_;
    taken_ = now;
    return now - before;
  }
  std::uint64_t rings() { return 0; }

 private:
  struct alignas(128) counter {
    std::atomic<std::size_t> value{0};
  };

  requests requests_;
  counter come_;
  std::size_t taken_ = 0;
};

}  // namespace afflux::bench
