// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A server over io_uring whose work in flight is limited by one semaphore for all threads.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <list>
#include <string>
#include <thread>
#include <vector>

#include "../support/ending.h"
#include "../support/process.h"
#include "options.h"
#include "service.h"
#include "worker.h"

namespace uring_server {
namespace {

void print_report(const options& chosen, const tally& counted, std::uint64_t peak) {
  const bool is_fixed = chosen.limit != 0 && !chosen.adapts && chosen.fleet_url.empty();
  const std::string of = is_fixed ? " of " + std::to_string(chosen.limit) : "";
  std::printf("served          %llu\n", static_cast<unsigned long long>(counted.served));
  std::printf("shed            %llu\n", static_cast<unsigned long long>(counted.shed));
  std::printf("timed out       %llu\n", static_cast<unsigned long long>(counted.timed_out));
  std::printf("metrics         %llu\n", static_cast<unsigned long long>(counted.metrics));
  std::printf("malformed       %llu\n", static_cast<unsigned long long>(counted.malformed));
  std::printf("client gone     %llu\n", static_cast<unsigned long long>(counted.unsent));
  std::printf("peak in flight  %llu%s\n", static_cast<unsigned long long>(peak), of.c_str());
  std::printf("peak RSS        %llu KiB\n",
              static_cast<unsigned long long>(example::peak_memory() / 1024));
}

// What became of the limit, and why it is what it is.
void print_control(const afflux::control& steering) {
  const afflux_control_stats now = steering.stats();
  std::printf("limit           %llu: %s\n", static_cast<unsigned long long>(now.limit),
              afflux_control_reason_text(now.reason));
  std::printf("limit raised    %llu\n", static_cast<unsigned long long>(now.raised));
  std::printf("limit lowered   %llu\n", static_cast<unsigned long long>(now.lowered));
}

int run(const options& chosen) {
  const example::ending ending;
  example::raise_open_file_limit();
  service shared(chosen);
  std::list<worker> workers;
  for (unsigned i = 0; i < chosen.threads; ++i) {
    workers.emplace_back(shared, workers.empty() ? chosen.port : workers.front().port());
  }
  std::printf("listening on 127.0.0.1:%u\n", unsigned{workers.front().port()});
  std::fflush(stdout);

  {
    std::vector<std::jthread> threads;
    threads.reserve(workers.size());
    // What a ring throws ends the program: its clients' coroutines could not go on.
    for (worker& each : workers) threads.emplace_back([&each] { each.run(); });
    ending.wait(chosen.duration_s);
    shared.permits.close();
    (void)shared.stop.notify_all();
  }

  tally counted;
  for (const worker& each : workers) counted += each.counted();
  print_report(chosen, counted, shared.in_flight.peak());
  if (shared.steering) print_control(shared.steering);
  if (shared.customers) shared.customers->print_report();
  if (shared.shared_limit != nullptr) std::fputs(shared.shared_limit->close().c_str(), stdout);
  const bool clean =
      std::all_of(workers.begin(), workers.end(), [](worker& each) { return each.close_port(); });
  return clean && shared.permits.held() == 0 ? kCleanEnd : kUncleanEnd;
}

}  // namespace
}  // namespace uring_server

int main(int argc, char** argv) {
  using namespace uring_server;
  try {
    return run(read_options(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "uring_server: %s\n", error.what());
    return kCannotRun;
  }
}
