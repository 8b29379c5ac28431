// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One client: a count, by one thread and by two at once, and a summary.
#include <afflux/afflux.h>
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "baseline/raw_count.h"
#include "stats.h"
#include "support/client_ways.h"
#include "support/crowd.h"
#include "support/sleeper.h"

namespace afflux::bench {
namespace {

constexpr int kBatch = 64;

struct raw_inline {
  static constexpr const char* kName = "raw_inline";
  void count() { baseline::raw_add(counter, 1); }
  baseline::raw_counter counter;
};
struct raw_call {
  static constexpr const char* kName = "raw_call";
  void count() { benchmark::DoNotOptimize(baseline::call_add(&counter, 1)); }
  baseline::raw_counter counter;
};

template <class Way>
struct requests {
  static constexpr const char* kName = Way::kName;
  void count() { way.count_requests(1, 1); }
  Way way;
};
template <class Way>
struct responses {
  void count() { way.count_response(404); }
  Way way;
};
template <class Way>
struct dropped_lines {
  void count() { way.count_lines(0, 3, 1); }
  Way way;
};

template <class Counter>
void one_thread(benchmark::State& state) {
  const sleeper second_thread;
  Counter counter;
  while (state.KeepRunningBatch(kBatch)) {
    for (int i = 0; i < kBatch; ++i) counter.count();
  }
}

// Both on one counter. Time: of the clock, for each count of one of them.
template <class Counter>
void two_threads(benchmark::State& state) {
  for (auto _ : state) {
    Counter counter;
    const auto act = [&counter] {
      for (int i = 0; i < kBatch; ++i) counter.count();
    };
    const crowd_result result =
        crowd({2, kBatch, act}, {0, 0, nullptr}).run(std::chrono::milliseconds(10));
    state.SetIterationTime(2 * result.read_ns * 1e-9);
  }
}

template <class Counter>
void measure_one(const std::string& name) {
  benchmark::RegisterBenchmark(name.c_str(), one_thread<Counter>);
}

template <class Counter>
void measure(const std::string& name) {
  measure_one<Counter>("increment/" + name);
  benchmark::RegisterBenchmark(("increment_two/" + name).c_str(), two_threads<Counter>)
      ->UseManualTime()
      ->Iterations(5);
}

template <class Way>
void measure_counts() {
  const std::string name = Way::kName;
  measure<requests<Way>>(name);
  measure_one<responses<Way>>("increment_response/" + name);
  measure_one<dropped_lines<Way>>("increment_dropped/" + name);
}

// ---- Summary

template <class Way>
void summaries(benchmark::State& state, std::uint32_t codes) {
  const sleeper second_thread;
  Way way;
  use(way, codes);
  afflux_client_summary_t summary;
  for (auto _ : state) {
    way.summary(summary);
    benchmark::DoNotOptimize(summary);
    benchmark::ClobberMemory();
  }
}

template <class Way>
void measure_summary() {
  const std::string name = Way::kName;
  benchmark::RegisterBenchmark(("summary/" + name).c_str(), summaries<Way>, 5U);
  benchmark::RegisterBenchmark(("summary_all_codes/" + name).c_str(), summaries<Way>, 200U);
}

// What any of them has to do for the age.
void clock_read(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(rough_ns());
}

}  // namespace

void register_clients() {
  measure<raw_inline>(raw_inline::kName);
  measure<raw_call>(raw_call::kName);
  measure_counts<afflux_way>();
  measure_counts<mutex_way>();
  measure_counts<shared_mutex_way>();
  measure_summary<afflux_way>();
  measure_summary<mutex_way>();
  measure_summary<shared_mutex_way>();
  benchmark::RegisterBenchmark("summary/clock", clock_read);
}

}  // namespace afflux::bench
