// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sources: man 2 ptrace; debug registers: Intel SDM volume 3, 17.2.
#include "tracee.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <string>

namespace afflux_test {
namespace {

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::abort();
}

void wait_for(pid_t pid, int& status) {
  while (waitpid(pid, &status, __WALL) < 0)
    if (errno != EINTR) give_up("waitpid");
}

bool sleeps(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t at = text.rfind(')');
  return at != std::string::npos && text.size() > at + 2 && text[at + 2] == 'S';
}

}  // namespace

code_range code_range::around(const void* address) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/maps");
  for (std::string text; std::getline(maps, text);) {
    code_range range;
    if (std::sscanf(text.c_str(), "%" SCNxPTR "-%" SCNxPTR, &range.begin, &range.end) == 2 &&
        range.has(wanted))
      return range;
  }
  return {};
}

tracee::tracee(const std::function<void()>& prepare, const std::function<void()>& operate,
               const std::function<void()>& finish) {
  pid_ = fork();
  if (pid_ < 0) give_up("fork");
  if (pid_ == 0) {
    prepare();
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    operate();
    raise(SIGSTOP);
    finish();
    _exit(0);
  }
  int status = 0;
  wait_for(pid_, status);
  if (!WIFSTOPPED(status)) {
    pid_ = 0;
    std::fprintf(stderr, "the child ended before its operation: status %d\n", status);
    std::abort();
  }
  ptrace(PTRACE_SETOPTIONS, pid_, nullptr, PTRACE_O_EXITKILL);
}

tracee::~tracee() { kill(); }

user_regs_struct tracee::registers() const {
  user_regs_struct all{};
  if (ptrace(PTRACE_GETREGS, pid_, nullptr, &all) != 0) give_up("PTRACE_GETREGS");
  return all;
}

void tracee::set_breakpoint(std::uintptr_t at) {
  constexpr unsigned long kFirstIsOn = 1;
  if (ptrace(PTRACE_POKEUSER, pid_, offsetof(user, u_debugreg[0]), at) != 0 ||
      ptrace(PTRACE_POKEUSER, pid_, offsetof(user, u_debugreg[7]), kFirstIsOn) != 0)
    give_up("a breakpoint of the processor");
}

void tracee::clear_breakpoint() {
  ptrace(PTRACE_POKEUSER, pid_, offsetof(user, u_debugreg[7]), 0UL);
}

// Goes on to the next trap, or to the stop at the end of the operation.
tracee::event tracee::resume(int request) {
  if (ptrace(static_cast<__ptrace_request>(request), pid_, nullptr, nullptr) != 0)
    give_up("ptrace");
  int status = 0;
  if (on_sleep) {
    for (unsigned turn = 1; on_sleep; ++turn) {
      const pid_t got = waitpid(pid_, &status, __WALL | WNOHANG);
      if (got == pid_) break;
      if (turn % 64 == 0 && sleeps(pid_) && on_sleep()) on_sleep = nullptr;
      sched_yield();
    }
    if (!on_sleep && !WIFSTOPPED(status)) wait_for(pid_, status);
  } else {
    wait_for(pid_, status);
  }
  if (!WIFSTOPPED(status)) {
    pid_ = 0;
    std::fprintf(stderr, "the child ended within its operation: status %d\n", status);
    std::abort();
  }
  return WSTOPSIG(status) == SIGTRAP ? event::trap : event::end;
}

std::vector<std::uintptr_t> tracee::profile(const code_range& in) {
  std::vector<std::uintptr_t> all;
  for (;;) {
    const user_regs_struct now = registers();
    if (in.has(now.rip)) {
      all.push_back(now.rip);
      if (resume(PTRACE_SINGLESTEP) == event::end) return all;
      continue;
    }
    // Just called: on top of the stack lies where it returns to.
    const std::uintptr_t back =
        static_cast<std::uintptr_t>(ptrace(PTRACE_PEEKDATA, pid_, now.rsp, nullptr));
    if (!in.has(back)) {  // the first instructions, in raise()
      if (resume(PTRACE_SINGLESTEP) == event::end) return all;
      continue;
    }
    set_breakpoint(back);
    const event next = resume(PTRACE_CONT);
    clear_breakpoint();
    if (next == event::end) return all;
  }
}

bool tracee::run_to(const moment& to) {
  set_breakpoint(to.at);
  bool reached = true;
  for (std::uint32_t visit = 0; visit < to.visit && reached; ++visit)
    reached = resume(PTRACE_CONT) == event::trap;
  clear_breakpoint();
  return reached;
}

void tracee::let_go_stopped() {
  if (ptrace(PTRACE_DETACH, pid_, nullptr, SIGSTOP) != 0) give_up("PTRACE_DETACH");
  int status = 0;
  while (waitpid(pid_, &status, WUNTRACED) < 0 && errno == EINTR) {
  }
}

int tracee::go_on() {
  int status = 0;
  do {
    ::kill(pid_, SIGCONT);
    while (waitpid(pid_, &status, WUNTRACED) < 0 && errno == EINTR) {
    }
  } while (WIFSTOPPED(status));
  pid_ = 0;
  return status;
}

void tracee::kill() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  do wait_for(pid_, status);
  while (WIFSTOPPED(status));
  pid_ = 0;
}

std::vector<moment> choose(const std::vector<std::uintptr_t>& profile, std::size_t most,
                           std::uint32_t seed) {
  std::map<std::uintptr_t, std::uint32_t> visits;
  std::vector<moment> every;
  for (const std::uintptr_t at : profile) every.push_back({at, ++visits[at]});
  if (most == 0 || every.size() <= most) return every;
  std::mt19937 random(seed);
  std::shuffle(every.begin(), every.end(), random);
  std::stable_partition(every.begin(), every.end(), [&](const moment& one) {
    return one.visit == 1 || one.visit == visits[one.at];
  });
  every.resize(most);
  return every;
}

}  // namespace afflux_test
