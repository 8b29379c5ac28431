// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A semaphore's statistics: what they cost on the free path, and a snapshot of them.
#include <afflux/afflux.h>
#include <benchmark/benchmark.h>

#include <cstdint>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <string>

#include "stats.h"
#include "support/afflux_handle.h"
#include "support/locked_semaphore.h"
#include "support/sleeper.h"

namespace afflux::bench {
namespace {

constexpr int kBatch = 64;
constexpr std::uint64_t kPermits = 1000;

template <std::uint32_t kStatistics>
class counted {
 public:
  bool take() { return afflux_sem_try_acquire(sem_.get(), 1) == AFFLUX_OK; }
  bool give() { return afflux_sem_release(sem_.get(), 1) == AFFLUX_OK; }
  void stats(afflux_sem_stats& into) const {
    into.struct_size = sizeof into;
    afflux_sem_get_stats(sem_.get(), &into);
  }

 private:
  static handle create() {
    afflux_sem_options options;
    afflux_sem_options_init(&options);
    options.permits = kPermits;
    options.statistics = kStatistics;
    afflux_sem* sem = nullptr;
    if (afflux_sem_create(&options, &sem) != AFFLUX_OK) throw std::bad_alloc();
    return handle(sem);
  }
  const handle sem_ = create();
};
struct off : counted<AFFLUX_STATS_OFF> {
  static constexpr const char* kName = "afflux_off";
};
struct counters : counted<AFFLUX_STATS_COUNTERS> {
  static constexpr const char* kName = "afflux_counters";
};
struct full : counted<AFFLUX_STATS_FULL> {
  static constexpr const char* kName = "afflux_full";
};
struct mutex : locked_semaphore<std::mutex> {
  static constexpr const char* kName = "mutex";
  mutex() : locked_semaphore(kPermits) {}
};
struct shared_mutex : locked_semaphore<std::shared_mutex> {
  static constexpr const char* kName = "shared_mutex";
  shared_mutex() : locked_semaphore(kPermits) {}
};

template <class Semaphore>
void fast_path(benchmark::State& state) {
  const sleeper second_thread;
  Semaphore sem;
  bool good = true;
  while (state.KeepRunningBatch(kBatch)) {
    for (int i = 0; i < kBatch; ++i) {
      good &= sem.take();
      good &= sem.give();
    }
  }
  if (!good) state.SkipWithError("an acquire or release failed");
}

template <class Semaphore>
void snapshot(benchmark::State& state) {
  const sleeper second_thread;
  Semaphore sem;
  bool good = true;
  for (int i = 0; i < 10; ++i) good &= sem.take();
  afflux_sem_stats stats;
  for (auto _ : state) {
    sem.stats(stats);
    benchmark::DoNotOptimize(stats);
    benchmark::ClobberMemory();
  }
  if (!good || stats.held != 10) state.SkipWithError("wrong statistics");
}

template <class Semaphore>
void measure() {
  const std::string name = Semaphore::kName;
  benchmark::RegisterBenchmark(("fast_path/" + name).c_str(), fast_path<Semaphore>);
  benchmark::RegisterBenchmark(("snapshot/" + name).c_str(), snapshot<Semaphore>);
}

}  // namespace

void register_semaphores() {
  measure<off>();
  measure<counters>();
  measure<full>();
  measure<mutex>();
  measure<shared_mutex>();
}

}  // namespace afflux::bench
