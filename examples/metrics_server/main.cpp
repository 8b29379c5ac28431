// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Semaphores and clients whose statistics are scraped over HTTP.
#include <cstdio>
#include <exception>
#include <optional>

#include "../support/ending.h"
#include "options.h"
#include "server.h"
#include "service.h"
#include "still_life.h"
#include "workload.h"

namespace metrics_server {
namespace {

void run(const options& chosen) {
  const example::ending ending;
  const service measured;
  std::optional<still_life> stands;
  std::optional<workload> moves;
  if (chosen.idle) {
    stands.emplace(measured);
  } else {
    moves.emplace(measured);
  }
  const server asked(chosen, measured, moves ? &*moves : nullptr);
  std::printf("listening on 127.0.0.1:%d\n", asked.port());
  std::fflush(stdout);
  ending.wait(chosen.duration_s);
}

}  // namespace
}  // namespace metrics_server

int main(int argc, char** argv) {
  using namespace metrics_server;
  try {
    run(read_options(argc, argv));
    return kCleanEnd;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "metrics_server: %s\n", error.what());
    return kCannotRun;
  }
}
