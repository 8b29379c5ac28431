// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fleet/etcd_url.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "fleet/url.h"

namespace afflux::fleet {
namespace {

bool option(std::string_view name, std::string_view value, etcd_url& u) {
  if (name == "cacert") return decode_url(value, u.cacert);
  if (name == "cert") return decode_url(value, u.cert);
  if (name == "key") return decode_url(value, u.key);
  if (name == "user") return decode_url(value, u.user);
  if (name == "password") return decode_url(value, u.password);
  return false;
}

// host[:port] or [IPv6][:port]. It becomes part of a URL, so that odd characters have no place.
bool endpoint(std::string_view text, std::string& ret) {
  std::size_t end = text.find(':');
  if (!text.empty() && text.front() == '[') {
    const std::size_t bracket = text.find(']');
    if (bracket == text.npos) return false;
    end = bracket + 1 < text.size() ? bracket + 1 : text.npos;
  }
  const std::string_view host = text.substr(0, end);
  const auto is_odd = [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7f ||
           std::string_view("/\\@#%{}\"<>^`|").find(c) != std::string_view::npos;
  };
  if (host.empty() || std::any_of(host.begin(), host.end(), is_odd)) return false;
  unsigned port = 2379;
  if (end != text.npos &&
      (text[end] != ':' || !parse_number(text.substr(end + 1), 65535u, port) || port == 0)) {
    return false;
  }
  ret = std::string(host) + ":" + std::to_string(port);
  return true;
}

bool authority(std::string_view text, etcd_url& u) {
  if (const std::size_t at = text.rfind('@'); at != text.npos) {
    if (text.substr(0, at).find(':') == text.npos) return false;
    if (!parse_user(text.substr(0, at), u.user, u.password)) return false;
    text = text.substr(at + 1);
  }
  for (bool more = true; more;) {
    const std::size_t comma = text.find(',');
    std::string one;
    if (!endpoint(text.substr(0, comma), one)) return false;
    u.endpoints.push_back(std::move(one));
    more = comma != text.npos;
    if (more) text = text.substr(comma + 1);
  }
  return true;
}

}  // namespace

bool parse(const std::string& text, etcd_url& ret, std::string& ret_error) {
  etcd_url u;
  std::string_view rest = text;
  const std::size_t question = rest.find('?');
  const std::string_view query =
      question == rest.npos ? std::string_view{} : rest.substr(question + 1);
  rest = rest.substr(0, question);
  u.is_tls = rest.starts_with("etcds://");
  bool good = u.is_tls || rest.starts_with("etcd://");
  if (good) {
    rest = rest.substr(u.is_tls ? 8 : 7);
    const std::size_t slash = rest.find('/');
    good = authority(rest.substr(0, slash), u);
    std::string_view prefix = slash == rest.npos ? std::string_view{} : rest.substr(slash + 1);
    while (prefix.ends_with('/')) prefix.remove_suffix(1);
    if (!prefix.empty()) good = good && decode_url(prefix, u.prefix);
  }
  if (!good) {
    ret_error = "url: not of the form etcd://[user:password@]host[:port][,host[:port]…][/prefix]";
    return false;
  }
  const auto take = [&u](std::string_view name, std::string_view value) {
    return option(name, value, u);
  };
  if (!parse_options(query, take, ret_error)) return false;
  if (u.user.empty() != u.password.empty()) {
    ret_error = "url: a user without a password, or the reverse";
    return false;
  }
  if (!u.is_tls && !(u.cacert + u.cert + u.key).empty()) {
    ret_error = "url: certificates are for etcds://";
    return false;
  }
  ret = std::move(u);
  return true;
}

}  // namespace afflux::fleet
