// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A permit that processes share, beside what the system has for it: a free one, one that processes
// compete for, and one whose holder is killed.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "shared_processes.h"
#include "shared_ways.h"

namespace afflux::bench {
namespace {

template <class Way>
void free_pair(benchmark::State& state) {
  const auto place = Way::make(1);
  Way way(place);
  for (auto _ : state) {
    way.acquire();
    way.release();
  }
}

// Counts what all processes do in a while.
template <class Way, unsigned kLimit>
void compete(benchmark::State& state) {
  const auto place = Way::make(kLimit);
  for (auto _ : state) {
    const competition result = run_processes<Way>(place, static_cast<unsigned>(state.range(0)));
    state.SetIterationTime(result.seconds / static_cast<double>(result.turns + 1));
    state.counters["per_second"] = static_cast<double>(result.turns) / result.seconds;
    // Of the process that got least, beside an equal share.
    state.counters["least"] = result.least_share;
    if (result.most_at_once > kLimit) state.SkipWithError("more were inside than the limit allows");
  }
}

template <class Way>
void kill_holder(benchmark::State& state) {
  const auto place = Way::make(1);
  for (auto _ : state) {
    const double seconds = time_to_grant<Way>(place);
    if (seconds < 0) {
      state.SkipWithError("the waiter was not let in");
      break;
    }
    state.SetIterationTime(seconds);
  }
}

template <class Way>
void measure_one(const std::string& name) {
  benchmark::RegisterBenchmark(("shared_pair/" + name).c_str(), free_pair<Way>);
}

template <class Way, unsigned kLimit>
void measure_many(const std::string& name) {
  benchmark::RegisterBenchmark(("shared_compete_" + std::to_string(kLimit) + "/" + name).c_str(),
                               compete<Way, kLimit>)
      ->Arg(2)
      ->Arg(4)
      ->Arg(8)
      ->Iterations(1)
      ->UseManualTime();
}

template <class Way>
void measure_kill(const std::string& name) {
  benchmark::RegisterBenchmark(("shared_kill/" + name).c_str(), kill_holder<Way>)
      ->Iterations(5)
      ->UseManualTime();
}

void register_all() {
  measure_one<sem_way>("sem_t");
  measure_one<robust_way>("robust");
  measure_one<semop_way<0>>("semop");
  measure_one<semop_way<SEM_UNDO>>("semop_undo");
  measure_one<ofd_way>("ofd");
  measure_one<flock_way>("flock");
  measure_one<afflux_way>("afflux");
  measure_many<robust_way, 1>("robust");
  measure_many<sem_way, 1>("sem_t");
  measure_many<semop_way<SEM_UNDO>, 1>("semop_undo");
  measure_many<flock_way, 1>("flock");
  measure_many<afflux_way, 1>("afflux");
  measure_many<sem_way, 2>("sem_t");
  measure_many<semop_way<SEM_UNDO>, 2>("semop_undo");
  measure_many<afflux_way, 2>("afflux");
  measure_kill<robust_way>("robust");
  measure_kill<semop_way<SEM_UNDO>>("semop_undo");
  measure_kill<ofd_way>("ofd");
  measure_kill<flock_way>("flock");
  measure_kill<afflux_way>("afflux");
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
