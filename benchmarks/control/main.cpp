// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Tries the algorithms for adaptive limits on simulated servers.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "../../examples/support/arguments.h"
#include "control/contestants.h"
#include "control/matrix.h"
#include "control/print.h"
#include "control/scenarios.h"

namespace afflux::simulation {
namespace {

struct options {
  matrix_options matrix;
  std::string law = "exponential";
  std::vector<std::string> played = scenarios();
  std::uint64_t seed = 1;
  double deadline_ms = 0;
  bool json = false;
  bool check = false;
};

enum key : int {
  kSigma = 256,
  kRare,
  kRatio,
  kExponent,
  kSeconds,
  kWarm,
  kDeadline,
  kSeed,
  kSeeds,
  kJson,
  kQuick,
  kCheck,
  kScenarioLaw
};

constexpr argp_option kOptions[] = {
    {nullptr, 0, nullptr, 0, "What is tried", 1},
    {"algorithm", 'a', "NAMES", 0,
     "slope, fixed (a limit of the workers), shedding (the same, and a queue "
     "that sheds), lifo (with adaptive LIFO, too), aimd, vegas, gradient2, "
     "gradient, failsafe (all)",
     1},
    {"scenario", 's', "NAMES", 0,
     "drift, idle, busy-idle, half, double, storm, dependency, closed; "
     "none (all)",
     1},
    {"scenario-law", kScenarioLaw, "NAME", 0, "the law of scenarios (exponential)", 1},
    {"quick", kQuick, nullptr, 0, "a few cells, one seed, no scenario of an hour", 1},
    {nullptr, 0, nullptr, 0, "The cells of the matrix", 2},
    {"law", 'l', "NAMES", 0, "exponential, lognormal, bimodal, constant, heavy; none (all)", 2},
    {"load", 'o', "NUMBERS", 0, "× what the workers can do (0.2,0.5,0.8,1,1.2,1.5,2,5)", 2},
    {"slow", 'w', "NUMBERS", 0,
     "more service time for each further set of requests in flight as "
     "large as the workers (0,0.1,0.3)",
     2},
    {nullptr, 0, nullptr, 0, "The server", 3},
    {"workers", 'n', "N", 0, "(50)", 3},
    {"mean-ms", 'm', "MS", 0, "mean service time (10)", 3},
    {"sigma", kSigma, "NUMBER", 0, "of lognormal (1)", 3},
    {"rare", kRare, "SHARE", 0, "of the long requests in bimodal (0.05)", 3},
    {"ratio", kRatio, "NUMBER", 0, "of their length to the others' (81)", 3},
    {"exponent", kExponent, "NUMBER", 0, "of heavy, a Pareto law (1.5)", 3},
    {nullptr, 0, nullptr, 0, "The runs", 4},
    {"seconds", kSeconds, "S", 0, "how long a cell is simulated (6000 × the mean service time)", 4},
    {"warm", kWarm, "S", 0, "how much of that does not count (a third)", 4},
    {"deadline-ms", kDeadline, "MS", 0, "what is served later is not good (50 × the mean)", 4},
    {"seeds", kSeeds, "N", 0, "runs of each cell and scenario (5)", 4},
    {"seed", kSeed, "N", 0, "the first (1)", 4},
    {"jobs", 'j', "N", 0, "threads (as many as there are CPUs)", 4},
    {"json", kJson, nullptr, 0, "prints all numbers as JSON", 4},
    {"check", kCheck, nullptr, 0, "exit status 1 where an algorithm misses a goal", 4},
    {}};

constexpr char kAbout[] =
    "Tries algorithms for adaptive limits on simulated servers, in virtual time\v"
    "Lists are separated by commas. A cell holds where goodput is at least 95 % of the best fixed "
    "limit's and p99 at most 1.15 × its p99. The best fixed limit is, of those within 1 % of the "
    "most goodput over the same seeds, the one with the least p99.";

std::vector<std::string> split(const char* text) {
  std::vector<std::string> words;
  if (std::strcmp(text, "none") == 0) return words;
  for (const char* from = text;; ++from) {
    const char* const to = from + std::strcspn(from, ",");
    words.emplace_back(from, to);
    if (*to == '\0') return words;
    from = to;
  }
}

std::vector<std::string> names(argp_state* state, const char* option, const char* text,
                               const std::vector<std::string>& known) {
  std::vector<std::string> all = split(text);
  for (const std::string& name : all) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet
    argp_error(state, "%s: no '%s'", option, name.c_str());
  }
  return all;
}

double number(argp_state* state, const char* option, const char* text, double least, double most) {
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(value >= least && value <= most)) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet
    argp_error(state, "%s: '%s' is not a number from %g to %g", option, text, least, most);
  }
  return value;
}

std::vector<double> numbers(argp_state* state, const char* option, const char* text, double least,
                            double most) {
  std::vector<double> all;
  for (const std::string& word : split(text)) {
    all.push_back(number(state, option, word.c_str(), least, most));
  }
  return all;
}

