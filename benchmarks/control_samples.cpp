// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a sample costs: by the calls, beside a call that does nothing and the clock that each needs,
// in one thread and in several; and what a window costs whose end each sample is.
#include <afflux/afflux.h>
#include <benchmark/benchmark.h>

#include <cstdint>

#include "policy.h"
#include "support/sleeper.h"

namespace afflux::bench {
namespace {

constexpr int kBatch = 64;
constexpr std::int64_t kLatency = 2'000'000;

// A semaphore of 64 permits, 32 of them held, and a control. With windows of an hour no window
// ends.
class steered {
 public:
  explicit steered(std::uint32_t algorithm, std::int64_t window) {
    afflux_sem_options o;
    afflux_sem_options_init(&o);
    o.permits = 64;
    afflux_control_options c;
    afflux_control_options_init(&c);
    c.algorithm = algorithm;
    c.window_ns = window;
    c.min = 1;
    if (afflux_sem_create(&o, &sem_) != AFFLUX_OK ||
        afflux_sem_try_acquire(sem_, 32) != AFFLUX_OK ||
        afflux_control_create(sem_, &c, &control_) != AFFLUX_OK) {
      control_ = nullptr;
    }
    // The first window of those algorithms ends with its first sample.
    afflux_control_sample(control_, kLatency, AFFLUX_CONTROL_SERVED);
  }
  steered(const steered&) = delete;
  steered& operator=(const steered&) = delete;
  ~steered() {
    afflux_control_unref(control_);
    afflux_sem_unref(sem_);
  }

  afflux_sem* sem() { return sem_; }
  afflux_control* control() { return control_; }
  std::uint64_t samples() const {
    afflux_control_stats s;
    afflux_control_stats_init(&s);
    return afflux_control_get_stats(control_, &s) == AFFLUX_OK ? s.served : 0;
  }

 private:
  afflux_sem* sem_ = nullptr;
  afflux_control* control_ = nullptr;
};

constexpr std::int64_t kHour = 3'600'000'000'000;

void sample(benchmark::State& state, std::uint32_t algorithm, std::int64_t window) {
  const sleeper second_thread;
  steered all(algorithm, window);
  const std::uint64_t before = all.samples();
  while (state.KeepRunningBatch(kBatch)) {
    for (int i = 0; i < kBatch; ++i) {
      benchmark::DoNotOptimize(
          afflux_control_sample(all.control(), kLatency, AFFLUX_CONTROL_SERVED));
    }
  }
  if (all.samples() - before != static_cast<std::uint64_t>(state.iterations())) {
    state.SkipWithError("some were not counted");
  }
}

void sample_of_long_windows(benchmark::State& state) {
  sample(state, AFFLUX_CONTROL_GRADIENT2, kHour);
}
void sample_that_ends_a_window(benchmark::State& state) {
  sample(state, AFFLUX_CONTROL_GRADIENT2, 0);
}

// All threads on one control.
void crowd(benchmark::State& state) {
  static steered* all = nullptr;
  if (state.thread_index() == 0) all = new steered(AFFLUX_CONTROL_GRADIENT2, kHour);
  while (state.KeepRunningBatch(kBatch)) {
    for (int i = 0; i < kBatch; ++i) {
      benchmark::DoNotOptimize(
          afflux_control_sample(all->control(), kLatency, AFFLUX_CONTROL_SERVED));
    }
  }
  if (state.thread_index() == 0) {
    delete all;
    all = nullptr;
  }
}

template <class Call>
void repeat(benchmark::State& state, Call&& call) {
  const sleeper second_thread;
  while (state.KeepRunningBatch(kBatch)) {
    for (int i = 0; i < kBatch; ++i) call();
  }
}

void rough_clock(benchmark::State& state) {
  repeat(state, [] { benchmark::DoNotOptimize(native_policy::rough_now()); });
}
void exact_clock(benchmark::State& state) {
  repeat(state, [] { benchmark::DoNotOptimize(native_policy::now()); });
}
void empty_call(benchmark::State& state) {
  repeat(state, [] { benchmark::DoNotOptimize(afflux_control_sample(nullptr, 0, 0)); });
}

// A token's release, without and with a sample; the acquire is in both.
template <bool Sampled>
void token(benchmark::State& state) {
  const sleeper second_thread;
  steered all(AFFLUX_CONTROL_GRADIENT2, kHour);
  afflux_request request;
  afflux_request_init(&request);
  while (state.KeepRunningBatch(kBatch)) {
    for (int i = 0; i < kBatch; ++i) {
      afflux_permit_token held;
      benchmark::DoNotOptimize(afflux_sem_acquire_permit(all.sem(), &request, 0, &held));
      benchmark::DoNotOptimize(
          Sampled ? afflux_control_release(all.control(), &held, AFFLUX_CONTROL_SERVED)
                  : afflux_permit_release(&held));
    }
  }
}

}  // namespace

BENCHMARK(empty_call)->Name("control_sample/empty_call");
BENCHMARK(rough_clock)->Name("control_sample/rough_clock");
BENCHMARK(exact_clock)->Name("control_sample/exact_clock");
BENCHMARK(sample_of_long_windows)->Name("control_sample/afflux");
BENCHMARK(sample_that_ends_a_window)->Name("control_sample/each_a_window");
BENCHMARK(token<false>)->Name("control_token/without");
BENCHMARK(token<true>)->Name("control_token/afflux");
BENCHMARK(crowd)->Name("control_sample_crowd/afflux")->Threads(2)->UseRealTime();
BENCHMARK(crowd)->Name("control_sample_crowd/afflux")->Threads(16)->UseRealTime();

}  // namespace afflux::bench

BENCHMARK_MAIN();
