// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How long a stress test runs and by which random numbers: AFFLUX_STRESS_MS
// (default 500, for each test) and AFFLUX_STRESS_SEED (default: any), which
// is printed, so that a failure can be tried again. The watchdog is that of
// contract/support/main.cpp.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "../contract/support/recorder.h"
#include "../contract/support/sem_guard.h"

namespace afflux_test {

using random_engine = std::mt19937_64;

inline std::int64_t stress_ns() {
  const char* given = std::getenv("AFFLUX_STRESS_MS");
  return (given != nullptr ? std::atoll(given) : 500) * kMillisecond;
}

// A fixture whose tests run for as long, and draw by such numbers.
template <class Fixture>
class seeded : public Fixture {
 protected:
  void SetUp() override {
    const char* given = std::getenv("AFFLUX_STRESS_SEED");
    seed_ = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
    std::printf("AFFLUX_STRESS_SEED=%llu\n", static_cast<unsigned long long>(seed_));
    std::fflush(stdout);
    until_ = now_ns() + stress_ns();
  }
  bool time_left() const { return now_ns() < until_; }
  // A thread's own numbers: the same for the same seed, whatever the others do.
  random_engine engine(std::uint64_t thread) const {
    return random_engine(seed_ * 0x9e3779b97f4a7c15u + thread);
  }
  std::uint64_t seed() const { return seed_; }

 private:
  std::uint64_t seed_ = 0;
  std::int64_t until_ = 0;
};

using stress = seeded<per_variant>;

inline std::uint64_t below(random_engine& random, std::uint64_t bound) { return random() % bound; }

}  // namespace afflux_test
