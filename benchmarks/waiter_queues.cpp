// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The four queue strategies side by side, one thread: what a waiter costs on its way
// through a queue of `waiters`, in time, in the latency of each call, in allocations and
// bytes, and (under valgrind) in instructions. waiter_crowds.cpp has many threads.
// `./run compare` runs all this and makes docs/measured/waiter-queues.md.
#include "waiter_queues.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <latch>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/afflux_handle.h"
#include "support/allocations.h"
#include "support/histogram.h"
#include "support/sleeper.h"
#include "support/strategies.h"
#include "support/ticks.h"

namespace afflux::bench {
namespace {

// A semaphore whose permits are all held, and as many waiters for one each.
class waiter_line {
 public:
  waiter_line(std::uint32_t queue, std::size_t size) : sem_(make(size, queue)), waiters_(size) {
    afflux_request_init(&request_);
    request_.wake = [](void* self, afflux_status) { static_cast<waiter_line*>(self)->woken(); };
    request_.ctx = this;
    afflux_request whole = request_;
    whole.permits = size;
    if (there()) afflux_sem_acquire_async(sem_.get(), &whole, &waiters_[0].memory);
    std::iota(order_.begin(), order_.end(), 0U);
    std::shuffle(order_.begin(), order_.end(), std::mt19937(1));
  }
  waiter_line(const waiter_line&) = delete;
  waiter_line& operator=(const waiter_line&) = delete;

  bool there() const { return sem_ != nullptr; }  // the strategy may have been left out
  std::size_t size() const { return waiters_.size(); }
  const std::vector<std::uint32_t>& order() const { return order_; }
  std::uint64_t completed() const { return completed_; }
  // From here on completions say how long after `begun` they began.
  void watch(histogram& delays) { delays_ = &delays; }
  void begin() { begun_ = ticks(); }

  bool enqueue(std::size_t i) {
    return afflux_sem_acquire_async(sem_.get(), &request_, &waiters_[i].memory) == AFFLUX_PENDING;
  }
  bool release(std::uint64_t n) { return afflux_sem_release(sem_.get(), n) == AFFLUX_OK; }
  bool cancel(std::size_t i) { return afflux_waiter_cancel(&waiters_[i].memory) == AFFLUX_OK; }
  // A pair that does not wait: one permit is given back first, and is held again at the end.
  bool pair() {
    return release(1) &&
           afflux_sem_acquire_async(sem_.get(), &request_, &waiters_[0].memory) == AFFLUX_OK;
  }

 private:
  struct alignas(64) record {
    afflux_waiter memory{};
  };

  void woken() {
    ++completed_;
    if (delays_ != nullptr) delays_->add(ticks() - begun_);
  }

