// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the calls for statistics refuse, and how their structs grow; the histogram's arithmetic.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>

#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

afflux_sem_options with_permits(std::uint64_t permits) {
  afflux_sem_options options;
  afflux_sem_options_init(&options);
  options.permits = permits;
  return options;
}

TEST(SemOptions, RefuseBadStatistics) {
  afflux_sem* sem = nullptr;
  const auto refused = [&sem](auto change) {
    afflux_sem_options options = with_permits(1);
    change(options);
    EXPECT_EQ(afflux_sem_create(&options, &sem), AFFLUX_EINVAL);
    EXPECT_EQ(sem, nullptr);
  };
  refused([](afflux_sem_options& o) { o.statistics = AFFLUX_STATS_FULL + 1; });
  refused([](afflux_sem_options& o) { o.ledger = 65'537; });
  refused([](afflux_sem_options& o) { o.slow_wait_ns = -1; });
  refused([](afflux_sem_options& o) {
    o.statistics = AFFLUX_STATS_OFF;
    o.slow_wait = [](void*, const afflux_slow_wait*) {};
  });
}

// A caller of before there were statistics.
TEST(SemOptions, ShorterOnesCount) {
  afflux_sem_options options = with_permits(1);
  options.struct_size = offsetof(afflux_sem_options, statistics);
  options.statistics = 77;  // beyond the end
  const sem_guard sem(options);
  afflux_sem_stats stats;
  afflux_sem_stats_init(&stats);
  ASSERT_EQ(afflux_sem_get_stats(sem, &stats), AFFLUX_OK);
  EXPECT_EQ(stats.statistics, std::uint32_t{AFFLUX_STATS_COUNTERS});
}

TEST(SemStats, RefuseNullAndShort) {
  const sem_guard sem(with_permits(1));
  afflux_sem_stats stats;
  EXPECT_EQ(afflux_sem_stats_init(nullptr), AFFLUX_EINVAL);
  ASSERT_EQ(afflux_sem_stats_init(&stats), AFFLUX_OK);
  EXPECT_EQ(stats.struct_size, sizeof stats);
  EXPECT_EQ(afflux_sem_get_stats(nullptr, &stats), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_sem_get_stats(sem, nullptr), AFFLUX_EINVAL);
  std::memset(&stats, 0xab, sizeof stats);
  stats.struct_size = sizeof stats - 1;
  EXPECT_EQ(afflux_sem_get_stats(sem, &stats), AFFLUX_EINVAL);
  EXPECT_EQ(stats.limit, 0xababababababababu);
}

TEST(SemStats, TakeZeroAsTheFirstVersionAndMoreAsTheirOwn) {
  const sem_guard sem(with_permits(3));
  struct {
    afflux_sem_stats known;
    std::uint64_t later;
  } longer;
  std::memset(&longer, 0xab, sizeof longer);
  longer.known.struct_size = sizeof longer;
  ASSERT_EQ(afflux_sem_get_stats(sem, &longer.known), AFFLUX_OK);
  EXPECT_EQ(longer.known.struct_size, sizeof longer.known);  // so much was written
  EXPECT_EQ(longer.later, 0xababababababababu);
  longer.known.struct_size = 0;
  longer.known.limit = 0;
  ASSERT_EQ(afflux_sem_get_stats(sem, &longer.known), AFFLUX_OK);
  EXPECT_EQ(longer.known.limit, 3u);
}

TEST(SemTimes, RefuseNullShortAndWithout) {
  auto times = std::make_unique<afflux_histogram>();
  times->struct_size = sizeof *times;
  const sem_guard counting(with_permits(1));
  EXPECT_EQ(afflux_sem_wait_times(counting, times.get()), AFFLUX_ENOTSUP);
  EXPECT_EQ(afflux_sem_hold_times(counting, times.get()), AFFLUX_ENOTSUP);
  afflux_sem_options options = with_permits(1);
  options.statistics = AFFLUX_STATS_FULL;
  const sem_guard full(options);
  for (auto* const call : {&afflux_sem_wait_times, &afflux_sem_hold_times}) {
    EXPECT_EQ(call(nullptr, times.get()), AFFLUX_EINVAL);
    EXPECT_EQ(call(full, nullptr), AFFLUX_EINVAL);
    times->struct_size = 8;
    EXPECT_EQ(call(full, times.get()), AFFLUX_EINVAL);
    times->struct_size = sizeof *times;
    EXPECT_EQ(call(full, times.get()), AFFLUX_OK);
    EXPECT_EQ(times->count, 0u);
  }
}

TEST(Histogram, BoundsAreAsDocumented) {
  EXPECT_EQ(afflux_histogram_bound(0), 1u);
  EXPECT_EQ(afflux_histogram_bound(15), 16u);
  EXPECT_EQ(afflux_histogram_bound(16), 17u);
  EXPECT_EQ(afflux_histogram_bound(31), 32u);
  EXPECT_EQ(afflux_histogram_bound(32), 34u);
  EXPECT_EQ(afflux_histogram_bound(AFFLUX_HISTOGRAM_BUCKETS - 2),
            (std::uint64_t{1} << 42) - (std::uint64_t{1} << 37));
  EXPECT_EQ(afflux_histogram_bound(AFFLUX_HISTOGRAM_BUCKETS - 1), UINT64_MAX);
  EXPECT_EQ(afflux_histogram_bound(UINT32_MAX), UINT64_MAX);
  for (std::uint32_t i = 17; i < AFFLUX_HISTOGRAM_BUCKETS - 1; ++i) {
    const std::uint64_t low = afflux_histogram_bound(i - 1);
    const std::uint64_t width = afflux_histogram_bound(i) - low;
    ASSERT_GT(width, 0u);
    EXPECT_LE(width * 16, low);  // so half of it is off by 1/32 at most
  }
}

TEST(Histogram, QuantilesOfAHandmadeOne) {
  auto h = std::make_unique<afflux_histogram>();
  EXPECT_EQ(afflux_histogram_quantile(nullptr, 0.5), 0u);
  EXPECT_EQ(afflux_histogram_quantile(h.get(), 0.5), 0u);
  h->buckets[3] = 90;   // 4 ns
  h->buckets[32] = 10;  // 33, 34 ns
  h->count = 100;
  h->max_ns = 33;
  EXPECT_EQ(afflux_histogram_quantile(h.get(), 0), 4u);
  EXPECT_EQ(afflux_histogram_quantile(h.get(), 0.9), 4u);
  EXPECT_EQ(afflux_histogram_quantile(h.get(), 0.91), 33u);
  EXPECT_EQ(afflux_histogram_quantile(h.get(), 1), 33u);
  EXPECT_EQ(afflux_histogram_quantile(h.get(), -3), 4u);
  EXPECT_EQ(afflux_histogram_quantile(h.get(), 7), 33u);
  EXPECT_EQ(afflux_histogram_quantile(h.get(), std::numeric_limits<double>::quiet_NaN()), 33u);
  h->max_ns = 32;  // never above the longest
  EXPECT_EQ(afflux_histogram_quantile(h.get(), 1), 32u);
}

// ---- health

afflux_health health_of(const afflux_sem* sem, const afflux_health_limits* limits) {
  afflux_health told = {};
  EXPECT_EQ(afflux_sem_health(sem, limits, &told), AFFLUX_OK);
  EXPECT_EQ(told.struct_size, offsetof(afflux_health, still_ns));  // as of version 0.1
  return told;
}

TEST(SemHealth, ComparesQueueBytesAndAge) {
  const sem_guard sem(with_permits(1));
  afflux_health_limits limits;
  ASSERT_EQ(afflux_health_limits_init(&limits), AFFLUX_OK);
  EXPECT_EQ(health_of(sem, &limits).healthy, 1u);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending one;
  pending two;
  one.request.cost_bytes = 30;
  ASSERT_EQ(one.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(two.start(sem), AFFLUX_PENDING);
  pass_time(2 * kMillisecond);

  afflux_health told = health_of(sem, &limits);
  EXPECT_EQ(told.healthy, 1u);
  EXPECT_EQ(told.reasons, 0u);
  EXPECT_EQ(told.waiters, 2u);
  EXPECT_EQ(told.queue_bytes, 30u);
  EXPECT_GE(told.oldest_wait_ns, 2 * kMillisecond - 1024);

  limits.max_waiters = 2;
  limits.max_queue_bytes = 30;
  EXPECT_EQ(health_of(sem, &limits).healthy, 1u);  // not more than
  limits.max_waiters = 1;
  EXPECT_EQ(health_of(sem, &limits).reasons, std::uint32_t{AFFLUX_HEALTH_WAITERS});
  limits.max_queue_bytes = 29;
  limits.max_wait_ns = kMillisecond;
  told = health_of(sem, &limits);
  EXPECT_EQ(told.healthy, 0u);
  EXPECT_EQ(told.reasons,
            std::uint32_t{AFFLUX_HEALTH_WAITERS | AFFLUX_HEALTH_QUEUE_BYTES | AFFLUX_HEALTH_WAIT});
  ASSERT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_EQ(health_of(sem, &limits).reasons, std::uint32_t{AFFLUX_HEALTH_CLOSED});
}

TEST(SemHealth, TakesTheSemaphoresOwnLimits) {
  afflux_sem_options options = with_permits(2);
  options.max_waiters = 1;  // SUSPEND: a mark, no bound
  options.max_queue_bytes = 10;
  options.waiter_timeout_ns = std::int64_t{3600} * 1000 * kMillisecond;
  const sem_guard sem(options);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  pending one;
  pending two;
  ASSERT_EQ(one.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(health_of(sem, nullptr).healthy, 1u);
  two.request.cost_bytes = 11;
  ASSERT_EQ(two.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(health_of(sem, nullptr).reasons,
            std::uint32_t{AFFLUX_HEALTH_WAITERS | AFFLUX_HEALTH_QUEUE_BYTES});
  ASSERT_EQ(two.cancel(), AFFLUX_OK);
  ASSERT_EQ(one.cancel(), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_resize(sem, 1), AFFLUX_OK);
  const afflux_health told = health_of(sem, nullptr);
  EXPECT_EQ(told.healthy, 1u);
  EXPECT_EQ(told.reasons, std::uint32_t{AFFLUX_HEALTH_DEBT});
}

TEST(SemHealth, Refuses) {
  const sem_guard sem(with_permits(1));
  afflux_health_limits limits;
  EXPECT_EQ(afflux_health_limits_init(nullptr), AFFLUX_EINVAL);
  afflux_health_limits_init_sized(&limits, sizeof limits);
  afflux_health told = {};
  EXPECT_EQ(afflux_sem_health(nullptr, &limits, &told), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_sem_health(sem, &limits, nullptr), AFFLUX_EINVAL);
  told.struct_size = 4;
  EXPECT_EQ(afflux_sem_health(sem, &limits, &told), AFFLUX_EINVAL);
  told.struct_size = 0;
  limits.max_wait_ns = -2;
  EXPECT_EQ(afflux_sem_health(sem, &limits, &told), AFFLUX_EINVAL);
  limits.max_wait_ns = 0;
  limits.reserved = 1;
  EXPECT_EQ(afflux_sem_health(sem, &limits, &told), AFFLUX_EINVAL);
  limits.reserved = 0;
  limits.struct_size = 4;
  EXPECT_EQ(afflux_sem_health(sem, &limits, &told), AFFLUX_EINVAL);
  struct {
    afflux_health_limits known;
    std::uint64_t later;
  } longer = {limits, 1};
  longer.known.struct_size = sizeof longer;
  EXPECT_EQ(afflux_sem_health(sem, &longer.known, &told), AFFLUX_ENOTSUP);
  EXPECT_EQ(told.struct_size, 0u);  // never written
}

}  // namespace
}  // namespace afflux_test
