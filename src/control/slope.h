// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The default: climbs the slope of throughput over work in flight, which it measures by moving the
// limit a little up and down all the time.
//
// The question is e = d ln(throughput) / d ln(in flight): 1 while requests do not hinder each
// other, 0 where more in flight only waits, less where it slows the others down. By Little's law
// e = 1 - d ln(latency) / d ln(in flight). The limit grows while e is above a price, and shrinks
// while it is below. That needs no latency without a queue to compare with, which could be wrong.
//
//  * Two limits, a few per cent apart, by turns (Kiefer and Wolfowitz, 1952; extremum seeking), in
//    the order + - - +, in which what drifts by itself cancels out. A window leaves out the
//    requests that end in its first two latencies, which mostly belong to the limit before. It goes
//    by their end: of those that begin in a window it would see the brief ones alone. Its length
//    has some jitter, for a server whose work comes in batches.
//  * The difference of latencies is a shift: waiting adds about the same to each request. So it
//    is taken from Winsorized latencies (those above a cap count as the cap), divided by the share
//    below the cap. Its noise is that of the bulk, whatever few long requests do. A server that all
//    share stretches latencies instead, the long ones most: there a cap hides a part. So it is low
//    only where a few long requests carry the mean.
//  * The limit is an instrument, work in flight what it acts by. Where only a part of its changes
//    arrives there ("binding"), only that part can teach; a limit that is never reached stays.
//  * Noise is judged by how the differences vary from pair to pair. It sets how far the two limits
//    are apart, and how far one pair may move the limit.
//  * Where the limit is seldom reached the price is low, so that there is room for bursts.
//  * To come far quickly there is a search: the limit is doubled as long as throughput follows by
//    at least half, and then set to where it stopped to follow. It begins at the start, when a
//    limit that was not reached becomes reached, and when e has stayed high. When e has stayed low
//    the limit is halved as long as throughput does not follow.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "control/algorithm.h"
#include "control/random.h"

namespace afflux::control {

struct slope_options {
  double initial = 20;
  double min = 1;
  double max = 1000;
  double price = 0.2;          // the e, 0 … 1, at which more in flight is no longer worth it
  double least_spread = 0.02;  // each of the two limits is so far from the middle, as a share,
  double most_spread = 0.1;    // or this far, where there is much noise
  double gain = 0.025;         // a pair moves the limit by this × (e - price) / noise²,
  double most_gain = 0.05;     // and by no more than this × (e - price)
  double samples = 60;         // a window has so many, and lasts
  double latencies = 5;        // so many mean latencies, of which the first two do not count
  double jump = 2;             // a step of the search multiplies or divides the limit by this
};

class slope final : public algorithm {
 public:
  explicit slope(const slope_options& options = {}, std::uint64_t seed = 1)
      : options_(options), random_(seed), middle_(options.initial) {
    jitter_ = random_.between(0.8, 1.4);
  }

  double limit() const override { return searching_ ? middle_ : is_high() ? high() : low(); }
  // Between the two.
  double center() const override { return searching_ && step_ > 0 ? before_limit_ : middle_; }
  bool searching() const { return searching_; }

  closing next() const override {
    closing wanted;
    const double latency = std::max(latency_, std::min(latest_latency_, 10 * latency_));
    const bool is_brief = searching_ || is_idle_;
    // What a search starts from is to be compared with: requests of this window, the long ones too.
    const bool is_start = searching_ && step_ == 0;
    const double settles = is_brief && !is_start ? 0 : kSettleLatencies;
    const double lasts =
        latency * (is_brief ? settles + kSearchLatencies : options_.latencies * jitter_);
    wanted.least_samples =
        static_cast<std::uint64_t>(is_brief ? options_.samples / 2 : options_.samples);
    wanted.least_time = whole(lasts);
    wanted.most_time = std::max(kLongest, whole(10 * lasts));
    wanted.own_only = is_start || is_idle_;
    wanted.settle = whole(settles * latency);
    wanted.cap = cap_ > 0 ? whole(cap_) : kLongest;
    wanted.quantile = 0.5;
    return wanted;
  }

