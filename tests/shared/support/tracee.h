// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A child that is run to a chosen instruction of an operation, and stopped or killed there.
//
// Calls out of the watched code (the C library, system calls) are passed in one go: a breakpoint at
// the return address ends them. Breakpoints are those of the processor, which belong to one thread:
// the child's code stays as it is for its other threads, which run freely.
#pragma once

#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

namespace afflux_test {

struct code_range {
  std::uintptr_t begin = 0, end = 0;
  bool has(std::uintptr_t at) const { return begin <= at && at < end; }
  // The mapped code that holds this address.
  static code_range around(const void* address);
};

// An instruction of an operation: its address, and which time it is reached.
struct moment {
  std::uintptr_t at;
  std::uint32_t visit;
};

class tracee {
 public:
  // Forks. The child runs `prepare`, and stops before `operate`. A child that stops at the end of
  // `operate` runs `finish` when it goes on, and ends.
  tracee(const std::function<void()>& prepare, const std::function<void()>& operate,
         const std::function<void()>& finish);
  ~tracee();  // kills
  tracee(const tracee&) = delete;
  tracee& operator=(const tracee&) = delete;

  pid_t pid() const { return pid_; }

  // Called when it sleeps in a system call, until it answers true.
  std::function<bool()> on_sleep;

  // Steps through all of the operation: the addresses, in order.
  std::vector<std::uintptr_t> profile(const code_range& in);

  // False: the operation has ended before.
  bool run_to(const moment& to);

  // Stands still by a signal, and is not traced any more.
  void let_go_stopped();
  // After that: goes on to its end. Its exit status.
  int go_on();
  void kill();

 private:
  enum class event { trap, end };
  event resume(int request);
  user_regs_struct registers() const;
  void set_breakpoint(std::uintptr_t at);
  void clear_breakpoint();

  pid_t pid_ = 0;
};

// Which moments of a profile to try: each address when it is reached first and last, and others by
// a seed, up to `most` of them in all (0: every one).
std::vector<moment> choose(const std::vector<std::uintptr_t>& profile, std::size_t most,
                           std::uint32_t seed);

}  // namespace afflux_test
