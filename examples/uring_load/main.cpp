// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Many clients of one server at once, a thread each; what they saw, the answers that were served
// apart from those that were shed.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stop_token>
#include <thread>
#include <vector>

#include "../support/percentile.h"
#include "../support/process.h"
#include "client.h"

namespace uring_load {
namespace {

struct options {
  std::uint16_t port = 8080;
  unsigned connections = 256;
  unsigned pause_us = 0;
  unsigned duration_s = 5;
};

void add(experience& sum, const experience& one) {
  sum.served.insert(sum.served.end(), one.served.begin(), one.served.end());
  sum.shed.insert(sum.shed.end(), one.shed.begin(), one.shed.end());
  sum.sent += one.sent;
  sum.other += one.other;
  sum.lost += one.lost;
}

void print_class(const char* name, std::vector<nanoseconds>& times, double seconds) {
  using ms = std::chrono::duration<double, std::milli>;
  const ms p50 = example::percentile(times, 0.50);
  const ms p99 = example::percentile(times, 0.99);
  std::printf("%s  %zu  %.0f/s  p50 %.1f ms  p99 %.1f ms\n", name, times.size(),
              static_cast<double>(times.size()) / seconds, p50.count(), p99.count());
}

int run(const options& chosen) {
  example::raise_open_file_limit();
  std::vector<client> clients;
  clients.reserve(chosen.connections);
  for (unsigned i = 0; i < chosen.connections; ++i) clients.emplace_back(chosen.port);

  using clock = std::chrono::steady_clock;
  const clock::time_point begun = clock::now();
  {
    const std::chrono::microseconds pause(chosen.pause_us);
    std::stop_source enough;
    std::vector<std::jthread> threads;
    threads.reserve(clients.size());
    for (client& each : clients) {
      threads.emplace_back([&each, pause, token = enough.get_token()] { each.run(token, pause); });
    }
    std::this_thread::sleep_for(std::chrono::seconds(chosen.duration_s));
    enough.request_stop();
  }
  const double seconds = std::chrono::duration<double>(clock::now() - begun).count();

  experience all;
  for (client& each : clients) add(all, each.seen());
  print_class("served", all.served, seconds);
  print_class("shed  ", all.shed, seconds);
  std::printf("sent    %llu\nother   %llu\nlost    %llu\n",
              static_cast<unsigned long long>(all.sent), static_cast<unsigned long long>(all.other),
              static_cast<unsigned long long>(all.lost));
  return all.lost == 0 && all.other == 0 ? 0 : 1;
}

}  // namespace
}  // namespace uring_load

int main(int argc, char** argv) {
  uring_load::options chosen;
  CLI::App app("Asks an HTTP server on 127.0.0.1, each client as soon as it has its answer.",
               "uring_load");
  app.option_defaults()->always_capture_default();
  app.add_option("--port", chosen.port, "where the server listens");
  app.add_option("--connections", chosen.connections, "clients")->check(CLI::Range(1U, 30'000U));
  app.add_option("--pause-us", chosen.pause_us, "microseconds between an answer and the next");
  app.add_option("--duration", chosen.duration_s, "seconds");
  CLI11_PARSE(app, argc, argv);
  try {
    return uring_load::run(chosen);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "uring_load: %s\n", error.what());
    return 2;
  }
}
