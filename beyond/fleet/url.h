// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The pieces that the URLs of all engines are made of.
#pragma once

#include <charconv>
#include <functional>
#include <string>
#include <string_view>

namespace afflux::fleet {

// %xx stands for a byte, but for 0. False: malformed.
bool decode_url(std::string_view text, std::string& ret);

// user:password, or password alone. False: malformed.
bool parse_user(std::string_view text, std::string& ret_user, std::string& ret_password);

// name=value&name=value, each name once; `take` says whether it knows that option and likes its
// value.
bool parse_options(std::string_view text,
                   const std::function<bool(std::string_view name, std::string_view value)>& take,
                   std::string& ret_error);

template <class T>
bool parse_number(std::string_view text, T most, T& ret) {
  T n{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size() || n > most) return false;
  ret = n;
  return true;
}

}  // namespace afflux::fleet
