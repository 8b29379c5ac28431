// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One permit and many threads that block for it: acquisitions a second, how long
// each waited, and how evenly the threads were served. As long as there are CPUs
// enough each thread has one of its own: two that share one do not contend, they
// take turns of a scheduler's tick.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include "support/cpu.h"
#include "support/histogram.h"
#include "support/locks.h"
#include "support/ticks.h"

namespace afflux::bench {
namespace {

constexpr auto kWarmUp = std::chrono::milliseconds(30);
constexpr auto kDuration = std::chrono::milliseconds(300);

enum class stage { warm_up, measured, over };

template <class Lock>
void compete(Lock& lock, const std::atomic<stage>& now, stage mine, std::uint64_t& guarded,
             histogram& waits) {
  while (now.load(std::memory_order_relaxed) == mine) {
    const std::uint64_t asked = ticks();
    lock.acquire();
    const std::uint64_t got = ticks();
    ++guarded;
    lock.release();
    waits.add(got - std::min(asked, got));  // two CPUs' counters may differ a little
  }
}

void report(benchmark::State& state, const std::vector<histogram>& waits, double us_per_tick) {
  histogram all;
  std::uint64_t least = waits[0].total();
  std::uint64_t most = waits[0].total();
  for (const histogram& each : waits) {
    all.add(each);
    least = std::min(least, each.total());
    most = std::max(most, each.total());
  }
  const auto us = [&](std::uint64_t t) { return static_cast<double>(t) * us_per_tick; };
  const double mean = static_cast<double>(all.total()) / static_cast<double>(waits.size());
  state.counters["p50_us"] = us(all.quantile(0.5));
  state.counters["p99_us"] = us(all.quantile(0.99));
  state.counters["max_us"] = us(all.max());
  state.counters["spread"] = static_cast<double>(most - least) / mean;
}

// One thread of the crowd; answers what it waited after the warm-up.
template <class Lock>
histogram join_crowd(Lock& lock, const std::atomic<stage>& now, std::uint64_t& guarded,
                     std::latch& start) {
  // Its own memory: neighbours would share cache lines.
  const auto warm_up = std::make_unique<histogram>();
  const auto measured = std::make_unique<histogram>();
  start.arrive_and_wait();
  compete(lock, now, stage::warm_up, guarded, *warm_up);
  lock.acquire();
  guarded -= warm_up->total();
  lock.release();
  compete(lock, now, stage::measured, guarded, *measured);
  return *measured;
}

template <class Lock>
void contend(benchmark::State& state) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    Lock lock(1);
    std::uint64_t guarded = 0;  // what the permit guards: acquisitions that count
    std::atomic<stage> now{stage::warm_up};
    std::vector<histogram> waits(threads);
    std::latch start(static_cast<std::ptrdiff_t>(threads) + 1);
    const std::vector<unsigned> cpus = usable_cpus();
    std::vector<std::thread> crowd;
    for (std::size_t i = 0; i < threads; ++i) {
      crowd.emplace_back([&, i] {
        if (threads <= cpus.size()) pin({cpus[i]});
        waits[i] = join_crowd(lock, now, guarded, start);
      });
    }
    start.arrive_and_wait();
    std::this_thread::sleep_for(kWarmUp);
    now.store(stage::measured);
    const tick_length length;
    const auto began = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(kDuration);
    now.store(stage::over);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    const double us_per_tick = length.measure() * 1e-3;
    for (std::thread& thread : crowd) thread.join();

    report(state, waits, us_per_tick);
    std::uint64_t total = 0;
    for (const histogram& each : waits) total += each.total();
    if (total != guarded) {
      state.SkipWithError("two threads held one permit");
      break;
    }
    state.counters["per_second"] = static_cast<double>(total) / took.count();
    state.SetIterationTime(took.count() / static_cast<double>(std::max<std::uint64_t>(total, 1)));
  }
}

template <class Lock>
void measure(const char* name, std::initializer_list<int> crowds = {2, 4, 16, 64}) {
  for (const int threads : crowds) {
    benchmark::RegisterBenchmark(name, contend<Lock>)->Arg(threads)->UseManualTime()->Iterations(1);
  }
}

void register_all() {
  measure<fifo_lock>("fifo_reference");
  measure<afflux_lock<AFFLUX_QUEUE_INTRUSIVE, AFFLUX_FAIR>>("afflux_intrusive_fair");
  measure<afflux_lock<AFFLUX_QUEUE_MUTEX, AFFLUX_FAIR>>("afflux_mutex_fair");
  measure<afflux_lock<AFFLUX_QUEUE_HYBRID, AFFLUX_FAIR>>("afflux_hybrid_fair", {4, 64});
  measure<afflux_lock<AFFLUX_QUEUE_LOCKFREE, AFFLUX_FAIR>>("afflux_lockfree_fair", {4, 64});
  measure<mutex_lock>("std_mutex");
  measure<afflux_lock<AFFLUX_QUEUE_INTRUSIVE, AFFLUX_THROUGHPUT>>("afflux_intrusive_throughput");
  measure<afflux_lock<AFFLUX_QUEUE_MUTEX, AFFLUX_THROUGHPUT>>("afflux_mutex_throughput");
  measure<posix_lock>("sem_t");
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
