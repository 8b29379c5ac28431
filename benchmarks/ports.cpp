// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What it costs to complete something in an event loop, for the thread that does it, and how long
// it takes until the loop has it; by each way into a loop, and without the library. The loop's
// thread and the waker have a CPU each.
#include "ports.h"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "support/conversation.h"
#include "support/cpu.h"
#include "support/port_ways.h"
#include "support/raw_ways.h"

namespace afflux::bench {
namespace {

constexpr std::size_t kBurst = 1024;

constexpr course kSingle{mood::asleep, 1, 200, 2000};
constexpr course kTogether{mood::asleep, kBurst, 20, 200};
constexpr course kBusy{mood::busy, 1, 2000, 20'000};
constexpr course kSpinning{mood::spinning, 1, 500, 5'000};

// Counters, in nanoseconds a completion: `call` and `drained`, each at as many quantiles as the
// rounds allow; and `rings`, a round. The time is the call's median.
template <class Way>
void converse(benchmark::State& state, const course& plan) {
  const std::vector<unsigned> cpus = usable_cpus();
  if (cpus.size() < 2) return state.SkipWithError("needs two CPUs");
  for (auto _ : state) {
    findings found = conversation<Way>(plan, cpus[1], cpus[0]).hold();
    if (!found.error.empty()) return state.SkipWithError(found.error.c_str());
    const auto ns = [&](samples& all, double share) {
      return static_cast<double>(all.quantile(share)) * found.ns_per_tick /
             static_cast<double>(plan.burst);
    };
    const auto report = [&](const std::string& name, samples& all) {
      state.counters[name] = ns(all, 0.5);
      state.counters[name + "_p99"] = ns(all, 0.99);
      if (plan.measured >= 1000) state.counters[name + "_p999"] = ns(all, 0.999);
    };
    report("call", found.call);
    report("drained", found.drained);
    state.counters["rings"] = static_cast<double>(found.rings) / static_cast<double>(plan.measured);
    state.SetIterationTime(ns(found.call, 0.5) * 1e-9);
  }
}

template <class Way>
void measure(const std::string& name, const course& plan) {
  benchmark::RegisterBenchmark(name.c_str(), converse<Way>, plan)->UseManualTime()->Iterations(1);
}

void register_loops() {
  using polled = uring_port<0>;
  using messaged = uring_port<AFFLUX_PORT_MSG_RING>;

  measure<raw_message>("burst/raw_message", kTogether);
  measure<raw_messages_together>("burst/raw_messages_together", kTogether);
  measure<raw_eventfd>("burst/raw_eventfd", kTogether);
  measure<kernel_waits>("burst/kernel_waits", kTogether);
  measure<polled>("burst/uring_poll", kTogether);
  measure<messaged>("burst/uring_message", kTogether);
  measure<eventfd_port>("burst/eventfd", kTogether);

  measure<raw_eventfd>("asleep/raw_eventfd", kSingle);
  measure<raw_eventfd_edge>("asleep/raw_eventfd_edge", kSingle);
  measure<raw_uring_poll>("asleep/raw_uring_poll", kSingle);
  measure<raw_message>("asleep/raw_message", kSingle);
  measure<kernel_waits>("asleep/kernel_waits", kSingle);
  measure<eventfd_port>("asleep/eventfd", kSingle);
  measure<polled>("asleep/uring_poll", kSingle);
  measure<messaged>("asleep/uring_message", kSingle);

  measure<callback>("busy/callback", kBusy);
  measure<raw_eventfd>("busy/raw_eventfd", kBusy);
  measure<eventfd_port>("busy/eventfd", kBusy);
  measure<polled>("busy/uring_poll", kBusy);
  measure<messaged>("busy/uring_message", kBusy);
  measure<callback>("spinning/callback", kSpinning);
  measure<polled>("spinning/uring_poll", kSpinning);
}

}  // namespace
}  // namespace afflux::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  afflux::bench::register_loops();
  afflux::bench::register_own_loop();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
