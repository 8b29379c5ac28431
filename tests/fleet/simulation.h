// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A fleet in virtual time: holders with clocks of their own, a network that loses, delays and
// doubles messages, and an engine that loses memory. Everything comes from one seed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "fleet/lease.h"
#include "fleet/ledger.h"

namespace afflux_test {

namespace fleet = afflux::fleet;

inline constexpr std::int64_t kMs = 1'000'000;
inline constexpr std::int64_t kSecond = 1'000 * kMs;

struct weather {
  double lost = 0;                           // part of messages
  double doubled = 0;                        // part of requests that are done again, later
  std::int64_t least = kMs / 5, most = kMs;  // ns, of a message's way
  double late = 0;                           // part of messages that take up to two leases
  double stops = 0;                          // per holder and second: stops for up to three leases
  double deaths = 0;                         // per holder and second; another one takes its place
  double forgets = 0;                        // per second: the engine loses all
  double moves = 0;  // per second: a replica takes over, with what was there up to 2 s ago
};

class simulation {
 public:
  struct node {
    std::unique_ptr<fleet::lease> lease;
    std::int64_t offset = 0;
    double rate = 1;
    std::int64_t stopped_until = 0;
    std::uint64_t held = 0;
    std::vector<std::int64_t> ends;  // of its pieces of work, one permit each; real time
    std::uint64_t wants = 0;         // pieces of work that it would have at once
    std::uint64_t serial = 0;        // of the request under way, 0: none
    std::int64_t gives_up = 0;       // real time: no answer is waited for any longer
    std::uint64_t worked = 0;        // permit-steps
  };

  simulation(std::uint64_t seed, int nodes, std::uint64_t limit, const weather& w)
      : random_(seed), weather_(w), limit_(limit) {
    for (int i = 0; i < nodes; ++i) nodes_.push_back(make());
  }

  std::int64_t lease_ns = 5 * kSecond;
  std::int64_t refresh_ns = kSecond;
  std::int64_t hold_ns = 400 * kMs;  // the longest piece of work
  std::int64_t step_ns = 20 * kMs;

  // How much is used, or may be at once, now.
  std::uint64_t in_use() const {
    std::uint64_t sum = 0;
    for (const node& n : nodes_) {
      const std::int64_t clock = clock_of(n);
      // A stopped process can't but hold what it holds; what it does after the end of its lease is
      // what fencing is for.
      const bool is_stopped = n.stopped_until > now_;
      if (is_stopped && n.lease->remaining(clock) == 0) continue;
      sum += std::max(n.held, n.lease->usable(clock));
    }
    return sum;
  }

