// SPDX-License-Identifier: MIT OR Apache-2.0
//
// etcd's key-value calls by its JSON gateway (v3, etcd 3.4 and later): a POST each, on one
// connection that is kept open. Of several endpoints one is used, until it fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "fleet/engine.h"
#include "fleet/etcd_url.h"

namespace afflux::fleet {

// What a key has.
struct etcd_value {
  std::string text;
  std::uint64_t revision = 0;  // at which it was written; 0: there is no such key
};

// Who answered last. The term of its leader never falls, but when the cluster is made anew.
struct etcd_member {
  std::uint64_t cluster = 0;
  std::uint64_t term = 0;
  std::uint64_t revision = 0;
};

// One user at a time. Deadlines are of now_ns().
class etcd_gateway {
 public:
  explicit etcd_gateway(etcd_url url);
  ~etcd_gateway();

  // As of this moment, by the whole cluster.
  outcome get(const std::string& key, std::int64_t deadline, etcd_value& ret);
  // Write it, if it still is of revision `from`. After failure::unreachable that may happen yet.
  outcome swap(const std::string& key, std::uint64_t from, const std::string& text,
               std::int64_t deadline, bool& ret_is_done);
  // The keys that begin with `prefix`.
  outcome keys(const std::string& prefix, std::int64_t deadline, std::vector<std::string>& ret);
  // How many entries of its log the member that answers has applied.
  outcome applied(std::int64_t deadline, std::uint64_t& ret_index);

  const etcd_member& member() const { return member_; }
  // Another number for each connection that was made.
  std::uint64_t connection() const { return connection_; }
  std::size_t endpoints() const { return url_.endpoints.size(); }
  void disconnect();

 private:
  struct state;  // libcurl's

  outcome call(const char* path, const nlohmann::json& question, std::int64_t deadline,
               nlohmann::json& ret_answer);
  outcome call_once(const char* path, const nlohmann::json& question, std::int64_t deadline,
                    nlohmann::json& ret_answer, bool& ret_is_token_bad);
  outcome post(const char* path, const std::string& body, std::int64_t deadline,
               std::string& ret_text);
  outcome authenticate(std::int64_t deadline);
  outcome broken(const char* path, const std::string& why);

  etcd_url url_;
  std::unique_ptr<state> state_;
  std::size_t endpoint_ = 0;
  std::uint64_t connection_ = 0;
  etcd_member member_;
  std::string token_;
};

}  // namespace afflux::fleet
