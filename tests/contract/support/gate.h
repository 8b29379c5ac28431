// SPDX-License-Identifier: MIT OR Apache-2.0
//
// std::latch and std::counting_semaphore, of a mutex and a condition variable: what a
// test waits with must not itself lose a wake-up, and MinGW's libstdc++ 12 does so
// where threads hand a std::binary_semaphore back and forth or meet at a std::barrier.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace afflux_test {

// Counts down to 0, once.
class latch {
 public:
  explicit latch(std::ptrdiff_t count) : left_(count) {}
  latch(const latch&) = delete;
  latch& operator=(const latch&) = delete;

  void count_down() {
    // Notifies under the lock: the waiting thread may end the latch once it has it.
    const std::lock_guard lock(mutex_);
    if (--left_ == 0) changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return left_ == 0; });
  }
  void arrive_and_wait() {
    count_down();
    wait();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::ptrdiff_t left_;
};

class counting_semaphore {
 public:
  explicit counting_semaphore(std::ptrdiff_t count) : count_(count) {}
  counting_semaphore(const counting_semaphore&) = delete;
  counting_semaphore& operator=(const counting_semaphore&) = delete;

  void release() {
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_one();
  }
  void acquire() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return count_ != 0; });
    --count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::ptrdiff_t count_;
};

}  // namespace afflux_test
