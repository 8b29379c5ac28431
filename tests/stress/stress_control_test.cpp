// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Controls under many threads: they sample, release tokens, resize, pause and read, while controls
// come and go.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "../contract/support/control.h"
#include "stress.h"

namespace afflux_test {
namespace {

constexpr int kThreads = 16;

class StressControl : public stress {
 protected:
  template <class F>
  static void in_threads(F&& work) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back([&work, i] { work(i); });
    for (std::thread& t : threads) t.join();
  }
};

// Changes come one at a time, and each begins where the one before has ended, unless another
// resized meanwhile.
struct changes {
  std::atomic<int> inside{0};
  std::atomic<int> at_once{0};
  std::uint64_t after = 0;
  std::uint64_t count = 0;
  std::uint64_t broken = 0;

  static void told(void* ctx, std::uint64_t before, std::uint64_t after, std::uint32_t) {
    auto& all = *static_cast<changes*>(ctx);
    if (all.inside.fetch_add(1) != 0) ++all.at_once;
    if (all.count != 0 && before != all.after) ++all.broken;
    all.after = after;
    ++all.count;
    all.inside.fetch_sub(1);
  }
};

TEST_P(StressControl, EachSampleCountsOnceAndChangesComeInOrder) {
  const sem_guard sem(options(100));
  changes seen;
  afflux_control_options o = control_options(AFFLUX_CONTROL_AIMD);
  o.min = 20;
  o.on_change = changes::told;
  o.ctx = &seen;
  const control_guard control(sem, o);
  std::atomic<std::uint64_t> served{0};
  std::atomic<std::uint64_t> dropped{0};
  std::atomic<std::uint64_t> ignored{0};
  in_threads([&](int me) {
    random_engine random = engine(static_cast<std::uint64_t>(me));
    std::uint64_t mine[3] = {};
    while (time_left()) {
      for (int i = 0; i < 100; ++i) {
        const auto latency = static_cast<std::int64_t>(below(random, 1'000'000));
        if (below(random, 2) == 0) {
          const std::uint64_t how = below(random, 20) == 0 ? 1 : below(random, 20) == 0 ? 2 : 0;
          EXPECT_EQ(afflux_control_sample(control, latency, static_cast<std::uint32_t>(how)),
                    AFFLUX_OK);
          ++mine[how];
          continue;
        }
        afflux_permit_token token;
        if (afflux_sem_acquire_permit(sem, nullptr, AFFLUX_FOREVER, &token) != AFFLUX_OK) continue;
        EXPECT_EQ(afflux_control_release(control, &token, AFFLUX_CONTROL_SERVED), AFFLUX_OK);
        ++mine[0];
      }
      afflux_control_stats s = control.stats();
      EXPECT_GE(s.limit, 20u);
      EXPECT_LE(s.limit, 200u);
    }
    served += mine[0];
    dropped += mine[1];
    ignored += mine[2];
  });
  const afflux_control_stats s = control.stats();
  EXPECT_EQ(s.served, served);
  EXPECT_EQ(s.dropped, dropped);
  EXPECT_EQ(s.ignored, ignored);
  EXPECT_LE(s.missed, (served + dropped + ignored) / 10);
  EXPECT_GT(s.windows, 0u);
  EXPECT_EQ(seen.at_once, 0);
  EXPECT_EQ(seen.broken, 0u);
  EXPECT_EQ(seen.count, s.raised + s.lowered);
  expect_all_free(sem, s.limit);
  std::printf("%llu samples, %llu windows, %llu missed\n",
              static_cast<unsigned long long>(served + dropped + ignored),
              static_cast<unsigned long long>(s.windows),
              static_cast<unsigned long long>(s.missed));
}

TEST_P(StressControl, ResizesPausesAndWindowsOfTimeBesideSamples) {
  for (std::uint32_t algorithm = 0; algorithm < AFFLUX_CONTROL_ALGORITHMS; ++algorithm) {
    const sem_guard sem(options(50));
    afflux_control_options o = control_options(algorithm);
    o.min = 5;
    o.max = 500;
    o.window_ns = kMillisecond;
    o.probe_interval_ns = 20 * kMillisecond;
    const control_guard control(sem, o);
    std::atomic<std::uint64_t> samples{0};
    const std::int64_t until = now_ns() + stress_ns() / AFFLUX_CONTROL_ALGORITHMS;
    in_threads([&](int me) {
      random_engine random = engine(static_cast<std::uint64_t>(me));
      std::uint64_t mine = 0;
      while (now_ns() < until) {
        switch (below(random, 5000)) {  // a pause begins the window anew
          case 0:
            afflux_control_pause(control);
            break;
          case 1:
          case 2:
            afflux_control_resume(control);
            break;
          default:
            break;
        }
        switch (below(random, 50)) {
          case 0:
            EXPECT_EQ(afflux_sem_resize(sem, 5 + below(random, 100)), AFFLUX_OK);
            break;
          case 1:
            EXPECT_LE(control.stats().served, ~std::uint64_t{0} / 2);
            break;
          default:
            if (afflux_sem_try_acquire(sem, 1) != AFFLUX_OK) break;
            // GRADIENT counts only what began in its window.
            EXPECT_EQ(afflux_control_sample(
                          control, static_cast<std::int64_t>(below(random, 2 * kMillisecond)),
                          AFFLUX_CONTROL_SERVED),
                      AFFLUX_OK);
            ++mine;
            EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
        }
      }
      samples += mine;
    });
    afflux_control_resume(control);
    const afflux_control_stats s = control.stats();
    EXPECT_EQ(s.served, samples);
    EXPECT_GT(s.windows, 0u) << algorithm;
    expect_all_free(sem, s.limit);
  }
}

// Threads take turns at being the control's last owner.
TEST_P(StressControl, ControlsComeAndGo) {
  const sem_guard sem(options(50));
  std::mutex mutex;  // of `current`
  afflux_control* current = nullptr;
  std::atomic<std::uint64_t> made{0};
  const auto take = [&]() -> afflux_control* {
    const std::lock_guard lock(mutex);
    return afflux_control_ref(current);
  };
  in_threads([&](int me) {
    random_engine random = engine(static_cast<std::uint64_t>(me));
    while (time_left()) {
      if (below(random, 20) == 0) {
        afflux_control* old = nullptr;
        {
          const std::lock_guard lock(mutex);
          std::swap(old, current);
        }
        afflux_control_unref(old);
        const afflux_control_options o =
            control_options(static_cast<std::uint32_t>(below(random, AFFLUX_CONTROL_ALGORITHMS)));
        afflux_control* mine = nullptr;
        const afflux_status s = afflux_control_create(sem, &o, &mine);
        if (s == AFFLUX_OK) {
          ++made;
          const std::lock_guard lock(mutex);
          std::swap(mine, current);
        } else {
          EXPECT_EQ(s, AFFLUX_EBUSY);
        }
        afflux_control_unref(mine);
        continue;
      }
      afflux_control* const borrowed = take();
      if (borrowed == nullptr) continue;
      afflux_permit_token token;
      if (afflux_sem_acquire_permit(sem, nullptr, 0, &token) == AFFLUX_OK) {
        EXPECT_EQ(afflux_control_release(borrowed, &token, AFFLUX_CONTROL_SERVED), AFFLUX_OK);
      } else {
        EXPECT_EQ(afflux_control_sample(borrowed, 5, AFFLUX_CONTROL_DROPPED), AFFLUX_OK);
      }
      afflux_control_unref(borrowed);
    }
  });
  afflux_control_unref(current);
  EXPECT_GT(made, 0u);
  expect_all_free(sem, afflux_sem_limit(sem));
  const control_guard next(sem);  // none is left
}

INSTANTIATE_TEST_SUITE_P(, StressControl,
                         testing::ValuesIn(variants_of({AFFLUX_FAIR}, {AFFLUX_QUEUE_INTRUSIVE,
                                                                       AFFLUX_QUEUE_MUTEX})),
                         variant_name);

}  // namespace
}  // namespace afflux_test
