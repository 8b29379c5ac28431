// SPDX-License-Identifier: MIT OR Apache-2.0
#include "control/matrix.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "control/contestants.h"
#include "control/each.h"

namespace afflux::simulation {
namespace {

// × the workers.
constexpr double kFixed[] = {0.8, 0.9, 1, 1.04, 1.1, 1.2, 1.4, 1.7, 2, 3, 5, 10, 20};

std::vector<int> fixed_limits(int workers) {
  std::vector<int> limits;
  for (const double factor : kFixed) {
    const int limit = std::max(1, static_cast<int>(std::lround(factor * workers)));
    if (limits.empty() || limits.back() != limit) limits.push_back(limit);
  }
  return limits;
}

figures mean_of(const std::vector<outcome>& outcomes) {
  figures mean;
  const auto n = static_cast<double>(outcomes.size());
  mean.limit_least = outcomes[0].limit_least;
  for (const outcome& one : outcomes) {
    mean.good += one.good / n;
    mean.p50_ms += one.p50_ms / n;
    mean.p99_ms += one.p99_ms / n;
    mean.limit_mean += one.limit_mean / n;
    mean.limit_least = std::min(mean.limit_least, one.limit_least);
    mean.limit_most = std::max(mean.limit_most, one.limit_most);
  }
  return mean;
}

template <class Simulate>
figures over_seeds(setting of, unsigned seeds, const Simulate& simulate_one) {
  std::vector<outcome> outcomes;
  for (unsigned i = 0; i < seeds; ++i, ++of.seed) {
    outcomes.push_back(simulate_one(of));
    outcome& last = outcomes.back();
    last.p99_at = last.limit_at = last.good_at = last.offered_at = last.accepted_at = {};
  }
  return mean_of(outcomes);
}

void find_best(const setting& of, unsigned seeds, cell& ret_cell) {
  std::vector<std::pair<int, figures>> fixed;
  double most = 0;
  for (const int limit : fixed_limits(of.workers)) {
    fixed.emplace_back(
        limit, over_seeds(of, seeds, [limit](const setting& one) { return simulate(one, limit); }));
    most = std::max(most, fixed.back().second.good);
  }
  for (const auto& [limit, found] : fixed) {
    const bool is_first = ret_cell.best_limit == 0;
    if (found.good < 0.99 * most || (!is_first && found.p99_ms >= ret_cell.best.p99_ms)) continue;
    ret_cell.best_limit = limit;
    ret_cell.best = found;
  }
}

}  // namespace

bool find_law(const std::string& name, law& ret_law) {
  constexpr std::pair<const char*, law> kLaws[] = {{"exponential", law::exponential},
                                                   {"lognormal", law::lognormal},
                                                   {"bimodal", law::bimodal},
                                                   {"constant", law::constant},
                                                   {"heavy", law::heavy}};
  for (const auto& [known, kind] : kLaws) {
    if (name != known) continue;
    ret_law = kind;
    return true;
  }
  return false;
}

std::vector<cell> run_matrix(const matrix_options& options) {
  std::vector<cell> cells;
  for (const std::string& name : options.laws) {
    for (const double slow : options.slows) {
      for (const double load : options.loads) {
        cells.push_back({name, slow, load, 0, {}, {}});
        cells.back().of.resize(options.contestants.size());
      }
    }
  }
  // A piece of work is a cell under the fixed limits or under one contestant.
  const std::size_t pieces = options.contestants.size() + 1;
  each(cells.size() * pieces, options.threads, [&](std::size_t i) {
    cell& done = cells[i / pieces];
    setting of = options.base;
    find_law(done.law, of.served.kind);
    of.slow = done.slow;
    of.load = done.load;
    const std::size_t piece = i % pieces;
    if (piece == 0) return find_best(of, options.seeds, done);
    done.of[piece - 1] = over_seeds(of, options.seeds, [&](const setting& one) {
      return run(one, options.contestants[piece - 1]);
    });
  });
  return cells;
}

}  // namespace afflux::simulation
