// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What counting and reading counts costs, beside locks and channels. The same operations in Go are
// in peers/go; the report puts both side by side.
#include "stats.h"

#include <benchmark/benchmark.h>

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  afflux::bench::register_clients();
  afflux::bench::register_registries();
  afflux::bench::register_semaphores();
  afflux::bench::register_reading();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