  void update(const window& seen) override {
    jitter_ = random_.between(0.8, 1.4);
    const bool is_first = latency_ <= kUnknown;
    learn_latency(seen);
    why_ = reason::too_few;
    if (seen.samples() < kFewest) return;
    if (is_first && latency_ > kUnknown) return;  // it did not know how long a window has to be
    why_ = reason::steady;
    const double full = share(seen.full, seen);
    // After idling even a limit that is seldom reached is news.
    since_idle_ = is_idle_ ? 0 : std::min(since_idle_ + 1, kLongSince);
    is_idle_ = !searching_ && static_cast<double>(seen.in_flight_most) < limit() / 4;
    if (!searching_ && fullness_ < kSeldom && full > (since_idle_ < kLongSince ? 0.1 : 0.5)) {
      fullness_ = full;
      start_search(true);
    }
    const bool mostly_dropped = share(seen.dropped, seen) > 0.5;
    if (searching_ && mostly_dropped) end_search(step_ > 0 ? before_limit_ : middle_);
    if (searching_) {
      follow(fullness_, full, kSlowly);
      why_ = reason::probe;
      search(seen);
    } else if (is_idle_) {
      why_ = reason::unused;
      fullness_ -= kSlowly * fullness_;
    } else if (cap_ == 0 && !mostly_dropped) {
      set_cap(static_cast<double>(seen.quantile));
    } else {
      compare(seen);
    }
  }

 private:
  static std::int64_t whole(double ns) { return static_cast<std::int64_t>(std::min(ns, 1e15)); }
  static double share(std::uint64_t part, const window& of) {
    return static_cast<double>(part) / static_cast<double>(of.samples());
  }
  static void follow(double& average, double value, double part) {
    average += part * (value - average);
  }

  // ---- Two limits by turns

  // What a window has shown under one of the two limits.
  struct arm {
    double latency = 0;    // Winsorized mean, ns
    double below = 0;      // share of the requests that were below the cap
    double median = 0;     // ns
    double in_flight = 0;  // logarithm of the mean
    double full = 0;       // share of the requests that ended at a limit that was reached
    double dropped = 0;    // share
    bool reached = false;  // the limit was
  };

  bool is_high() const { return (phase_ & 3) == 0 || (phase_ & 3) == 3; }
  double rounded(double limit) const {
    return std::max(options_.min, std::min(options_.max, std::floor(limit + 0.5)));
  }
  // At least one apart.
  double high() const { return rounded(std::max(middle_ * (1 + spread_), middle_ + 0.5)); }
  double low() const { return rounded(std::min(middle_ * (1 - spread_), high() - 1)); }

  void compare(const window& seen) {
    arm& shown = is_high() ? high_ : low_;
    const auto n = static_cast<double>(seen.samples());
    shown.latency = static_cast<double>(seen.capped_sum) / n;
    shown.below = share(seen.below_cap, seen);
    shown.median = static_cast<double>(seen.quantile);
    shown.in_flight = std::log(std::max(1.0, seen.mean_in_flight()));
    shown.full = share(seen.full, seen);
    shown.dropped = share(seen.dropped, seen);
    shown.reached = static_cast<double>(seen.in_flight_most) >= limit();
    if (++phase_ % 2 == 0) learn();
  }

