// SPDX-License-Identifier: MIT OR Apache-2.0
#include "report.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>

#include "failure.h"

namespace shared_command {
namespace {

// The name of a process' program; "-" where /proc does not tell.
std::string program_of(std::uint32_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(file, name);
  return name.empty() ? "-" : name;
}

std::string age(std::int64_t ns) {
  const std::int64_t s = ns / 1'000'000'000;
  char text[32];
  if (s < 60) {
    std::snprintf(text, sizeof text, "%.1fs", static_cast<double>(ns) / 1e9);
  } else if (s < 3600) {
    std::snprintf(text, sizeof text, "%dm%02ds", static_cast<int>(s / 60),
                  static_cast<int>(s % 60));
  } else {
    std::snprintf(text, sizeof text, "%lldh%02dm", static_cast<long long>(s / 3600),
                  static_cast<int>(s / 60 % 60));
  }
  return text;
}

std::vector<afflux_shared_holder> sorted(std::vector<afflux_shared_holder> all) {
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    if ((a.held != 0) != (b.held != 0)) return a.held != 0;
    return a.open_ns != b.open_ns ? a.open_ns > b.open_ns : a.pid < b.pid;
  });
  return all;
}

// Columns on a terminal: bytes that begin a character of UTF-8.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

std::vector<std::string> table(const std::vector<std::vector<std::string>>& rows,
                               std::size_t texts) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  std::vector<std::string> lines;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - width(row[i]), ' ');
      const bool text = i + texts >= row.size();
      if (i != 0) line += "  ";
      line += text ? row[i] + space : space + row[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> lines_of(const limit& one) {
  const afflux_shared_stats stats = one.stats();
  const auto number = [](std::uint64_t n) { return std::to_string(n); };
  std::vector<std::string> lines = {
      harmless(one.name()) + (stats.closed != 0 ? " (closed)" : ""),
      "limit " + number(stats.limit) + ", held " + number(stats.held) + ", waiting " +
          number(stats.waiters),
      "since it was made: acquired " + number(stats.acquired) + ", after a wait " +
          number(stats.waited) + ", timed out " + number(stats.timed_out) +
          ", given back at a process' end " + number(stats.recovered),
      "room: " + number(stats.handles) + " of " + number(stats.max_handles) + " handles, " +
          number(stats.waiters) + " of " + number(stats.max_waiters) + " waiters"};
  const auto holders = sorted(one.others());
  if (holders.empty()) return lines;
  std::vector<std::vector<std::string>> rows = {
      {"PID", "HELD", "WAITING", "AGE", "PROGRAM", "TAG"}};
  for (const afflux_shared_holder& holder : holders)
    rows.push_back({number(holder.pid), number(holder.held), number(holder.waiters),
                    age(holder.open_ns), harmless(program_of(holder.pid)), harmless(holder.tag)});
  lines.emplace_back();
  for (std::string& line : table(rows, 2)) lines.push_back(std::move(line));
  return lines;
}

nlohmann::ordered_json json_of(const limit& one) {
  const afflux_shared_stats stats = one.stats();
  nlohmann::ordered_json holders = nlohmann::ordered_json::array();
  for (const afflux_shared_holder& holder : sorted(one.others()))
    holders.push_back({{"pid", holder.pid},
                       {"program", program_of(holder.pid)},
                       {"tag", holder.tag},
                       {"held", holder.held},
                       {"waiting", holder.waiters},
                       {"age", static_cast<double>(holder.open_ns) / 1e9}});
  return {{"name", one.name()},
          {"limit", stats.limit},
          {"held", stats.held},
          {"waiting", stats.waiters},
          {"closed", stats.closed != 0},
          {"handles", stats.handles},
          {"max_handles", stats.max_handles},
          {"max_waiters", stats.max_waiters},
          {"acquired", stats.acquired},
          {"waited", stats.waited},
          {"timed_out", stats.timed_out},
          {"recovered", stats.recovered},
          {"holders", holders}};
}

void print_json(const nlohmann::ordered_json& value) {
  std::puts(value.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

}  // namespace shared_command
