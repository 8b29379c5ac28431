// SPDX-License-Identifier: MIT OR Apache-2.0
#include "compare.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <functional>
#include <string>

#include "child.h"
#include "human.h"
#include "interrupt.h"
#include "listing.h"

namespace checksum_tree {
namespace {

using value_of = std::function<std::string(const pass_report&)>;

std::string line(const std::string& label, const std::string& left, const std::string& right) {
  std::array<char, 160> text{};
  std::snprintf(text.data(), text.size(), "  %-20s %16s %16s\n", label.c_str(), left.c_str(),
                right.c_str());
  return text.data();
}

// A pass that the system ended has no numbers.
std::string cell(const child_end& pass, const value_of& value) {
  return pass.report ? value(*pass.report) : "died (" + std::to_string(pass.exit_code) + ")";
}

std::string count(std::uint64_t number) { return std::to_string(number); }
std::string time(std::int64_t ns) { return human_time(std::chrono::nanoseconds(ns)); }

std::string table(std::uint64_t limit, const child_end& with, const child_end& without) {
  std::string text = "checksum_tree: the same again, from the page cache, in a process each\n" +
                     line("", "at most " + std::to_string(limit), "no limit");
  const auto add = [&](const char* label, const value_of& value) {
    text += line(label, cell(with, value), cell(without, value));
  };
  using report = pass_report;
  add("files read", [](const report& r) { return count(r.read); });
  add("unreadable", [](const report& r) { return count(r.unreadable); });
  add("  too many open", [](const report& r) { return count(r.out_of_descriptors); });
  add("peak in flight", [](const report& r) { return count(r.peak_in_flight); });
  add("peak open files", [](const report& r) { return count(r.peak_open_files); });
  add("open-file limit", [](const report& r) { return count(r.open_file_limit); });
  add("peak memory", [](const report& r) { return human_bytes(r.peak_memory); });
  add("time", [](const report& r) { return time(r.time_ns); });
  add("rate",
      [](const report& r) { return human_rate(r.bytes, std::chrono::nanoseconds(r.time_ns)); });
  add("file latency p50", [](const report& r) { return time(r.latency_p50_ns); });
  add("file latency p99", [](const report& r) { return time(r.latency_p99_ns); });
  add("wait p99", [](const report& r) { return time(r.wait_p99_ns); });
  return text;
}

}  // namespace

int compare(const options& chosen) {
  const child_end first = run_pass_in_child(chosen, false);
  if (!first.report || first.report->signal != 0) return first.exit_code;

  options unlimited = chosen;
  unlimited.in_flight = options::kNoLimit;
  const child_end with = run_pass_in_child(chosen, true);
  if (interrupted() != 0) return 128 + interrupted();
  const child_end without = run_pass_in_child(unlimited, true);
  if (interrupted() != 0) return 128 + interrupted();
  write_all(STDERR_FILENO, table(chosen.in_flight, with, without));
  return first.exit_code;
}

}  // namespace checksum_tree
