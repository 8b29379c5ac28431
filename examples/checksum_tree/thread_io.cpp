// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The requests as blocking calls on a few threads. Coroutines stay on the
// loop's thread: only the system calls run here.
#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>
#include <vector>

#include "../support/port.h"
#include "blocking_io.h"
#include "io.h"

namespace checksum_tree {
namespace {

// Signals go to the loop's thread, which knows what to do.
class signals_blocked {
 public:
  signals_blocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;
  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

class thread_io final : public io_backend {
 public:
  thread_io() {
    const signals_blocked inherited_by_the_threads;
    const unsigned count = std::clamp(std::thread::hardware_concurrency(), 2U, 8U);
    threads_.reserve(count);
    for (unsigned i = 0; i < count; ++i) threads_.emplace_back([this] { work(); });
  }
  thread_io(const thread_io&) = delete;
  thread_io& operator=(const thread_io&) = delete;

  ~thread_io() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wanted_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  const char* name() const override { return "threads"; }

  void start(io_request& request) override {
    {
      const std::lock_guard lock(mutex_);
      wanted_queue_.push(request);
    }
    wanted_.notify_one();
  }

  afflux_port* port() override { return port_.get(); }

  void wait(std::chrono::milliseconds timeout, request_queue& finished) override {
    std::unique_lock lock(mutex_);
    finished_.wait_for(lock, timeout, [this] { return rung_ || !finished_queue_.empty(); });
    rung_ = false;
    while (io_request* request = finished_queue_.pop()) finished.push(*request);
  }

 private:
  afflux_port_options port_options() {
    afflux_port_options options = example::port_options(AFFLUX_PORT_CALLBACK);
    options.doorbell = [](void* self) { static_cast<thread_io*>(self)->ring(); };
    options.ctx = this;
    return options;
  }

  void ring() {
    const std::lock_guard lock(mutex_);
    rung_ = true;
    finished_.notify_one();
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wanted_.wait(lock, [this] { return stopping_ || !wanted_queue_.empty(); });
      if (stopping_) return;
      io_request* request = wanted_queue_.pop();
      lock.unlock();
      request->result = perform(*request);
      lock.lock();
      finished_queue_.push(*request);
      finished_.notify_one();
    }
  }

  std::mutex mutex_;
  std::condition_variable wanted_;
  std::condition_variable finished_;
  request_queue wanted_queue_;
  request_queue finished_queue_;
  bool stopping_ = false;
  bool rung_ = false;
  example::port port_{port_options()};
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<io_backend> make_thread_io() { return std::make_unique<thread_io>(); }

}  // namespace checksum_tree