  // From a pair of windows: the score, which is e - price where all of the limit's change
  // arrives, and the step that it is worth.
  void learn() {
    const double below = (low_.below + high_.below) / 2;
    const double full = (low_.full + high_.full) / 2;
    const double span = std::log(high() / low());
    if (low_.median > 0 || high_.median > 0) set_cap(std::max(low_.median, high_.median));
    follow(fullness_, full, kSlowly);
    ++pairs_;
    if (low_.dropped + high_.dropped > 1) {  // most of them: latencies say nothing
      if (low_.reached || high_.reached) move(-kWhenDropped, reason::drops);
      return;
    }
    if (span <= 0) return;
    // d ln(latency), and how far it may be trusted: hardly with a cap that hardly any is below.
    const double slower = (high_.latency - low_.latency) / std::max(below, 0.1) / latency_;
    const double trust = std::max(0.0, std::min(1.0, (below - 0.1) / 0.2));
    learn_noise(slower);
    const double arrives = (high_.in_flight - low_.in_flight) / span;
    follow(binding_, std::max(-1.0, std::min(2.0, arrives)), 0.05 + 0.15 * full);
    const double binding = std::max(0.0, std::min(1.0, binding_));
    const double score = (1 - price()) * binding - slower / span;
    const double noise = std::sqrt(variance_) / span;
    const double most = kClip * std::max(1.0, noise);
    const double clipped = trust * std::max(-most, std::min(most, score));
    follow(smooth_score_, clipped, kSlowly);
    const double gain = std::min(options_.most_gain, options_.gain / (noise * noise));
    if (low_.reached || high_.reached) {
      move(gain * clipped * binding, clipped < 0 ? reason::queue : reason::room);
    } else {
      why_ = reason::unused;
    }
    spread_ =
        std::max(options_.least_spread, std::min(options_.most_spread, std::sqrt(variance_) / 2));
    const double deviation = noise * std::sqrt(kSlowly / 2);  // of the smoothed score
    if (full < 0.3 || pairs_ < rest_) return;
    if (smooth_score_ > std::max(kRises, 2 * deviation)) start_search(true);
    if (-smooth_score_ > std::max(kSinks, 2 * deviation)) start_search(false);
  }

  // The median is far below the mean where a few long requests carry that.
  void set_cap(double median) {
    const double balance = (median / latency_ - kFewCarry) / (kManyCarry - kFewCarry);
    cap_ = median * (kLeastCap + (kMostCap - kLeastCap) * std::max(0.0, std::min(1.0, balance)));
  }

  double price() const { return std::min(options_.price, fullness_); }

  // By how much ln(latency) differs from pair to pair. One that is far off counts as three
  // standard deviations.
  void learn_noise(double slower) {
    const double error = slower - mean_;
    follow(mean_, slower, kQuickly);
    follow(variance_, std::min(error * error, 9 * variance_),
           std::max(kSlowly, 1.0 / static_cast<double>(++differences_ + 1)));
  }

  void move(double log_step, reason why) {
    why_ = why;
    middle_ *= std::exp(log_step);
    middle_ = std::max(options_.min, std::min(options_.max, middle_));
  }

  void learn_latency(const window& seen) {
    if (seen.all_served == 0) return;
    latest_latency_ = std::max(2 * kUnknown, static_cast<double>(seen.all_latency_sum) /
                                                 static_cast<double>(seen.all_served));
    if (latency_ <= kUnknown) {
      latency_ = latest_latency_;
    } else {
      follow(latency_, std::min(latest_latency_, 4 * latency_), 0.15);
    }
  }

  // ---- The search

  void start_search(bool upwards) {
    searching_ = true;
    upwards_ = upwards;
    step_ = 0;
  }

  void end_search(double limit) {
    middle_ = std::max(options_.min, std::min(options_.max, limit));
    searching_ = false;
    phase_ = 0;
    smooth_score_ = 0;
    pairs_ = 0;
    cap_ = 0;
  }

  // One window to start from; then for each limit one in which work in flight fills up, and two
  // that count.
  void search(const window& seen) {
    const auto most = static_cast<double>(seen.in_flight_most);
    if (step_++ == 0) {
      before_limit_ = middle_;
      before_in_flight_ = std::log(std::max(1.0, seen.mean_in_flight()));
      before_median_ = static_cast<double>(seen.quantile);
      gained_ = gained_from_ = 0;
      if (most < rounded(middle_)) return leave_unreached(middle_);
      return jump();
    }
    if (step_ == 2) return;
    in_flight_ += std::log(std::max(1.0, seen.mean_in_flight())) / 2;
    median_ += static_cast<double>(seen.quantile) / 2;
    most_in_flight_ = std::max(most_in_flight_, most);
    if (step_ == 4) decide();
  }

  void jump() {
    middle_ = rounded(upwards_ ? middle_ * options_.jump : middle_ / options_.jump);
    step_ = 1;
    in_flight_ = median_ = most_in_flight_ = 0;
  }

