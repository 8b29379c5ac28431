// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How many system calls something makes: it runs in a child under ptrace, between two calls
// that nothing else makes. Source: man 2 ptrace.
#pragma once

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <string>

namespace afflux_test {

struct syscalls {
  bool traced = false;
  bool right = false;  // all parts answered true
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  std::string why_not;
};

// The child of count_syscalls(), stopped at its first signal.
inline syscalls trace(pid_t child) {
  syscalls found;
  int how = 0;
  if (waitpid(child, &how, 0) != child || !WIFSTOPPED(how)) {
    found.why_not = "ptrace is not allowed here";
    return found;
  }
  ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  int part = 0;
  for (;;) {
    if (ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) != 0) break;
    if (waitpid(child, &how, 0) != child || !WIFSTOPPED(how)) break;
    if (WSTOPSIG(how) != (SIGTRAP | 0x80)) continue;
    struct __ptrace_syscall_info info {};
    if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) <= 0) {
      found.why_not = "the kernel does not tell about system calls";
      return found;
    }
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) continue;
    if (info.entry.nr == SYS_getppid) {
      ++part;
    } else if (part == 1) {
      ++found.first;
    } else if (part == 2) {
      ++found.second;
    }
  }
  found.traced = part == 3;
  if (!found.traced) found.why_not = "the child did not come to its end";
  found.right = WIFEXITED(how) && WEXITSTATUS(how) == 0;
  return found;
}

// `before` is not counted: what a process does once, and what a fork() leaves to be done.
template <class Before, class First, class Second>
syscalls count_syscalls(Before before, First first, Second second) {
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(2);
    raise(SIGSTOP);
    bool right = before();
    syscall(SYS_getppid);
    right = first() && right;
    syscall(SYS_getppid);
    right = second() && right;
    syscall(SYS_getppid);
    _exit(right ? 0 : 1);
  }
  syscalls found;
  if (child < 0) {
    found.why_not = "no fork";
    return found;
  }
  found = trace(child);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return found;
}

}  // namespace afflux_test
