// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fleet/redis_url.h"

#include <sys/un.h>

#include <string_view>

#include "fleet/url.h"

namespace afflux::fleet {
namespace {

bool option(std::string_view name, std::string_view value, redis_url& u) {
  if (name == "replicas") return parse_number(value, 1000u, u.replicas);
  if (name == "db") return parse_number(value, 1'000'000u, u.db);
  if (name == "user") return decode_url(value, u.user);
  if (name == "password") return decode_url(value, u.password);
  return false;
}

bool authority(std::string_view text, redis_url& u, bool& ret_has_user) {
  if (const std::size_t at = text.rfind('@'); at != text.npos) {
    ret_has_user = true;
    if (!parse_user(text.substr(0, at), u.user, u.password)) return false;
    text = text.substr(at + 1);
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
         (text.front() == ':' && parse_number(text.substr(1), 65535, u.port) && u.port > 0);
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
  bool has_user = false;
  bool has_db = false;
  if (rest.starts_with("unix://")) {
    u.is_unix = true;
    good = decode_url(rest.substr(7), u.host) && u.host.starts_with('/');
    if (u.host.size() >= sizeof(sockaddr_un::sun_path)) {  // hiredis would cut it
      ret_error = "url: the path is longer than a socket's can be";
      return false;
    }
  } else if (rest.starts_with("redis://")) {
    rest = rest.substr(8);
    const std::size_t slash = rest.find('/');
    const std::string_view db = slash == rest.npos ? std::string_view{} : rest.substr(slash + 1);
    has_db = !db.empty();
    good = authority(rest.substr(0, slash), u, has_user) &&
           (!has_db || parse_number(db, 1'000'000u, u.db));
  }
  if (!good) {
    ret_error = "url: not of the form redis://[[user:]password@]host[:port][/db], unix:///path";
    return false;
  }
  const auto take = [&](std::string_view name, std::string_view value) {
    if (has_db && name == "db") return false;
    if (has_user && (name == "user" || name == "password")) return false;
    return option(name, value, u);
  };
  if (!parse_options(query, take, ret_error)) return false;
  ret = u;
  return true;
}

}  // namespace afflux::fleet
