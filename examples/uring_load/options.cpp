// SPDX-License-Identifier: MIT OR Apache-2.0
#include "options.h"

#include <cstddef>
#include <limits>

#include "../support/arguments.h"

namespace uring_load {
namespace {

// argp puts what follows "\v" behind the options.
constexpr const char* kAbout =
    "Asks an HTTP server on 127.0.0.1, each client by a connection of its own: it sends a request, "
    "waits for the answer, pauses, and sends the next (a closed loop). With --rate requests are "
    "due "
    "at random, whatever becomes of the others (an open loop): a client that is free takes the "
    "next, "
    "and its time counts from when it was due. With --tenant several kinds of clients ask at once, "
    "each under names of their own, which the header X-Tenant tells the server.\v"
    "At the end it prints a table. Its rows are the answers, one row for each kind:\n"
    "  served  answered 200: the work is done\n"
    "  shed    answered 503: the server was too busy\n"
    "  timeout  answered 504: the work took too long\n"
    "  late    not answered by the deadline\n"
    "  other   answered with another status\n"
    "  lost    not answered: the connection ended before\n"
    "  sent    all requests\n"
    "Its columns are\n"
    "  requests    how many there were\n"
    "  per second  how many a second, over the whole run\n"
    "  p50 ms      half of them had their whole answer so many milliseconds after\n"
    "              they were sent, or sooner\n"
    "  p99 ms      the same of 99 % of them\n"
    "With --tenant a second table has a row for each tenant, and one for all of a COUNT together. "
    "Beside the columns above it has\n"
    "  sent     all its requests\n"
    "  good     how many of them were served, per cent\n"
    "Milliseconds are of the requests that were served.\n"
    "\n"
    "Exit status: 0 when no request was lost or had another answer, 1 when not, 2 when it cannot "
    "run.";

constexpr argp_option kOptions[] = {
    {"port", 'p', "PORT", 0, "where the server listens (8080)", 0},
    {"connections", 'c', "N", 0, "clients (256)", 0},
    {"tenant", 't', "NAME=CONNECTIONS[:RATE[:COUNT]]", 0,
     "instead of -c and -r: COUNT tenants (1) with so many clients each, which ask together at "
     "this "
     "rate (0: a closed loop). May be given several times",
     0},
    {"pause-us", 'u', "US", 0, "microseconds between an answer and the next request (0)", 0},
    {"rate", 'r', "N", 0,
     "requests per second of all clients together, however long the answers take; 0: as soon as "
     "there is an answer, and the pause is over (0)",
     0},
    {"deadline-ms", 'D', "MS", 0,
     "milliseconds after which a client gives a request up; 0: never (0)", 0},
    {"duration", 'd', "S", 0, "seconds (5)", 0},
    {}};

constexpr unsigned kMostClients = 30'000;

void take_tenants(options& chosen, const char* text, const argp_state* state) {
  const auto found = example::read_tenant(state, "--tenant", text, 3);
  tenant_group group{.name = found.name};
  const auto read = [&](std::size_t at, unsigned& number, unsigned least, unsigned most) {
    if (at < found.numbers.size())
      example::read_number(number, state, "--tenant", found.numbers[at].c_str(), least, most);
  };
  read(0, group.connections, 1, kMostClients);
  read(1, group.rate, 0, std::numeric_limits<unsigned>::max());
  read(2, group.count, 1, kMostClients);
  chosen.tenants.push_back(group);
}

error_t take(int key, char* text, argp_state* state) {
  options& chosen = *static_cast<options*>(state->input);
  switch (key) {
    case 'p':
      return example::read_number(chosen.port, state, "--port", text);
    case 'c':
      return example::read_number(chosen.nameless.connections, state, "--connections", text, 1U,
                                  kMostClients);
    case 't':
      take_tenants(chosen, text, state);
      return 0;
    case 'u':
      return example::read_number(chosen.pause_us, state, "--pause-us", text);
    case 'r':
      return example::read_number(chosen.nameless.rate, state, "--rate", text);
    case 'D':
      return example::read_number(chosen.deadline_ms, state, "--deadline-ms", text);
    case 'd':
      return example::read_number(chosen.duration_s, state, "--duration", text);
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

}  // namespace uring_load
