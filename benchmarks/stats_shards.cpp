// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The semaphore's own counters, as its code has them: one for each thread, beside one that all
// threads add to.
#include <benchmark/benchmark.h>

#include <cstdint>

#include "baseline/raw_count.h"
#include "policy.h"
#include "stats/shards.h"

namespace afflux::bench {
namespace {

enum class kind { one };

class raw {
 public:
  void count() { baseline::raw_add(counter_, 1); }
  std::uint64_t sum() const { return counter_.count.load(); }

 private:
  baseline::raw_counter counter_;
};

class sharded {
 public:
  void count() { all_->add(kind::one, 1); }
  std::uint64_t sum() const { return all_->sums()[0]; }

 private:
  using shards = stats::shards<native_policy, kind, 1>;
  shards::pointer all_ = shards::allocate(8);
};

template <class Counter>
void increment(benchmark::State& state) {
  constexpr int kBatch = 64;
  Counter counter;
  while (state.KeepRunningBatch(kBatch)) {
    for (int i = 0; i < kBatch; ++i) {
      counter.count();
      benchmark::ClobberMemory();
    }
  }
  if (counter.sum() < static_cast<std::uint64_t>(state.iterations())) {
    state.SkipWithError("some were not counted");
  }
}

}  // namespace

BENCHMARK(increment<raw>)->Name("increment_shard/raw_inline");
BENCHMARK(increment<sharded>)->Name("increment_shard/afflux");

}  // namespace afflux::bench

BENCHMARK_MAIN();
