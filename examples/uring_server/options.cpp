// SPDX-License-Identifier: MIT OR Apache-2.0
#include "options.h"

#include <afflux/afflux.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "../support/arguments.h"

namespace uring_server {
namespace {

// argp puts what follows "\v" behind the options.
constexpr const char* kAbout =
    "Answers HTTP requests on 127.0.0.1, in threads with an io_uring each. A request stands for a "
    "call of some backend. One Afflux semaphore, shared by the threads, limits the calls in "
    "flight; requests that have to wait do so in its queue. When the queue is full, the request "
    "that has waited longest is answered 503. With --limit auto the limit finds itself, by how "
    "long "
    "the calls take. With --tenants requests that wait do so in a line for each tenant, which is "
    "who the header X-Tenant names, and no tenant can starve the others. GET /metrics is answered "
    "with the semaphore's statistics, for Prometheus and "
    "afflux-top, and waits for no permit.\v"
    "It ends on SIGINT and SIGTERM, too: calls in flight are finished, requests that wait are "
    "answered 503.\n"
    "\n"
    "Exit status: 0 after a clean end, 1 after another, 2 when it cannot run.\n"
    "\n"
    "Try it:\n"
    "  uring_server --limit 8 --queue 32 &\n"
    "  uring_load --duration 60 &\n"
    "  afflux-top http://127.0.0.1:8080/metrics";

enum key : int {
  kWorkVaries = 256,
  kBackendQueues,
  kTimeout,
  kTenants,
  kTenant,
  kFleet,
  kFleetName
};

constexpr argp_option kOptions[] = {
    {"threads", 't', "N", 0, "ring threads (2)", 0},
    {"limit", 'l', "N|auto|none", 0,
     "requests in flight at most; auto: what serves most without a queue in the backend, by an "
     "afflux_control; none, or 0: no limit (64)",
     0},
    {"queue", 'q', "N", 0, "requests that wait at most; 0: no bound (256)", 0},
    {"fleet", kFleet, "URL", 0,
     "share the limit with all servers that name it, by leases from this engine, as in "
     "redis://127.0.0.1 or etcd://127.0.0.1; --limit is for the first of them",
     0},
    {"fleet-name", kFleetName, "NAME", 0, "its name there (uring_server)", 0},
    {"tenants", kTenants, "N", OPTION_ARG_OPTIONAL,
     "tell tenants apart, the first N that come; the rest share what one gets, and so do requests "
     "without the header (1000)",
     0},
    {"tenant", kTenant, "NAME=WEIGHT[:GUARANTEED[:CAP]]", 0,
     "a tenant's share of the permits beside the others, which weigh 1; permits that come first; "
     "permits that it holds at most, 0: no cap. May be given for each tenant, and makes --tenants",
     0},
    {"work-us", 'w', "US", 0, "microseconds that a call of the backend takes (5000)", 0},
    {"work-varies", kWorkVaries, nullptr, 0,
     "calls take so long in the mean, exponentially distributed", 0},
    {"backend", 'b', "N", 0,
     "calls that the backend does at a time; more slow each other down; 0: any number (0)", 0},
    {"backend-queues", kBackendQueues, nullptr, 0,
     "more calls than that wait in the backend for their turn, in order", 0},
    {"timeout-ms", kTimeout, "MS", 0,
     "milliseconds after which a call is given up and answered 504, though the backend goes on "
     "with "
     "it; 0: never (0)",
     0},
    {"buffer-kib", 'k', "KIB", 0, "memory of a request in flight (64)", 0},
    {"port", 'p', "PORT", 0, "TCP port; 0: one that is free (8080)", 0},
    {"duration", 'd', "S", 0, "seconds; 0: until a signal (0)", 0},
    {}};

constexpr std::uint64_t kMostPermits = (std::uint64_t{1} << 42) - 2;

void take_tenant(options& chosen, const char* text, const argp_state* state) {
  const auto found = example::read_tenant(state, "--tenant", text, 3);
  tenant_share share{.name = found.name};
  const auto read = [&](std::size_t at, auto& number, auto least, auto most) {
    if (at < found.numbers.size())
      example::read_number(number, state, "--tenant", found.numbers[at].c_str(), least, most);
  };
  read(0, share.weight, 1U, std::uint32_t{AFFLUX_TENANT_MAX_WEIGHT});
  read(1, share.guaranteed, std::uint64_t{0}, kMostPermits);
  read(2, share.cap, std::uint64_t{0}, kMostPermits);
  if (share.cap != 0 && share.cap < share.guaranteed)
    argp_error(state, "--tenant: %s has a cap below what is guaranteed", share.name.c_str());
  if (std::ranges::find(chosen.shares, share.name, &tenant_share::name) != chosen.shares.end())
    argp_error(state, "--tenant: %s is there twice", share.name.c_str());
  chosen.shares.push_back(std::move(share));
  chosen.tells_tenants = true;
}

error_t take(int key, char* text, argp_state* state) {
  constexpr std::uint64_t kFirstLimit = 20;  // a small one finds its way sooner than a large one
  options& chosen = *static_cast<options*>(state->input);
  const auto read = [&](const char* option, auto& number, auto... bounds) {
    return example::read_number(number, state, option, text, bounds...);
  };
  switch (key) {
    case 't':
      return read("--threads", chosen.threads, 1U, 256U);
    case 'l':
      chosen.adapts = std::strcmp(text, "auto") == 0;
      chosen.limit = chosen.adapts ? kFirstLimit : 0;
      if (chosen.adapts || std::strcmp(text, "none") == 0) return 0;
      return read("--limit", chosen.limit, std::uint64_t{0}, kMostPermits);
    case 'q':
      return read("--queue", chosen.queue);
    case kFleet:
      chosen.fleet_url = text;
      return 0;
    case kFleetName:
      chosen.fleet_name = text;
      return 0;
    case ARGP_KEY_END:
      if (!chosen.fleet_url.empty() && (chosen.adapts || chosen.limit == 0))
        argp_error(state, "--fleet: --limit is a number then");
      return 0;
    case kTenants:
      chosen.tells_tenants = true;
      return text == nullptr ? 0 : read("--tenants", chosen.tenants, 0U, 1'000'000U);
    case kTenant:
      take_tenant(chosen, text, state);
      return 0;
    case 'w':
      return read("--work-us", chosen.work_us, std::uint64_t{0}, std::uint64_t{60'000'000});
    case kWorkVaries:
      chosen.work_varies = true;
      return 0;
    case kBackendQueues:
      chosen.backend_queues = true;
      return 0;
    case kTimeout:
      return read("--timeout-ms", chosen.timeout_ms);
    case 'b':
      return read("--backend", chosen.backend, std::uint64_t{0}, kMostPermits);
    case 'k':
      return read("--buffer-kib", chosen.buffer_kib, std::size_t{0}, std::size_t{1} << 20);
    case 'p':
      return read("--port", chosen.port);
    case 'd':
      return read("--duration", chosen.duration_s);
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

}  // namespace uring_server
