// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What backpressure buys: the same work with the limit and without it, in a process each, so that
// the peak memory of a pass is its own.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>
#include <system_error>
#include <type_traits>

#include "pass.h"
#include "report.h"

namespace checksum_tree {
namespace {

static_assert(std::is_trivially_copyable_v<pass_report>);

struct child_end {
  int exit_code = 0;                  // 128 + the signal that killed it
  std::optional<pass_report> report;  // empty where the pass could not finish
};

// What parent and child both see.
struct shared_report {
  pass_report report;
  bool complete;
};

[[noreturn]] void fail(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

// The caller must have no threads and little memory: a child begins with its parent's.
child_end run_in_child(const options& chosen) {
  void* const memory = mmap(nullptr, sizeof(shared_report), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  auto& shared = *static_cast<shared_report*>(memory);
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    const int code = run_and_tell(chosen, shared.report);
    shared.complete = true;  // no exception has taken it to main()
    _exit(code);
  }
  int status = 0;
  rusage used{};
  while (wait4(child, &status, 0, &used) < 0) {
    if (errno != EINTR) fail("wait4");
    // A signal for this process alone is meant for the pass.
    if (interrupted() != 0) kill(child, interrupted());
  }
  child_end end;
  end.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  if (shared.complete) {
    end.report = shared.report;
    end.report->peak_memory = static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
  }
  munmap(memory, sizeof(shared_report));
  return end;
}

struct row {
  const char* label;
  std::string (*value)(const pass_report&);
};

constexpr row kRows[] = {
    {"files read", [](const pass_report& r) { return std::to_string(r.read); }},
    {"unreadable", [](const pass_report& r) { return std::to_string(r.unreadable); }},
    {"  too many open", [](const pass_report& r) { return std::to_string(r.out_of_descriptors); }},
    {"peak in flight", [](const pass_report& r) { return std::to_string(r.peak_in_flight); }},
    {"peak open files", [](const pass_report& r) { return std::to_string(r.peak_open_files); }},
    {"open-file limit", [](const pass_report& r) { return std::to_string(r.open_file_limit); }},
    {"peak memory", [](const pass_report& r) { return human_bytes(r.peak_memory); }},
    {"time", [](const pass_report& r) { return human_time(r.time_ns); }},
    {"rate", [](const pass_report& r) { return human_rate(r.bytes, r.time_ns); }},
    {"file latency p50", [](const pass_report& r) { return human_time(r.latency_p50_ns); }},
    {"file latency p99", [](const pass_report& r) { return human_time(r.latency_p99_ns); }},
    {"wait p99", [](const pass_report& r) { return human_time(r.wait_p99_ns); }},
};

std::string line(const char* label, const std::string& left, const std::string& right) {
  return format("  %-20s %16s %16s\n", label, left.c_str(), right.c_str());
}

// A pass that the system ended has no numbers.
std::string cell(const child_end& pass, const row& wanted) {
  return pass.report ? wanted.value(*pass.report) : "died (" + std::to_string(pass.exit_code) + ")";
}

}  // namespace

int compare(const options& chosen) {
  // Prints the list, and brings the files into the page cache.
  const child_end first = run_in_child(chosen);
  if (!first.report || first.report->signal != 0) return first.exit_code;

  options limited = chosen;
  limited.list = limited.summary = false;
  options unlimited = limited;
  unlimited.in_flight = options::kNoLimit;
  const child_end with = run_in_child(limited);
  if (interrupted() != 0) return 128 + interrupted();
  const child_end without = run_in_child(unlimited);
  if (interrupted() != 0) return 128 + interrupted();
  std::string text = "checksum_tree: the same again, from the page cache, in a process each\n" +
                     line("", "at most " + std::to_string(chosen.in_flight), "no limit");
  for (const row& each : kRows) text += line(each.label, cell(with, each), cell(without, each));
  write_all(STDERR_FILENO, text);
  return first.exit_code;
}

}  // namespace checksum_tree
