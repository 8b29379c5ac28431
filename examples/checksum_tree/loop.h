// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The loop: one thread that resumes coroutines when what they wait for is
// there, a system call or a permit.
#pragma once

#include <chrono>
#include <coroutine>
#include <memory>
#include <vector>

#include "io.h"

namespace checksum_tree {

class loop {
 public:
  // `co_await` it: the value is the system call's, or a negative errno.
  class operation {
   public:
    operation(loop& owner, const io_request& request) : owner_(owner), request_(request) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) {
      request_.waiter = waiter;
      owner_.start(request_);
    }
    int await_resume() const noexcept { return request_.result; }

   private:
    loop& owner_;
    io_request request_;
  };

  // Resumes a coroutine on the loop's thread, from the loop and not from inside
  // the call that completed its wait: a release that resumed the next file in
  // place, whose end releases again, would nest without limit.
  // Every permit is released on the loop's thread, so the queue needs no lock;
  // a loop whose permits others release needs one, and a doorbell.
  class executor {
   public:
    explicit executor(loop& owner) : owner_(&owner) {}
    void operator()(std::coroutine_handle<> waiter) const { owner_->ready_.push_back(waiter); }

   private:
    loop* owner_;
  };

  explicit loop(std::unique_ptr<io_backend> io) : io_(std::move(io)) {}

  operation open(const char* path) { return {*this, {.call = io_call::open, .path = path}}; }
  operation stat(int fd, struct statx& info) {
    return {*this, {.call = io_call::stat, .fd = fd, .info = &info}};
  }
  operation read(int fd, void* buffer, unsigned size, std::uint64_t offset) {
    return {*this,
            {.call = io_call::read, .fd = fd, .buffer = buffer, .size = size, .offset = offset}};
  }
  operation close(int fd) { return {*this, {.call = io_call::close, .fd = fd}}; }

  executor on_this_loop() { return executor(*this); }

  // Resumes what is ready, then waits for system calls.
  void turn(std::chrono::milliseconds longest_wait);

  const char* io_name() const { return io_->name(); }

 private:
  void start(io_request& request) { io_->start(request); }
  void resume_ready();

  std::unique_ptr<io_backend> io_;
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> resuming_;
};

}  // namespace checksum_tree
