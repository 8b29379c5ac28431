// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Command lines by argp, the C library's parser; here is what argp leaves to its users.
#pragma once

#include <argp.h>

#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <system_error>

namespace example {

// Reads a number, the value of `option`. Where it is none, or not from `least` to `most`, the
// program ends with a message.
template <class T>
error_t read_number(T& ret_number, const argp_state* state, const char* option, const char* text,
                    T least = 0, T most = std::numeric_limits<T>::max()) {
  T value = 0;
  const char* const end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, value);
  if (error == std::errc::invalid_argument || rest != end) {
    argp_error(state, "%s: '%s' is not a number", option, text);
  } else if (error != std::errc() || value > most) {
    argp_error(state, "%s: %s is too large", option, text);
  } else if (value < least) {
    argp_error(state, "%s: must be at least %llu", option, 0ULL + least);
  }
  ret_number = value;
  return 0;
}

// Parses the command line into `ret_options`. Ends the program after --help, with 0, and after a
// mistake, with a message and 2.
template <class Options>
void read_arguments(const argp& parser, int argc, char** argv, Options& ret_options) {
  argp_err_exit_status = 2;
  argp_parse(&parser, argc, argv, 0, nullptr, &ret_options);
}

}  // namespace example
