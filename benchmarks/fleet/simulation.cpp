// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The simulation that Doorman published with its code (scenario seven: 45 clients that share 500
// for an hour, with a mishap each minute), in virtual time over the record and the leases of a
// fleet. Prints JSON. No time is measured: the same seeds give the same figures.
//
//   wants     15 of each client at first, changed each 10 s by up to 10 % at random; all together
//             675 at first, so that 500 are not enough
//   mishaps   each 60 s one of: a client wants 100 more (10 of 15), the engine loses its memory (1
//   of
//             15), it is away for up to 60 s and then has lost it (4 of 15)
//
// The limit is new at the beginning (AFFLUX_FLEET_FRESH). A holder here uses at once what it may,
// up to what it wants, and ends that within a step.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "fleet/lease.h"
#include "fleet/ledger.h"

namespace {

using namespace afflux::fleet;

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMs;
constexpr std::int64_t kStep = 25 * kMs;
constexpr std::int64_t kWay = kMs;  // there and back
constexpr std::int64_t kTimeout = kSecond;
constexpr std::uint64_t kCapacity = 500;
constexpr int kClients = 45;

struct result {
  double given = 0;    // mean of what may be used, of the capacity
  double used = 0;     // mean of what is used, of the lesser of the capacity and what is wanted
  double present = 0;  // likewise, while the engine is there
  double most = 0;     // of the capacity
  std::uint64_t overshoots = 0;
  std::uint64_t exchanges = 0;
  std::int64_t longest = 0;  // from a mishap, or from when the engine is back, to 97 % in use
  std::vector<std::int64_t> recoveries;
};

class hour {
 public:
  hour(std::uint64_t seed, std::int64_t lease_ns, std::int64_t refresh_ns) : random_(seed) {
    for (int i = 0; i < kClients; ++i) {
      lease_terms t;
      t.holder = "c" + std::to_string(i);
      t.lease = lease_ns;
      t.refresh = refresh_ns;
      t.margin = lease_ns / 100;
      t.max_hold = 2 * kStep;
      t.limit = kCapacity;
      clients_.push_back(
          {std::make_unique<afflux::fleet::lease>(t), 15, 0, between(0, 1000) * kSecond});
    }
  }

  result run() {
    std::int64_t next_wants = 0, next_mishap = 60 * kSecond;
    std::uint64_t steps = 0, present = 0;
    result r;
    bool was_above = false;
    for (; now_ < 3600 * kSecond; now_ += kStep) {
      if (now_ >= next_wants) change_wants(), next_wants += 10 * kSecond;
      if (now_ >= next_mishap) mishap(), next_mishap += 60 * kSecond;
      if (away_until_ != 0 && now_ >= away_until_) come_back();
      std::uint64_t may = 0, used = 0;
      double wanted = 0;
      for (client& c : clients_) step(c, may, used, wanted);
      const double enough = std::min(wanted, static_cast<double>(kCapacity));
      const bool is_well = static_cast<double>(used) >= 0.97 * enough;
      if (is_well && since_ >= 0) r.recoveries.push_back(now_ - since_), since_ = -1;
      const double given = static_cast<double>(may) / static_cast<double>(kCapacity);
      const bool is_above = may > kCapacity;
      if (is_above && !was_above) ++r.overshoots;
      was_above = is_above;
      r.most = std::max(r.most, given);
      r.given += given;
      r.used += static_cast<double>(used) / enough;
      if (away_until_ == 0) r.present += static_cast<double>(used) / enough, ++present;
      ++steps;
    }
    r.given /= static_cast<double>(steps);
    r.used /= static_cast<double>(steps);
    r.present /= static_cast<double>(present);
    r.exchanges = exchanges_;
    return r;
  }

 private:
  struct client {
    std::unique_ptr<afflux::fleet::lease> lease;
    double wants;
    std::int64_t fails_at;  // when it gives up waiting; 0: it does not wait
    std::int64_t offset;    // of its clock
  };

  std::int64_t between(std::int64_t a, std::int64_t b) {
    return std::uniform_int_distribution<std::int64_t>(a, b)(random_);
  }

