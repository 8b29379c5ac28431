// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Envoy's gradient controller: now and then the limit is pinned low to learn what latency is
// without a queue; from window to window the limit follows the ratio of that to the latency seen,
// plus a square root. From Envoy's filter adaptive_concurrency (149521d) and its documentation,
// with their defaults.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "control/algorithm.h"
#include "control/random.h"

namespace afflux::control {

struct gradient_options {
  double quantile = 0.5;                       // of latencies, in probes and between them
  std::int64_t update_interval = 100'000'000;  // ns; Envoy has no default, its example says this
  std::uint32_t max = 1000;
  std::uint32_t min = 0;  // 0: probe_limit; set, it keeps probes from touching the limit
  std::int64_t probe_interval = 60'000'000'000;  // ns; no default either
  double jitter = 0.15;                          // of the interval, added at random
  std::uint64_t probe_samples = 50;
  std::uint32_t probe_limit = 3;
  double buffer = 0.25;            // of the probe's latency, added to it
  std::int64_t fixed_latency = 0;  // ns; set, it stands for probes
};

class gradient final : public algorithm {
 public:
  explicit gradient(const gradient_options& options = {}, std::uint64_t seed = 1)
      : options_(options),
        min_(options.min != 0 ? options.min : options.probe_limit),
        random_(seed),
        limit_(min_),
        baseline_(options.fixed_latency) {
    if (options_.fixed_latency <= 0) begin_probe();
  }

  double limit() const override { return limit_; }
  double center() const override { return probing_ ? limit_before_ : limit_; }
  bool probing() const { return probing_; }
  // When the next probe is due.
  std::int64_t probe_at() const { return probe_at_; }

  closing next() const override {
    closing wanted;
    wanted.quantile = options_.quantile;
    wanted.dropped_too = true;  // Envoy samples each answer, whatever it says
    wanted.own_only = probing_;
    if (probing_) {
      wanted.least_samples = options_.probe_samples;
    } else {
      wanted.least_time = std::min(options_.update_interval, probe_at_ - now_);
    }
    return wanted;
  }

  void update(const window& seen) override {
    now_ = seen.to;
    why_ = reason::too_few;
    if (probing_) {
      end_probe(seen.quantile);
    } else if (now_ >= probe_at_) {
      begin_probe();  // what the window has seen is not used
    } else if (seen.quantile > 0) {
      follow(static_cast<double>(seen.quantile));
    }
  }

 private:
  void begin_probe() {
    probing_ = true;
    why_ = reason::probe;
    limit_before_ = limit_;
    if (options_.min != 0) return;  // then the limit stays, and so does at_min_, as in Envoy
    limit_ = options_.probe_limit;
    at_min_ = 0;
  }

  void end_probe(std::int64_t latency) {
    probing_ = false;
    why_ = reason::probe;
    baseline_ = latency;
    limit_ = limit_before_;
    probe_at_ = now_ + options_.probe_interval;
    const std::int64_t whole = options_.probe_interval / kMs;  // as in Envoy
    const double range = std::ceil(static_cast<double>(whole) * options_.jitter);
    if (range >= 1) {
      const std::uint64_t late = random_.next() % static_cast<std::uint64_t>(range);
      probe_at_ += static_cast<std::int64_t>(late) * kMs;
    }
  }

  void follow(double latency) {
    const double baseline = static_cast<double>(baseline_);
    const double ratio = (baseline + baseline * options_.buffer) / latency;
    const double part = limit_ * std::max(0.5, std::min(2.0, ratio));
    const std::uint32_t old = limit_;
    const double wanted = std::min(static_cast<double>(options_.max), part + std::sqrt(part));
    limit_ = std::max(min_, static_cast<std::uint32_t>(wanted));
    why_ = limit_ == old ? reason::steady : limit_ < old ? reason::queue : reason::room;
    // At the minimum for long: the baseline may be wrong.
    at_min_ = old == min_ && limit_ == min_ ? at_min_ + 1 : 0;
    if (at_min_ >= kLongAtMin && options_.fixed_latency <= 0) begin_probe();
  }

  static constexpr std::int64_t kMs = 1'000'000;
  static constexpr int kLongAtMin = 5;
  const gradient_options options_;
  const std::uint32_t min_;
  splitmix random_;
  std::uint32_t limit_;
  std::uint32_t limit_before_ = 0;  // the limit before the probe
  std::int64_t baseline_;
  std::int64_t probe_at_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t now_ = 0;
  int at_min_ = 0;  // windows in a row
  bool probing_ = false;
};

}  // namespace afflux::control
