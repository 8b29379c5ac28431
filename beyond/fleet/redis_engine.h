// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Redis or Valkey as an engine: a hash for each limit, "afflux:fleet:NAME", and one script.
//
// FE1: a script is atomic. FE2: what was written to a connection that broke may still be done.
// FE3: a restarted server, and a replica that has become the master, has a run_id of its own.
// A master that was cut off from a replica that has taken over goes on answering those who still
// reach it. Where that must not let two halves of a fleet each use the limit, url option replicas
// makes an exchange count only when so many replicas have it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fleet/engine.h"
#include "fleet/redis_url.h"

struct redisContext;
struct redisReply;

namespace afflux::fleet {

class redis_engine final : public engine {
 public:
  explicit redis_engine(redis_url url);
  ~redis_engine() override;

  outcome exchange(const std::string& name, const request& q, std::int64_t deadline,
                   reply& ret_reply) override;
  outcome read(const std::string& name, std::int64_t deadline, record& ret_record) override;
  outcome names(std::int64_t deadline, std::vector<std::string>& ret_names) override;
  void disconnect() override;

 private:
  struct free_context {
    void operator()(redisContext* c) const;
  };
  struct free_reply {
    void operator()(redisReply* r) const;
  };
  using reply_ptr = std::unique_ptr<redisReply, free_reply>;

  outcome connect(std::int64_t deadline);
  outcome command(const std::vector<std::string>& words, std::int64_t deadline, reply_ptr& ret);
  outcome call(const std::vector<std::string>& words, std::int64_t deadline, reply_ptr& ret);
  outcome send_message(const std::string& doing, const std::string& text, std::int64_t deadline);
  outcome receive(const std::string& doing, std::int64_t deadline, reply_ptr& ret);
  outcome broken(const std::string& doing, const char* why);

  redis_url url_;
  std::unique_ptr<redisContext, free_context> context_;
};

}  // namespace afflux::fleet
