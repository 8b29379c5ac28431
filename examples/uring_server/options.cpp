// SPDX-License-Identifier: MIT OR Apache-2.0
#include "options.h"

#include <CLI/CLI.hpp>

namespace uring_server {
namespace {

constexpr const char* kAbout =
    "Answers HTTP requests on 127.0.0.1, in threads with an io_uring each. A request stands for a\n"
    "call of some backend. One Afflux semaphore, shared by the threads, limits the calls in\n"
    "flight; what has to wait does so in its queue. When that is full, the one that has waited\n"
    "longest is answered 503.";

constexpr const char* kEnds =
    "It ends on SIGINT and SIGTERM, too: calls in flight are finished, who waits is answered 503.\n"
    "\n"
    "Exit status: 0 after a clean end, 1 after another, 2 when it cannot run.\n"
    "\n"
    "Try it:  uring_server --limit 8 --queue 32 & wrk -c 200 http://127.0.0.1:8080/";

void declare(CLI::App& app, options& chosen) {
  constexpr std::uint64_t kMostPermits = (std::uint64_t{1} << 42) - 2;
  app.add_option("--threads", chosen.threads, "ring threads")->check(CLI::Range(1U, 256U));
  app.add_option("--limit", chosen.limit, "requests in flight at most; 0: no limit")
      ->check(CLI::Range(std::uint64_t{0}, kMostPermits));
  app.add_option("--queue", chosen.queue, "requests that wait at most; 0: no bound");
  app.add_option("--work-us", chosen.work_us, "microseconds that a call of the backend takes")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{60'000'000}));
  app.add_option("--backend", chosen.backend,
                 "calls that the backend does at a time; more slow each other down; 0: any number")
      ->check(CLI::Range(std::uint64_t{0}, kMostPermits));
  app.add_option("--buffer-kib", chosen.buffer_kib, "memory of a request in flight")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1} << 20));
  app.add_option("--port", chosen.port, "TCP port; 0: one that is free");
  app.add_option("--duration", chosen.duration_s, "seconds; 0: until a signal");
}

}  // namespace

std::optional<options> parse_options(int argc, char** argv, int& ret_exit_code) {
  options chosen;
  CLI::App app(kAbout, "uring_server");
  app.footer(kEnds);
  app.option_defaults()->always_capture_default();
  declare(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    ret_exit_code = app.exit(error) == 0 ? kCleanEnd : kCannotRun;
    return std::nullopt;
  }
  return chosen;
}

}  // namespace uring_server
