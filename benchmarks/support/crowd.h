// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Threads that do the same thing again and again for a while, beside others that disturb them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "support/allocations.h"
#include "support/cpu.h"

namespace afflux::bench {

// So many threads, each of which does `batch` of them in a call.
struct party {
  unsigned threads;
  std::uint64_t batch;
  std::function<void()> act;
};

struct crowd_result {
  double read_ns = 0;   // of wall time, divided by what all readers did
  double write_ns = 0;  // likewise, of the writers; 0 without
  double allocations = 0;
  double bytes = 0;  // both per read
};

class crowd {
 public:
  crowd(party readers, party writers) : parties_{std::move(readers), std::move(writers)} {}

  crowd_result run(std::chrono::milliseconds length) {
    std::vector<std::thread> threads;
    for (int role = 0; role < 2; ++role) {
      for (unsigned i = 0; i < parties_[role].threads; ++i) {
        threads.emplace_back([this, role] { work(role); });
      }
    }
    while (ready_.load() < threads.size()) std::this_thread::yield();
    const std::uint64_t count = allocations();
    const std::uint64_t bytes = allocated_bytes();
    const stopwatch watch;
    begun_.store(true);
    std::this_thread::sleep_for(length);
    over_.store(true);
    const double ns = watch.wall() * 1e9;
    crowd_result result;
    for (std::thread& t : threads) t.join();
    const auto read = static_cast<double>(done_[0].load());
    result.read_ns = ns / read;
    if (done_[1].load() != 0) result.write_ns = ns / static_cast<double>(done_[1].load());
    result.allocations = static_cast<double>(allocations() - count) / read;
    result.bytes = static_cast<double>(allocated_bytes() - bytes) / read;
    return result;
  }

 private:
  void work(int role) {
    const party& mine = parties_[role];
    std::uint64_t done = 0;
    ready_.fetch_add(1);
    while (!begun_.load()) std::this_thread::yield();
    do {
      mine.act();
      done += mine.batch;
    } while (!over_.load(std::memory_order_relaxed));
    done_[role].fetch_add(done);
  }

  party parties_[2];
  std::atomic<std::size_t> ready_{0};
  std::atomic<bool> begun_{false};
  std::atomic<std::uint64_t> done_[2] = {0, 0};
  alignas(128) std::atomic<bool> over_{false};
};

}  // namespace afflux::bench
