// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fleet/url.h"

#include <set>

namespace afflux::fleet {
namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool decode_url(std::string_view text, std::string& ret) {
  ret.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      ret += text[i];
      continue;
    }
    if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) return false;
    ret += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
    i += 2;
  }
  return ret.find('\0') == ret.npos;
}

bool parse_user(std::string_view text, std::string& ret_user, std::string& ret_password) {
  const std::size_t colon = text.find(':');
  if (colon != text.npos && !decode_url(text.substr(0, colon), ret_user)) return false;
  return decode_url(colon == text.npos ? text : text.substr(colon + 1), ret_password);
}

bool parse_options(std::string_view text,
                   const std::function<bool(std::string_view name, std::string_view value)>& take,
                   std::string& ret_error) {
  std::set<std::string_view> seen;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view one = text.substr(0, end);
    text = end == text.npos ? std::string_view{} : text.substr(end + 1);
    const std::size_t equals = one.find('=');
    const std::string_view name = one.substr(0, equals);
    if (equals == one.npos || !seen.insert(name).second || !take(name, one.substr(equals + 1))) {
      ret_error = "url: unknown or repeated option, or a value out of its range: ";
      ret_error += name;
      return false;
    }
  }
  return true;
}

}  // namespace afflux::fleet
