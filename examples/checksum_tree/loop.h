// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The loop: one thread that resumes coroutines when what they wait for is
// there, a system call or a permit.
#pragma once

#include <chrono>
#include <coroutine>
#include <memory>

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

  // What waits for a permit is resumed by the loop, not by whoever releases: that may be another
  // loop's thread.
  afflux_port* completions() { return io_->port(); }

  // Resumes what is ready, then waits for system calls.
  void turn(std::chrono::milliseconds longest_wait);

  const char* io_name() const { return io_->name(); }

 private:
  void start(io_request& request) { io_->start(request); }

  std::unique_ptr<io_backend> io_;
};

}  // namespace checksum_tree
