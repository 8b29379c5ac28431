// SPDX-License-Identifier: MIT OR Apache-2.0
//
// run: acquire, then become the command. The permits belong to the process id, and exec() keeps
// that: no process stays behind to watch, and the permits are back when the command has ended,
// however it did.
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <thread>

#include "command_line.h"
#include "commands.h"
#include "failure.h"
#include "limit.h"

namespace shared_command {
namespace {

// As env, nohup and timeout answer for themselves.
enum exit_status : int { kTimedOut = 124, kFailed = 125, kNotExecutable = 126, kNotFound = 127 };

constexpr auto kLookAgain = std::chrono::milliseconds(100);

using clock = std::chrono::steady_clock;

struct running {
  std::string name;
  std::uint64_t n = 1;
  std::uint64_t limit = 0;  // 0: the number of CPUs
  double timeout = -1;      // seconds; −1: none
  const char* tag = nullptr;
  char** command = nullptr;
};

double read_seconds(const argp_state* state, const char* text) {
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(seconds >= 0 && seconds <= 1e9)) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet
    argp_error(state, "--timeout: '%s' is not a number of seconds from 0 to 1000000000", text);
  }
  return seconds;
}

error_t take(int key, char* text, argp_state* state) {
  auto& chosen = *static_cast<running*>(state->input);
  constexpr std::uint64_t kMost = AFFLUX_SHARED_MAX_PERMITS;
  switch (key) {
    case 'n':
      return example::read_number(chosen.n, state, "-n", text, std::uint64_t{1}, kMost);
    case 'l':
      return example::read_number(chosen.limit, state, "--limit", text, std::uint64_t{1}, kMost);
    case 't':
      chosen.timeout = read_seconds(state, text);
      return 0;
    case 'g':
      chosen.tag = text;
      return 0;
    case ARGP_KEY_ARG:
      if (state->arg_num == 0) return take_name(chosen.name, key, text, state);
      // The rest is the command's.
      chosen.command = &state->argv[state->next - 1];
      state->next = state->argc;
      return 0;
    case ARGP_KEY_END:
      if (state->arg_num != 0 && chosen.command == nullptr) {
        // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet
        argp_error(state, "what is to run? A COMMAND is missing");
      }
      return take_name(chosen.name, key, text, state);
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

// CPUs that this process may use.
std::uint64_t cpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    return static_cast<std::uint64_t>(std::max(CPU_COUNT(&set), 1));
  return static_cast<std::uint64_t>(std::max(sysconf(_SC_NPROCESSORS_ONLN), 1L));
}

std::int64_t left_ns(const std::optional<clock::time_point>& deadline) {
  if (!deadline) return AFFLUX_FOREVER;
  const auto left = std::chrono::nanoseconds(*deadline - clock::now()).count();
  return std::max<std::int64_t>(left, 0);
}

// Where the limit is full of processes (max_handles, max_waiters), the rest wait before its door,
// without an order.
bool wait_at_the_door(const std::optional<clock::time_point>& deadline) {
  const std::int64_t left = left_ns(deadline);
  if (left == 0) return false;
  const std::chrono::nanoseconds pause = kLookAgain;
  std::this_thread::sleep_for(deadline ? std::min(pause, std::chrono::nanoseconds(left)) : pause);
  return true;
}

// With the permits held. Answers only where the command could not be run.
int become(char** command) {
  execvp(command[0], command);
  const int error = errno;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the message is this thread's
  std::fprintf(stderr, "afflux-shared run: %s: %s\n", command[0], std::strerror(error));
  return error == ENOENT ? kNotFound : kNotExecutable;
}

std::string too_large(const limit& one, std::uint64_t n) {
  return "'" + harmless(one.name()) + "': " + std::to_string(n) +
         (n == 1 ? " permit is" : " permits are") + " asked for, and the limit is " +
         std::to_string(afflux_shared_limit(one.get()));
}

int run_within(const running& chosen, const std::optional<clock::time_point>& deadline) {
  afflux_shared_options options = new_options();
  options.flags = AFFLUX_SHARED_CREATE | AFFLUX_SHARED_KEEP_OVER_EXEC;
  options.permits = chosen.limit != 0 ? chosen.limit : cpus();
  options.tag = chosen.tag;
  for (;;) {
    try {
      const limit one(chosen.name, options);
      const afflux_status status = afflux_shared_acquire(one.get(), chosen.n, left_ns(deadline));
      if (status == AFFLUX_OK) return become(chosen.command);
      if (status == AFFLUX_E2BIG) throw failure(too_large(one, chosen.n), status);
      throw why_not(chosen.name, status);
    } catch (const failure& why) {
      if (why.status() != AFFLUX_EREJECTED) throw;
      if (!wait_at_the_door(deadline)) throw why_not(chosen.name, AFFLUX_ETIMEDOUT);
    }
  }
}

}  // namespace

int run(int argc, char** argv) {
  constexpr argp_option kOptions[] = {
      {"permits", 'n', "N", 0, "permits that COMMAND takes (1)", 0},
      {"limit", 'l', "LIMIT", 0,
       "of a limit that is made now; one that is there keeps its own (the number of CPUs)", 0},
      {"timeout", 't', "SECONDS", 0, "wait no longer, and exit with 124", 0},
      {"tag", 'g', "TAG", 0, "31 bytes that 'show' tells of COMMAND", 0},
      {}};
  const argp parser{kOptions,
                    take,
                    "NAME [--] COMMAND [ARGUMENT...]",
                    "Run COMMAND when its turn comes: as many at once on this machine as the limit "
                    "NAME has permits, in the order in which they came.\v"
                    "COMMAND takes this process' place: its exit status, signals and terminal are "
                    "its own, and its permits are back when it has ended, however that was.\n"
                    "\n"
                    "Exit status: COMMAND's; 124 the time ran out, 125 afflux-shared failed, 126 "
                    "COMMAND cannot be run, 127 there is no COMMAND.",
                    nullptr,
                    nullptr,
                    nullptr};
  running chosen;
  argp_err_exit_status = kFailed;
  argp_parse(&parser, argc, argv, ARGP_IN_ORDER, nullptr, &chosen);
  std::optional<clock::time_point> deadline;
  if (chosen.timeout >= 0)
    deadline = clock::now() + std::chrono::nanoseconds(std::llround(chosen.timeout * 1e9));
  try {
    return run_within(chosen, deadline);
  } catch (const failure& why) {
    std::fprintf(stderr, "afflux-shared run: %s\n", why.what());
    return why.status() == AFFLUX_ETIMEDOUT ? kTimedOut : kFailed;
  }
}

}  // namespace shared_command
