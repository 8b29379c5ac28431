// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fleet/lease.h"

#include <algorithm>

namespace afflux::fleet {
namespace {

std::size_t index(int i) { return static_cast<std::size_t>(i); }

}  // namespace

std::uint64_t lease::usable(std::int64_t now) const {
  if (now < stop()) return leaves_ ? 0 : share();
  return failures_ == 0 || leaves_ ? 0 : terms_.fallback;
}

std::int64_t lease::next_change(std::int64_t now) const {
  return now < stop() && share() != 0 ? stop() : kNever;
}

// ---- demand

void lease::sample(std::int64_t now, std::uint64_t held, std::uint64_t waiting) {
  held_ = held;
  if (now - sampled_ >= step()) {
    sampled_ = now;
    newest_ = (newest_ + 1) % kRecent;
    samples_[newest_] = 0;
  }
  const std::uint64_t most = limit_ != 0 ? std::min(limit_, kMaxPermits) : kMaxPermits;
  const std::uint64_t sum = waiting > most || held > most ? most : std::min(held + waiting, most);
  samples_[newest_] = std::max(samples_[newest_], sum);
}

std::uint64_t lease::demand() const {
  return leaves_ ? 0 : *std::max_element(std::begin(samples_), std::end(samples_));
}

std::int64_t lease::due() const {
  if (!began_) return std::numeric_limits<std::int64_t>::min();
  if (failures_ != 0) return retry_;
  std::int64_t wait = terms_.refresh;
  const std::uint64_t need = demand();
  const bool rises = need > told_ && need > permits_;
  const bool gives = wanted_ && permits_ > std::max(share(), held_);
  // Others wanted more, and much of what it has is not wanted here any more.
  const bool falls = (wanted_ || target_ < told_) && need < told_ && need < permits_ - permits_ / 4;
  if (rises || gives || falls) wait = step();
  // Others are giving it back: look again, soon at first.
  if (target_ > permits_ && !silent_) wait = std::min(wait, step() << std::min(polls_, 2));
  return sent_ + wait;
}

// ---- messages

void lease::drop_oldest_proof() {
  std::copy(proofs_.begin() + 1, proofs_.begin() + proof_count_, proofs_.begin());
  --proof_count_;
}

void lease::remember(std::int64_t now, std::uint64_t stamp) {
  const std::int64_t apart = common_lease_ / 16;
  if (proof_count_ != 0 && now - proofs_[index(proof_count_ - 1)].arrived < apart) return;
  if (proof_count_ == static_cast<int>(proofs_.size())) drop_oldest_proof();
  proofs_[index(proof_count_++)] = {stamp, now};
}

std::uint64_t lease::newest_proof(std::int64_t now) {
  const std::int64_t before = now - common_lease_ - terms_.margin;
  while (proof_count_ > 1 && proofs_[1].arrived <= before) drop_oldest_proof();
  return proof_count_ != 0 && proofs_[0].arrived <= before ? proofs_[0].stamp : 0;
}

request lease::begin(std::int64_t now, std::uint64_t held, std::uint64_t random) {
  if (is_another_) {
    terms_.holder = "c" + std::to_string(random);  // at most 21 digits
    is_another_ = false;
  }
  const std::uint64_t limit = usable(now);
  // Of the limit while the engine is away nothing is leased; what it let in is in `held`.
  const std::uint64_t leased = now < stop() ? limit : 0;
  request q;
  q.keep = std::max(leased, held);
  q.kind = leaves_ && held == 0 ? kind::leave : kind::renew;
  q.holder = terms_.holder;
  q.label = terms_.label;
  q.sequence = ++sequence_;
  q.nonce = random % kMaxNumber + 1;
  q.epoch = epoch_;
  q.seen = seen_;
  q.proof = newest_proof(now);
  q.proof_lease = static_cast<std::uint64_t>(common_lease_);
  // After a loss of memory others may have a longer lease than the engine has heard of yet.
  q.lease = static_cast<std::uint64_t>(std::max(terms_.lease, common_lease_));
  q.adopt = now < valid_until_ ? std::min(permits_, q.keep) : 0;
  q.demand = demand();
  q.weight = leaves_ ? 0 : terms_.weight;
  q.minimum = terms_.minimum;
  q.limit = limit_;
  q.version = version_;
  // What is beyond is given up, whether the answer comes or not.
  permits_ = std::min(permits_, q.keep);
  sent_ = now;
  told_ = q.demand;
  began_ = true;
  return q;
}

void lease::arrived(std::int64_t now, const reply& a) {
  undefined_ = a.answer == answer::undefined;
  if (a.answer != answer::done) {
    // Nothing was done, and nothing is prolonged.
    reached_ = true;
    failures_ = 0;
    if (a.answer != answer::stale) return;
    is_another_ = true;
    permits_ = 0;
    valid_until_ = std::min(valid_until_, now);
    return;
  }
  // What an epoch that is silent has for a holder it has adopted. The lease that this rests on may
  // have ended on the way: then the epoch before may have given the same permits to another.
  const bool is_void = a.silent && a.epoch != epoch_ && now >= valid_until_;
  if (a.epoch != epoch_) {
    if (epoch_ != 0) ++epochs_;
    epoch_ = a.epoch;
    proof_count_ = 0;
  }
  // An operator may have ended it, too.
  const bool lapsed = now >= valid_until_ || a.permits < permits_ || (a.begun && permits_ != 0);
  if (tenure_ == 0 || lapsed) {
    if (tenure_ != 0) ++lapses_;
    tenure_ = a.stamp;
  }
  common_lease_ = static_cast<std::int64_t>(a.lease);
  remember(now, a.stamp);
  polls_ = a.permits > permits_ || a.target <= a.permits ? 0 : polls_ + 1;
  permits_ = is_void ? 0 : a.permits;
  target_ = a.target;
  wanted_ = a.wanted;
  silent_ = a.silent;
  reached_ = true;
  failures_ = 0;
  seen_ = a.stamp;
  floor_ = std::max(floor_, a.proven);
  limit_ = a.limit;
  version_ = a.version;
  valid_until_ = sent_ + terms_.lease - terms_.margin;
}

void lease::failed(std::int64_t now, std::uint64_t random) {
  reached_ = false;
  // Soon at first, then as seldom as at rest; spread, for many have lost the engine at once.
  const std::int64_t wait = step() << std::min(failures_, 3);
  ++failures_;
  retry_ = now + wait / 2 + static_cast<std::int64_t>(random % static_cast<std::uint64_t>(wait));
}

}  // namespace afflux::fleet
