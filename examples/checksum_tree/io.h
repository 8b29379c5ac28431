// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A loop that resumes coroutines on its thread: those that have got a permit, and those whose
// system call has ended. What carries out the calls is either of uring_io.cpp and thread_io.cpp.
#pragma once

#include <fcntl.h>

#include <afflux/afflux.hpp>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace checksum_tree {

// A link in a file's place is not followed, a FIFO or a device does not block or become the
// terminal.
inline constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

class file_io {
 public:
  // A system call; it lies in the frame of the coroutine that awaits it.
  struct call {
    file_io& io;
    const char* path = nullptr;  // to open; without one the call is a read
    int fd = -1;
    std::span<std::byte> into = {};
    std::uint64_t at = 0;
    int result = 0;
    std::coroutine_handle<> waiter = nullptr;

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) {
      waiter = awaiting;
      io.start(*this);
    }
    int await_resume() const noexcept { return result; }
  };

  file_io(const file_io&) = delete;
  file_io& operator=(const file_io&) = delete;
  virtual ~file_io() = default;
  virtual const char* name() const = 0;

  // `co_await` these: the value is the system call's, or a negative errno.
  call open(const char* path) { return {.io = *this, .path = path}; }
  call read(int fd, std::span<std::byte> into, std::uint64_t at) {
    return {.io = *this, .fd = fd, .into = into, .at = at};
  }

  // Where waits for a permit complete: acquire().resume_on(io.port()).
  const afflux::port& port() const { return port_; }

  // Resumes what is ready; at most `longest_wait` passes until something is.
  void turn(std::chrono::milliseconds longest_wait) {
    while (port_.run_ready(64) != 0) {
    }
    ended_.clear();
    wait(longest_wait, ended_);
    for (call* each : ended_) each->waiter.resume();
  }

 protected:
  explicit file_io(const afflux::port_options& doorbell) : port_(doorbell) {}

  virtual void start(call& wanted) = 0;
  // Returns when a call has ended, the port has rung or the time is over, perhaps before.
  virtual void wait(std::chrono::milliseconds timeout, std::vector<call*>& ret_ended) = 0;

  afflux::port port_;

 private:
  std::vector<call*> ended_;
};

// nullptr where io_uring cannot be had; `why` then tells the reason.
std::unique_ptr<file_io> make_uring_io(std::string& why);

std::unique_ptr<file_io> make_thread_io();

}  // namespace checksum_tree
