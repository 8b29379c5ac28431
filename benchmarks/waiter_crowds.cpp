// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The four queue strategies side by side, many threads. The threads block for one permit, or
// they leave callbacks: then no thread sleeps, and the queue is the only cost. Between two
// acquires a thread works for a while without a permit: the longer it works, the lower the
// contention.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/afflux_handle.h"
#include "support/allocations.h"
#include "support/bystanders.h"
#include "support/cpu.h"
#include "support/histogram.h"
#include "support/strategies.h"
#include "support/ticks.h"
#include "waiter_queues.h"

namespace afflux::bench {
namespace {

constexpr auto kWarmUp = std::chrono::milliseconds(20);
constexpr auto kDuration = std::chrono::milliseconds(100);

struct level {
  const char* name;
  double work_ns;
};
constexpr level kLevels[] = {{"low", 1'000}, {"medium", 200}, {"high", 0}};

// Rounds that depend on each other: time on a CPU, whatever the clock says meanwhile.
std::uint64_t work(std::uint64_t rounds) {
  std::uint64_t x = 1;
  for (; rounds > 0; --rounds) {
    x = x * 6364136223846793005U + 1442695040888963407U;
    benchmark::DoNotOptimize(x);
  }
  return x;
}

// The best of several: other processes can only make a round slower.
double rounds_a_ns() {
  static const double result = [] {
    constexpr std::uint64_t kRounds = 200'000;
    double best = 0;
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t before = steady_ns();
      work(kRounds);
      best = std::max(best, kRounds / static_cast<double>(steady_ns() - before));
    }
    return best;
  }();
  return result;
}

enum class stage { warm_up, measured, over };

struct arena {
  arena(std::uint32_t queue, std::uint32_t fairness, std::uint64_t permits, double work_ns)
      : sem(make(permits, queue, fairness)),
        rounds(static_cast<std::uint64_t>(work_ns * rounds_a_ns())) {}

  bool measures() const { return now.load(std::memory_order_relaxed) == stage::measured; }
  bool over() const { return now.load(std::memory_order_relaxed) == stage::over; }

  handle sem;
  std::uint64_t rounds;
  alignas(128) std::atomic<stage> now{stage::warm_up};
  alignas(128) std::uint64_t guarded = 0;  // two threads with the only permit would lose counts
};

void note(histogram& waits, std::uint64_t asked, std::uint64_t got) {
  waits.add(got - std::min(asked, got));  // two CPUs' counters may differ a little
}

// A thread that blocks.
void block(arena& place, histogram& waits, std::latch& start) {
  start.arrive_and_wait();
  while (!place.over()) {
    const std::uint64_t asked = ticks();
    afflux_sem_acquire(place.sem.get(), 1, AFFLUX_FOREVER);
    const std::uint64_t got = ticks();
    const bool counts = place.measures();
    if (counts) ++place.guarded;
    afflux_sem_release(place.sem.get(), 1);
    if (counts) note(waits, asked, got);
    work(place.rounds);
  }
}

// One request that comes back again and again. Its thread looks whether it has been granted.
struct alignas(128) errand {
  enum class state : std::uint8_t { idle, waiting, granted };
  afflux_waiter memory{};
  std::uint64_t asked = 0;
  std::uint64_t got = 0;
  std::atomic<state> now{state::idle};

  void send(afflux_sem* sem) {
    afflux_request request;
    afflux_request_init(&request);
    request.wake = [](void* self, afflux_status) { static_cast<errand*>(self)->granted(); };
    request.ctx = this;
    now.store(state::waiting, std::memory_order_relaxed);  // no other thread reads it yet
    asked = ticks();
    if (afflux_sem_acquire_async(sem, &request, &memory) == AFFLUX_OK) granted();
  }
  void granted() {
    got = ticks();
    // release, pairs with the acquire in run_errands(): `got`, and the memory is its thread's.
    now.store(state::granted, std::memory_order_release);
  }
};

// For each thread so many requests, and permits for half of them: there is always a queue.
constexpr std::size_t kErrands = 32;

// A thread that leaves callbacks.
void run_errands(arena& place, histogram& waits, std::latch& start) {
  const auto mine = std::make_unique<std::array<errand, kErrands>>();
  start.arrive_and_wait();
  for (std::size_t away = 1; away != 0;) {
    away = 0;
    bool busy = false;
    for (errand& each : *mine) {
      // acquire, pairs with the release in granted().
      errand::state now = each.now.load(std::memory_order_acquire);
      if (now == errand::state::granted) {
        if (place.measures()) note(waits, each.asked, each.got);
        afflux_sem_release(place.sem.get(), 1);
        each.now.store(now = errand::state::idle, std::memory_order_relaxed);
        busy = true;
      }
      if (now == errand::state::idle && !place.over()) {
        each.send(place.sem.get());
        work(place.rounds);
        now = errand::state::waiting;
        busy = true;
      }
      if (now != errand::state::idle) ++away;
    }
    if (!busy) std::this_thread::yield();
  }
}

struct kind {
  const char* name;
  std::uint32_t fairness;
  void (*visit)(arena&, histogram&, std::latch& start);

  std::uint64_t permits(std::size_t threads) const {
    return visit == block ? 1 : threads * kErrands / 2;
  }
};

void crowd(benchmark::State& state, std::uint32_t queue, const kind& way, double work_ns) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    const auto place = std::make_unique<arena>(queue, way.fairness, way.permits(threads), work_ns);
    if (place->sem == nullptr) return state.SkipWithError("not in this library");
    std::vector<std::unique_ptr<histogram>> waits(threads);
    std::latch start(static_cast<std::ptrdiff_t>(threads) + 1);
    const std::vector<unsigned> cpus = usable_cpus();
    std::vector<std::thread> crowd;
    for (std::size_t i = 0; i < threads; ++i) {
      crowd.emplace_back([&, i] {
        // Or the scheduler may gather them on one CPU, where they take turns and never meet.
        if (!cpus.empty()) pin({cpus[i % cpus.size()]});
        waits[i] = std::make_unique<histogram>();  // its own memory: neighbours share lines
        way.visit(*place, *waits[i], start);
      });
    }
    start.arrive_and_wait();
    std::this_thread::sleep_for(kWarmUp);
    const bystanders others;
    const std::uint64_t allocated = allocations();
    const tick_length length;
    const auto began = std::chrono::steady_clock::now();
    place->now.store(stage::measured);
    std::this_thread::sleep_for(kDuration);
    place->now.store(stage::over);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    const double ns_per_tick = length.measure();
    const std::uint64_t allocated_then = allocations();
    state.counters["others"] = others.share();
    for (std::thread& thread : crowd) thread.join();

    histogram all;
    for (const auto& each : waits) all.add(*each);
    if (way.visit == block && all.total() != place->guarded) {
      return state.SkipWithError("two threads held one permit");
    }
    // None at all, where other processes had the CPUs all the time, counts as well.
    const auto served = static_cast<double>(std::max<std::uint64_t>(all.total(), 1));
    report_quantiles(state, all, ns_per_tick);
    state.counters["per_second"] = static_cast<double>(all.total()) / took.count();
    state.counters["allocations"] = static_cast<double>(allocated_then - allocated) / served;
    state.SetIterationTime(took.count() / served);
  }
}

constexpr kind kKinds[] = {{"blocking", AFFLUX_FAIR, block},
                           {"blocking_throughput", AFFLUX_THROUGHPUT, block},
                           {"callbacks", AFFLUX_FAIR, run_errands}};

}  // namespace

void register_crowds() {
  for (const kind& way : kKinds) {
    for (const level& contention : kLevels) {
      for (const int threads : {2, 4, 8, 16, 64}) {
        for (const strategy& each : kStrategies) {
          const std::string name = std::string(way.name) + "/" + contention.name + "/" + each.name;
          benchmark::RegisterBenchmark(name.c_str(), crowd, each.queue, way, contention.work_ns)
              ->Arg(threads)
              ->UseManualTime()
              ->Iterations(1);
        }
      }
    }
  }
}

}  // namespace afflux::bench
