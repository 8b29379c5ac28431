// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Many clients of one server at once, a thread each; what they saw, the answers that were served
// apart from those that were shed.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <list>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../support/process.h"
#include "arrivals.h"
#include "client.h"
#include "options.h"
#include "report.h"

namespace uring_load {
namespace {

using clock = std::chrono::steady_clock;

// Clients that ask under one name.
struct tenant {
  const tenant_group& group;
  std::string name;
  std::vector<client> clients;
};

std::list<tenant> connect_all(const options& chosen, const std::vector<tenant_group>& groups) {
  std::list<tenant> all;
  for (const tenant_group& group : groups) {
    for (unsigned number = 1; number <= group.count; ++number) {
      const std::string suffix = group.count == 1 ? "" : "-" + std::to_string(number);
      all.push_back({group, group.name + suffix, {}});
      tenant& one = all.back();
      one.clients.reserve(group.connections);
      for (unsigned i = 0; i < group.connections; ++i)
        one.clients.emplace_back(chosen.port, one.name);
    }
  }
  return all;
}

// Until the last of them has its answer.
void ask(std::list<tenant>& all, const options& chosen, clock::time_point begin) {
  const habits how{std::chrono::microseconds(chosen.pause_us),
                   std::chrono::milliseconds(chosen.deadline_ms)};
  const std::chrono::seconds duration(chosen.duration_s);
  std::list<arrivals> due;
  std::stop_source enough;
  std::vector<std::jthread> threads;
  for (tenant& one : all) {
    // A seed of its own: tenants do not all ask at the same moments.
    arrivals& its = due.emplace_back(std::max(1U, one.group.rate), begin, begin + duration,
                                     std::mt19937_64::default_seed + due.size());
    for (client& each : one.clients) {
      if (one.group.rate != 0) {
        threads.emplace_back([&each, &how, &its] { each.run(its, how); });
      } else {
        threads.emplace_back([&each, &how, token = enough.get_token()] { each.run(token, how); });
      }
    }
  }
  std::this_thread::sleep_until(begin + duration);
  enough.request_stop();
}

// A row for each, before those of a group one for all of them.
std::vector<tenant_row> rows_of(std::list<tenant>& all, const std::vector<tenant_group>& groups) {
  std::vector<tenant_row> rows;
  auto next = all.begin();
  for (const tenant_group& group : groups) {
    const std::size_t sum = rows.size();
    if (group.count > 1) rows.push_back({group.name, {}});
    for (unsigned i = 0; i < group.count; ++i, ++next) {
      tenant_row one{next->name, {}};
      for (client& each : next->clients) add(one.seen, each.seen());
      if (group.count > 1) add(rows[sum].seen, one.seen);
      rows.push_back(std::move(one));
    }
  }
  return rows;
}

int run(const options& chosen) {
  example::raise_open_file_limit();
  const std::vector<tenant_group> groups = groups_of(chosen);
  std::list<tenant> all = connect_all(chosen, groups);
  const clock::time_point begun = clock::now();
  ask(all, chosen, begun);
  const double seconds = std::chrono::duration<double>(clock::now() - begun).count();

  experience sum;
  for (tenant& one : all) {
    for (client& each : one.clients) add(sum, each.seen());
  }
  print_report(chosen, sum, seconds);
  if (!chosen.tenants.empty()) {
    std::vector<tenant_row> rows = rows_of(all, groups);
    print_tenants(rows, seconds);
  }
  return sum.lost == 0 && sum.other == 0 ? 0 : 1;
}

}  // namespace
}  // namespace uring_load

int main(int argc, char** argv) {
  using namespace uring_load;
  try {
    return run(read_options(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "uring_load: %s\n", error.what());
    return 2;
  }
}
