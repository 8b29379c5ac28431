// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a waiter costs on its way through a long queue: nanoseconds each for
// queueing, for one release that wakes all, for a release each, and for being
// cancelled in random order. A completion counts itself and does nothing else.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "support/cpu.h"
#include "support/lines.h"
#include "support/sleeper.h"

namespace afflux::bench {
namespace {

template <class Queue>
bool enqueue_all(Queue& queue, std::size_t size) {
  bool good = true;
  for (std::size_t i = 0; i < size; ++i) good &= queue.enqueue(i) == answer::queued;
  return good;
}

template <class Queue>
bool release_each(Queue& queue, std::size_t size) {
  bool good = true;
  for (std::size_t i = 0; i < size; ++i) good &= queue.release(1);
  return good;
}

template <class Queue>
bool cancel_each(Queue& queue, const std::vector<std::uint32_t>& order) {
  bool good = true;
  for (std::uint32_t i : order) good &= queue.cancel(i);
  return good;
}

std::vector<std::uint32_t> random_order(std::size_t size) {
  std::vector<std::uint32_t> order(size);
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  return order;
}

// CPU time of this thread: it works alone, and others may use the machine, too.
template <class Body>
double seconds(Body body) {
  const stopwatch watch;
  body();
  return watch.cpu();
}

// What reading that clock costs, which is a system call.
double clock_cost() {
  double least = 1;
  for (int i = 0; i < 20; ++i) least = std::min(least, seconds([] {}));
  return least;
}

enum class phase { enqueue, wake_all, wake_each, cancel };

// One turn of a queue from full to empty and what was asked of it; the time of
// one phase counts.
template <class Queue>
void turn(benchmark::State& state, phase timed) {
  const sleeper second_thread;
  const auto size = static_cast<std::size_t>(state.range(0));
  const std::vector<std::uint32_t> order = random_order(size);
  const double clock = clock_cost();
  Queue queue(size);
  for (auto _ : state) {
    const std::uint64_t before = queue.completed();
    bool good = true;
    const double filling = seconds([&] { good &= enqueue_all(queue, size); });
    const double emptying = seconds([&] {
      if (timed == phase::cancel) {
        good &= cancel_each(queue, order);
      } else if (timed == phase::wake_each) {
        good &= release_each(queue, size);
      } else {
        good &= queue.release(size);
      }
    });
    const std::uint64_t expected = timed == phase::cancel ? 0 : size;
    if (!good || queue.completed() - before != expected) {
      state.SkipWithError("not every waiter got what it should");
      break;
    }
    const double took = (timed == phase::enqueue ? filling : emptying) - clock;
    state.SetIterationTime(took / static_cast<double>(size));
  }
}

template <class Queue>
void measure(const std::string& name) {
  const std::pair<const char*, phase> phases[] = {{"enqueue/", phase::enqueue},
                                                  {"wake_all/", phase::wake_all},
                                                  {"wake_each/", phase::wake_each},
                                                  {"cancel/", phase::cancel}};
  for (const auto& [prefix, timed] : phases) {
    for (const std::int64_t size : {1'000, 100'000, 1'000'000}) {
      benchmark::RegisterBenchmark((prefix + name).c_str(), turn<Queue>, timed)
          ->Arg(size)
          ->UseManualTime()
          ->Iterations(std::clamp<std::int64_t>(200'000 / size, 1, 100));
    }
  }
}

void register_all() {
  measure<list_line<8>>("mutex_list");
  measure<list_line<128>>("mutex_list_128");
  measure<afflux_line<AFFLUX_QUEUE_INTRUSIVE>>("afflux_intrusive");
  measure<afflux_line<AFFLUX_QUEUE_HYBRID>>("afflux_hybrid");
  measure<afflux_line<AFFLUX_QUEUE_MUTEX>>("afflux_mutex");
  measure<afflux_line<AFFLUX_QUEUE_LOCKFREE>>("afflux_lockfree");
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
