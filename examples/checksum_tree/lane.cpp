// SPDX-License-Identifier: MIT OR Apache-2.0
#include "lane.h"

#include <chrono>

#include "file.h"
#include "interrupt.h"

namespace checksum_tree {
namespace {

// How late an interrupt that falls between a look and the wait may be seen.
constexpr std::chrono::milliseconds kLongestWait{100};

}  // namespace

void run_lane(lane& own, std::size_t first, std::size_t step, std::latch& all_begun) {
  const std::size_t files = own.pass.paths.size();
  own.left = first < files ? (files - first - 1) / step + 1 : 0;
  own.times.reserve(own.left);
  for (std::size_t i = first; i < files; i += step) begin_file(own, i);
  all_begun.arrive_and_wait();
  while (own.left != 0) {
    own.io.turn(kLongestWait);
    // Who waits for a permit ends now, who has one after the part it reads.
    if (interrupted() != 0) own.pass.permits.close();
  }
}

}  // namespace checksum_tree
