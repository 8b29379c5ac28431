// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Requests that remember what became of them, the order in which several were
// completed, and threads that block.
#pragma once

#include <afflux/afflux.h>
#include <time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace afflux_test {

// No status of the library: what a request shows before it is completed.
inline constexpr afflux_status kNotCompleted = 999;

// The clock of the library's times, read apart from it.
inline std::int64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1000000000 + t.tv_nsec;
}

// Waits for what another thread is about to do. No limit of its own: the
// watchdog of the test program names the test that hangs.
template <class Condition>
void await(Condition condition) {
  while (!condition()) std::this_thread::yield();
}

// And for the last of them to have left the line: until then a release may leave its permits, and
// the wake functions that they let run, to that thread (chapter 8).
inline void await_waiters(afflux_sem* sem, std::uint64_t count) {
  await([&] { return afflux_sem_waiters(sem) == count; });
  afflux_sem_wait_idle(sem, 0);  // waits for its turn at the line
}

// Lets the clock pass a moment: for tests of what must not happen meanwhile.
inline void pass_time(std::int64_t ns) {
  const std::int64_t until = now_ns() + ns;
  while (now_ns() < until) std::this_thread::yield();
}

class journal {
 public:
  void add(int id) {
    const std::lock_guard lock(mutex_);
    ids_.push_back(id);
  }
  std::vector<int> ids() const {
    const std::lock_guard lock(mutex_);
    return ids_;
  }
  std::size_t size() const { return ids().size(); }

 private:
  mutable std::mutex mutex_;
  std::vector<int> ids_;
};

class pending {
 public:
  explicit pending(std::uint64_t permits = 1) {
    afflux_request_init(&request);
    request.permits = permits;
    request.wake = &pending::wake;
    request.ctx = this;
  }
  pending(std::uint64_t permits, journal& book, int id) : pending(permits) {
    book_ = &book;
    id_ = id;
  }
  pending(const pending&) = delete;
  pending& operator=(const pending&) = delete;

  afflux_status start(afflux_sem* sem) { return afflux_sem_acquire_async(sem, &request, &waiter); }
  afflux_status cancel() { return afflux_waiter_cancel(&waiter); }

  int completions() const { return completions_.load(std::memory_order_acquire); }
  afflux_status status() const { return status_.load(std::memory_order_relaxed); }
  bool completed_once_with(afflux_status expected) const {
    return completions() == 1 && status() == expected;
  }

  // Set before start(). `then` runs inside the completion, as its last act, so
  // that it may reuse or free the whole object (S4, S9).
  std::function<void(afflux_status)> then;
  afflux_request request;
  alignas(64) afflux_waiter waiter{};
  std::int64_t completed_at = 0;

 private:
  static void wake(void* context, afflux_status status) {
    auto* self = static_cast<pending*>(context);
    self->completed_at = now_ns();
    if (self->book_ != nullptr) self->book_->add(self->id_);
    auto then = std::move(self->then);
    self->status_.store(status, std::memory_order_relaxed);
    // A thread that sees the count may free the object: nothing of it is touched below.
    self->completions_.fetch_add(1, std::memory_order_acq_rel);
    if (then) then(status);
  }

  std::atomic<int> completions_{0};
  std::atomic<afflux_status> status_{kNotCompleted};
  journal* book_ = nullptr;
  int id_ = 0;
};

// A thread inside afflux_sem_acquire().
class blocked {
 public:
  blocked(afflux_sem* sem, std::uint64_t permits, std::int64_t timeout_ns = AFFLUX_FOREVER)
      : thread_([this, sem, permits, timeout_ns] {
          const afflux_status got = afflux_sem_acquire(sem, permits, timeout_ns);
          status_.store(got, std::memory_order_release);
        }) {}
  blocked(const blocked&) = delete;
  blocked& operator=(const blocked&) = delete;
  ~blocked() {
    if (thread_.joinable()) thread_.join();
  }

  bool returned() const { return status_.load(std::memory_order_acquire) != kNotCompleted; }
  afflux_status join() {
    thread_.join();
    return status_.load(std::memory_order_acquire);
  }

 private:
  std::atomic<afflux_status> status_{kNotCompleted};
  std::thread thread_;
};

}  // namespace afflux_test
