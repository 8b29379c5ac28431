// SPDX-License-Identifier: MIT OR Apache-2.0
#include "control/contestants.h"

#include "control/aimd.h"
#include "control/failsafe.h"
#include "control/gradient.h"
#include "control/gradient2.h"
#include "control/slope.h"
#include "control/vegas.h"

namespace afflux::simulation {

const std::vector<std::string>& contestants() {
  static const std::vector<std::string> names = {
      "slope", "fixed", "shedding", "lifo", "aimd", "vegas", "gradient2", "gradient", "failsafe"};
  return names;
}

std::unique_ptr<control::algorithm> make_algorithm(const std::string& name, std::uint64_t seed) {
  if (name == "slope") return std::make_unique<control::slope>(control::slope_options{}, seed);
  if (name == "aimd") {
    control::aimd_options options;
    options.max = kMaxLimit;
    return std::make_unique<control::aimd>(options);
  }
  if (name == "vegas") {  // windowed, as gradient2: without, neither leaves its least limit
    control::vegas_options options;
    options.max = kMaxLimit;
    options.windowed.on = true;
    return std::make_unique<control::vegas>(options, seed);
  }
  if (name == "gradient2") {
    control::gradient2_options options;
    options.max = kMaxLimit;
    options.windowed.on = true;
    return std::make_unique<control::gradient2>(options);
  }
  if (name == "gradient") {
    control::gradient_options options;
    options.max = kMaxLimit;
    return std::make_unique<control::gradient>(options, seed);
  }
  if (name == "failsafe") {
    control::failsafe_options options;
    options.max = kMaxLimit;
    return std::make_unique<control::failsafe>(options);
  }
  return nullptr;
}

namespace {

// As published.
shed_rule line_of(const std::string& name) {
  if (name != "shedding" && name != "lifo") return {};
  return {.target_ms = 5, .interval_ms = 100, .newest_first = name == "lifo"};
}

}  // namespace

outcome run(const setting& of, const std::string& contestant) {
  const auto algorithm = make_algorithm(contestant, of.seed);
  if (algorithm == nullptr) return simulate(of, of.workers, line_of(contestant));
  return simulate(of, *algorithm, 1, kMaxLimit);
}

}  // namespace afflux::simulation
