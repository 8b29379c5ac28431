// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The four calls that reading a file takes, as requests that a backend carries
// out while the loop's thread does something else.
#pragma once

#include <afflux/afflux.h>
#include <sys/stat.h>

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace checksum_tree {

enum class io_call { open, stat, read, close };

// Lives in the frame of the coroutine that awaits it.
struct io_request {
  io_call call;
  int fd = -1;
  const char* path = nullptr;    // open
  struct statx* info = nullptr;  // stat
  void* buffer = nullptr;        // read
  unsigned size = 0;
  std::uint64_t offset = 0;
  int result = 0;  // what the system call answers, or a negative errno
  std::coroutine_handle<> waiter = nullptr;
  io_request* next = nullptr;
};

// First in, first out, without memory of its own.
class request_queue {
 public:
  void push(io_request& request) {
    request.next = nullptr;
    (tail_ != nullptr ? tail_->next : head_) = &request;
    tail_ = &request;
  }

  io_request* pop() {
    io_request* first = head_;
    if (first != nullptr) {
      head_ = first->next;
      if (head_ == nullptr) tail_ = nullptr;
    }
    return first;
  }

  bool empty() const { return head_ == nullptr; }

 private:
  io_request* head_ = nullptr;
  io_request* tail_ = nullptr;
};

// All calls come from the loop's thread.
class io_backend {
 public:
  virtual ~io_backend() = default;
  virtual const char* name() const = 0;
  // Borrows the request until wait() hands it back. Interrupted calls are repeated.
  virtual void start(io_request& request) = 0;
  // Where the loop's other waits complete. It is to be drained before each wait().
  virtual afflux_port* port() = 0;
  // Returns when at least one is finished, the port has rung or the time is over, perhaps before.
  virtual void wait(std::chrono::milliseconds timeout, request_queue& finished) = 0;
};

// What a file is opened with: a link in its place is not followed, a FIFO or a
// device does not block or become the terminal.
int open_flags();

// NULL where io_uring cannot be had; `why` then tells the reason.
std::unique_ptr<io_backend> make_uring_io(std::string& why);

std::unique_ptr<io_backend> make_thread_io();

}  // namespace checksum_tree
