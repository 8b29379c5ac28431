// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A client that asks, waits for the answer, and asks again over the same connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "arrivals.h"

namespace uring_load {

using nanoseconds = std::chrono::nanoseconds;

struct experience {
  std::vector<nanoseconds> served;   // 200: from asking to the whole answer
  std::vector<nanoseconds> shed;     // 503
  std::vector<nanoseconds> timeout;  // 504
  std::vector<nanoseconds> behind;   // how late a request of an open loop was sent
  std::uint64_t sent = 0;
  std::uint64_t late = 0;   // not answered by the deadline: the client has given up
  std::uint64_t other = 0;  // answers with another status
  std::uint64_t lost = 0;   // no answer, or no connection
};

struct habits {
  nanoseconds pause;     // from an answer to the next request, in a closed loop
  nanoseconds deadline;  // from when a request is due to the answer; 0: none
};

class client {
 public:
  // Connects to 127.0.0.1. Its requests name `tenant`, unless that is empty. Throws
  // std::system_error.
  client(std::uint16_t port, std::string_view tenant);
  client(client&& other) noexcept;
  client& operator=(client&&) = delete;
  ~client();

  // Closed loop: until it is asked to stop, and the server has answered; or the server closes.
  void run(const std::stop_token& enough, const habits& how);
  // Open loop: asks when a request is due, or as soon as it has the last one's answer.
  void run(arrivals& due, const habits& how);

  experience& seen() { return seen_; }

 private:
  using clock = std::chrono::steady_clock;

  // False: there is no connection any more.
  bool ask_once(clock::time_point due, const habits& how);
  // The status of the answer, 0 for none, kLate.
  unsigned ask(clock::time_point give_up);
  bool wait_for_answer(clock::time_point give_up) const;
  bool connect_again();

  static constexpr unsigned kLate = 1;

  std::uint16_t port_;
  std::string request_;
  int fd_;
  experience seen_;
};

}  // namespace uring_load
