// SPDX-License-Identifier: MIT OR Apache-2.0
#include "report.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <string_view>
#include <system_error>

namespace checksum_tree {
namespace {

// On one line.
std::string escaped(const std::string& path) {
  std::string text;
  for (const char letter : path) {
    constexpr std::string_view kSpecial = "\\\n\r";
    const std::size_t at = kSpecial.find(letter);
    if (at != kSpecial.npos) text += '\\';
    text += at != kSpecial.npos ? "\\nr"[at] : letter;
  }
  return text;
}

constexpr std::size_t kTerminalWidth = 80;  // a line that wraps could not be erased

}  // namespace

// ---- The list, and the progress ---------------------------------------------

screen::screen(const std::vector<std::string>& paths, const std::vector<file_result>& results,
               bool wanted)
    : paths_(paths),
      results_(results),
      wanted_(wanted),
      has_terminal_(wanted && isatty(STDERR_FILENO) == 1) {}

void screen::print_ready() {
  erase_progress();
  std::string text;
  const auto write_out = [&] {
    if (error_ == 0) error_ = write_all(STDOUT_FILENO, text);
    text.clear();
  };
  for (; next_ < results_.size(); ++next_) {
    const file_result& result = results_[next_];
    const verdict what = result.what.load(std::memory_order_acquire);
    if (what == verdict::pending) break;
    if (!wanted_) continue;
    if (what == verdict::read) {
      // A line that begins with a backslash has an escaped path.
      const std::string path = escaped(paths_[next_]);
      text += (path == paths_[next_] ? "" : "\\") + result.checksum + "  " + path + "\n";
    }
    if (what == verdict::unreadable) {
      write_out();  // the lines before it first, for readers of both on one terminal
      complain_of(paths_[next_], result.error);
    }
  }
  write_out();
}

void screen::show_progress(std::size_t ended, std::uint64_t bytes, std::uint64_t in_flight,
                           std::uint64_t waiting, std::chrono::nanoseconds time) {
  if (!has_terminal_) return;
  const std::string line =
      format("%zu/%zu files, %s, %" PRIu64 " in flight, %" PRIu64 " waiting, %s", ended,
             paths_.size(), human_bytes(bytes).c_str(), in_flight, waiting,
             human_rate(bytes, static_cast<std::uint64_t>(time.count())).c_str());
  write_all(STDERR_FILENO, "\r\033[K" + line.substr(0, kTerminalWidth - 1));
  progress_shown_ = true;
}

void screen::erase_progress() {
  if (progress_shown_) write_all(STDERR_FILENO, "\r\033[K");
  progress_shown_ = false;
}

// ---- The summary ------------------------------------------------------------

std::string summary_of(const options& chosen, const pass_report& report) {
  const bool limited = chosen.in_flight != options::kNoLimit;
  std::string text = format("checksum_tree: %s through %s",
                            chosen.hash == hash_kind::xxh64 ? "xxh64" : "sha256", report.io);
  if (chosen.rings > 1) text += format(", %u rings", chosen.rings);
  text += limited ? format(", at most %" PRIu64 " files in flight\n", chosen.in_flight)
                  : std::string(", no limit\n");

  text += format("  files            %" PRIu64 " read, %" PRIu64 " unreadable", report.read,
                 report.unreadable);
  if (report.out_of_descriptors != 0) {
    text += format(" (%" PRIu64 " for want of descriptors: limit %" PRIu64 ")",
                   report.out_of_descriptors, report.open_file_limit);
  }
  if (report.skipped != 0) text += format(", %" PRIu64 " skipped", report.skipped);
  if (report.stopped != 0) text += format(", %" PRIu64 " given up", report.stopped);
  text += format("\n  bytes            %s\n", human_bytes(report.bytes).c_str());
  text += format("  time             %s, %s\n", human_time(report.time_ns).c_str(),
                 human_rate(report.bytes, report.time_ns).c_str());
  text += format("  peak in flight   %" PRIu64, report.peak_in_flight);
  if (limited) text += format(" of %" PRIu64, chosen.in_flight);
  text += format("\n  peak open files  %" PRIu64 "\n", report.peak_open_files);
  text += format("  wait             p50 %s, p99 %s, of %" PRIu64 " that waited\n",
                 human_time(report.wait_p50_ns).c_str(), human_time(report.wait_p99_ns).c_str(),
                 report.waited);
  text += format("  file latency     p50 %s, p99 %s\n", human_time(report.latency_p50_ns).c_str(),
                 human_time(report.latency_p99_ns).c_str());
  return text + format("  peak memory      %s\n", human_bytes(report.peak_memory).c_str());
}

// ---- Text -------------------------------------------------------------------

void complain(const std::string& text) {
  write_all(STDERR_FILENO, "checksum_tree: " + text + "\n");
}

void complain_of(const std::string& path, int error) {
  complain(escaped(path) + ": " + std::generic_category().message(error));
}

int write_all(int fd, const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

std::string format(const char* pattern, ...) {
  std::array<char, 256> text{};
  va_list values;
  va_start(values, pattern);
  std::vsnprintf(text.data(), text.size(), pattern, values);
  va_end(values);
  return text.data();
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return format("%.*f %s", unit == 0 ? 0 : 1, value, kUnits[unit]);
}

std::string human_time(std::uint64_t ns) {
  const auto value = static_cast<double>(ns);
  if (value < 1e6) return format("%.1f us", value / 1e3);
  if (value < 1e9) return format("%.1f ms", value / 1e6);
  return format("%.1f s", value / 1e9);
}

std::string human_rate(std::uint64_t bytes, std::uint64_t in_ns) {
  const double rate = in_ns == 0 ? 0 : static_cast<double>(bytes) / static_cast<double>(in_ns);
  return format("%.1f MB/s", rate * 1e3);
}

}  // namespace checksum_tree
