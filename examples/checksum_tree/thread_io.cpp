// SPDX-License-Identifier: MIT OR Apache-2.0
//
// System calls as blocking ones on a few threads. Coroutines stay on the loop's thread: only the
// calls run here. The port's doorbell is a condition variable.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "io.h"

namespace checksum_tree {
namespace {

class thread_io final : public file_io {
 public:
  thread_io()
      : file_io({.kind = afflux::port_kind::callback,
                 .drains_all = true,
                 .doorbell = [](void* self) { static_cast<thread_io*>(self)->ring(); },
                 .ctx = this}) {
    const unsigned count = std::clamp(std::thread::hardware_concurrency(), 2U, 8U);
    for (unsigned i = 0; i < count; ++i) {
      workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }
  }

  const char* name() const override { return "threads"; }

 private:
  void start(call& wanted) override {
    const std::lock_guard lock(mutex_);
    wanted_.push_back(&wanted);
    for_workers_.notify_one();
  }

  void wait(std::chrono::milliseconds timeout, std::vector<call*>& ret_ended) override {
    std::unique_lock lock(mutex_);
    for_loop_.wait_for(lock, timeout, [this] { return rung_ || !finished_.empty(); });
    rung_ = false;
    std::swap(finished_, ret_ended);
  }

  // On the thread that gives back a permit, or on a worker's.
  void ring() {
    const std::lock_guard lock(mutex_);
    rung_ = true;
    for_loop_.notify_one();
  }

  void work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (for_workers_.wait(lock, stop, [this] { return !wanted_.empty(); })) {
      call& next = *wanted_.front();
      wanted_.pop_front();
      lock.unlock();
      next.result = perform(next);
      lock.lock();
      finished_.push_back(&next);
      for_loop_.notify_one();
    }
  }

  static int perform(const call& wanted) {
    const ssize_t result = TEMP_FAILURE_RETRY(
        wanted.path != nullptr ? ::open(wanted.path, kOpenFlags)
                               : ::pread(wanted.fd, wanted.into.data(), wanted.into.size(),
                                         static_cast<off_t>(wanted.at)));
    return static_cast<int>(result < 0 ? -errno : result);
  }

  std::mutex mutex_;
  std::condition_variable_any for_workers_;
  std::condition_variable for_loop_;
  std::deque<call*> wanted_;
  std::vector<call*> finished_;
  bool rung_ = false;
  std::vector<std::jthread> workers_;
};

}  // namespace

std::unique_ptr<file_io> make_thread_io() { return std::make_unique<thread_io>(); }

}  // namespace checksum_tree
