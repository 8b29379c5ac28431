// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where an etcd cluster is.
//
//   etcd://[user:password@]host[:port][,host[:port]…][/prefix][?option=value[&…]]
//   etcds://…                      likewise, by TLS
//
//   cacert=PATH      the authorities that the servers' certificates are checked by; default: the
//                    system's
//   cert=PATH, key=PATH   the certificate that this client shows, and its key
//   user=…, password=…    as before the @
//
// The port is 2379 by default, and the record of the limit NAME is the key PREFIX/NAME, by default
// afflux/fleet/NAME. %xx stands for a byte in user, password, prefix and paths.
#pragma once

#include <string>
#include <vector>

namespace afflux::fleet {

struct etcd_url {
  bool is_tls = false;
  std::vector<std::string> endpoints;  // host:port
  std::string user, password;
  std::string prefix = "afflux/fleet";
  std::string cacert, cert, key;  // paths
};

// False: malformed, as ret_error says (without the password).
bool parse(const std::string& text, etcd_url& ret, std::string& ret_error);

}  // namespace afflux::fleet
