// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fleet/etcd_engine.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>
#include <string_view>
#include <utility>

#include "fleet/clock.h"
#include "fleet/make_etcd.h"
#include "fleet/quiet.h"

namespace afflux::fleet {
namespace {

// Which cluster wrote a record, and how far it was.
struct writer {
  std::uint64_t cluster = 0, term = 0, entries = 0;
};

constexpr std::string_view kScheme = "etcd:";

std::string to_text(const writer& w) {
  return std::string(kScheme) + std::to_string(w.cluster) + ":" + std::to_string(w.term) + ":" +
         std::to_string(w.entries);
}

bool parse(std::string_view text, writer& ret) {
  if (!text.starts_with(kScheme)) return false;
  text.remove_prefix(kScheme.size());
  for (std::uint64_t* n : {&ret.cluster, &ret.term, &ret.entries}) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *n);
    if (error != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.starts_with(':')) text.remove_prefix(1);
  }
  return text.empty();
}

std::uint64_t wall_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  return us > 0 ? static_cast<std::uint64_t>(us) : 0;
}

bool may_repeat(const request& q) { return q.kind <= kind::leave; }

}  // namespace

etcd_engine::etcd_engine(etcd_url url) : prefix_(url.prefix + "/"), gateway_(std::move(url)) {}

std::uint64_t etcd_engine::entries() const {
  const std::uint64_t now = gateway_.member().revision;
  return applied_ + (base_ != 0 && now > base_ ? now - base_ : 0);
}

std::string etcd_engine::here() const {
  return to_text(writer{gateway_.member().cluster, gateway_.member().term, entries()});
}

// Is this the cluster that wrote as `text` says, and went on from there? To be called after a
// linearizable answer of this connection, so that its member has applied all that came before.
outcome etcd_engine::compare(const std::string& text, std::int64_t deadline, bool& ret_goes_on) {
  base_ = 0;
  applied_ = 0;
  const outcome o = gateway_.applied(deadline, applied_);
  // A user who may not ask goes by the cluster and the term.
  const bool is_told = o.failure != failure::refused;
  if (!o && is_told) return o;
  writer before;
  const etcd_member& now = gateway_.member();
  ret_goes_on = parse(text, before) && before.cluster == now.cluster && before.term <= now.term &&
                (before.entries <= applied_ || !is_told);
  return {};
}

// Reads a record, and sees whether its cluster goes on. If not, the record is of no engine.
outcome etcd_engine::load(const std::string& name, std::int64_t deadline, etcd_value& ret_value,
                          record& ret_record, std::uint64_t& ret_connection) {
  if (outcome o = gateway_.get(key_of(name), deadline, ret_value); !o) return o;
  if (base_ == 0) base_ = gateway_.member().revision;
  if (!fleet::parse(ret_value.text, ret_record)) {
    return {failure::refused, "etcd: the record is of a format not known here"};
  }
  knowledge& known = known_[name];
  bool goes_on = true;
  const std::uint64_t connection = gateway_.connection();
  if (known.connection != connection) {
    if (outcome o = compare(ret_record.engine, deadline, goes_on); !o) return o;
  }
  if (ret_value.revision < known.revision) goes_on = false;
  if (goes_on) {
    known = {connection, ret_value.revision};
  } else {
    ret_record.engine.clear();  // and `known` stays, so that the next read finds the same
  }
  ret_connection = connection;
  return {};
}

// One read and one write. No failure, and not done: another client wrote meanwhile.
outcome etcd_engine::try_once(const std::string& name, const request& q, std::int64_t deadline,
                              std::vector<reply>& sent, bool& ret_is_done, reply& ret_reply) {
  etcd_value value;
  record r;
  std::uint64_t connection = 0;
  if (outcome o = load(name, deadline, value, r, connection); !o) return o;
  if (const auto mine = r.holders.find(q.holder);
      mine != r.holders.end() && mine->second.sequence == q.sequence) {
    for (const reply& each : sent) {
      if (each.epoch != r.epoch || each.stamp != mine->second.stamp) continue;
      ret_reply = each;
      ret_is_done = true;
      return {};
    }
  }
  const std::string id = r.engine.empty() ? here() : r.engine;
  const reply a = fleet::exchange(r, q, {id, wall_us()});
  if (a.answer != answer::done) {
    ret_reply = a;
    ret_is_done = true;
    return {};
  }
  r.engine = here();
  const outcome o =
      gateway_.swap(key_of(name), value.revision, fleet::to_text(r), deadline, ret_is_done);
  if (!o && o.failure == failure::refused) return o;
  // libcurl sends again what a kept connection broke under: then the first one may have been done,
  // and have made the second one fail.
  if (o && !ret_is_done && gateway_.connection() == connection) return o;
  sent.push_back(a);
  if (!o || !ret_is_done) return o;
  const std::uint64_t revision = gateway_.member().revision;
  if (gateway_.connection() != connection) {
    // The write went by a new connection, perhaps to a cluster that has lost what others wrote.
    bool goes_on = false;
    const outcome compared = compare(r.engine, deadline, goes_on);
    if (!compared || !goes_on) {
      ret_is_done = false;
      return {failure::unreachable, compared ? "etcd: the cluster was replaced" : compared.text};
    }
  }
  known_[name] = {gateway_.connection(), revision};
  ret_reply = a;
  return {};
}

