// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What waiting costs where one request waits, or a few: queued and cancelled, queued and granted,
// and two threads on one semaphore. The yardstick is a mutex and a list whose records lie as far
// apart as the library's. And a free permit once more, in a loop as plain as can be.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "support/cpu.h"
#include "support/lines.h"
#include "support/pairs.h"
#include "support/pause.h"
#include "support/sleeper.h"
#include "support/ticks.h"
#include "support/two_threads.h"

namespace afflux::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBatch = 64;
constexpr std::size_t kShortLine = 8;
constexpr std::size_t kRound = 2'000;  // waiters of a thread, which fit into its caches
constexpr std::int64_t kNeverReached = std::chrono::nanoseconds(1h).count();

template <std::uint32_t kQueue>
using counted_line = afflux_line<kQueue, AFFLUX_STATS_COUNTERS>;
template <std::uint32_t kQueue>
using timed_line = afflux_line<kQueue, AFFLUX_STATS_OFF, kNeverReached>;
template <std::uint32_t kQueue>
using shared_line = afflux_line<kQueue, AFFLUX_STATS_OFF, AFFLUX_FOREVER, shared_count>;

// ---- One thread -------------------------------------------------------------

// step() queues one request and ends one; `completions` says whether each has to be completed.
template <class Line, class Step>
void repeat(benchmark::State& state, const Line& line, bool completions, Step step) {
  const sleeper second_thread;
  bool good = true;
  std::uint64_t steps = 0;
  while (state.KeepRunningBatch(kBatch)) {
    for (std::size_t i = 0; i < kBatch; ++i) good &= step();
    steps += kBatch;
  }
  if (!good || line.completed() != (completions ? steps : 0)) {
    state.SkipWithError("a request did not end as it should");
  }
}

template <class Line>
void queue_and_cancel(benchmark::State& state) {
  Line line(1);
  repeat(state, line, false, [&] { return line.enqueue(0) == answer::queued && line.cancel(0); });
}

template <class Line>
void queue_and_release(benchmark::State& state) {
  Line line(1);
  repeat(state, line, true, [&] { return line.enqueue(0) == answer::queued && line.release(1); });
}

// The first of eight is let in and becomes the last.
template <class Line>
void release_and_queue_again(benchmark::State& state) {
  Line line(kShortLine);
  bool good = true;
  for (std::size_t i = 0; i < kShortLine; ++i) good &= line.enqueue(i) == answer::queued;
  if (!good) {
    state.SkipWithError("not every request was queued");
    return;
  }
  std::size_t first = 0;
  repeat(state, line, true, [&] {
    const std::size_t i = first;
    first = (first + 1) % kShortLine;
    return line.release(1) && line.enqueue(i) == answer::queued;
  });
}

// Pairs one after the other for as long as it takes to read the clock seldom, and nothing else.
template <class Pair>
void plain_loop(benchmark::State& state) {
  constexpr int kPairs = 100'000;
  const sleeper second_thread;
  Pair pair;
  for (auto _ : state) {
    int failed = 0;
    const stopwatch watch;
    for (int i = 0; i < kPairs; ++i) {
      if (!pair.take()) ++failed;
      if (!pair.give()) ++failed;
    }
    state.SetIterationTime(watch.cpu() / kPairs);
    if (failed != 0) state.SkipWithError("an acquire or release failed");
  }
}

// ---- Two threads ------------------------------------------------------------

// A barrier of two threads: neither goes on before the other has come.
class meeting {
 public:
  void meet() {
    const unsigned turn = turn_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) == 1) {
      arrived_.store(0, std::memory_order_relaxed);
      turn_.store(turn + 1, std::memory_order_release);
      return;
    }
    spin_until([&] { return turn_.load(std::memory_order_acquire) != turn; });
  }

 private:
  alignas(128) std::atomic<unsigned> arrived_{0};
  alignas(128) std::atomic<unsigned> turn_{0};
};

// Rounds in which both do nothing but queue; the line is emptied between them.
template <class Line>
class queueing_rounds {
 public:
  work_done run(unsigned thread, const std::atomic<bool>& over) {
    work_done result;
    std::uint64_t taken = 0;
    const tick_length length;
    bool last = false;
    while (!last) {
      meeting_.meet();
      spans_[thread].begin = ticks();
      for (std::size_t i = 0; i < kRound; ++i) {
        result.good &= line_.enqueue(thread * kRound + i, thread) == answer::queued;
      }
      spans_[thread].end = ticks();
      meeting_.meet();
      taken += std::max(spans_[0].end, spans_[1].end) - std::min(spans_[0].begin, spans_[1].begin);
      result.operations += kRound;
      if (thread == 0) {
        result.good &= line_.release(2 * kRound);
        last_ = over.load(std::memory_order_relaxed);
      }
      meeting_.meet();
      last = last_;
    }
    result.ns = static_cast<double>(taken) * length.measure();
    return result;
  }