void hurry(options& chosen) {
  chosen.matrix.loads = {0.8, 1.2, 2};
  chosen.matrix.slows = {0, 0.3};
  chosen.matrix.laws = {"exponential", "bimodal"};
  chosen.matrix.seeds = 1;
  chosen.played.erase(chosen.played.begin());  // drift
}

error_t take(int key, char* text, argp_state* state) {
  options& chosen = *static_cast<options*>(state->input);
  matrix_options& matrix = chosen.matrix;
  setting& base = matrix.base;
  const std::vector<std::string> laws = matrix_options().laws;
  switch (key) {
    case 'a':
      matrix.contestants = names(state, "--algorithm", text, contestants());
      // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet
      if (matrix.contestants.empty()) argp_error(state, "--algorithm: none");
      return 0;
    case 's':
      chosen.played = names(state, "--scenario", text, scenarios());
      return 0;
    case kScenarioLaw:
      chosen.law = names(state, "--scenario-law", text, laws).at(0);
      return 0;
    case kQuick:
      hurry(chosen);
      return 0;
    case 'l':
      matrix.laws = names(state, "--law", text, laws);
      return 0;
    case 'o':
      matrix.loads = numbers(state, "--load", text, 0.001, 100);
      return 0;
    case 'w':
      matrix.slows = numbers(state, "--slow", text, 0, 10);
      return 0;
    case 'n':
      base.workers = static_cast<int>(number(state, "--workers", text, 1, 1e4));
      return 0;
    case 'm':
      base.mean_ms = number(state, "--mean-ms", text, 0.001, 1e5);
      return 0;
    case kSigma:
      base.served.sigma = number(state, "--sigma", text, 0, 4);
      return 0;
    case kRare:
      base.served.rare = number(state, "--rare", text, 0, 1);
      return 0;
    case kRatio:
      base.served.ratio = number(state, "--ratio", text, 1, 1e4);
      return 0;
    case kExponent:
      base.served.exponent = number(state, "--exponent", text, 1.01, 10);
      return 0;
    case kSeconds:
      base.seconds = number(state, "--seconds", text, 1, 1e6);
      return 0;
    case kWarm:
      base.warm = number(state, "--warm", text, 0, 1e6);
      return 0;
    case kDeadline:
      base.deadline_ms = number(state, "--deadline-ms", text, 0, 1e9);
      return 0;
    case kSeeds:
      return example::read_number(matrix.seeds, state, "--seeds", text, 1U, 1000U);
    case kSeed:
      return example::read_number(base.seed, state, "--seed", text);
    case 'j':
      return example::read_number(matrix.threads, state, "--jobs", text, 1U, 1000U);
    case kJson:
      chosen.json = true;
      return 0;
    case kCheck:
      chosen.check = true;
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

options read(int argc, char** argv) {
  options chosen;
  setting& base = chosen.matrix.base;
  base.seconds = base.warm = base.deadline_ms = -1;
  chosen.matrix.contestants = contestants();
  chosen.matrix.threads = std::max(1U, std::thread::hardware_concurrency());
  const argp parser{kOptions, take, nullptr, kAbout, nullptr, nullptr, nullptr};
  example::read_arguments(parser, argc, argv, chosen);
  if (base.seconds < 0) base.seconds = 6 * base.mean_ms;
  if (base.warm < 0) base.warm = base.seconds / 3;
  if (base.deadline_ms < 0) base.deadline_ms = 50 * base.mean_ms;
  return chosen;
}

bool all_hold(const std::vector<cell>& cells, const std::vector<course>& courses) {
  for (const cell& one : cells) {
    for (std::size_t i = 0; i < one.of.size(); ++i) {
      if (!one.holds(i)) return false;
    }
  }
  return std::all_of(courses.begin(), courses.end(), [](const course& one) {
    return std::all_of(one.measures.begin(), one.measures.end(),
                       [](const measure& m) { return m.holds(); });
  });
}

int main_of(int argc, char** argv) {
  const options chosen = read(argc, argv);
  const matrix_options& matrix = chosen.matrix;
  scenario_options played;
  played.base = matrix.base;
  played.law = chosen.law;
  played.scenarios = chosen.played;
  played.contestants = matrix.contestants;
  played.seeds = matrix.seeds;
  played.threads = matrix.threads;
  const std::vector<cell> cells = run_matrix(matrix);
  const std::vector<course> courses = run_scenarios(played);
  if (chosen.json) {
    print_json(matrix, cells, played, courses);
  } else {
    print_text(matrix, cells);
    print_text(played, courses);
  }
  return chosen.check && !all_hold(cells, courses) ? 1 : 0;
}

}  // namespace
}  // namespace afflux::simulation

int main(int argc, char** argv) { return afflux::simulation::main_of(argc, argv); }
