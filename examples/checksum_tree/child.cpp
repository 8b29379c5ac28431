// SPDX-License-Identifier: MIT OR Apache-2.0
#include "child.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <string>
#include <system_error>
#include <type_traits>

#include "interrupt.h"
#include "listing.h"
#include "summary.h"

namespace checksum_tree {
namespace {

static_assert(std::is_trivially_copyable_v<pass_report>);

[[noreturn]] void fail(const char* call) {
  throw cannot_run(std::string(call) + ": " + std::generic_category().message(errno));
}

[[noreturn]] void be_child(const options& chosen, bool silent, int report_fd) {
  int code = kCannotRun;
  try {
    const pass_report report = run_pass(chosen, silent);
    if (!silent && chosen.summary) write_all(STDERR_FILENO, summary_of(chosen, report));
    std::string bytes(sizeof report, '\0');
    std::memcpy(bytes.data(), &report, sizeof report);
    write_all(report_fd, bytes);
    code = exit_code_of(report);
  } catch (const std::exception& error) {
    write_all(STDERR_FILENO, std::string("checksum_tree: ") + error.what() + "\n");
  }
  _exit(code);
}

// All that the child sends until its end closes the pipe.
std::string receive(int fd, pid_t child) {
  std::string bytes;
  std::array<char, sizeof(pass_report)> part{};
  for (;;) {
    const ssize_t got = read(fd, part.data(), part.size());
    if (got == 0 || (got < 0 && errno != EINTR)) return bytes;
    if (got > 0) bytes.append(part.data(), static_cast<std::size_t>(got));
    // A signal for this process alone is meant for the pass.
    if (got < 0 && interrupted() != 0) kill(child, interrupted());
  }
}

child_end reap(pid_t child, const std::string& bytes) {
  int status = 0;
  rusage used{};
  while (wait4(child, &status, 0, &used) < 0) {
    if (errno != EINTR) fail("wait4");
  }
  child_end end{};
  end.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  if (bytes.size() == sizeof(pass_report)) {
    end.report.emplace();
    std::memcpy(&*end.report, bytes.data(), bytes.size());
    end.report->peak_memory = static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
  }
  return end;
}

}  // namespace

child_end run_pass_in_child(const options& chosen, bool silent) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) fail("pipe");
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    close(ends[0]);
    be_child(chosen, silent, ends[1]);
  }
  close(ends[1]);
  const std::string bytes = receive(ends[0], child);
  close(ends[0]);
  return reap(child, bytes);
}

}  // namespace checksum_tree
