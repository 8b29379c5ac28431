// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How long a request is served, drawn from a law with a mean of 1; and the seeded random numbers
// that all of the simulation uses. They are made here, not by <random>'s distributions, whose
// numbers differ from library to library.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string>

namespace afflux::simulation {

using generator = std::mt19937_64;

inline double uniform(generator& g) { return static_cast<double>(g() >> 11) * 0x1p-53; }
inline double exponential(generator& g, double mean) { return -mean * std::log1p(-uniform(g)); }
inline double normal(generator& g) {
  constexpr double kTurn = 6.283185307179586;
  return std::sqrt(-2 * std::log1p(-uniform(g))) * std::cos(kTurn * uniform(g));
}

enum class law { exponential, lognormal, bimodal, constant, heavy };

struct service {
  law kind = law::exponential;
  double sigma = 1;       // lognormal
  double rare = 0.05;     // bimodal: the share of long requests,
  double ratio = 81;      // which take so many times as long as the others
  double exponent = 1.5;  // heavy: Pareto's, above 1

  double draw(generator& g) const {
    switch (kind) {
      case law::exponential:
        return exponential(g, 1);
      case law::lognormal:
        return std::exp(sigma * normal(g) - sigma * sigma / 2);
      case law::bimodal: {
        const double brief = 1 / (1 - rare + rare * ratio);
        return uniform(g) < rare ? brief * ratio : brief;
      }
      case law::constant:
        return 1;
      case law::heavy:
        return pareto(g);
    }
    return 1;
  }

 private:
  // Cut at 1,000 times its least value, so that the mean over a run is near the law's.
  double pareto(generator& g) const {
    constexpr double kCut = 1000;
    const double inside = 1 - std::pow(kCut, -exponent);
    const double mean = exponent / (exponent - 1) * (1 - std::pow(kCut, 1 - exponent)) / inside;
    return std::pow(1 - uniform(g) * inside, -1 / exponent) / mean;
  }
};

}  // namespace afflux::simulation