  handle sem_;
  afflux_request request_;
  std::uint64_t completed_ = 0;
  std::uint64_t begun_ = 0;
  histogram* delays_ = nullptr;
  std::vector<record> waiters_;
  std::vector<std::uint32_t> order_ = std::vector<std::uint32_t>(waiters_.size());
};

// ---- Turns: the queue from empty to full to empty ---------------------------------

bool fill(waiter_line& line) {
  bool good = true;
  for (std::size_t i = 0; i < line.size(); ++i) good &= line.enqueue(i);
  return good;
}

bool wake_each(waiter_line& line) {
  bool good = fill(line);
  for (std::size_t i = 0; i < line.size(); ++i) good &= line.release(1);
  return good;
}

bool wake_all(waiter_line& line) {
  const bool good = fill(line);
  return line.release(line.size()) && good;
}

// Half of them, or the only one, take their requests back; the others are woken.
bool half_cancel(waiter_line& line) {
  bool good = fill(line);
  const std::size_t half = (line.size() + 1) / 2;
  for (std::size_t i = 0; i < half; ++i) good &= line.cancel(line.order()[i]);
  for (std::size_t i = half; i < line.size(); ++i) good &= line.release(1);
  return good;
}

bool no_wait(waiter_line& line) {
  bool good = true;
  for (std::size_t i = 0; i < line.size(); ++i) good &= line.pair();
  return good;
}

struct scenario {
  const char* name;
  bool (*turn)(waiter_line&);
};
constexpr scenario kScenarios[] = {{"wake_each", wake_each},
                                   {"wake_all", wake_all},
                                   {"half_cancel", half_cancel},
                                   {"no_wait", no_wait}};
constexpr std::int64_t kSizes[] = {1, 10, 50, 100, 500, 1'000};

void turns(benchmark::State& state, std::uint32_t queue, bool (*turn)(waiter_line&)) {
  const sleeper second_thread;
  waiter_line line(queue, static_cast<std::size_t>(state.range(0)));
  if (!line.there()) return state.SkipWithError("not in this library");
  bool good = true;
  for (auto _ : state) good &= turn(line);
  if (!good) state.SkipWithError("not every waiter got what it should");
}

// ---- Latency: one call at a time --------------------------------------------------

enum class call { acquire, release, wake_all, cancel };

template <class Body>
bool timed(histogram* into, Body body) {
  const std::uint64_t before = ticks();
  const bool good = body();
  if (into != nullptr) into->add(ticks() - before);
  return good;
}

bool timed_turn(waiter_line& line, call watched, histogram& all) {
  const auto only = [&](call c) { return c == watched ? &all : nullptr; };
  bool good = true;
  for (std::size_t i = 0; i < line.size(); ++i) {
    good &= timed(only(call::acquire), [&] { return line.enqueue(i); });
  }
  if (watched == call::wake_all) {
    line.begin();
    return line.release(line.size()) && good;
  }
  const std::size_t cancels = watched == call::cancel ? (line.size() + 1) / 2 : 0;
  for (std::size_t i = 0; i < cancels; ++i) {
    good &= timed(only(call::cancel), [&] { return line.cancel(line.order()[i]); });
  }
  for (std::size_t i = cancels; i < line.size(); ++i) {
    good &= timed(only(call::release), [&] { return line.release(1); });
  }
  return good;
}

void latency(benchmark::State& state, std::uint32_t queue, call watched) {
  const sleeper second_thread;
  waiter_line line(queue, static_cast<std::size_t>(state.range(0)));
  if (!line.there()) return state.SkipWithError("not in this library");
  histogram warm_up;
  bool good = timed_turn(line, call::acquire, warm_up);
  histogram all;
  if (watched == call::wake_all) line.watch(all);
  const tick_length length;
  for (auto _ : state) good &= timed_turn(line, watched, all);
  if (!good) state.SkipWithError("not every waiter got what it should");
  histogram clock;  // what two readings of it cost is in every latency
  for (int i = 0; i < 1'000; ++i) timed(&clock, [] { return true; });
  const double ns_per_tick = length.measure();
  report_quantiles(state, all, ns_per_tick);
  state.counters["clock"] = static_cast<double>(clock.quantile(0.5)) * ns_per_tick;
}

// ---- Memory -----------------------------------------------------------------------

// What one more thread's first arrival adds: each of `kThreads` brings one waiter.
double bytes_a_thread(std::uint32_t queue) {
  constexpr std::size_t kThreads = 16;
  waiter_line line(queue, kThreads + 1);
  line.enqueue(kThreads);
  std::int64_t added = 0;
  std::latch over(1);  // a thread that ends may leave its part of the queue to the next
  std::vector<std::thread> threads(kThreads);
  for (std::size_t i = 0; i < kThreads; ++i) {
    std::latch done(1);
    threads[i] = std::thread([&, i] {
      const std::int64_t before = live_bytes();
      line.enqueue(i);
      added += live_bytes() - before;
      done.count_down();
      over.wait();
    });
    done.wait();
  }
  over.count_down();
  for (std::thread& thread : threads) thread.join();
  line.release(kThreads + 1);
  return static_cast<double>(added) / kThreads;
}

void memory(benchmark::State& state, std::uint32_t queue) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const auto each = [&](auto number) {
    return static_cast<double>(number) / static_cast<double>(size);
  };
  if (!counts_allocations()) return state.SkipWithError("allocations cannot be counted here");
  const std::int64_t none = live_bytes();
  const handle alone = make(size, queue);
  const std::int64_t semaphore = live_bytes() - none;
  waiter_line line(queue, size);
  if (!line.there()) return state.SkipWithError("not in this library");
  for (auto _ : state) {
    const std::int64_t empty = live_bytes();
    const std::uint64_t cold = allocations();
    bool good = fill(line);
    const std::int64_t full = live_bytes();
    good &= line.release(size);
    const std::int64_t kept = live_bytes();
    const std::uint64_t warm = allocations();
    constexpr int kTurns = 10;
    for (int i = 0; i < kTurns; ++i) good &= wake_each(line) && half_cancel(line);
    const std::uint64_t end = allocations();
    if (!good) return state.SkipWithError("not every waiter got what it should");
    state.counters["semaphore"] = static_cast<double>(semaphore);
    state.counters["waiter"] = sizeof(afflux_waiter);
    state.counters["queued"] = each(full - empty);
    state.counters["kept"] = static_cast<double>(kept - empty);
    state.counters["first_turn"] = each(warm - cold);
    state.counters["later_turns"] = each(end - warm) / (2 * kTurns);
    state.counters["thread"] = bytes_a_thread(queue);
  }
}

void register_lines() {
  constexpr std::pair<const char*, call> kCalls[] = {{"acquire", call::acquire},
                                                     {"release", call::release},
                                                     {"wake_all", call::wake_all},
                                                     {"cancel", call::cancel}};
  for (const std::int64_t size : kSizes) {
    for (const auto& [name, queue] : kStrategies) {
      const auto full_name = [&, mine = name](const char* group, const char* what) {
        return std::string(group) + "/" + what + "/" + mine;
      };
      for (const auto& [what, turn] : kScenarios) {
        if (turn == no_wait && size != 1) continue;  // all the same
        benchmark::RegisterBenchmark(full_name("turn", what).c_str(), turns, queue, turn)
            ->Arg(size);
      }
      for (const auto& [what, watched] : kCalls) {
        benchmark::RegisterBenchmark(full_name("latency", what).c_str(), latency, queue, watched)
            ->Arg(size)
            ->Iterations(100'000 / size);
      }
      benchmark::RegisterBenchmark(full_name("memory", "bytes").c_str(), memory, queue)
          ->Arg(size)
          ->Iterations(1);
    }
  }
}

// ---- Under valgrind ---------------------------------------------------------------

// So many turns and nothing else: the difference between two runs of this is theirs alone.
int instructions(const std::string& what, const std::string& name, std::size_t size, int count) {
  for (const strategy& each : kStrategies) {
    for (const scenario& mode : kScenarios) {
      if (each.name != name || mode.name != what) continue;
      const sleeper second_thread;
      waiter_line line(each.queue, size);
      bool good = line.there();
      for (int i = 0; good && i < count; ++i) good = mode.turn(line);
      return good ? EXIT_SUCCESS : EXIT_FAILURE;
    }
  }
  std::fputs("unknown scenario or strategy\n", stderr);
  return EXIT_FAILURE;
}

}  // namespace
}  // namespace afflux::bench

int main(int argc, char** argv) {
  if (argc == 6 && std::string(argv[1]) == "--instructions") {  // SCENARIO STRATEGY WAITERS TURNS
    return afflux::bench::instructions(argv[2], argv[3], std::strtoul(argv[4], nullptr, 10),
                                       std::atoi(argv[5]));
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  afflux::bench::register_lines();
  afflux::bench::register_crowds();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