 private:
  struct alignas(128) span {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  Line line_{2 * kRound};
  meeting meeting_;
  span spans_[2];
  bool last_ = false;  // written by thread 0 between two meetings
};

// Each queues a batch, lets as many in, and waits until its own are in.
template <class Line>
bool queue_and_let_in(Line& line, unsigned thread, std::uint64_t& expected) {
  std::uint64_t completions = 0;
  bool good = true;
  for (std::size_t i = 0; i < kBatch; ++i) {
    const answer got = line.enqueue(thread * kBatch + i, thread);
    good &= got != answer::refused;
    completions += got == answer::queued ? 1 : 0;
  }
  for (std::size_t i = 0; i < kBatch; ++i) good &= line.release(1);
  expected += completions;
  spin_until([&] { return !good || line.completed(thread) == expected; });
  return good;
}

template <class Line>
bool queue_and_take_back(Line& line, unsigned thread) {
  bool good = true;
  const std::size_t first = thread * kBatch;
  for (std::size_t i = 0; i < kBatch; ++i) good &= line.enqueue(first + i) == answer::queued;
  for (std::size_t i = 0; i < kBatch; ++i) good &= line.cancel(first + i);
  return good;
}

template <class Line>
void two_queue(benchmark::State& state) {
  queueing_rounds<Line> rounds;
  measure_two(state, [&](unsigned thread, const std::atomic<bool>& over) {
    return rounds.run(thread, over);
  });
}

template <class Line>
void two_let_in(benchmark::State& state) {
  Line line(2 * kBatch);
  std::uint64_t expected[2] = {0, 0};
  measure_two(state, [&](unsigned thread, const std::atomic<bool>& over) {
    std::uint64_t mine = expected[thread];
    const work_done done =
        repeat_until(over, kBatch, [&] { return queue_and_let_in(line, thread, mine); });
    expected[thread] = mine;
    return done;
  });
}

template <class Line>
void two_take_back(benchmark::State& state) {
  Line line(2 * kBatch);
  measure_two(state, [&](unsigned thread, const std::atomic<bool>& over) {
    return repeat_until(over, kBatch, [&] { return queue_and_take_back(line, thread); });
  });
}

// ---- All of them ------------------------------------------------------------

template <class Line>
void measure_line(const std::string& name) {
  benchmark::RegisterBenchmark(("queue_cancel/" + name).c_str(), queue_and_cancel<Line>);
  benchmark::RegisterBenchmark(("queue_release/" + name).c_str(), queue_and_release<Line>);
  benchmark::RegisterBenchmark(("line_of_8/" + name).c_str(), release_and_queue_again<Line>);
}

template <class Line>
void measure_threads(const std::string& name) {
  const auto add = [&](const char* what, void (*body)(benchmark::State&)) {
    benchmark::RegisterBenchmark((what + name).c_str(), body)->UseManualTime()->Iterations(3);
  };
  add("two_queue/", two_queue<Line>);
  add("two_let_in/", two_let_in<Line>);
  add("two_take_back/", two_take_back<Line>);
}

template <class Pair>
void measure_loop(const std::string& name) {
  benchmark::RegisterBenchmark(("plain_loop/" + name).c_str(), plain_loop<Pair>)
      ->UseManualTime()
      ->Iterations(1);
}

template <std::uint32_t kQueue>
void measure_queue(const std::string& name) {
  measure_line<afflux_line<kQueue>>(name);
  measure_line<counted_line<kQueue>>(name + "_counted");
  measure_line<timed_line<kQueue>>(name + "_timed");
  measure_threads<shared_line<kQueue>>(name);
  measure_loop<c_abi<kQueue>>(name);
  measure_loop<c_abi_async<kQueue>>(name + "_async");
}

void register_all() {
  measure_line<list_line<sizeof(afflux_waiter)>>("mutex_list");
  measure_threads<list_line<sizeof(afflux_waiter), shared_count>>("mutex_list");
  measure_loop<bare_calls>("bare_calls");
  measure_loop<raw_calls<baseline::limit_beside>>("raw_calls");
  measure_queue<AFFLUX_QUEUE_INTRUSIVE>("afflux_intrusive");
  measure_queue<AFFLUX_QUEUE_HYBRID>("afflux_hybrid");
  measure_queue<AFFLUX_QUEUE_MUTEX>("afflux_mutex");
  measure_queue<AFFLUX_QUEUE_LOCKFREE>("afflux_lockfree");
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
