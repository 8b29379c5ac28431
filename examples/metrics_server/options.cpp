// SPDX-License-Identifier: MIT OR Apache-2.0
#include "options.h"

#include <CLI/CLI.hpp>

namespace metrics_server {
namespace {

constexpr const char* kAbout =
    "Exports the statistics of three semaphores and three clients, under a workload of its own.\n"
    "On 127.0.0.1:\n"
    "  GET  /metrics           for Prometheus, as its text or as OpenMetrics\n"
    "  GET  /healthz           200, or 503 with the reasons\n"
    "  GET  /debug/stats.json  the same numbers straight from the C API\n"
    "  POST /debug/stall       work that has been begun does not end …\n"
    "  POST /debug/resume      … until now";

constexpr const char* kEnds =
    "It ends on SIGINT and SIGTERM, too.\n"
    "\n"
    "Exit status: 0 after a clean end, 2 when it cannot run.\n"
    "\n"
    "Try it:  metrics_server & afflux-top";

}  // namespace

std::optional<options> parse_options(int argc, char** argv, int& ret_exit_code) {
  options chosen;
  CLI::App app(kAbout, "metrics_server");
  app.footer(kEnds);
  app.option_defaults()->always_capture_default();
  app.add_option("--port", chosen.port, "TCP port; 0: one that is free");
  app.add_option("--duration", chosen.duration_s, "seconds; 0: until a signal");
  app.add_flag("--idle", chosen.idle, "a little of everything once instead of the workload");
  app.add_flag("--clients", chosen.clients, "series of each client, not only their sums");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    ret_exit_code = app.exit(error) == 0 ? kCleanEnd : kCannotRun;
    return std::nullopt;
  }
  return chosen;
}

}  // namespace metrics_server
