// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an acquire and its release cost while nobody waits: one thread alone, and
// two threads on one semaphore.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "support/pairs.h"
#include "support/sleeper.h"
#include "support/two_threads.h"

namespace afflux::bench {
namespace {

constexpr int kBatch = 64;

template <class Pair>
bool run_batch(Pair& pair) {
  bool good = true;
  for (int i = 0; i < kBatch; ++i) {
    good &= pair.take();
    good &= pair.give();
  }
  return good;
}

template <class Pair>
void one_thread(benchmark::State& state) {
  const sleeper second_thread;
  Pair pair;
  bool good = true;
  while (state.KeepRunningBatch(kBatch)) good &= run_batch(pair);
  if (!good) state.SkipWithError("an acquire or release failed");
}

// Time: nanoseconds a pair and thread.
template <class Pair>
void two_threads(benchmark::State& state, bool may_sleep) {
  Pair pair;
  measure_two(
      state,
      [&](unsigned, const std::atomic<bool>& over) {
        return repeat_until(over, kBatch, [&] { return run_batch(pair); });
      },
      may_sleep);
}

template <class Pair>
void measure_one(const std::string& name) {
  benchmark::RegisterBenchmark(("one_thread/" + name).c_str(), one_thread<Pair>);
}

template <class Pair>
void measure_two_threads(const std::string& name, bool may_sleep = false) {
  benchmark::RegisterBenchmark(("two_threads/" + name).c_str(), two_threads<Pair>, may_sleep)
      ->UseManualTime()
      ->Iterations(5);
}

template <class Pair>
void measure(const std::string& name) {
  measure_one<Pair>(name);
  measure_two_threads<Pair>(name);
}

template <std::uint32_t kQueue>
void measure_queue(const std::string& name) {
  measure<c_abi<kQueue>>(name);
  measure_one<c_abi_async<kQueue>>(name + "_async");
  measure_two_threads<c_abi_blocking<kQueue>>(name + "_blocking", true);
}

void register_all() {
  using baseline::limit_apart;
  using baseline::limit_beside;
  measure<raw_calls<limit_beside>>("raw_calls");
  measure<raw_calls<limit_apart>>("raw_calls_limit_apart");
  measure<raw_calls_add>("raw_calls_add");
  measure<raw_inline<limit_beside>>("raw_inline");
  measure<raw_inline<limit_apart>>("raw_inline_limit_apart");
  measure<raw_inline_add>("raw_inline_add");
  measure<mutex_count>("std_mutex");
  measure<posix_semaphore>("sem_t");
  measure_queue<AFFLUX_QUEUE_INTRUSIVE>("afflux_intrusive");
  measure_queue<AFFLUX_QUEUE_HYBRID>("afflux_hybrid");
  measure_queue<AFFLUX_QUEUE_MUTEX>("afflux_mutex");
  measure_queue<AFFLUX_QUEUE_LOCKFREE>("afflux_lockfree");
  measure_two_threads<fifo_blocking>("fifo_reference_blocking", true);
  measure_one<bare_calls>("bare_calls");
  measure_one<c_event>("afflux_event");
  measure<cpp_uncounted>("afflux_inline");
  measure<cpp_counted>("afflux_inline_counted");
  measure_one<cpp_permit>("afflux_inline_permit");
}

}  // namespace
}  // namespace afflux::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  afflux::bench::register_all();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
