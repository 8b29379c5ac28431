// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Contestants beside the best fixed limit, under loads that stay.
#pragma once

#include <string>
#include <vector>

#include "control/simulation.h"

namespace afflux::simulation {

struct matrix_options {
  setting base{};  // its law's parameters, workers and times hold for all cells
  std::vector<std::string> laws = {"exponential", "lognormal", "bimodal", "constant", "heavy"};
  std::vector<double> loads = {0.2, 0.5, 0.8, 1, 1.2, 1.5, 2, 5};
  std::vector<double> slows = {0, 0.1, 0.3};
  std::vector<std::string> contestants;
  unsigned seeds = 5;
  unsigned threads = 1;
};

// The mean of the seeds; of limits, the least and the most of all.
struct figures {
  double good = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double limit_least = 0;
  double limit_mean = 0;
  double limit_most = 0;
};

struct cell {
  std::string law;
  double slow = 0;
  double load = 0;
  // Of the fixed limits that come within 1 % of the most goodput, the one with the least p99.
  double best_limit = 0;
  figures best;
  std::vector<figures> of;  // each contestant

  double goodput(std::size_t contestant) const { return of[contestant].good / best.good; }
  double p99(std::size_t contestant) const { return of[contestant].p99_ms / best.p99_ms; }
  // Goodput at least 95 % of the best fixed limit's, p99 at most 1.15 × its p99.
  bool holds(std::size_t contestant) const {
    return goodput(contestant) >= 0.95 && p99(contestant) <= 1.15;
  }
};

bool find_law(const std::string& name, law& ret_law);
std::vector<cell> run_matrix(const matrix_options& options);

}  // namespace afflux::simulation
