// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the commands' command lines have in common.
#pragma once

#include <afflux/shared.h>

#include <cstdint>
#include <string>

#include "../../examples/support/arguments.h"

namespace shared_command {

// A limit, the value of `option`.
inline std::uint64_t read_limit(const argp_state* state, const char* option, const char* text) {
  std::uint64_t limit = 0;
  example::read_number(limit, state, option, text, std::uint64_t{0},
                       std::uint64_t{AFFLUX_SHARED_MAX_PERMITS});
  return limit;
}

// The one argument of a command that takes a NAME and nothing else.
inline error_t take_name(std::string& ret_name, int key, const char* text, argp_state* state) {
  if (key == ARGP_KEY_ARG && state->arg_num == 0) {
    ret_name = text;
    return 0;
  }
  if (key == ARGP_KEY_END && state->arg_num == 0) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet
    argp_error(state, "which limit? A NAME is missing");
  }
  return ARGP_ERR_UNKNOWN;
}

// Reads a command line whose only argument is a NAME.
inline std::string read_name(int argc, char** argv, const char* about) {
  std::string name;
  const argp parser{nullptr,
                    [](int key, char* text, argp_state* state) {
                      return take_name(*static_cast<std::string*>(state->input), key, text, state);
                    },
                    "NAME",
                    about,
                    nullptr,
                    nullptr,
                    nullptr};
  example::read_arguments(parser, argc, argv, name);
  return name;
}

}  // namespace shared_command
