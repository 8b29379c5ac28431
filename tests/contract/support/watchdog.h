// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A lost wakeup shows as a hang. The watchdog turns it into a message with the
// test's name and an abort, so that a core and a stack are to be had.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace afflux_test {

class watchdog {
 public:
  explicit watchdog(std::chrono::seconds limit) : limit_(limit), thread_([this] { run(); }) {}
  ~watchdog() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

  // Begins to count anew, for `what`; an empty name stops the count.
  void watch(std::string what) {
    {
      const std::lock_guard lock(mutex_);
      what_ = std::move(what);
      deadline_ = std::chrono::steady_clock::now() + limit_;
    }
    changed_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      if (what_.empty()) {
        changed_.wait(lock);
      } else if (changed_.wait_until(lock, deadline_) == std::cv_status::timeout &&
                 !what_.empty() && std::chrono::steady_clock::now() >= deadline_) {
        std::fprintf(stderr, "watchdog: %s did not end within %lld s\n", what_.c_str(),
                     static_cast<long long>(limit_.count()));
        std::abort();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string what_;
  std::chrono::steady_clock::time_point deadline_{};
  const std::chrono::seconds limit_;
  bool stop_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace afflux_test
