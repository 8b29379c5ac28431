// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A client that asks, waits for the answer, thinks, and asks again over the same connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <vector>

namespace uring_load {

using nanoseconds = std::chrono::nanoseconds;

struct experience {
  std::vector<nanoseconds> served;  // 200: from asking to the whole answer
  std::vector<nanoseconds> shed;    // 503
  std::uint64_t sent = 0;
  std::uint64_t other = 0;  // answers with another status
  std::uint64_t lost = 0;   // no answer, or no connection
};

class client {
 public:
  // Connects to 127.0.0.1. Throws std::system_error.
  explicit client(std::uint16_t port);
  client(client&& other) noexcept;
  client& operator=(client&&) = delete;
  ~client();

  // Until it is asked to stop, and the server has answered; or the server closes.
  void run(const std::stop_token& enough, nanoseconds pause);

  experience& seen() { return seen_; }

 private:
  // The status of the answer, 0 for none.
  unsigned ask();

  int fd_;
  experience seen_;
};

}  // namespace uring_load
