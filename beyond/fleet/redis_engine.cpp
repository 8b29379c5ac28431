// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fleet/redis_engine.h"

#include <hiredis/hiredis.h>
#include <sys/time.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <initializer_list>
#include <set>
#include <string_view>
#include <utility>

#include "fleet/clock.h"
#include "fleet/quiet.h"
#include "fleet_script.h"

namespace afflux::fleet {
namespace {

// False: the time is over.
bool time_left(std::int64_t deadline, timeval& ret) {
  const std::int64_t ns = deadline - now_ns();
  if (ns <= 0) return false;
  const std::int64_t us = std::min<std::int64_t>(ns / 1'000 + 1, 3'600'000'000);
  ret.tv_sec = static_cast<decltype(ret.tv_sec)>(us / 1'000'000);
  ret.tv_usec = static_cast<decltype(ret.tv_usec)>(us % 1'000'000);
  return true;
}

constexpr std::string_view kPrefix = "afflux:fleet:";

std::string key_of(const std::string& name) { return std::string(kPrefix) + name; }

std::vector<std::string> to_words(const std::string& name, const request& q) {
  std::vector<std::string> words = {"EVALSHA",
                                    kScriptSha1,
                                    "1",
                                    key_of(name),
                                    std::to_string(static_cast<unsigned>(q.kind)),
                                    q.fresh ? "1" : "0",
                                    q.holder};
  for (const std::uint64_t n :
       {q.sequence, q.nonce, q.epoch, q.seen, q.proof, q.proof_lease, q.lease, q.keep, q.adopt,
        q.demand, q.weight, q.minimum, q.limit, q.version}) {
    words.push_back(std::to_string(n));
  }
  words.push_back(q.label);
  return words;
}

bool to_reply(std::string_view text, reply& ret) {
  std::uint64_t n[14];
  for (std::uint64_t& each : n) {
    if (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), each);
    if (error != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  }
  if (n[0] > 3) return false;
  ret = {};
  ret.answer = static_cast<fleet::answer>(n[0]);
  if (ret.answer != answer::done) return true;
  ret.silent = n[1] != 0;
  ret.wanted = n[2] != 0;
  ret.begun = n[3] != 0;
  ret.epoch = n[4];
  ret.stamp = n[5];
  ret.limit = n[6];
  ret.version = n[7];
  ret.lease = n[8];
  ret.proven = n[9];
  ret.permits = n[10];
  ret.target = n[11];
  ret.total = n[12];
  ret.holders = n[13];
  return true;
}

outcome refused(std::string text) { return {failure::refused, std::move(text)}; }

}  // namespace

void redis_engine::free_context::operator()(redisContext* c) const { redisFree(c); }
void redis_engine::free_reply::operator()(redisReply* r) const { freeReplyObject(r); }

redis_engine::redis_engine(redis_url url) : url_(std::move(url)) {}
redis_engine::~redis_engine() = default;

void redis_engine::disconnect() { context_.reset(); }

bool redis_engine::set_time(std::int64_t deadline) {
  timeval time{};
  return time_left(deadline, time) && redisSetTimeout(context_.get(), time) == REDIS_OK;
}

outcome redis_engine::broken(const char* doing) {
  std::string text = std::string("redis: ") + doing + ": ";
  text += context_ != nullptr && context_->err != 0 ? context_->errstr : "no answer in time";
  context_.reset();
  return {failure::unreachable, std::move(text)};
}

outcome redis_engine::connect(std::int64_t deadline) {
  if (context_ != nullptr) return {};
  timeval time{};
  if (!time_left(deadline, time)) return broken("connect");
  context_.reset(url_.is_unix ? redisConnectUnixWithTimeout(url_.host.c_str(), time)
                              : redisConnectWithTimeout(url_.host.c_str(), url_.port, time));
  if (context_ == nullptr || context_->err != 0) return broken("connect");
  reply_ptr answered;
  if (!url_.password.empty()) {
    std::vector<std::string> words = {"AUTH"};
    if (!url_.user.empty()) words.push_back(url_.user);
    words.push_back(url_.password);
    if (outcome o = command(words, deadline, answered); !o) return o;
  }
  if (url_.db != 0) {
    if (outcome o = command({"SELECT", std::to_string(url_.db)}, deadline, answered); !o) return o;
  }
  return {};
}

// On a connection that is there. An error of the server's closes it: the next one may lead to
// another server, and it alone can tell whether what it says is for ever.
outcome redis_engine::command(const std::vector<std::string>& words, std::int64_t deadline,
                              reply_ptr& ret) {
  if (!set_time(deadline)) return broken("send");
  std::vector<const char*> text;
  std::vector<std::size_t> sizes;
  for (const std::string& w : words) {
    text.push_back(w.data());
    sizes.push_back(w.size());
  }
  ret.reset(static_cast<redisReply*>(
      redisCommandArgv(context_.get(), static_cast<int>(words.size()), text.data(), sizes.data())));
  if (ret == nullptr) return broken(words.front().c_str());
  if (ret->type != REDIS_REPLY_ERROR) return {};
  std::string error(ret->str, ret->len);
  if (!error.starts_with("NOSCRIPT")) context_.reset();
  return refused("redis: " + error);
}

// A connection that has idled may have been closed meanwhile; what is lost by that is one exchange.
outcome redis_engine::call(const std::vector<std::string>& words, std::int64_t deadline,
                           reply_ptr& ret) {
  if (outcome o = connect(deadline); !o) return o;
  return command(words, deadline, ret);
}

outcome redis_engine::exchange(const std::string& name, const request& q, std::int64_t deadline,
                               reply& ret_reply) {
  const quiet for_this;
  std::vector<std::string> words = to_words(name, q);
  reply_ptr answered;
  outcome o = call(words, deadline, answered);
  if (o.text.starts_with("redis: NOSCRIPT")) {
    words[0] = "EVAL";
    words[1] = kScript;
    o = call(words, deadline, answered);
  }
  if (!o) return o;
  reply told;
  if (answered->type != REDIS_REPLY_STRING || !to_reply({answered->str, answered->len}, told)) {
    context_.reset();
    return refused("redis: not the script's answer");
  }
  if (url_.replicas != 0 && told.answer == answer::done) {
    const std::int64_t ms = std::max<std::int64_t>((deadline - now_ns()) / 1'000'000, 1);
    o = call({"WAIT", std::to_string(url_.replicas), std::to_string(ms)}, deadline, answered);
    if (!o) return {failure::unreachable, o.text};
    if (answered->type != REDIS_REPLY_INTEGER ||
        answered->integer < static_cast<long long>(url_.replicas)) {
      return {failure::unreachable, "redis: fewer replicas than wanted have it"};
    }
  }
  ret_reply = told;
  return {};
}

outcome redis_engine::read(const std::string& name, std::int64_t deadline, record& ret_record) {
  const quiet for_this;
  reply_ptr answered;
  if (outcome o = call({"HGETALL", key_of(name)}, deadline, answered); !o) return o;
  if (answered->type != REDIS_REPLY_ARRAY) return refused("redis: not a hash");
  record r;
  std::map<std::string, holder> holders;
  for (std::size_t i = 0; i + 1 < answered->elements; i += 2) {
    const redisReply& field = *answered->element[i];
    const redisReply& value = *answered->element[i + 1];
    const std::string_view text(value.str, value.len);
    const std::string id(field.str, field.len);
    const bool good = id == "#" ? parse_head(text, r) : parse_holder(text, holders[id]);
    if (!good) return refused("redis: the record is of a format not known here");
  }
  r.holders = std::move(holders);
  ret_record = std::move(r);
  return {};
}

outcome redis_engine::names(std::int64_t deadline, std::vector<std::string>& ret_names) {
  const quiet for_this;
  std::set<std::string> found;  // SCAN may tell a key twice
  std::string cursor = "0";
  do {
    reply_ptr answered;
    outcome o = call({"SCAN", cursor, "MATCH", std::string(kPrefix) + "*", "COUNT", "1000"},
                     deadline, answered);
    if (!o) return o;
    if (answered->type != REDIS_REPLY_ARRAY || answered->elements != 2 ||
        answered->element[0]->type != REDIS_REPLY_STRING ||
        answered->element[1]->type != REDIS_REPLY_ARRAY) {
      return refused("redis: not the answer of SCAN");
    }
    const redisReply& next = *answered->element[0];
    cursor.assign(next.str, next.len);
    const redisReply& keys = *answered->element[1];
    for (std::size_t i = 0; i < keys.elements; ++i) {
      const std::string_view key(keys.element[i]->str, keys.element[i]->len);
      found.emplace(key.substr(kPrefix.size()));
    }
  } while (cursor != "0");
  ret_names.assign(found.begin(), found.end());
  return {};
}

}  // namespace afflux::fleet