  // What the limit that is tried has brought.
  void decide() {
    const double jumped = std::log(middle_ / before_limit_);
    const double arrived = in_flight_ - before_in_flight_;
    const double slower = std::log(std::max(0.2, 1 + (median_ - before_median_) / latency_));
    if (arrived / jumped <= kReached || (upwards_ && most_in_flight_ < middle_)) {
      if (!upwards_) return give_up(0);
      // Of no use, but room for the bursts of requests that come at random.
      const double in_flight = std::exp(in_flight_);
      return leave_unreached(slower > kHarm ? 0 : in_flight + 2 * std::sqrt(in_flight));
    }
    const double e = std::min(1.0, 1 - slower / arrived);
    if ((e >= kFollows) == upwards_) {
      rest_ = 0;
      if (middle_ <= options_.min || middle_ >= options_.max) return end_search(middle_);
      before_limit_ = middle_;
      before_in_flight_ = in_flight_;
      before_median_ = median_;
      gained_ += e * jumped;
      gained_from_ += jumped;
      return jump();
    }
    // Upwards, to where all of the search's gain in throughput would have ended; downwards, so far
    // as throughput has not followed.
    give_up(upwards_ ? std::max(0.0, gained_ + e * jumped) - gained_from_ : jumped * (1 - e));
  }

  // Back to the limit before, or so far (logarithm) from it.
  void give_up(double way) {
    rest_ = std::min(2 * rest_ + 8, kLongRest);
    end_search(before_limit_ * std::exp(way));
  }

  void leave_unreached(double limit) {
    fullness_ = 0;
    end_search(std::max(before_limit_, std::min(middle_, limit)));
  }

  static constexpr std::int64_t kLongest = 1'000'000'000;  // ns; a window with few requests
  static constexpr std::uint64_t kFewest = 4;              // samples that say anything
  static constexpr double kUnknown = 1;                    // ns; of a latency
  static constexpr double kLeastCap = 2;    // × the median, where that is, as a share of the mean,
  static constexpr double kFewCarry = 0.3;  // so much or less,
  static constexpr double kMostCap = 4;     // and where it is
  static constexpr double kManyCarry = 0.6;  // so much or more
  static constexpr double kClip = 1.5;       // a score beyond that, or that × noise, is cut
  static constexpr double kSlowly = 0.05;    // parts of moving averages
  static constexpr double kQuickly = 0.1;
  static constexpr double kSeldom = 0.15;      // so seldom reached: reached now, it is news
  static constexpr double kWhenDropped = 0.1;  // a pair shrinks the limit by that
  static constexpr double kSettleLatencies = 2;
  static constexpr double kSearchLatencies = 2;
  static constexpr double kFollows = 0.5;  // throughput does, by at least that e
  static constexpr double kRises = 0.4;    // a smoothed score above that starts a search,
  static constexpr double kSinks = 0.15;   // and below minus that one downwards
  static constexpr double kHarm = 0.15;    // more in flight made ln(latency) more by that
  static constexpr double kReached = 0.3;  // share of a jump that has to arrive in flight
  static constexpr int kLongSince = 20;    // windows
  static constexpr int kLongRest = 256;    // pairs between searches that found nothing

  const slope_options options_;
  splitmix random_;
  double jitter_ = 1;
  double middle_;
  double spread_ = 0.05;
  double latency_ = kUnknown;  // ns, mean, smoothed
  double latest_latency_ = 0;
  double cap_ = 0;         // ns; 0: not known yet
  double fullness_ = 0.3;  // share of the requests that end at a limit that is reached
  arm low_, high_;
  int phase_ = 0;
  int pairs_ = 0;  // since the last search
  int rest_ = 0;   // so many pairs before the next
  double binding_ = 0.5;
  double smooth_score_ = 0;
  double mean_ = 0.05;      // of d ln(latency),
  double variance_ = 0.01;  // and its variance
  int differences_ = 0;     // of which they were learned
  bool searching_ = true;
  bool is_idle_ = false;         // less than a quarter of the limit was used in the last window
  int since_idle_ = kLongSince;  // windows
  bool upwards_ = true;
  int step_ = 0;  // windows of the search at this limit
  double before_limit_ = 0, before_in_flight_ = 0, before_median_ = 0;
  double gained_ = 0, gained_from_ = 0;  // logarithms, since the search began: throughput, limit
  double in_flight_ = 0, median_ = 0, most_in_flight_ = 0;  // at the limit that is tried
};

}  // namespace afflux::control
