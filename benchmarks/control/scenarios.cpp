// SPDX-License-Identifier: MIT OR Apache-2.0
#include "control/scenarios.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "control/contestants.h"
#include "control/each.h"
#include "control/matrix.h"

namespace afflux::simulation {
namespace {

struct scenario {
  const char* name;
  const char* about;
  void (*set)(setting& ret_setting);
  std::vector<measure> (*judge)(const setting& of, const outcome& seen);
};

// Of what is given by second, from second `from` to second `to`.
double sum(const std::vector<double>& by_second, double from, double to) {
  double all = 0;
  for (auto i = static_cast<std::size_t>(from);
       i < std::min(by_second.size(), static_cast<std::size_t>(to)); ++i) {
    all += by_second[i];
  }
  return all;
}

double accepted(const outcome& seen, double from, double to) {
  return sum(seen.accepted_at, from, to) / std::max(1.0, sum(seen.offered_at, from, to));
}

// Of what the server could serve, or of what was asked for where that is less.
double good(const setting& of, const outcome& seen, int from, int to) {
  const double full = of.workers / (of.mean_ms / 1e3);
  double possible = 0;
  for (int second = from; second < to; ++second) {
    possible += full * std::min(of.capacity.at(second), of.load.at(second));
  }
  return sum(seen.good_at, from, to) / possible;
}

// How far the limit strays from its mean, as a share of that. By minutes, for each is a mean.
double stray(const outcome& seen, int from, int to) {
  const double mean = sum(seen.limit_at, from, to) / (to - from);
  double most = 0;
  for (int minute = from; minute < to; minute += 60) {
    most = std::max(most, std::abs(sum(seen.limit_at, minute, minute + 60) / 60 / mean - 1));
  }
  return most;
}

const scenario kScenarios[] = {
    {"drift", "1.3 × the capacity is asked for, for an hour",
     [](setting& s) {
       s.load = 1.3;
       s.seconds = 3600;
     },
     [](const setting& s, const outcome& o) -> std::vector<measure> {
       return {{"the limit strays, minute 5 to 60", stray(o, 300, 3600), 0.2, true},
               {"goodput, minute 5 to 60", good(s, o, 300, 3600), 0.95}};
     }},
    {"idle", "ten minutes at 1 % load, then 90 %",
     [](setting& s) {
       s.load = timeline(0.01).then(600, 0.9);
       s.seconds = 660;
     },
     [](const setting&, const outcome& o) -> std::vector<measure> {
       return {{"accepted in the first second", accepted(o, 600, 601), 0.9},
               {"accepted in 10 s", accepted(o, 600, 610), 0.9},
               {"accepted in 60 s", accepted(o, 600, 660), 0.95}};
     }},
    {"busy-idle", "half a minute of overload, ten minutes at 1 % load, then 90 %",
     [](setting& s) {
       s.load = timeline(1.2).then(30, 0.01).then(630, 0.9);
       s.seconds = 690;
     },
     [](const setting&, const outcome& o) -> std::vector<measure> {
       return {{"accepted in the first second", accepted(o, 630, 631), 0.9},
               {"accepted in 60 s", accepted(o, 630, 690), 0.95}};
     }},
    {"half", "capacity halves at 90 % load, and comes back",
     [](setting& s) {
       s.load = 0.9;
       s.capacity = timeline(1).then(60, 0.5).then(120, 1);
       s.seconds = 180;
     },
     [](const setting& s, const outcome& o) -> std::vector<measure> {
       return {{"goodput, second 1 to 10", good(s, o, 61, 70), 0.9},
               {"goodput, second 10 to 60", good(s, o, 70, 120), 0.95},
               {"goodput, 10 s after it came back", good(s, o, 130, 180), 0.95}};
     }},
    {"double", "capacity doubles at three times the first",
     [](setting& s) {
       s.load = 1.5;
       s.capacity = timeline(0.5).then(60, 1);
       s.seconds = 120;
     },
     [](const setting& s, const outcome& o) -> std::vector<measure> {
       return {{"goodput in 10 s", good(s, o, 60, 70), 0.9},
               {"goodput, second 10 to 60", good(s, o, 70, 120), 0.95}};
     }},
    {"storm", "2 s without capacity; who is refused comes back after about 20 ms",
     [](setting& s) {
       s.load = 0.8;
       s.retry_ms = 2 * s.mean_ms;
       s.capacity = timeline(1).then(30, 0.02).then(32, 1);
       s.seconds = 90;
     },
     [](const setting& s, const outcome& o) -> std::vector<measure> {
       return {{"goodput, 5 s to 10 s later", good(s, o, 37, 42), 0.95},
               {"goodput, 10 s to 58 s later", good(s, o, 42, 90), 0.95}};
     }},
    {"dependency", "answers come 100 ms later for a minute, at 80 % load: no overload",
     [](setting& s) {
       s.load = 0.8;
       s.delay_ms = timeline(0).then(60, 10 * s.mean_ms).then(120, 0);
       s.seconds = 180;
     },
     [](const setting& s, const outcome& o) -> std::vector<measure> {
       return {{"goodput in 5 s", good(s, o, 60, 65), 0.5},
               {"goodput, second 5 to 60", good(s, o, 65, 120), 0.95},
               {"goodput, 5 s after", good(s, o, 125, 180), 0.95}};
     }},
    {"closed", "clients that wait for their answer, four for each worker",
     [](setting& s) {
       s.clients = 4 * s.workers;
       s.think_ms = s.mean_ms / 10;
       s.load = 1;
     },
     [](const setting& s, const outcome& o) -> std::vector<measure> {
       return {{"goodput, second 20 to 60", good(s, o, 20, 60), 0.95}};
     }},
};

const scenario* find(const std::string& name) {
  for (const scenario& one : kScenarios) {
    if (name == one.name) return &one;
  }
  return nullptr;
}

void add(std::vector<measure>& sum, const std::vector<measure>& one, double part) {
  if (sum.empty()) {
    sum = one;
    for (measure& each : sum) each.value = 0;
  }
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i].value += part * one[i].value;
}

}  // namespace

const std::vector<std::string>& scenarios() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const scenario& one : kScenarios) all.emplace_back(one.name);
    return all;
  }();
  return names;
}

std::string describe(const std::string& name) {
  const scenario* const found = find(name);
  return found == nullptr ? "" : found->about;
}

std::vector<course> run_scenarios(const scenario_options& options) {
  std::vector<course> courses;
  for (const std::string& name : options.scenarios) {
    for (const std::string& contestant : options.contestants) {
      courses.push_back({name, contestant, {}, {}});
    }
  }
  each(courses.size(), options.threads, [&](std::size_t i) {
    course& done = courses[i];
    const scenario& played = *find(done.scenario);
    setting of = options.base;
    of.warm = 0;
    find_law(options.law, of.served.kind);
    played.set(of);
    for (unsigned seed = 0; seed < options.seeds; ++seed, ++of.seed) {
      outcome seen = run(of, done.contestant);
      add(done.measures, played.judge(of, seen), 1.0 / options.seeds);
      if (seed == 0) done.first = std::move(seen);
    }
  });
  return courses;
}

}  // namespace afflux::simulation
