// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Many clients of one server at once, a thread each; what they saw, the answers that were served
// apart from those that were shed.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stop_token>
#include <thread>
#include <vector>

#include "../support/arguments.h"
#include "../support/percentile.h"
#include "../support/process.h"
#include "arrivals.h"
#include "client.h"

namespace uring_load {
namespace {

struct options {
  std::uint16_t port = 8080;
  unsigned connections = 256;
  unsigned pause_us = 0;
  unsigned rate = 0;
  unsigned deadline_ms = 0;
  unsigned duration_s = 5;
};

void add(experience& sum, const experience& one) {
  sum.served.insert(sum.served.end(), one.served.begin(), one.served.end());
  sum.shed.insert(sum.shed.end(), one.shed.begin(), one.shed.end());
  sum.timeout.insert(sum.timeout.end(), one.timeout.begin(), one.timeout.end());
  sum.behind.insert(sum.behind.end(), one.behind.begin(), one.behind.end());
  sum.sent += one.sent;
  sum.late += one.late;
  sum.other += one.other;
  sum.lost += one.lost;
}

void print_row(const char* name, std::uint64_t count, const char* rest, const char* meaning) {
  std::printf("%-7s %10llu %-32s   %s\n", name, static_cast<unsigned long long>(count), rest,
              meaning);
}

using ms = std::chrono::duration<double, std::milli>;

void print_answered(const char* name, std::vector<nanoseconds>& times, double seconds,
                    const char* meaning) {
  std::array<char, 64> rest{};
  if (!times.empty()) {
    std::snprintf(
        rest.data(), rest.size(), "%12.1f %9.1f %9.1f", static_cast<double>(times.size()) / seconds,
        ms(example::percentile(times, 0.50)).count(), ms(example::percentile(times, 0.99)).count());
  }
  print_row(name, times.size(), rest.data(), meaning);
}

void print_conditions(const options& chosen, experience& all, double seconds) {
  std::printf("%u clients for %.1f s, ", chosen.connections, seconds);
  if (chosen.rate == 0) {
    std::printf("with %.1f ms between an answer and the next request", chosen.pause_us / 1e3);
  } else {
    std::printf("%u requests per second, of which 99 %% were sent when due or %.1f ms later",
                chosen.rate, ms(example::percentile(all.behind, 0.99)).count());
  }
  if (chosen.deadline_ms != 0) std::printf("; a deadline of %u ms", chosen.deadline_ms);
  std::printf("\n\n");
}

void print_report(const options& chosen, experience& all, double seconds) {
  print_conditions(chosen, all, seconds);
  std::printf("%-7s %10s %12s %9s %9s\n", "", "requests", "per second", "p50 ms", "p99 ms");
  print_answered("served", all.served, seconds, "answered 200: the work is done");
  print_answered("shed", all.shed, seconds, "answered 503: too busy, come again");
  print_answered("timeout", all.timeout, seconds, "answered 504: the work took too long");
  print_row("late", all.late, "", "not answered by the deadline");
  print_row("other", all.other, "", "answered with another status");
  print_row("lost", all.lost, "", "not answered: the connection ended before");
  print_row("sent", all.sent, "", "all requests");
  std::puts(
      "\np50, p99: half of these requests, and 99 % of them, had their whole answer so many\n"
      "milliseconds after they were sent (with --rate, were due), or sooner.");
}

int run(const options& chosen) {
  example::raise_open_file_limit();
  std::vector<client> clients;
  clients.reserve(chosen.connections);
  for (unsigned i = 0; i < chosen.connections; ++i) clients.emplace_back(chosen.port);

  using clock = std::chrono::steady_clock;
  const clock::time_point begun = clock::now();
  {
    const habits how{std::chrono::microseconds(chosen.pause_us),
                     std::chrono::milliseconds(chosen.deadline_ms)};
    const std::chrono::seconds duration(chosen.duration_s);
    arrivals due(std::max(1U, chosen.rate), begun, begun + duration);
    std::stop_source enough;
    std::vector<std::jthread> threads;
    threads.reserve(clients.size());
    for (client& each : clients) {
      if (chosen.rate != 0) {
        threads.emplace_back([&each, &how, &due] { each.run(due, how); });
      } else {
        threads.emplace_back([&each, &how, token = enough.get_token()] { each.run(token, how); });
      }
    }
    std::this_thread::sleep_for(duration);
    enough.request_stop();
  }
  const double seconds = std::chrono::duration<double>(clock::now() - begun).count();

  experience all;
  for (client& each : clients) add(all, each.seen());
  print_report(chosen, all, seconds);
  return all.lost == 0 && all.other == 0 ? 0 : 1;
}

// argp puts what follows "\v" behind the options.
constexpr const char* kAbout =
    "Asks an HTTP server on 127.0.0.1, each client by a connection of its own: it sends a request, "
    "waits for the answer, pauses, and sends the next (a closed loop). With --rate requests are "
    "due "
    "at random, whatever becomes of the others (an open loop): a client that is free takes the "
    "next, "
    "and its time counts from when it was due.\v"
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
    "\n"
    "Exit status: 0 when no request was lost or had another answer, 1 when not, 2 when it cannot "
    "run.";

constexpr argp_option kOptions[] = {
    {"port", 'p', "PORT", 0, "where the server listens (8080)", 0},
    {"connections", 'c', "N", 0, "clients (256)", 0},
    {"pause-us", 'u', "US", 0, "microseconds between an answer and the next request (0)", 0},
    {"rate", 'r', "N", 0,
     "requests per second of all clients together, however long the answers take; 0: as soon as "
     "there is an answer, and the pause is over (0)",
     0},
    {"deadline-ms", 'D', "MS", 0,
     "milliseconds after which a client gives a request up; 0: never (0)", 0},
    {"duration", 'd', "S", 0, "seconds (5)", 0},
    {}};

error_t take(int key, char* text, argp_state* state) {
  options& chosen = *static_cast<options*>(state->input);
  switch (key) {
    case 'p':
      return example::read_number(chosen.port, state, "--port", text);
    case 'c':
      return example::read_number(chosen.connections, state, "--connections", text, 1U, 30'000U);
    case 'u':
      return example::read_number(chosen.pause_us, state, "--pause-us", text);
    case 'r':
      return example::read_number(chosen.rate, state, "--rate", text);
    case 'D':
      return example::read_number(chosen.deadline_ms, state, "--deadline-ms", text);
    case 'd':
      return example::read_number(chosen.duration_s, state, "--duration", text);
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

}  // namespace
}  // namespace uring_load

int main(int argc, char** argv) {
  using namespace uring_load;
  options chosen;
  const argp parser{kOptions, take, nullptr, kAbout, nullptr, nullptr, nullptr};
  example::read_arguments(parser, argc, argv, chosen);
  try {
    return run(chosen);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "uring_load: %s\n", error.what());
    return 2;
  }
}
