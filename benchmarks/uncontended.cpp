// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an acquire and its release cost while nobody waits: one thread alone, and
// two threads on one semaphore.
#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "support/cpu.h"
#include "support/pairs.h"
#include "support/sleeper.h"

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

// ---- Two threads ----------------------------------------------------------

// What one thread did in a stretch of time.
struct stretch {
  double ns_per_pair = 0;
  bool undisturbed = false;  // it had its CPU all the time
  bool good = true;
};

template <class Pair>
stretch run_until(Pair& pair, const std::atomic<bool>& over) {
  stretch result;
  std::uint64_t batches = 0;
  const stopwatch watch;
  do {
    result.good &= run_batch(pair);
    ++batches;
  } while (!over.load(std::memory_order_relaxed));
  const double wall = watch.wall();
  result.undisturbed = watch.cpu() > 0.97 * wall;
  result.ns_per_pair = wall * 1e9 / static_cast<double>(batches * kBatch);
  return result;
}

// Both threads start together, each on a CPU of its own, and run for `kStretch`.
template <class Pair>
stretch run_two(Pair& pair, const std::vector<unsigned>& cpus) {
  constexpr auto kStretch = std::chrono::milliseconds(2);
  std::atomic<int> ready{0};
  std::atomic<bool> over{false};
  stretch results[2];
  const auto body = [&](unsigned i) {
    pin({cpus[i]});
    ready.fetch_add(1);
    while (ready.load() < 2) {
    }
    results[i] = run_until(pair, over);
  };
  std::thread first(body, 0U);
  std::thread second(body, 1U);
  while (ready.load() < 2) std::this_thread::yield();
  std::this_thread::sleep_for(kStretch);
  over.store(true);
  first.join();
  second.join();
  return {(results[0].ns_per_pair + results[1].ns_per_pair) / 2,
          results[0].undisturbed && results[1].undisturbed, results[0].good && results[1].good};
}

// Time: nanoseconds a pair and thread. A stretch in which one of the threads lost
// its CPU says nothing about two threads that meet, and is taken again.
template <class Pair>
void two_threads(benchmark::State& state) {
  const std::vector<unsigned> cpus = usable_cpus();
  if (cpus.size() < 2) {
    state.SkipWithError("needs two CPUs");
    return;
  }
  Pair pair;
  int patience = 50;
  for (auto _ : state) {
    stretch result = run_two(pair, cpus);
    while (!result.undisturbed && patience-- > 0) result = run_two(pair, cpus);
    if (!result.good) {
      state.SkipWithError("an acquire or release failed");
      break;
    }
    state.SetIterationTime(result.ns_per_pair * 1e-9);
  }
}

template <class Pair>
void measure_one(const char* name) {
  benchmark::RegisterBenchmark((std::string("one_thread/") + name).c_str(), one_thread<Pair>);
}

template <class Pair>
void measure_two(const char* name) {
  benchmark::RegisterBenchmark((std::string("two_threads/") + name).c_str(), two_threads<Pair>)
      ->UseManualTime()
      ->Iterations(5);
}

template <class Pair>
void measure(const char* name) {
  measure_one<Pair>(name);
  measure_two<Pair>(name);
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
  measure<c_abi<AFFLUX_QUEUE_INTRUSIVE>>("afflux_intrusive");
  measure<c_abi<AFFLUX_QUEUE_MUTEX>>("afflux_mutex");
  measure_one<c_abi_async<AFFLUX_QUEUE_INTRUSIVE>>("afflux_intrusive_async");
  measure_one<c_abi_async<AFFLUX_QUEUE_MUTEX>>("afflux_mutex_async");
  measure_one<c_event>("afflux_event");
  measure<cpp_inline>("afflux_inline");
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
