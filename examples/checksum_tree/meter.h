// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a pass measures of itself. The number in flight is counted here, beside
// the semaphore and not by it, so that it bears witness.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace checksum_tree {

using clock = std::chrono::steady_clock;
using nanoseconds = std::chrono::nanoseconds;

// A number of things there now, and the most there were at once.
class gauge {
 public:
  void enter() {
    if (++now_ > peak_) peak_ = now_;
  }
  void leave() { --now_; }
  std::uint64_t now() const { return now_; }
  std::uint64_t peak() const { return peak_; }

 private:
  std::uint64_t now_ = 0;
  std::uint64_t peak_ = 0;
};

struct meter {
  gauge in_flight;
  gauge open_files;
  std::uint64_t bytes = 0;
  std::uint64_t read = 0;  // files with a checksum
  std::uint64_t unreadable = 0;
  std::uint64_t out_of_descriptors = 0;  // of these: EMFILE, ENFILE
  std::uint64_t skipped = 0;             // no longer a regular file when it was opened
  std::uint64_t stopped = 0;             // given up by an interrupt
  std::vector<nanoseconds> waits;        // from asking for the permit to having it
  std::vector<nanoseconds> latencies;    // from having it to the checksum

  // Files whose coroutine has come to its end, or could not begin.
  std::uint64_t ended() const { return read + unreadable + skipped + stopped; }
};

}  // namespace checksum_tree
