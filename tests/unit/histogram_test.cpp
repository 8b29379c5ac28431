// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The histogram's arithmetic: every time falls into the bucket whose bound is the first that is
// not below it, and what is recorded by one thread or by many is all there.
#include "stats/histogram.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "policy.h"

namespace afflux::stats {
namespace {

TEST(Histogram, EachTimeIsInTheBucketOfTheNextBound) {
  const auto expect = [](std::uint64_t ns) {
    const std::size_t at = bucket_of(ns);
    ASSERT_LT(at, kBuckets);
    EXPECT_LE(ns, bound_of(at)) << ns;
    if (at > 0) {
      EXPECT_GT(ns, bound_of(at - 1)) << ns;
    }
  };
  for (std::uint64_t ns = 0; ns < 5'000; ++ns) expect(ns);
  for (unsigned bit = 12; bit < 64; ++bit) {
    const std::uint64_t power = std::uint64_t{1} << bit;
    for (const std::uint64_t ns : {power - 1, power, power + 1, power + power / 3}) expect(ns);
  }
  expect(std::numeric_limits<std::uint64_t>::max());
  for (std::size_t at = 0; at + 1 < kBuckets; ++at) EXPECT_EQ(bucket_of(bound_of(at)), at);
}

TEST(Histogram, KeepsCountSumAndLongest) {
  const auto h = std::make_unique<histogram<native_policy>>();
  h->record(0);
  h->record(100);
  h->record(7);
  EXPECT_EQ(h->count(), 3u);
  EXPECT_EQ(h->sum(), 107u);
  EXPECT_EQ(h->max(), 100u);
  EXPECT_EQ(h->bucket(bucket_of(100)), 1u);
}

TEST(Histogram, LosesNothingAmongThreads) {
  const auto h = std::make_unique<histogram<native_policy>>();
  std::vector<std::thread> threads;
  for (std::uint64_t t = 1; t <= 4; ++t) {
    threads.emplace_back([&h, t] {
      for (int i = 0; i < 10'000; ++i) h->record_shared(t * 1000);
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(h->count(), 40'000u);
  EXPECT_EQ(h->sum(), 100'000'000u);
  EXPECT_EQ(h->max(), 4'000u);
  EXPECT_EQ(h->bucket(bucket_of(3'000)), 10'000u);
}

}  // namespace
}  // namespace afflux::stats
