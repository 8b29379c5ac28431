// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What happens to contestants when something changes.
#pragma once

#include <string>
#include <vector>

#include "control/simulation.h"

namespace afflux::simulation {

struct measure {
  std::string what;
  double value = 0;  // the mean of the seeds
  double goal = 0;
  bool at_most = false;  // the goal is an upper bound

  bool holds() const { return at_most ? value <= goal : value >= goal; }
};

struct course {
  std::string scenario;
  std::string contestant;
  std::vector<measure> measures;
  outcome first;  // the first seed's, with what it was second by second
};

struct scenario_options {
  setting base{};
  std::string law = "exponential";
  std::vector<std::string> scenarios;
  std::vector<std::string> contestants;
  unsigned seeds = 5;
  unsigned threads = 1;
};

const std::vector<std::string>& scenarios();
// In a sentence.
std::string describe(const std::string& scenario);
std::vector<course> run_scenarios(const scenario_options& options);

}  // namespace afflux::simulation
