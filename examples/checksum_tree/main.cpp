// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Checksums of a tree of files, with a bounded number of files in flight. To be read in this order:
//
//   pass.cpp       all of Afflux but the loop: the semaphore, the coroutine of a file, the lanes
//   io.h           the loop: it resumes coroutines that have got a permit
//   uring_io.cpp   system calls, and the port's doorbell, in an io_uring
//   thread_io.cpp  the same with plain threads
//
// The other files are what such a program needs besides: this command line, walk.h and hash.h for
// the files, report.cpp for the output, compare.cpp for --compare.
#include <argp.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <exception>

#include "../support/arguments.h"
#include "pass.h"
#include "report.h"

namespace checksum_tree {
namespace {

// argp puts what follows "\v" behind the options.
constexpr const char* kAbout =
    "Prints a checksum of every regular file under DIR (/usr/include), in the format of sha256sum "
    "and xxhsum, sorted by path. All files are begun at once; an Afflux semaphore lets N of them "
    "be in flight (open, with a buffer), the others wait as coroutines.\v"
    "Links are not followed, but for DIR itself; sockets, FIFOs and devices are left out. "
    "Checksums go to standard output, all else to standard error. A progress line shows only where "
    "standard error is a terminal. SIGINT ends cleanly: nothing waits any more, what is ready is "
    "printed.\n\n"
    "Exit status:\n"
    "  0    every file has been read\n"
    "  1    some file or directory could not be read, or the output not be written\n"
    "  2    wrong usage, no such directory, io_uring asked for and refused\n"
    "  130  interrupted by SIGINT (143: by SIGTERM)\n\n"
    "Check them:  checksum_tree --hash sha256 DIR | sha256sum -c";

enum key { kRings = 256, kHash, kIo, kNoLimit, kCompare };

constexpr argp_option kOptions[] = {
    {"in-flight", 'n', "N", 0, "files in flight at most (64)", 0},
    {"no-limit", kNoLimit, nullptr, 0, "without a limit, to see what happens", 0},
    {"rings", kRings, "N", 0, "threads with an io_uring each, for all the files in flight (1)", 0},
    {"hash", kHash, "xxh64|sha256", 0, "which checksum (xxh64)", 0},
    {"io", kIo, "auto|uring|threads", 0,
     "through io_uring, or by plain reads in threads; auto: io_uring, threads if refused", 0},
    {"compare", kCompare, nullptr, 0,
     "then measure two more passes, with the limit and without, side by side", 0},
    {"no-summary", 'q', nullptr, 0, "no summary at the end", 0},
    {}};

// The position of `text` among `words`, the values of an option.
template <std::size_t N>
int one_of(const char* const (&words)[N], const char* text, const argp_state* state) {
  std::string all;
  for (std::size_t i = 0; i < N; ++i) {
    if (std::strcmp(text, words[i]) == 0) return static_cast<int>(i);
    all += std::string(i == 0 ? "" : ", ") + words[i];
  }
  argp_error(state, "'%s' is none of: %s", text, all.c_str());
  return 0;
}

error_t take(int key, char* text, argp_state* state) {
  options& chosen = *static_cast<options*>(state->input);
  switch (key) {
    case 'n':
      return example::read_number(chosen.in_flight, state, "--in-flight", text, std::uint64_t{1},
                                  options::kNoLimit);
    case kNoLimit:
      chosen.in_flight = options::kNoLimit;
      return 0;
    case kRings:
      return example::read_number(chosen.rings, state, "--rings", text, 1U, 64U);
    case kHash:
      chosen.hash = static_cast<hash_kind>(one_of({"xxh64", "sha256"}, text, state));
      return 0;
    case kIo:
      chosen.io = static_cast<io_mode>(one_of({"auto", "uring", "threads"}, text, state));
      return 0;
    case kCompare:
      chosen.compare = true;
      return 0;
    case 'q':
      chosen.summary = false;
      return 0;
    case ARGP_KEY_ARG:
      if (state->arg_num != 0) return ARGP_ERR_UNKNOWN;
      chosen.directory = text;
      return 0;
    case ARGP_KEY_END:
      if (chosen.compare && chosen.in_flight == options::kNoLimit) {
        argp_error(state, "--compare has a pass of its own with --no-limit");
      }
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

std::atomic<int> signal_seen{0};
static_assert(std::atomic<int>::is_always_lock_free, "written by a signal handler");

void catch_interrupts() {
  struct sigaction action {};
  // relaxed: nothing but the number is passed on.
  action.sa_handler = [](int number) { signal_seen.store(number, std::memory_order_relaxed); };
  // Without SA_RESTART: a wait shall end.
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

int interrupted() { return signal_seen.load(std::memory_order_relaxed); }

int run_and_tell(const options& chosen, pass_report& ret_report) {
  ret_report = run_pass(chosen);
  if (chosen.summary) write_all(STDERR_FILENO, summary_of(chosen, ret_report));
  if (ret_report.signal != 0) return 128 + ret_report.signal;
  return ret_report.unreadable != 0 || ret_report.output_error != 0 ? 1 : 0;
}

}  // namespace checksum_tree

int main(int argc, char** argv) {
  using namespace checksum_tree;
  options chosen;
  const argp parser{kOptions, take, "[DIR]", kAbout, nullptr, nullptr, nullptr};
  example::read_arguments(parser, argc, argv, chosen);
  catch_interrupts();
  try {
    pass_report report{};
    return chosen.compare ? compare(chosen) : run_and_tell(chosen, report);
  } catch (const std::exception& error) {
    complain(error.what());
    return 2;
  }
}
