// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Many threads read a status that one keeps: by locks, by asking through a channel, and from
// counters.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "stats.h"
#include "support/client_ways.h"
#include "support/crowd.h"
#include "support/request_channel.h"

namespace afflux::bench {
namespace {

constexpr auto kLength = std::chrono::milliseconds(100);
constexpr std::uint64_t kBatch = 8;

template <class Way>
struct counted : Way {
  void count() { this->count_requests(1, 1); }
};

template <class Way>
void read_number(Way& way) {
  benchmark::DoNotOptimize(way.responses(404));
}

template <class Way>
void read_all(Way& way) {
  afflux_client_summary_t summary;
  way.summary(summary);
  benchmark::DoNotOptimize(summary);
}

template <class Way, void (&kRead)(Way&)>
void crowd_of(benchmark::State& state, unsigned readers, unsigned writers) {
  Way way;
  const auto read = [&way] {
    for (std::uint64_t i = 0; i < kBatch; ++i) kRead(way);
  };
  const auto write = [&way] {
    for (std::uint64_t i = 0; i < kBatch; ++i) way.count();
  };
  for (auto _ : state) {
    const crowd_result result =
        crowd({readers, kBatch, read}, {writers, kBatch, write}).run(kLength);
    state.SetIterationTime(result.read_ns * 1e-9);
    state.counters["write_ns"] = result.write_ns;
    state.counters["allocs"] = result.allocations;
    state.counters["bytes"] = result.bytes;
  }
}

template <class Way>
void measure(const std::string& name) {
  const auto in = [&name](const std::string& scenario, unsigned readers, unsigned writers) {
    benchmark::RegisterBenchmark((scenario + "/" + name).c_str(), crowd_of<Way, read_all<Way>>,
                                 readers, writers)
        ->UseManualTime()
        ->Iterations(1);
    benchmark::RegisterBenchmark((scenario + "_number/" + name).c_str(),
                                 crowd_of<Way, read_number<Way>>, readers, writers)
        ->UseManualTime()
        ->Iterations(1);
  };
  in("one_reader", 1, 0);
  in("ten_readers", 10, 0);
  in("against_writer", 10, 1);
}

}  // namespace

void register_reading() {
  measure<counted<afflux_way>>(afflux_way::kName);
  measure<counted<mutex_way>>(mutex_way::kName);
  measure<counted<shared_mutex_way>>(shared_mutex_way::kName);
  measure<asked_client<standard_parts>>(standard_parts::kName);
  measure<asked_client<afflux_parts>>(afflux_parts::kName);
}

}  // namespace afflux::bench
