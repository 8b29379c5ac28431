// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A model of what the server calls for each request, say a database: a time to wait for, and the
// memory that a request needs meanwhile.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace uring_server {

struct backend {
  std::chrono::nanoseconds work;  // a request's time, alone
  std::uint64_t capacity;         // calls at a time at full speed; more share it; 0: no bound
  std::size_t buffer_bytes;       // of the server's, for each call in flight

  // When `calls` are in flight, this one included.
  std::chrono::nanoseconds time(std::uint64_t calls) const {
    if (capacity == 0 || calls <= capacity) return work;
    const double slower = static_cast<double>(calls) / static_cast<double>(capacity);
    return std::chrono::duration_cast<std::chrono::nanoseconds>(work * slower);
  }
};

}  // namespace uring_server
