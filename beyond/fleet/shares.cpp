// SPDX-License-Identifier: MIT OR Apache-2.0
//
// lease.lua has the same steps, in the same arithmetic: integers in doubles, and the level and the
// divisions in doubles by the same operations in the same order. Sums are of integers, so that the
// order of holders has no part in them.
#include "fleet/shares.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <vector>

namespace afflux::fleet {
namespace {

double real(std::uint64_t n) { return static_cast<double>(n); }
std::uint64_t whole(double x) { return static_cast<std::uint64_t>(std::floor(x)); }

// Its share at a level of water.
std::uint64_t at_level(const holder& h, double level) {
  const std::uint64_t least = std::min(h.minimum, h.demand);
  return std::min(h.demand, std::max(least, whole(real(h.weight) * level)));
}

struct sums {
  std::uint64_t demand = 0, weight = 0, minimum = 0;
  double most = 0;  // the level at which all demand is met
};

sums add_up(const record& r) {
  sums s;
  for (const auto& [id, h] : r.holders) {
    s.demand += h.demand;
    s.weight += h.weight;
    s.minimum += std::min(h.minimum, h.demand);
    if (h.weight != 0) s.most = std::max(s.most, real(h.demand) / real(h.weight));
  }
  return s;
}

// A level at which the shares are the limit, or less by no more than one for each that wants more.
double find_level(const record& r, const sums& s) {
  double low = 0;
  double high = s.most + 1;
  double level = real(r.limit) / real(s.weight);
  for (int i = 0; i < 64; ++i) {
    std::uint64_t sum = 0, wanting = 0, slope = 0;
    for (const auto& [id, h] : r.holders) {
      const std::uint64_t n = at_level(h, level);
      sum += n;
      if (n >= h.demand) continue;
      ++wanting;
      if (n >= h.minimum) slope += h.weight;
    }
    if (sum <= r.limit) {
      low = level;
      if (r.limit - sum <= wanting) break;
    } else {
      high = level;
    }
    double next = low;
    if (slope != 0) next = level + (real(r.limit) - real(sum)) / real(slope);
    if (next <= low || next >= high) next = (low + high) / 2;
    level = next;
  }
  return low;
}

// Gives what rounding has left over.
void give_rest(record& r, std::uint64_t rest, const std::map<std::string, std::uint64_t>& before) {
  using candidate = std::tuple<int, std::uint64_t, std::string, holder*>;
  std::vector<candidate> line;
  for (auto& [id, h] : r.holders) {
    if (h.target >= h.demand) continue;
    const bool has_one = before.at(id) > h.target || h.permits > h.target;
    const bool may_stay = h.target != 0 || r.stamp - h.turn < 2 * r.holders.size();
    line.emplace_back(has_one && may_stay ? 0 : 1, h.turn, id, &h);
  }
  std::sort(line.begin(), line.end());
  for (const auto& [later, turn, id, h] : line) {
    if (rest == 0) break;
    --rest;
    if (h->target == 0 && later == 1) h->turn = r.stamp;
    ++h->target;
  }
}

}  // namespace

void share_out(record& r) {
  const sums s = add_up(r);
  std::map<std::string, std::uint64_t> before;
  for (auto& [id, h] : r.holders) before[id] = h.target;
  if (s.demand <= r.limit) {
    const double spare = real(r.limit - s.demand);
    for (auto& [id, h] : r.holders) {
      h.target = h.demand;
      if (h.weight != 0) h.target += whole(spare * (real(h.weight) / real(s.weight)));
    }
  } else {
    const bool too_many = s.minimum > r.limit;  // minimums: each gets the same part of its own
    const double level = too_many ? 0 : find_level(r, s);
    std::uint64_t sum = 0;
    for (auto& [id, h] : r.holders) {
      h.target =
          too_many ? whole(real(std::min(h.minimum, h.demand)) * (real(r.limit) / real(s.minimum)))
                   : at_level(h, level);
      sum += h.target;
    }
    if (sum < r.limit) give_rest(r, r.limit - sum, before);
  }
  r.owed = 0;
  for (const auto& [id, h] : r.holders) r.owed += lack(h);
}

}  // namespace afflux::fleet
