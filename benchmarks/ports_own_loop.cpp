// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A loop that completes its own requests, in one thread: nanoseconds of CPU time each, beside
// requests with a callback.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "ports.h"
#include "support/cpu.h"
#include "support/port_ways.h"
#include "support/sleeper.h"

namespace afflux::bench {
namespace {

constexpr std::size_t kMany = 1024;
constexpr int kBatches = 20;  // for each reading of the clock
constexpr int kTurns = 5000;

// Callbacks that count.
class counted {
 public:
  explicit counted(std::size_t most) : requests_(most) {
    requests_.form.ctx = &come_;
    requests_.form.wake = [](void* come, afflux_status) { ++*static_cast<std::size_t*>(come); };
  }
  void queue(std::size_t n) { requests_.queue(n); }
  void release(std::size_t n) { requests_.release(n); }
  std::size_t take() { return std::exchange(come_, 0U); }

 private:
  requests requests_;
  std::size_t come_ = 0;
};

template <std::uint32_t kKind, std::uint32_t kFlags>
class ported {
 public:
  explicit ported(std::size_t most) : requests_(most) { requests_.form.port = port_.get(); }
  void queue(std::size_t n) { requests_.queue(n); }
  void release(std::size_t n) { requests_.release(n); }
  std::size_t take() { return drained_.from(port_.get()); }

 private:
  port_handle port_ = make_port(kKind, kFlags);
  requests requests_;
  drained drained_;
};

// As many as there are: a drain of nothing would say that the loop is about to sleep.
template <class Loop>
void take_all(Loop& loop, std::size_t n) {
  for (std::size_t come = 0; come < n;) {
    const std::size_t some = loop.take();
    if (some == 0) throw std::runtime_error("one is missing");
    come += some;
  }
}

template <class Body>
double cpu_seconds(Body body) {
  const stopwatch watch;
  body();
  return watch.cpu();
}

double clock_cost() {
  double least = 1;
  for (int i = 0; i < 20; ++i) least = std::min(least, cpu_seconds([] {}));
  return least;
}

enum class phase { queue, release_each, release_all, take };

template <class Loop>
void phases(benchmark::State& state, phase timed) {
  const sleeper second_thread;
  Loop loop(kMany);
  const double clock = clock_cost();
  for (auto _ : state) {
    double took = 0;
    for (int batch = 0; batch < kBatches; ++batch) {
      const double queued = cpu_seconds([&] { loop.queue(kMany); });
      const double released = cpu_seconds([&] {
        if (timed == phase::release_each) {
          for (std::size_t i = 0; i < kMany; ++i) loop.release(1);
        } else {
          loop.release(kMany);
        }
      });
      const double taken = cpu_seconds([&] { take_all(loop, kMany); });
      took += (timed == phase::queue ? queued : timed == phase::take ? taken : released) - clock;
    }
    state.SetIterationTime(took / (static_cast<double>(kMany) * kBatches));
  }
}

// One request at a time: it is queued, granted and taken.
template <class Loop>
void turn(benchmark::State& state) {
  const sleeper second_thread;
  Loop loop(1);
  for (auto _ : state) {
    const double took = cpu_seconds([&] {
      for (int i = 0; i < kTurns; ++i) {
        loop.queue(1);
        loop.release(1);
        take_all(loop, 1);
      }
    });
    state.SetIterationTime(took / kTurns);
  }
}

template <class Loop>
void measure(const std::string& name) {
  const std::pair<const char*, phase> all[] = {{"own/queue/", phase::queue},
                                               {"own/release_each/", phase::release_each},
                                               {"own/release_all/", phase::release_all},
                                               {"own/take/", phase::take}};
  for (const auto& [prefix, timed] : all) {
    benchmark::RegisterBenchmark((prefix + name).c_str(), phases<Loop>, timed)
        ->UseManualTime()
        ->Iterations(5);
  }
}

template <class Loop>
void measure_turn(const std::string& name) {
  benchmark::RegisterBenchmark(("own/turn/" + name).c_str(), turn<Loop>)
      ->UseManualTime()
      ->Iterations(3);
}

}  // namespace

void register_own_loop() {
  using drains_all = ported<AFFLUX_PORT_URING, AFFLUX_PORT_DRAINS_ALL>;
  using may_sleep = ported<AFFLUX_PORT_URING, 0>;
  measure<counted>("callback");
  measure<drains_all>("port");
  measure_turn<counted>("callback");
  measure_turn<drains_all>("port");
  measure_turn<ported<AFFLUX_PORT_EVENTFD, 0>>("eventfd");
  measure_turn<may_sleep>("may_sleep");
}

}  // namespace afflux::bench
