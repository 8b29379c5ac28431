// SPDX-License-Identifier: MIT OR Apache-2.0
//
// failsafe-go's adaptive limiter, for comparison: a high quantile of latencies beside its own
// moving average says how long the queue is; correlations of what is in flight with throughput
// and with latency hold back the growth that this alone allows. From failsafe-go 0.9.8
// (adaptivelimiter), with its defaults; without what is off there: a decay of the largest factor
// and a window for the most in flight. The quantile is exact, where failsafe-go's is a t-digest's.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "control/algorithm.h"

namespace afflux::control {

struct failsafe_options {
  double initial = 20;
  double min = 1;
  double max = 200;
  double max_factor = 5;                    // × the most in flight: the limit goes no further
  std::int64_t least_time = 1'000'000'000;  // ns; a window lasts twice its least latency,
  std::int64_t most_time = 30'000'000'000;  // within these bounds
  std::size_t least_samples = 50;
  double quantile = 0.9;
  int baseline_age = 10;        // windows
  std::size_t correlated = 50;  // windows
};

class failsafe final : public algorithm {
 public:
  explicit failsafe(const failsafe_options& options = {})
      : options_(options),
        limit_(options.initial),
        recent_(5),
        baseline_(options.baseline_age),
        throughputs_(options.correlated),
        latencies_(options.correlated) {}

  double limit() const override { return std::floor(limit_); }
  double baseline() const { return baseline_.value(); }
  closing next() const override { return {}; }

  void update(const window& seen) override {
    if (seen.served > 0) {
      samples_.push_back(seen.latency_sum / static_cast<std::int64_t>(seen.served));
      in_flight_ = std::max(in_flight_, seen.in_flight_most);
    }
    if (seen.to <= next_ || samples_.size() < options_.least_samples) return;
    const std::int64_t least = *std::min_element(samples_.begin(), samples_.end());
    adjust(quantile(), in_flight_, seen.full > 0);
    next_ = seen.to + std::min(std::max(least * 2, options_.least_time), options_.most_time);
    samples_.clear();
    in_flight_ = 0;
  }

  // At the end of a window: the quantile of its latencies, the most in flight, and whether the
  // limit is reached now.
  void adjust(double latency, std::uint64_t in_flight, bool full) {
    const double recent = recent_.add(median_.add(latency));
    const double queue = std::ceil(limit_ * (1 - baseline_.add(recent) / recent));
    const auto flight = static_cast<double>(in_flight);
    const correlation throughput = throughputs_.add(flight, flight / (recent / 1e9));
    const correlation rtt = latencies_.add(flight, recent);
    const int unit = log10_of(limit_);
    const bool slower =
        full && (throughput.value < 0 ||
                 (rtt.value > 0.5 && (throughput.value < 0.3 || throughput.cv < 0.2)));
    double wanted = limit_;
    if (queue > 6 * unit || slower) {
      wanted -= unit;
    } else if (queue < 3 * unit) {
      wanted += unit;
    }
    const double most = flight * options_.max_factor;
    if (wanted > most) wanted = limit_ > most ? limit_ - unit : most;
    limit_ = std::max(options_.min, std::min(options_.max, wanted));
  }

 private:
  // Exponential; the plain mean of the first few.
  class moving_average {
   public:
    explicit moving_average(int age) : part_(2 / (static_cast<double>(age) + 1)) {}
    double add(double value) {
      if (count_ < kWarm) {
        sum_ += value;
        return value_ = sum_ / ++count_;
      }
      return value_ = value_ * (1 - part_) + value * part_;
    }
    double value() const { return value_; }

   private:
    const double part_;
    double value_ = 0;
    double sum_ = 0;
    int count_ = 0;
  };

  // Of the last five; each itself before there are so many.
  class moving_median {
   public:
    double add(double value) {
      last_[count_++ % kOf] = value;
      if (count_ < kOf) return value;
      double sorted[kOf];
      std::copy(last_, last_ + kOf, sorted);
      std::sort(sorted, sorted + kOf);
      return sorted[kOf / 2];
    }

   private:
    static constexpr std::size_t kOf = 5;
    double last_[kOf] = {};
    std::size_t count_ = 0;
  };

  struct correlation {
    double value = 0;
    double cv = 0;  // the coefficient of variation of y
  };

  // Of x and y over the last few windows.
  class correlated {
   public:
    explicit correlated(std::size_t most) : most_(most) {}
    correlation add(double x, double y) {
      if (std::isinf(y)) return {};
      if (points_.size() == most_) {
        add_sums(points_[at_], -1);
        points_[at_] = {x, y};
        at_ = (at_ + 1) % most_;
      } else {
        points_.push_back({x, y});
      }
      add_sums({x, y}, 1);
      const auto n = static_cast<double>(points_.size());
      const double mean_x = x_ / n;
      const double mean_y = y_ / n;
      const double var_x = xx_ / n - mean_x * mean_x;
      const double var_y = yy_ / n - mean_y * mean_y;
      if (n < kWarm || var_x < 0 || var_y < 0) return {};
      const double cv_y = std::sqrt(var_y) / mean_y;
      if (std::sqrt(var_x) / mean_x < kLeastCv || cv_y < kLeastCv) return {0, cv_y};
      return {(xy_ / n - mean_x * mean_y) / (std::sqrt(var_x) * std::sqrt(var_y)), cv_y};
    }

   private:
    struct point {
      double x, y;
    };
    void add_sums(const point& p, double sign) {
      x_ += sign * p.x;
      y_ += sign * p.y;
      xx_ += sign * (p.x * p.x);
      yy_ += sign * (p.y * p.y);
      xy_ += sign * (p.x * p.y);
    }
    static constexpr double kLeastCv = 0.01;
    const std::size_t most_;
    std::vector<point> points_;
    std::size_t at_ = 0;  // the oldest, once there are `most_`
    double x_ = 0, y_ = 0, xx_ = 0, yy_ = 0, xy_ = 0;
  };

  // By Hazen's rule, which a t-digest of few samples comes down to.
  double quantile() {
    std::sort(samples_.begin(), samples_.end());
    const auto n = static_cast<double>(samples_.size());
    const double at = std::max(0.0, std::min(n - 1, options_.quantile * n - 0.5));
    const auto below = static_cast<std::size_t>(at);
    const auto low = static_cast<double>(samples_[below]);
    const auto high = static_cast<double>(samples_[std::min(below + 1, samples_.size() - 1)]);
    return low + (high - low) * (at - static_cast<double>(below));
  }

  // Its whole part, and at least 1.
  static int log10_of(double of) {
    const auto limit = static_cast<std::int64_t>(of);
    int whole = 1;
    for (std::int64_t power = 100; power <= limit; power *= 10) ++whole;
    return whole;
  }

  static constexpr int kWarm = 10;
  const failsafe_options options_;
  double limit_;
  moving_median median_;
  moving_average recent_;
  moving_average baseline_;
  correlated throughputs_;
  correlated latencies_;
  std::vector<std::int64_t> samples_;  // latencies of this window
  std::uint64_t in_flight_ = 0;
  std::int64_t next_ = std::numeric_limits<std::int64_t>::min();  // no window ends before
};

}  // namespace afflux::control
