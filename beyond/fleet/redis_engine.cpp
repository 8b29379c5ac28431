// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fleet/redis_engine.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
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
constexpr const char* kLate = "no answer in time";
constexpr const char* kFormat = "the record is of a format not known here";

// No answer is larger, with the most holders that can be thought of.
constexpr std::size_t kMostBytes = std::size_t{64} << 20;
constexpr std::size_t kMostElements = std::size_t{1} << 20;

redisReplyObjectFunctions its_functions;  // hiredis' own

// Null: hiredis gives up on this answer. Its type of `n` depends on its version.
template <class N>
void* create_array(const redisReadTask* task, N n) {
  return static_cast<std::size_t>(n) > kMostElements ? nullptr : its_functions.createArray(task, n);
}

void limit_answers(redisReader* reader) {
  static redisReplyObjectFunctions limited = [reader] {
    its_functions = *reader->fn;
    redisReplyObjectFunctions made = its_functions;
    made.createArray = create_array;
    return made;
  }();
  reader->fn = &limited;
}

// Waits until `fd` is ready for `event`. False: not before `deadline`.
bool wait_for(int fd, short event, std::int64_t deadline) {
  for (;;) {
    const std::int64_t ns = deadline - now_ns();
    if (ns <= 0) return false;
    const std::int64_t ms = std::min<std::int64_t>((ns + 999'999) / 1'000'000, 60'000);
    pollfd one = {fd, event, 0};
    if (poll(&one, 1, static_cast<int>(ms)) > 0) return true;
  }
}

bool may_come_later() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

// Of the keys of a page of SCAN, those of limits.
constexpr const char* kLimitsOf =
    "local limits = {} "
    "for _, key in ipairs(KEYS) do "
    "if redis.call('TYPE', key).ok == 'hash' and redis.call('HEXISTS', key, '#') == 1 then "
    "limits[#limits + 1] = key end end "
    "return limits";

std::string to_message(const std::vector<std::string>& words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& w : words) {
    text += "$" + std::to_string(w.size()) + "\r\n" + w + "\r\n";
  }
  return text;
}

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

outcome redis_engine::broken(const std::string& doing, const char* why) {
  context_.reset();
  return {failure::unreachable, "redis: " + doing + ": " + why};
}

outcome redis_engine::connect(std::int64_t deadline) {
  if (context_ != nullptr) return {};
  timeval time{};
  if (!time_left(deadline, time)) return broken("connect", kLate);
  context_.reset(url_.is_unix ? redisConnectUnixWithTimeout(url_.host.c_str(), time)
                              : redisConnectWithTimeout(url_.host.c_str(), url_.port, time));
  if (context_ == nullptr) return broken("connect", "no memory");
  if (context_->err != 0) return broken("connect", std::string(context_->errstr).c_str());
  limit_answers(context_->reader);
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

// By the socket itself: hiredis' own time limit is for each read, not for the whole answer.
outcome redis_engine::send_message(const std::string& doing, const std::string& text,
                                   std::int64_t deadline) {
  for (std::size_t done = 0; done < text.size();) {
    if (!wait_for(context_->fd, POLLOUT, deadline)) return broken(doing, kLate);
    const ssize_t n =
        ::send(context_->fd, text.data() + done, text.size() - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) done += static_cast<std::size_t>(n);
    if (n < 0 && !may_come_later()) return broken(doing, std::strerror(errno));
  }
  return {};
}

outcome redis_engine::receive(const std::string& doing, std::int64_t deadline, reply_ptr& ret) {
  for (std::size_t size = 0; size <= kMostBytes;) {
    void* made = nullptr;
    if (redisReaderGetReply(context_->reader, &made) != REDIS_OK) {
      const bool is_large = context_->reader->err == REDIS_ERR_OOM;
      return broken(doing, is_large ? "the answer is too large" : "not an answer of Redis'");
    }
    if (made != nullptr) {
      ret.reset(static_cast<redisReply*>(made));
      return {};
    }
    if (!wait_for(context_->fd, POLLIN, deadline)) return broken(doing, kLate);
    char bytes[16384];
    const ssize_t n = recv(context_->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n == 0) return broken(doing, "the server closed the connection");
    if (n < 0 && !may_come_later()) return broken(doing, std::strerror(errno));
    if (n < 0) continue;
    size += static_cast<std::size_t>(n);
    if (redisReaderFeed(context_->reader, bytes, static_cast<std::size_t>(n)) != REDIS_OK) {
      return broken(doing, "no memory");
    }
  }
  return broken(doing, "the answer is too large");
}

// On a connection that is there. An error of the server's closes it: the next one may lead to
// another server, and it alone can tell whether what it says is for ever.
outcome redis_engine::command(const std::vector<std::string>& words, std::int64_t deadline,
                              reply_ptr& ret) {
  const std::string& doing = words.front();
  if (outcome o = send_message(doing, to_message(words), deadline); !o) return o;
  if (outcome o = receive(doing, deadline, ret); !o) return o;
  if (ret->type != REDIS_REPLY_ERROR) return {};
  std::string error(ret->str, ret->len);
  if (!error.starts_with("NOSCRIPT")) context_.reset();
  // The server adds words of its own to the script's.
  if (error.find(kFormat) != error.npos) error = kFormat;
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
    // Less than what is left, so that its answer comes in time; a server looks ten times a second.
    const std::int64_t left = deadline - now_ns();
    const std::int64_t ms = (left - std::min<std::int64_t>(left / 2, 150'000'000)) / 1'000'000;
    o = call({"WAIT", std::to_string(url_.replicas), std::to_string(std::max<std::int64_t>(ms, 1))},
             deadline, answered);
    if (!o && !o.text.ends_with(kLate)) return {failure::unreachable, o.text};
    if (!o || answered->type != REDIS_REPLY_INTEGER ||
        answered->integer < static_cast<long long>(url_.replicas)) {
      return {failure::unreachable, "redis: fewer replicas than wanted have it in time"};
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
    if (!good) return refused(std::string("redis: ") + kFormat);
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
    if (keys.elements == 0) continue;
    std::vector<std::string> words = {"EVAL", kLimitsOf, std::to_string(keys.elements)};
    for (std::size_t i = 0; i < keys.elements; ++i) {
      words.emplace_back(keys.element[i]->str, keys.element[i]->len);
    }
    if (o = call(words, deadline, answered); !o) return o;
    if (answered->type != REDIS_REPLY_ARRAY) return refused("redis: not the script's answer");
    for (std::size_t i = 0; i < answered->elements; ++i) {
      const redisReply& key = *answered->element[i];
      if (key.type != REDIS_REPLY_STRING || key.len < kPrefix.size()) {
        return refused("redis: not the script's answer");
      }
      found.emplace(std::string_view(key.str, key.len).substr(kPrefix.size()));
    }
  } while (cursor != "0");
  ret_names.assign(found.begin(), found.end());
  return {};
}

}  // namespace afflux::fleet