// Before the next try: up to twice as long as a try takes, and twice that for each time that others
// were faster, so that tries become as few as fit one behind the other.
void etcd_engine::pause(int conflicts, std::int64_t one_try, std::int64_t deadline) {
  const std::int64_t most = std::max<std::int64_t>(one_try, 1'000) << std::min(conflicts, 7);
  const std::int64_t ns = std::min<std::int64_t>(
      static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(most)), deadline - now_ns());
  if (ns <= 0) return;
  const std::timespec time{static_cast<std::time_t>(ns / 1'000'000'000),
                           static_cast<long>(ns % 1'000'000'000)};
  nanosleep(&time, nullptr);
}

outcome etcd_engine::exchange(const std::string& name, const request& q, std::int64_t deadline,
                              reply& ret_reply) {
  const quiet for_this;
  std::vector<reply> sent;
  std::size_t failures = 0;
  for (int conflicts = 0;;) {
    const std::int64_t now = now_ns();
    // Each endpoint that is left gets its part of the time.
    const std::int64_t left = static_cast<std::int64_t>(gateway_.endpoints() - failures);
    bool is_done = false;
    outcome o = try_once(name, q, now + (deadline - now) / left, sent, is_done, ret_reply);
    if (!o) {
      const bool may_go_on = o.failure == failure::unreachable && (sent.empty() || may_repeat(q));
      if (!may_go_on || ++failures == gateway_.endpoints() || now_ns() >= deadline) return o;
    } else if (is_done) {
      return o;
    } else if (!sent.empty() && !may_repeat(q)) {
      return {failure::unreachable, "etcd: it may have been done, or not"};
    } else if (now_ns() >= deadline) {
      return {failure::unreachable, "etcd: others were faster, time and again"};
    } else {
      pause(++conflicts, now_ns() - now, deadline);
    }
  }
}

// For what changes nothing: `ask` is called with a deadline for each endpoint, until one answers.
template <class F>
outcome etcd_engine::at_any_endpoint(std::int64_t deadline, F&& ask) {
  const quiet for_this;
  for (std::size_t failures = 0;;) {
    const std::int64_t now = now_ns();
    const std::int64_t left = static_cast<std::int64_t>(gateway_.endpoints() - failures);
    outcome o = ask(now + (deadline - now) / left);
    if (o.failure != failure::unreachable || ++failures == gateway_.endpoints()) return o;
  }
}

outcome etcd_engine::read(const std::string& name, std::int64_t deadline, record& ret_record) {
  etcd_value value;
  outcome o = at_any_endpoint(
      deadline, [&](std::int64_t by) { return gateway_.get(key_of(name), by, value); });
  if (!o || fleet::parse(value.text, ret_record)) return o;
  return {failure::refused, "etcd: the record is of a format not known here"};
}

outcome etcd_engine::names(std::int64_t deadline, std::vector<std::string>& ret_names) {
  std::vector<std::string> keys;
  outcome o =
      at_any_endpoint(deadline, [&](std::int64_t by) { return gateway_.keys(prefix_, by, keys); });
  if (!o) return o;
  ret_names.clear();
  for (const std::string& key : keys) ret_names.push_back(key.substr(prefix_.size()));
  return o;
}

std::unique_ptr<engine> make_etcd(const std::string& url, std::string& ret_error) {
  etcd_url where;
  if (!parse(url, where, ret_error)) return nullptr;
  return std::make_unique<etcd_engine>(std::move(where));
}

}  // namespace afflux::fleet
