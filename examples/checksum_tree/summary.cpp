// SPDX-License-Identifier: MIT OR Apache-2.0
#include "summary.h"

#include "human.h"

namespace checksum_tree {
namespace {

std::string row(std::string label, const std::string& value) {
  constexpr std::size_t kLabelWidth = 17;
  label.resize(kLabelWidth, ' ');
  return "  " + label + value + "\n";
}

std::string p50_p99(std::int64_t p50_ns, std::int64_t p99_ns) {
  return "p50 " + human_time(std::chrono::nanoseconds(p50_ns)) + ", p99 " +
         human_time(std::chrono::nanoseconds(p99_ns));
}

std::string title(const options& chosen, const pass_report& report) {
  const bool limited = chosen.in_flight != options::kNoLimit;
  return std::string("checksum_tree: ") + (chosen.hash == hash_kind::xxh64 ? "xxh64" : "sha256") +
         " through " + report.io.data() + ", " +
         (chosen.rings > 1 ? std::to_string(chosen.rings) + " rings, " : std::string()) +
         (limited ? "at most " + std::to_string(chosen.in_flight) + " files in flight"
                  : std::string("no limit")) +
         "\n";
}

std::string files_read(const pass_report& report) {
  std::string text =
      std::to_string(report.read) + " read, " + std::to_string(report.unreadable) + " unreadable";
  if (report.out_of_descriptors != 0) {
    text += " (" + std::to_string(report.out_of_descriptors) + " for want of descriptors: limit " +
            std::to_string(report.open_file_limit) + ")";
  }
  if (report.skipped != 0) text += ", " + std::to_string(report.skipped) + " skipped";
  if (report.stopped != 0) text += ", " + std::to_string(report.stopped) + " given up";
  return text;
}

}  // namespace

std::string summary_of(const options& chosen, const pass_report& report) {
  const std::chrono::nanoseconds time(report.time_ns);
  const bool limited = chosen.in_flight != options::kNoLimit;
  return title(chosen, report) + row("files", files_read(report)) +
         row("bytes", human_bytes(report.bytes)) +
         row("time", human_time(time) + ", " + human_rate(report.bytes, time)) +
         row("peak in flight", std::to_string(report.peak_in_flight) +
                                   (limited ? " of " + std::to_string(chosen.in_flight) : "")) +
         row("peak open files", std::to_string(report.peak_open_files)) +
         row("wait", p50_p99(report.wait_p50_ns, report.wait_p99_ns)) +
         row("file latency", p50_p99(report.latency_p50_ns, report.latency_p99_ns)) +
         row("peak memory", human_bytes(report.peak_memory));
}

}  // namespace checksum_tree
