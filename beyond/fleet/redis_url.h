// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where a Redis or Valkey server is.
//
//   redis://[[user:]password@]host[:port][/db][?option=value[&…]]
//   unix:///path/of/socket[?option=value[&…]]
//
//   replicas=N   an exchange counts only when N replicas have it, too (WAIT); default 0
//   db=N         as /db
//   user=…, password=…   as before the @
//
// %xx stands for a byte in user, password and path. What is said in two places is refused.
#pragma once

#include <cstdint>
#include <string>

namespace afflux::fleet {

struct redis_url {
  bool is_unix = false;
  std::string host;  // or the socket's path
  int port = 6379;
  std::string user, password;
  unsigned db = 0;
  unsigned replicas = 0;
};

// False: malformed, as ret_error says (without the password).
bool parse(const std::string& text, redis_url& ret, std::string& ret_error);

}  // namespace afflux::fleet
