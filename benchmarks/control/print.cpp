// SPDX-License-Identifier: MIT OR Apache-2.0
#include "control/print.h"

#include <cstddef>
#include <cstdio>

namespace afflux::simulation {
namespace {

void print_series(const char* name, const std::vector<double>& values, const char* end) {
  std::printf("\"%s\": [", name);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::printf("%s%.6g", i == 0 ? "" : ", ", values[i]);
  }
  std::printf("]%s", end);
}

void print_json(const figures& of) {
  std::printf("{\"good\": %.6g, \"p50_ms\": %.6g, \"p99_ms\": %.6g, \"limit\": [%g, %.6g, %g]}",
              of.good, of.p50_ms, of.p99_ms, of.limit_least, of.limit_mean, of.limit_most);
}

void print_json(const matrix_options& options, const cell& one) {
  std::printf("{\"law\": \"%s\", \"slow\": %g, \"load\": %g, \"best_limit\": %g, \"best\": ",
              one.law.c_str(), one.slow, one.load, one.best_limit);
  print_json(one.best);
  std::printf(", \"of\": {");
  for (std::size_t i = 0; i < one.of.size(); ++i) {
    std::printf("%s\"%s\": ", i == 0 ? "" : ", ", options.contestants[i].c_str());
    print_json(one.of[i]);
  }
  std::printf("}}");
}

void print_json(const course& one) {
  std::printf("{\"scenario\": \"%s\", \"about\": \"%s\", \"contestant\": \"%s\", \"measures\": [",
              one.scenario.c_str(), describe(one.scenario).c_str(), one.contestant.c_str());
  for (std::size_t i = 0; i < one.measures.size(); ++i) {
    const measure& m = one.measures[i];
    std::printf("%s{\"what\": \"%s\", \"value\": %.6g, \"goal\": %g, \"at_most\": %s}",
                i == 0 ? "" : ", ", m.what.c_str(), m.value, m.goal, m.at_most ? "true" : "false");
  }
  std::printf("], ");
  print_series("offered", one.first.offered_at, ", ");
  print_series("good", one.first.good_at, ", ");
  print_series("limit", one.first.limit_at, ", ");
  print_series("p99_ms", one.first.p99_at, "}");
}

}  // namespace

void print_text(const matrix_options& options, const std::vector<cell>& cells) {
  if (cells.empty()) return;
  std::printf(
      "%d workers, %g ms, %u seeds. Goodput and p99: as shares of the best fixed limit's.\n",
      options.base.workers, options.base.mean_ms, options.seeds);
  for (std::size_t i = 0; i < options.contestants.size(); ++i) {
    std::printf("\n%s\n%-12s %5s %5s %8s %8s %8s %8s  %s\n", options.contestants[i].c_str(), "law",
                "slow", "load", "best", "goodput", "p99", "p99 ms", "limit, least mean most");
    std::size_t hold = 0;
    for (const cell& one : cells) {
      const bool holds = one.holds(i);
      hold += holds ? 1 : 0;
      std::printf("%-12s %5g %5g %8g %8.3f %8.2f %8.1f  %5g %7.1f %5g %s\n", one.law.c_str(),
                  one.slow, one.load, one.best_limit, one.goodput(i), one.p99(i), one.of[i].p99_ms,
                  one.of[i].limit_least, one.of[i].limit_mean, one.of[i].limit_most,
                  holds ? "" : "missed");
    }
    std::printf("%zu of %zu cells hold\n", hold, cells.size());
  }
}

void print_text(const scenario_options& options, const std::vector<course>& courses) {
  for (std::size_t i = 0; i < courses.size(); ++i) {
    const course& one = courses[i];
    if (i % options.contestants.size() == 0) {
      std::printf("\n%s: %s\n", one.scenario.c_str(), describe(one.scenario).c_str());
    }
    for (const measure& m : one.measures) {
      std::printf("  %-10s %-36s %7.3f  %s\n", one.contestant.c_str(), m.what.c_str(), m.value,
                  m.holds() ? "" : "missed");
    }
  }
}

void print_json(const matrix_options& options, const std::vector<cell>& cells,
                const scenario_options& played, const std::vector<course>& courses) {
  const setting& base = options.base;
  std::printf(
      "{\"workers\": %d, \"mean_ms\": %g, \"law\": \"%s\", \"seeds\": %u, \"seconds\": %g,\n"
      "\"warm\": %g, \"cells\": [",
      base.workers, base.mean_ms, played.law.c_str(), options.seeds, base.seconds, base.warm);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::printf("%s\n", i == 0 ? "" : ",");
    print_json(options, cells[i]);
  }
  std::printf("],\n\"courses\": [");
  for (std::size_t i = 0; i < courses.size(); ++i) {
    std::printf("%s\n", i == 0 ? "" : ",");
    print_json(courses[i]);
  }
  std::printf("]}\n");
}

}  // namespace afflux::simulation
