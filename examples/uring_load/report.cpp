// SPDX-License-Identifier: MIT OR Apache-2.0
#include "report.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>

#include "../support/percentile.h"

namespace uring_load {
namespace {

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
  const std::vector<tenant_group> groups = groups_of(chosen);
  unsigned clients = 0;
  unsigned rate = 0;
  bool closed = false;
  for (const tenant_group& group : groups) {
    clients += group.count * group.connections;
    rate += group.count * group.rate;
    closed = closed || group.rate == 0;
  }
  std::printf("%u clients for %.1f s", clients, seconds);
  if (closed)
    std::printf(", with %.1f ms between an answer and the next request", chosen.pause_us / 1e3);
  if (rate != 0) {
    std::printf(", %u requests per second, of which 99 %% were sent when due or %.1f ms later",
                rate, ms(example::percentile(all.behind, 0.99)).count());
  }
  if (chosen.deadline_ms != 0) std::printf("; a deadline of %u ms", chosen.deadline_ms);
  std::printf("\n\n");
}

}  // namespace

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

void print_tenants(std::vector<tenant_row>& rows, double seconds) {
  std::printf("\n%-20s %9s %9s %9s %12s %9s %9s %9s %9s %9s\n", "tenant", "sent", "served", "good",
              "per second", "p50 ms", "p99 ms", "shed", "timeout", "late");
  for (auto& [name, seen] : rows) {
    const auto served = static_cast<double>(seen.served.size());
    std::printf("%-20s %9llu %9zu %9.1f %12.1f %9.1f %9.1f %9zu %9zu %9llu\n", name.c_str(),
                static_cast<unsigned long long>(seen.sent), seen.served.size(),
                seen.sent == 0 ? 0 : 100 * served / static_cast<double>(seen.sent),
                served / seconds, ms(example::percentile(seen.served, 0.50)).count(),
                ms(example::percentile(seen.served, 0.99)).count(), seen.shed.size(),
                seen.timeout.size(), static_cast<unsigned long long>(seen.late));
  }
}

}  // namespace uring_load
