// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

namespace afflux::bench {

// A second thread that sleeps: without one glibc's mutexes skip their atomics.
class sleeper {
 public:
  sleeper() : thread_([this] { sleep(); }) {}
  ~sleeper() {
    {
      std::lock_guard guard(mutex_);
      over_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  sleeper(const sleeper&) = delete;
  sleeper& operator=(const sleeper&) = delete;

 private:
  void sleep() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return over_; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace afflux::bench
