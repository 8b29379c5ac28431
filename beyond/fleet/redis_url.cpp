// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fleet/redis_url.h"

#include <charconv>
#include <string_view>

namespace afflux::fleet {
namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool decode(std::string_view text, std::string& ret) {
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

template <class T>
bool number(std::string_view text, T most, T& ret) {
  T n{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size() || n > most) return false;
  ret = n;
  return true;
}

bool option(std::string_view name, std::string_view value, redis_url& u) {
  if (name == "replicas") return number(value, 1000u, u.replicas);
  if (name == "db") return number(value, 1'000'000u, u.db);
  if (name == "user") return decode(value, u.user);
  if (name == "password") return decode(value, u.password);
  return false;
}

bool options(std::string_view text, redis_url& u, std::string& ret_error) {
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view one = text.substr(0, end);
    text = end == text.npos ? std::string_view{} : text.substr(end + 1);
    const std::size_t equals = one.find('=');
    const std::string_view name = one.substr(0, equals);
    if (equals == one.npos || !option(name, one.substr(equals + 1), u)) {
      ret_error = "url: unknown option, or a value out of its range: " + std::string(name);
      return false;
    }
  }
  return true;
}

bool authority(std::string_view text, redis_url& u) {
  if (const std::size_t at = text.rfind('@'); at != text.npos) {
    const std::string_view who = text.substr(0, at);
    text = text.substr(at + 1);
    const std::size_t colon = who.find(':');
    if (colon != who.npos && !decode(who.substr(0, colon), u.user)) return false;
    if (!decode(colon == who.npos ? who : who.substr(colon + 1), u.password)) return false;
  }
  if (!text.empty() && text.front() == '[') {  // IPv6
    const std::size_t end = text.find(']');
    if (end == text.npos) return false;
    u.host = text.substr(1, end - 1);
    text = text.substr(end + 1);
  } else {
    const std::size_t colon = text.find(':');
    u.host = text.substr(0, colon);
    text = colon == text.npos ? std::string_view{} : text.substr(colon);
  }
  if (u.host.empty()) return false;
  return text.empty() ||
         (text.front() == ':' && number(text.substr(1), 65535, u.port) && u.port > 0);
}

}  // namespace

bool parse(const std::string& text, redis_url& ret, std::string& ret_error) {
  redis_url u;
  std::string_view rest = text;
  const std::size_t question = rest.find('?');
  const std::string_view query =
      question == rest.npos ? std::string_view{} : rest.substr(question + 1);
  rest = rest.substr(0, question);
  bool good = false;
  if (rest.starts_with("unix://")) {
    u.is_unix = true;
    good = decode(rest.substr(7), u.host) && u.host.starts_with('/');
  } else if (rest.starts_with("redis://")) {
    rest = rest.substr(8);
    const std::size_t slash = rest.find('/');
    const std::string_view db = slash == rest.npos ? std::string_view{} : rest.substr(slash + 1);
    good = authority(rest.substr(0, slash), u) && (db.empty() || number(db, 1'000'000u, u.db));
  }
  if (!good) {
    ret_error = "url: not of the form redis://[[user:]password@]host[:port][/db], unix:///path";
    return false;
  }
  if (!options(query, u, ret_error)) return false;
  ret = u;
  return true;
}

}  // namespace afflux::fleet