  void run(std::int64_t time, const std::function<void(simulation&)>& each_step = {}) {
    for (const std::int64_t end = now_ + time; now_ < end; now_ += step_ns) {
      while (!events_.empty() && events_.begin()->first <= now_) {
        const auto act = std::move(events_.begin()->second);
        events_.erase(events_.begin());
        act();
      }
      disturb();
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i].stopped_until <= now_) step(i);
      }
      peak_ = std::max(peak_, in_use());
      ++steps_;
      if (each_step) each_step(*this);
    }
  }

  std::vector<node>& nodes() { return nodes_; }
  fleet::record& record() { return record_; }
  std::int64_t now() const { return now_; }
  std::uint64_t peak() const { return peak_; }
  std::uint64_t exchanges() const { return exchanges_; }
  std::uint64_t steps() const { return steps_; }
  std::uint64_t worked() const {
    std::uint64_t sum = gone_worked_;
    for (const node& n : nodes_) sum += n.worked;
    return sum;
  }
  void forget() { record_ = {}; }
  bool chance(double p) { return std::uniform_real_distribution<>(0, 1)(random_) < p; }
  std::int64_t between(std::int64_t a, std::int64_t b) {
    return std::uniform_int_distribution<std::int64_t>(a, b)(random_);
  }
  std::mt19937_64& random() { return random_; }

 private:
  std::int64_t clock_of(const node& n) const {
    return n.offset + static_cast<std::int64_t>(static_cast<double>(now_) * n.rate);
  }

  node make() {
    fleet::lease_terms t;
    t.holder = "h" + std::to_string(++made_);
    t.lease = lease_ns;
    t.refresh = refresh_ns;
    t.margin = lease_ns / 100;
    t.max_hold = hold_ns + 2 * step_ns;
    t.limit = limit_;
    node n;
    n.lease = std::make_unique<fleet::lease>(t);
    n.offset = between(0, 1'000'000 * kSecond);
    n.rate = 1 + static_cast<double>(between(-400, 400)) / 1e6;
    return n;
  }

  void step(std::size_t i) {
    node& n = nodes_[i];
    const std::int64_t clock = clock_of(n);
    std::erase_if(n.ends, [this](std::int64_t end) { return end <= now_; });
    n.held = n.ends.size();
    const std::uint64_t may = n.lease->usable(clock);
    while (n.held < may && n.held < n.wants) {
      n.ends.push_back(now_ + between(step_ns, hold_ns));
      ++n.held;
    }
    n.worked += n.held;
    n.lease->sample(clock, n.held, n.wants > n.held ? n.wants - n.held : 0);
    if (n.serial != 0 && now_ >= n.gives_up) {
      n.serial = 0;
      n.lease->failed(clock, random_());
    }
    if (n.serial == 0 && clock >= n.lease->due()) send(i, clock);
  }

  std::int64_t way() {
    return chance(weather_.late) ? between(0, 2 * lease_ns)
                                 : between(weather_.least, weather_.most);
  }

  void send(std::size_t i, std::int64_t clock) {
    node& n = nodes_[i];
    const fleet::request q = n.lease->begin(clock, n.held, random_());
    const std::uint64_t serial = n.serial = ++serials_;
    n.gives_up = now_ + kSecond;
    const int times = chance(weather_.lost) ? 0 : chance(weather_.doubled) ? 2 : 1;
    for (int k = 0; k < times; ++k) {
      const std::int64_t there = k == 0 ? way() : between(0, 2 * lease_ns);
      events_.emplace(now_ + there, [this, i, q, serial, is_first = k == 0] {
        ++exchanges_;
        const fleet::reply a = fleet::exchange(record_, q, {server_, ++ticks_});
        if (chance(weather_.lost) || !is_first) return;
        events_.emplace(now_ + way(), [this, i, a, serial] {
          node& to = nodes_[i];
          if (to.serial != serial) return;  // given up, or of one that has died
          if (to.stopped_until > now_) {    // read when it runs again
            resumed_.push_back({i, serial, a});
            return;
          }
          to.serial = 0;
          to.lease->arrived(clock_of(to), a);
        });
      });
    }
  }

  void disturb() {
    const double dt = static_cast<double>(step_ns) / static_cast<double>(kSecond);
    std::erase_if(resumed_, [this](const late_answer& l) {
      node& to = nodes_[l.node];
      if (to.serial != l.serial) return true;
      if (to.stopped_until > now_) return false;
      to.serial = 0;
      to.lease->arrived(clock_of(to), l.answer);
      return true;
    });
    for (node& n : nodes_) {
      if (n.stopped_until <= now_ && chance(weather_.stops * dt)) {
        n.stopped_until = now_ + between(0, 3 * lease_ns);
      }
      if (chance(weather_.deaths * dt)) {
        gone_worked_ += n.worked;
        const std::uint64_t wants = n.wants;
        n = make();
        n.wants = wants;
      }
    }
    if (now_ >= next_copy_) {
      next_copy_ = now_ + 100 * kMs;
      copies_.push_back(record_);
      if (copies_.size() > 20) copies_.erase(copies_.begin());
    }
    if (chance(weather_.forgets * dt)) record_ = {};
    if (chance(weather_.moves * dt)) {
      record_ = copies_[static_cast<std::size_t>(
          between(0, static_cast<std::int64_t>(copies_.size()) - 1))];
      server_ = "s" + std::to_string(++servers_);
    }
  }

  struct late_answer {
    std::size_t node;
    std::uint64_t serial;
    fleet::reply answer;
  };

  std::mt19937_64 random_;
  weather weather_;
  std::uint64_t limit_;
  std::int64_t now_ = 0;
  std::int64_t next_copy_ = 0;
  std::vector<node> nodes_;
  std::vector<late_answer> resumed_;
  std::multimap<std::int64_t, std::function<void()>> events_;
  fleet::record record_;
  std::vector<fleet::record> copies_;
  std::string server_ = "s0";
  std::uint64_t ticks_ = 0;  // nothing sets them back, as little as Redis' clock is by FLUSHALL
  int servers_ = 0;
  std::uint64_t made_ = 0, serials_ = 0, exchanges_ = 0, steps_ = 0, peak_ = 0, gone_worked_ = 0;
};

}  // namespace afflux_test
