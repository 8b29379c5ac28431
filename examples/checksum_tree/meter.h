// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a pass measures of itself.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../support/gauge.h"

namespace checksum_tree {

using clock = std::chrono::steady_clock;
using nanoseconds = std::chrono::nanoseconds;

using counter = std::atomic<std::uint64_t>;

// By all lanes.
struct meter {
  example::gauge in_flight;
  example::gauge open_files;
  counter bytes = 0;
  counter read = 0;  // files with a checksum
  counter unreadable = 0;
  counter out_of_descriptors = 0;  // of these: EMFILE, ENFILE
  counter skipped = 0;             // no longer a regular file when it was opened
  counter stopped = 0;             // given up by an interrupt
  counter ended = 0;               // files whose coroutine has come to its end, or could not begin
};

// By one lane.
struct samples {
  std::vector<nanoseconds> waits;      // from asking for the permit to having it
  std::vector<nanoseconds> latencies;  // from having it to the checksum

  void reserve(std::size_t files) {
    waits.reserve(files);
    latencies.reserve(files);
  }
  void add(const samples& other) {
    waits.insert(waits.end(), other.waits.begin(), other.waits.end());
    latencies.insert(latencies.end(), other.latencies.begin(), other.latencies.end());
  }
};

}  // namespace checksum_tree
