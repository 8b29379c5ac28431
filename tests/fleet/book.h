// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include "fleet/ledger.h"

namespace afflux_test {

using namespace afflux::fleet;

inline constexpr std::uint64_t kLease = 5'000'000'000;

// A record, and holders that do what they are told at once.
class book {
 public:
  explicit book(std::uint64_t limit, bool fresh = true) : limit_(limit), fresh_(fresh) {}

  request make(const std::string& id, std::uint64_t demand) {
    request q;
    q.holder = id;
    q.sequence = ++sequences_[id];
    q.nonce = ++nonce_;
    q.epoch = epochs_[id];
    q.seen = seen_[id];
    q.lease = kLease;
    q.proof_lease = kLease;
    q.keep = keeps_[id];
    q.demand = demand;
    q.limit = limit_;
    q.fresh = fresh_;
    return q;
  }
  reply send(const request& q) {
    const reply a = exchange(now, q, {server, 0});
    if (a.answer != answer::done) return a;
    epochs_[q.holder] = a.epoch;
    seen_[q.holder] = a.stamp;
    keeps_[q.holder] = a.wanted ? std::min(a.permits, a.target) : a.permits;
    return a;
  }
  reply ask(const std::string& id, std::uint64_t demand) { return send(make(id, demand)); }
  std::uint64_t keep(const std::string& id) { return keeps_[id]; }

  record now;
  std::string server = "s";

 private:
  std::uint64_t limit_;
  bool fresh_;
  std::uint64_t nonce_ = 0;
  std::map<std::string, std::uint64_t> sequences_, epochs_, seen_, keeps_;
};

}  // namespace afflux_test
