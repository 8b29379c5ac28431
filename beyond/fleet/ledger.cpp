// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fleet/ledger.h"

#include <algorithm>

#include "fleet/shares.h"

namespace afflux::fleet {
namespace {

bool knows_limit(const request& q) { return q.limit != 0 || q.version != 0; }

// The server has no record, or one that is not what it last was. Stamps grow over epochs, so one
// that the record does not know yet tells it of another epoch, too: of a server that had taken over
// before this one came back.
bool is_lost(const record& r, const request& q, const server& at) {
  return r.epoch == 0 || r.engine != at.id || q.seen > r.stamp;
}

void begin_epoch(record& r, const request& q, const server& at) {
  record begun;
  begun.epoch = q.nonce;
  begun.engine = at.id;
  begun.stamp = std::max(r.stamp, at.time_us <= kMaxNumber ? at.time_us : 0);
  begun.limit = r.limit;
  begun.version = r.version;
  begun.lease = r.lease;
  // Of the pseudo-holder that holds what nobody knows of: it is stamped by this very exchange.
  begun.silence = r.epoch == 0 && q.fresh ? 0 : std::max(begun.stamp, q.seen) + 1;
  if (r.epoch == 0) begun.limit = q.limit, begun.version = q.version;
  r = begun;
}

// Ends those who have stopped, and shares out anew.
void pass(record& r) {
  std::erase_if(r.holders, [&r](const auto& each) {
    if (each.second.stamp > r.proven) return false;
    r.total -= each.second.permits;
    return true;
  });
  share_out(r);
  r.since = 0;
}

std::uint64_t less(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; }

reply to_reply(const record& r) {
  reply a;
  a.silent = r.silence != 0;
  a.epoch = r.epoch;
  a.stamp = r.stamp;
  a.limit = r.limit;
  a.version = r.version;
  a.lease = r.lease;
  a.proven = r.proven;
  a.total = r.total;
  a.holders = r.holders.size();
  return a;
}

// What an operator changes.
reply operate(record& r, const request& q) {
  if (q.kind == kind::resize) {
    r.limit = q.limit;
    r.version = std::max(r.version, q.version) + 1;
  } else {
    const auto found = r.holders.find(q.holder);
    r.total -= found->second.permits;
    r.holders.erase(found);
  }
  pass(r);
  return to_reply(r);
}

void update(holder& h, const request& q, std::uint64_t stamp) {
  h.stamp = stamp;
  h.weight = q.weight;
  h.minimum = q.minimum;
  h.demand = q.demand;
  h.sequence = q.sequence;
  h.label = q.label;
}

// Gives h what it may have, and says what it is to give back.
void grant(record& r, holder& h, reply& a) {
  const std::uint64_t others = r.owed - lack(h);
  std::uint64_t free = r.silence != 0 ? 0 : less(r.limit, r.total);
  // Before the silence is over nobody could have what is given back.
  a.wanted = (r.silence == 0 && others > free) || r.total > r.limit;
  // Demand has gone, and others wait for it: no need to wait for the next pass.
  if (a.wanted && h.demand < h.target) h.target = h.demand;
  std::uint64_t n = std::min(less(h.target, h.permits), free);
  free -= n;
  // Beyond its share: what is owed to no other.
  n += std::min(less(h.demand, h.permits + n), less(free, others));
  h.permits += n;
  r.total += n;
  r.owed = others + lack(h);
  a.permits = h.permits;
  a.target = h.target;
  a.total = r.total;
}

}  // namespace

reply exchange(record& r, const request& q, const server& at) {
  const bool lost = is_lost(r, q, at);
  const auto found = r.holders.find(q.holder);
  const bool is_known = !lost && found != r.holders.end();
  if (q.kind == kind::expire && !is_known) return {.answer = answer::missing};
  if (q.kind <= kind::leave && is_known && q.sequence <= found->second.sequence) {
    return {.answer = answer::stale};
  }
  if (r.epoch == 0 && q.kind != kind::resize && !knows_limit(q)) {
    return {.answer = answer::undefined};
  }
  if (lost) begin_epoch(r, q, at);
  r.stamp = std::max(r.stamp, q.seen) + 1;
  bool due = lost;
  r.lease = std::max(r.lease, q.lease);
  if (q.kind >= kind::resize) return operate(r, q);

  // After a loss: those who know a newer limit tell it.
  if (q.version > r.version) {
    r.limit = q.limit;
    r.version = q.version;
    due = true;
  }
  if (q.epoch == r.epoch && q.proof_lease >= r.lease) r.proven = std::max(r.proven, q.proof);
  if (r.silence != 0 && r.proven >= r.silence) {
    r.silence = 0;
    due = true;
  }

  const bool adopts = r.silence != 0 && q.epoch != r.epoch && q.adopt != 0;
  holder& h = r.holders[q.holder];
  const std::uint64_t lacked = lack(h);
  r.total -= h.permits;
  h.permits = std::min(h.permits, q.keep);
  if (adopts) h.permits = std::max(h.permits, q.adopt);
  r.total += h.permits;
  if (q.kind == kind::leave) {
    r.total -= h.permits;
    r.owed -= lacked;
    r.holders.erase(q.holder);
    if (due) pass(r);
    return to_reply(r);
  }
  update(h, q, r.stamp);
  r.owed = r.owed - lacked + lack(h);
  ++r.since;
  if (due || 4 * r.since >= r.holders.size()) pass(r);
  reply a = to_reply(r);
  a.begun = !is_known && !adopts;
  grant(r, h, a);
  return a;
}

std::string clean_label(std::string_view label) {
  std::size_t n = std::min(label.size(), kMaxLabel);
  // Not in the middle of a character.
  while (n < label.size() && n > 0 && (static_cast<unsigned char>(label[n]) & 0xc0) == 0x80) --n;
  std::string clean(label.substr(0, n));
  for (char& c : clean) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return clean;
}

}  // namespace afflux::fleet
