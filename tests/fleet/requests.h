// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Requests as holders might send them, and as they never would; from a seed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>

#include "fleet/ledger.h"

namespace afflux_test {

class requests {
 public:
  requests(std::uint64_t seed, int holders) : random_(seed), holders_(holders) {}

  std::uint64_t below(std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random_);
  }
  afflux::fleet::request next(const afflux::fleet::record& now) {
    using namespace afflux::fleet;
    request q;
    const std::uint64_t dice = below(100);
    q.kind = dice < 90   ? kind::renew
             : dice < 96 ? kind::leave
             : dice < 98 ? kind::resize
                         : kind::expire;
    q.holder = "h" + std::to_string(below(static_cast<std::uint64_t>(holders_)));
    q.sequence = below(20) == 0 ? below(sequence_ + 1) : ++sequence_;
    q.nonce = below(kMaxNumber) + 1;
    q.epoch = below(10) == 0 ? below(3) : now.epoch;
    q.seen = below(200) == 0 ? now.stamp + below(3) : below(now.stamp + 1);
    // Sometimes nothing is heard of the holders for a while.
    q.proof = below(30) == 0 ? now.stamp - std::min(now.stamp, below(40)) : 0;
    q.proof_lease = below(10) == 0 ? 1 : 5'000'000'000;
    q.lease = below(20) == 0 ? 6'000'000'000 : 5'000'000'000;
    if (q.lease > q.proof_lease && below(2) == 0) q.proof_lease = q.lease;
    q.keep = below(3) == 0 ? below(20) : kMaxPermits;
    q.adopt = std::min(below(6), q.keep);
    q.demand = below(8) == 0 ? below(most_) : below(12);
    q.weight = below(5) == 0 ? below(kMaxWeight) + 1 : 1 + below(3);
    if (below(10) == 0) q.weight = q.demand = 0;
    q.minimum = below(4) == 0 ? below(9) : 0;
    q.limit = 100 + below(5);
    q.version = below(50) == 0 ? now.version + below(3) : 0;
    if (q.kind == kind::resize) q.limit = below(4) == 0 ? below(most_) : below(200);
    q.label = below(2) == 0 ? "a name, with spaces" : "";
    q.fresh = below(2) == 0;
    return q;
  }
  void most(std::uint64_t n) { most_ = n; }

 private:
  std::mt19937_64 random_;
  int holders_;
  std::uint64_t sequence_ = 0;
  std::uint64_t most_ = 300;
};

inline std::string line_of(const afflux::fleet::reply& a) {
  std::string text;
  for (const std::uint64_t n :
       {std::uint64_t(a.answer), std::uint64_t(a.silent), std::uint64_t(a.wanted),
        std::uint64_t(a.begun), a.epoch, a.stamp, a.limit, a.version, a.lease, a.proven, a.permits,
        a.target, a.total, a.holders}) {
    text += std::to_string(n) + " ";
  }
  return text;
}

}  // namespace afflux_test