  void change_wants() {
    for (client& c : clients_) {
      c.wants += 0.1 * std::uniform_real_distribution<>(-1, 1)(random_) * c.wants;
    }
  }
  void mishap() {
    const std::int64_t kind = between(0, 14);
    since_ = now_;
    if (kind < 10) {
      clients_[static_cast<std::size_t>(between(0, kClients - 1))].wants += 100;
    } else if (kind == 10) {
      record_ = {};
    } else {
      away_until_ = now_ + between(1, 60) * kSecond;
      since_ = -1;
    }
  }
  void come_back() {
    away_until_ = 0;
    record_ = {};
    since_ = now_;
  }

  void step(client& c, std::uint64_t& may, std::uint64_t& used, double& wanted) {
    const std::int64_t now = now_ + c.offset;
    const auto wants = static_cast<std::uint64_t>(c.wants);
    std::uint64_t usable = c.lease->usable(now);
    std::uint64_t held = std::min(usable, wants);
    c.lease->sample(now, held, wants - held);
    if (c.fails_at != 0 && now_ >= c.fails_at) {
      c.lease->failed(now, random_());
      c.fails_at = 0;
    }
    if (c.fails_at == 0 && now >= c.lease->due()) {
      request q = c.lease->begin(now, held, random_());
      q.fresh = q.epoch == 0;  // the limit is new at the beginning
      if (away_until_ != 0) {
        c.fails_at = now_ + kTimeout;
      } else {
        ++exchanges_;
        // The server's clock goes on while its memory does not.
        const auto us = static_cast<std::uint64_t>(now_ / 1'000 + 1);
        c.lease->arrived(now + kWay, exchange(record_, q, {"server", us * 100}));
      }
      usable = c.lease->usable(now + kWay);
      held = std::min(usable, wants);
    }
    may += usable;
    used += held;
    wanted += static_cast<double>(wants);
  }

  std::mt19937_64 random_;
  std::vector<client> clients_;
  record record_;
  std::int64_t now_ = 0;
  std::int64_t away_until_ = 0;
  std::int64_t since_ = 0;  // of what it recovers from; -1: of nothing
  std::uint64_t exchanges_ = 0;
};

void print(const char* name, std::int64_t lease_ns, std::int64_t refresh_ns, int seeds, bool last) {
  result all;
  double least_given = 1;
  for (int seed = 1; seed <= seeds; ++seed) {
    const result r = hour(static_cast<std::uint64_t>(seed), lease_ns, refresh_ns).run();
    all.given += r.given / seeds;
    all.used += r.used / seeds;
    all.present += r.present / seeds;
    all.most = std::max(all.most, r.most);
    all.overshoots += r.overshoots;
    all.exchanges += r.exchanges;
    least_given = std::min(least_given, r.given);
    all.recoveries.insert(all.recoveries.end(), r.recoveries.begin(), r.recoveries.end());
  }
  std::sort(all.recoveries.begin(), all.recoveries.end());
  const auto seconds = [](std::int64_t ns) {
    return static_cast<double>(ns) / static_cast<double>(kSecond);
  };
  std::printf(
      "  {\"name\": \"%s\", \"lease_s\": %.0f, \"refresh_s\": %.0f, \"seeds\": %d, "
      "\"given\": %.4f, \"used\": %.4f, \"used_present\": %.4f, \"overshoots\": %llu, "
      "\"most\": %.4f, \"recovery_median_s\": %.2f, \"recovery_p95_s\": %.2f, "
      "\"recovery_most_s\": %.2f, \"exchanges_per_client_second\": %.3f}%s\n",
      name, seconds(lease_ns), seconds(refresh_ns), seeds, all.given, all.used, all.present,
      static_cast<unsigned long long>(all.overshoots), all.most,
      seconds(all.recoveries[all.recoveries.size() / 2]),
      seconds(all.recoveries[all.recoveries.size() * 95 / 100]), seconds(all.recoveries.back()),
      static_cast<double>(all.exchanges) / (3600.0 * kClients * seeds), last ? "" : ",");
}

}  // namespace

int main(int argc, char** argv) {
  const int seeds = argc > 1 ? std::atoi(argv[1]) : 10;
  if (seeds < 1) {
    std::fprintf(stderr, "usage: fleet_simulation [SEEDS]\n");
    return 2;
  }
  std::printf("[\n");
  print("with Doorman's times", 300 * kSecond, 5 * kSecond, seeds, false);
  print("with the defaults", 5 * kSecond, kSecond, seeds, true);
  std::printf("]\n");
}
