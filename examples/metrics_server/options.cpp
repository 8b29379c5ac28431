// SPDX-License-Identifier: MIT OR Apache-2.0
#include "options.h"

#include "../support/arguments.h"

namespace metrics_server {
namespace {

// argp puts what follows "\v" behind the options.
constexpr const char* kAbout =
    "Exports the statistics of three semaphores and three clients, under a workload of its own. "
    "On 127.0.0.1:\n"
    "  GET  /metrics           for Prometheus, as its text or as OpenMetrics\n"
    "  GET  /healthz           200, or 503 with the reasons\n"
    "  GET  /debug/stats.json  the same numbers straight from the C API\n"
    "  POST /debug/stall       work that has begun hangs\n"
    "  POST /debug/resume      hanging work ends, new work does not hang\v"
    "It ends on SIGINT and SIGTERM, too.\n"
    "\n"
    "Exit status: 0 after a clean end, 2 when it cannot run.\n"
    "\n"
    "Try it:  metrics_server & afflux-top";

enum key { kIdle = 256, kClients };

constexpr argp_option kOptions[] = {
    {"port", 'p', "PORT", 0, "TCP port; 0: one that is free (9464)", 0},
    {"duration", 'd', "S", 0, "seconds; 0: until a signal (0)", 0},
    {"idle", kIdle, nullptr, 0, "a little of everything once instead of the workload", 0},
    {"clients", kClients, nullptr, 0, "series of each client, not only their sums", 0},
    {}};

error_t take(int key, char* text, argp_state* state) {
  options& chosen = *static_cast<options*>(state->input);
  switch (key) {
    case 'p':
      return example::read_number(chosen.port, state, "--port", text);
    case 'd':
      return example::read_number(chosen.duration_s, state, "--duration", text);
    case kIdle:
      chosen.idle = true;
      return 0;
    case kClients:
      chosen.clients = true;
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

}  // namespace

options read_options(int argc, char** argv) {
  options chosen;
  const argp parser{kOptions, take, nullptr, kAbout, nullptr, nullptr, nullptr};
  example::read_arguments(parser, argc, argv, chosen);
  return chosen;
}

}  // namespace metrics_server
