// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Command lines by argp, the C library's parser; here is what argp leaves to its users.
#pragma once

#include <argp.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "tenant_name.h"

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

struct tenant_numbers {
  std::string name;
  std::vector<std::string> numbers;  // as text, for read_number()
};

// Reads NAME=NUMBER[:NUMBER...], the value of `option`, with `most` numbers at most. Where it is
// none, the program ends with a message.
inline tenant_numbers read_tenant(const argp_state* state, const char* option,
                                  std::string_view text, std::size_t most) {
  tenant_numbers found;
  const std::size_t equals = text.find('=');
  found.name = text.substr(0, equals);
  if (!is_tenant_name(found.name)) {
    argp_error(state, "%s: a name has 1 to %zu letters, digits, '.', '-' and '_'", option,
               kLongestTenantName);
  }
  for (std::size_t at = equals; at != std::string_view::npos;) {
    const std::size_t end = text.find(':', at + 1);
    found.numbers.emplace_back(text.substr(at + 1, end == text.npos ? end : end - at - 1));
    at = end;
  }
  if (found.numbers.empty() || found.numbers.size() > most)
    argp_error(state, "%s: 1 to %zu numbers follow the name, as in NAME=1:2", option, most);
  return found;
}

// Parses the command line into `ret_options`. Ends the program after --help, with 0, and after a
// mistake, with a message and 2.
template <class Options>
void read_arguments(const argp& parser, int argc, char** argv, Options& ret_options) {
  argp_err_exit_status = 2;
  argp_parse(&parser, argc, argv, 0, nullptr, &ret_options);
}

}  // namespace example
