// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Semaphores and clients whose statistics are scraped over HTTP.
#include <pthread.h>

#include <csignal>
#include <cstdio>
#include <ctime>
#include <exception>
#include <optional>

#include "options.h"
#include "server.h"
#include "service.h"
#include "still_life.h"
#include "workload.h"

namespace metrics_server {
namespace {

// The signals that end it, blocked in all threads: they are waited for.
sigset_t block_signals() {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  return ending;
}

void wait_for_the_end(const sigset_t& ending, unsigned duration_s) {
  int signal = 0;
  if (duration_s == 0) {
    sigwait(&ending, &signal);
    return;
  }
  const timespec time{static_cast<time_t>(duration_s), 0};
  sigtimedwait(&ending, nullptr, &time);
}

void run(const options& chosen) {
  const sigset_t ending = block_signals();
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
  wait_for_the_end(ending, chosen.duration_s);
}

}  // namespace
}  // namespace metrics_server

int main(int argc, char** argv) {
  using namespace metrics_server;
  try {
    int code = kCleanEnd;
    const std::optional<options> chosen = parse_options(argc, argv, code);
    if (chosen) run(*chosen);
    return code;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "metrics_server: %s\n", error.what());
    return kCannotRun;
  }
}
