// SPDX-License-Identifier: MIT OR Apache-2.0
//
// create, resize, close, remove.
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

#include "command_line.h"
#include "commands.h"
#include "failure.h"
#include "limit.h"

namespace shared_command {
namespace {

enum key : int { kMode = 256, kMaxHandles, kMaxWaiters };

struct creation {
  std::string name;
  afflux_shared_options options = new_options();
  bool has_limit = false;
  bool has_mode = false;
};

std::uint32_t read_mode(const argp_state* state, const char* text) {
  std::uint32_t mode = 0;
  const char* const end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, mode, 8);
  if (error != std::errc() || rest != end || mode > 0777) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet
    argp_error(state, "--mode: '%s' is not an octal number up to 777", text);
  }
  return mode;
}

error_t take_creation(int key, char* text, argp_state* state) {
  auto& chosen = *static_cast<creation*>(state->input);
  switch (key) {
    case 'n':
      chosen.options.permits = read_limit(state, "-n", text);
      chosen.has_limit = true;
      return 0;
    case kMode:
      chosen.options.mode = read_mode(state, text);
      chosen.has_mode = true;
      return 0;
    case kMaxHandles:
      return example::read_number(chosen.options.max_handles, state, "--max-handles", text, 1U,
                                  std::uint32_t{AFFLUX_SHARED_MAX_HANDLES});
    case kMaxWaiters:
      return example::read_number(chosen.options.max_waiters, state, "--max-waiters", text, 1U,
                                  std::uint32_t{AFFLUX_SHARED_MAX_WAITERS});
    case ARGP_KEY_END:
      if (state->arg_num != 0 && !chosen.has_limit) {
        // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet
        argp_error(state, "which limit? -n LIMIT is missing");
      }
      [[fallthrough]];
    default:
      return take_name(chosen.name, key, text, state);
  }
}

struct resizing {
  std::string name;
  std::uint64_t limit = 0;
};

error_t take_resizing(int key, char* text, argp_state* state) {
  auto& chosen = *static_cast<resizing*>(state->input);
  if (key == ARGP_KEY_ARG && state->arg_num == 1) {
    chosen.limit = read_limit(state, "LIMIT", text);
    return 0;
  }
  if (key == ARGP_KEY_END && state->arg_num == 1) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet
    argp_error(state, "which limit? LIMIT is missing");
  }
  return take_name(chosen.name, key, text, state);
}

}  // namespace

int create(int argc, char** argv) {
  constexpr argp_option kOptions[] = {
      {"limit", 'n', "LIMIT", 0, "permits that may be held at once", 0},
      {"mode", kMode, "MODE", 0,
       "who may use it, as for a file, whatever the umask; it takes reading and writing (600)", 0},
      {"max-handles", kMaxHandles, "N", 0, "processes that may have it open (1024)", 0},
      {"max-waiters", kMaxWaiters, "N", 0, "processes that may wait in line (1024)", 0},
      {}};
  const argp parser{kOptions, take_creation,
                    "NAME",   "Make a limit. It stays until it is removed, or the system restarts.",
                    nullptr,  nullptr,
                    nullptr};
  creation chosen;
  example::read_arguments(parser, argc, argv, chosen);
  chosen.options.flags = AFFLUX_SHARED_CREATE | AFFLUX_SHARED_EXCLUSIVE;
  if (chosen.has_mode) umask(0);  // what was asked for
  const limit made(chosen.name, chosen.options);
  return 0;
}

int resize(int argc, char** argv) {
  const argp parser{nullptr,
                    take_resizing,
                    "NAME LIMIT",
                    "Change a limit. A lower one takes back nothing: until enough has been given "
                    "back, more is held.",
                    nullptr,
                    nullptr,
                    nullptr};
  resizing chosen;
  example::read_arguments(parser, argc, argv, chosen);
  const limit one(chosen.name);
  const afflux_status status = afflux_shared_resize(one.get(), chosen.limit);
  if (status != AFFLUX_OK) throw why_not(chosen.name, status);
  return 0;
}

int close(int argc, char** argv) {
  const limit one(read_name(argc, argv,
                            "Close a limit for ever: those who wait are sent away, and nobody is "
                            "let in. What runs goes on."));
  const afflux_status status = afflux_shared_close(one.get());
  if (status != AFFLUX_OK) throw why_not(one.name(), status);
  return 0;
}

int remove(int argc, char** argv) {
  const std::string name = read_name(argc, argv,
                                     "Remove a limit's name. Those who have it open, or wait, go "
                                     "on as before; who comes later finds none, or makes another.");
  require_name(name);
  // What is no limit is not removed.
  const std::string path = path_of(name);
  if (access(path.c_str(), R_OK) == 0 && !has_magic(path)) throw why_not_open(name, AFFLUX_ENOTSUP);
  const afflux_status status = afflux_shared_remove(name.c_str());
  if (status != AFFLUX_OK) throw why_not_open(name, status);
  return 0;
}

}  // namespace shared_command
