// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two threads at work for a stretch of time, each on a CPU of its own.
#pragma once

#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "support/cpu.h"

namespace afflux::bench {

// What one thread did until it was told that the stretch is over.
struct work_done {
  std::uint64_t operations = 0;
  double ns = 0;  // what they took; 0: the whole stretch
  bool good = true;
};

// Does batch() again and again; it answers whether all of its `size` operations succeeded.
template <class Batch>
work_done repeat_until(const std::atomic<bool>& over, std::uint64_t size, Batch batch) {
  work_done result;
  do {
    result.good &= batch();
    result.operations += size;
  } while (!over.load(std::memory_order_relaxed));
  return result;
}

struct stretch {
  double ns_per_operation = 0;  // and thread
  bool undisturbed = false;     // each thread had its CPU all the time
  bool good = true;
};

// Both threads start together and do work(0 or 1, over) for about `length`.
template <class Work>
stretch run_two(Work& work, const std::vector<unsigned>& cpus, std::chrono::milliseconds length) {
  std::atomic<int> ready{0};
  std::atomic<bool> over{false};
  stretch results[2];
  const auto body = [&](unsigned i) {
    pin({cpus[i]});
    ready.fetch_add(1);
    while (ready.load() < 2) {
    }
    const stopwatch watch;
    const work_done done = work(i, over);
    const double wall = watch.wall();
    results[i].undisturbed = watch.cpu() > 0.97 * wall;
    results[i].good = done.good;
    results[i].ns_per_operation =
        (done.ns != 0 ? done.ns : wall * 1e9) / static_cast<double>(done.operations);
  };
  std::thread first(body, 0U);
  std::thread second(body, 1U);
  while (ready.load() < 2) std::this_thread::yield();
  std::this_thread::sleep_for(length);
  over.store(true);
  first.join();
  second.join();
  return {(results[0].ns_per_operation + results[1].ns_per_operation) / 2,
          results[0].undisturbed && results[1].undisturbed, results[0].good && results[1].good};
}

// Time: nanoseconds an operation and thread; counter per_second: operations of both. A stretch in
// which one of the threads lost its CPU says nothing about two threads that meet, and is taken
// again, unless they may sleep.
template <class Work>
void measure_two(benchmark::State& state, Work work, bool may_sleep = false) {
  const std::vector<unsigned> cpus = usable_cpus();
  if (cpus.size() < 2) {
    state.SkipWithError("needs two CPUs");
    return;
  }
  constexpr std::chrono::milliseconds kStretch(2);
  int patience = may_sleep ? 0 : 10;
  double sum = 0;
  double count = 0;
  for (auto _ : state) {
    stretch result = run_two(work, cpus, kStretch);
    while (!result.undisturbed && patience-- > 0) result = run_two(work, cpus, kStretch);
    if (!result.good) {
      state.SkipWithError("an operation failed");
      return;
    }
    state.SetIterationTime(result.ns_per_operation * 1e-9);
    sum += result.ns_per_operation;
    ++count;
  }
  state.counters["per_second"] = 2e9 * count / sum;
}

}  // namespace afflux::bench
