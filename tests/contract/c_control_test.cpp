// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a control does to a semaphore's limit, over every queue. How samples become windows is in
// unit/control_steering_test.cpp; statuses are in c_control_status_test.cpp.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "support/control.h"
#include "support/recorder.h"
#include "support/registry.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

struct change {
  std::uint64_t before;
  std::uint64_t after;
  std::uint32_t reason;

  bool operator==(const change&) const = default;
};

void record(void* ctx, std::uint64_t before, std::uint64_t after, std::uint32_t reason) {
  static_cast<std::vector<change>*>(ctx)->push_back({before, after, reason});
}

class Control : public per_variant {
 protected:
  static afflux_control_options aimd(std::uint64_t min, std::uint64_t max) {
    afflux_control_options o = control_options(AFFLUX_CONTROL_AIMD);
    o.min = min;
    o.max = max;
    return o;
  }
  static void served(afflux_control* control) {
    EXPECT_EQ(afflux_control_sample(control, kMillisecond, AFFLUX_CONTROL_SERVED), AFFLUX_OK);
  }
  static void dropped(afflux_control* control) {
    EXPECT_EQ(afflux_control_sample(control, kMillisecond, AFFLUX_CONTROL_DROPPED), AFFLUX_OK);
  }
};

TEST_P(Control, GoodRequestsRaiseTheLimitAndDropsLowerIt) {
  const sem_guard sem(options(10));
  std::vector<change> told;
  afflux_control_options o = aimd(5, 12);
  o.on_change = record;
  o.ctx = &told;
  const control_guard control(sem, o);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 10), AFFLUX_OK);
  for (int i = 0; i < 4; ++i) served(control);
  EXPECT_EQ(afflux_sem_limit(sem), 12u);
  EXPECT_EQ(control.stats().reason, std::uint32_t{AFFLUX_CONTROL_BECAUSE_MAX});
  for (int i = 0; i < 12; ++i) dropped(control);
  EXPECT_EQ(afflux_sem_limit(sem), 5u);
  EXPECT_EQ(control.stats().reason, std::uint32_t{AFFLUX_CONTROL_BECAUSE_MIN});
  const std::uint32_t room = AFFLUX_CONTROL_BECAUSE_ROOM;
  const std::uint32_t drops = AFFLUX_CONTROL_BECAUSE_DROPS;
  EXPECT_EQ(told, (std::vector<change>{{10, 11, room},
                                       {11, 12, room},
                                       {12, 10, drops},
                                       {10, 9, drops},
                                       {9, 8, drops},
                                       {8, 7, drops},
                                       {7, 6, drops},
                                       {6, 5, drops}}));
  EXPECT_EQ(afflux_sem_held(sem), 10u);  // none is revoked
  EXPECT_EQ(afflux_sem_release(sem, 10), AFFLUX_OK);
  expect_all_free(sem, 5);
}

TEST_P(Control, GrowthLetsInThoseThatWait) {
  const sem_guard sem(options(2));
  const control_guard control(sem, aimd(1, 3));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  pending waits(1);
  ASSERT_EQ(waits.start(sem), AFFLUX_PENDING);
  served(control);
  EXPECT_TRUE(waits.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
  expect_all_free(sem, 3);
}

TEST_P(Control, AShrinkFailsQueuedRequestsForMoreThanTheLimitUnlessMinKeepsThem) {
  for (const std::uint64_t min : {5u, 6u}) {
    const sem_guard sem(options(8));
    const control_guard control(sem, aimd(min, 8));
    ASSERT_EQ(afflux_sem_try_acquire(sem, 8), AFFLUX_OK);
    pending waits(6);
    ASSERT_EQ(waits.start(sem), AFFLUX_PENDING);
    for (int i = 0; i < 8; ++i) dropped(control);
    EXPECT_EQ(afflux_sem_limit(sem), min);
    EXPECT_EQ(waits.completions(), min == 5 ? 1 : 0);
    EXPECT_EQ(afflux_sem_release(sem, 8), AFFLUX_OK);
    EXPECT_TRUE(waits.completed_once_with(min == 5 ? AFFLUX_E2BIG : AFFLUX_OK));
    if (min == 6) {
      EXPECT_EQ(afflux_sem_release(sem, 6), AFFLUX_OK);
    }
  }
}

TEST_P(Control, EachAlgorithmBeginsWithinItsBoundsAndStaysThere) {
  for (std::uint32_t i = 0; i < AFFLUX_CONTROL_ALGORITHMS; ++i) {
    const sem_guard sem(options(3000));
    afflux_control_options o = control_options(i);
    o.min = 4;
    o.max = 60;
    const control_guard control(sem, o);
    const afflux_control_stats first = control.stats();
    EXPECT_EQ(first.algorithm, i);
    EXPECT_EQ(first.limit, i == AFFLUX_CONTROL_GRADIENT ? 4u : 60u);
    EXPECT_EQ(first.reason, i == AFFLUX_CONTROL_GRADIENT
                                ? std::uint32_t{AFFLUX_CONTROL_BECAUSE_PROBE}
                                : std::uint32_t{AFFLUX_CONTROL_BECAUSE_NONE});
    EXPECT_EQ(first.windows, 0u);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 4), AFFLUX_OK);
    for (int n = 0; n < 500; ++n) {
      // GRADIENT counts only what began in the window, DEFAULT what ended some time after its
      // start.
      const bool own_only = i == AFFLUX_CONTROL_DEFAULT || i == AFFLUX_CONTROL_GRADIENT;
      const std::int64_t latency = own_only ? 0 : (n + 1) * kMillisecond;
      EXPECT_EQ(afflux_control_sample(control, latency, n % 7 == 0 ? 1 : 0), AFFLUX_OK);
      EXPECT_GE(afflux_sem_limit(sem), 4u);
      EXPECT_LE(afflux_sem_limit(sem), 60u);
    }
    EXPECT_GT(control.stats().windows, 0u) << i;
    EXPECT_EQ(control.stats().served + control.stats().dropped, 500u);
    EXPECT_EQ(afflux_sem_release(sem, 4), AFFLUX_OK);
  }
}

TEST_P(Control, ARequestThatTookTooLongIsADropForAimd) {
  const sem_guard sem(options(10));
  afflux_control_options o = aimd(1, 10);
  o.timeout_ns = 5;
  const control_guard control(sem, o);
  EXPECT_EQ(afflux_control_sample(control, 5, AFFLUX_CONTROL_SERVED), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_limit(sem), 10u);
  EXPECT_EQ(control.stats().reason, std::uint32_t{AFFLUX_CONTROL_BECAUSE_UNUSED});
  EXPECT_EQ(afflux_control_sample(control, 6, AFFLUX_CONTROL_SERVED), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_limit(sem), 9u);
  EXPECT_EQ(control.stats().decision, std::uint32_t{AFFLUX_CONTROL_LOWERED});
  EXPECT_EQ(afflux_control_sample(control, 6, AFFLUX_CONTROL_IGNORED), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_limit(sem), 9u);
}

TEST_P(Control, AWindowOfTimeIsNotOverWithEachSample) {
  const sem_guard sem(options(10));
  afflux_control_options o = control_options(AFFLUX_CONTROL_GRADIENT2);
  o.window_ns = 3'600'000 * kMillisecond;
  const control_guard control(sem, o);
  for (int i = 0; i < 100; ++i) served(control);
  EXPECT_EQ(control.stats().windows, 1u);  // the first one ends with its first sample
  EXPECT_EQ(control.stats().served, 100u);
}

// ---- tokens

TEST_P(Control, ATokensHoldTimeIsItsSample) {
  const sem_guard sem(options(10));
  const control_guard control(sem, aimd(1, 20));
  afflux_request six;
  afflux_request_init(&six);
  six.permits = 6;
  afflux_permit_token token;
  ASSERT_EQ(afflux_sem_acquire_permit(sem, &six, 0, &token), AFFLUX_OK);
  pass_time(3 * kMillisecond);
  ASSERT_EQ(afflux_control_release(control, &token, AFFLUX_CONTROL_SERVED), AFFLUX_OK);
  const afflux_control_stats s = control.stats();
  EXPECT_EQ(s.served, 1u);
  EXPECT_EQ(s.windows, 1u);
  EXPECT_EQ(s.window_served, 1u);
  EXPECT_GE(s.window_latency_ns, 3e6);
  EXPECT_EQ(s.window_in_flight, 6.0);  // its own permits are among them
  EXPECT_EQ(s.limit, 11u);
  expect_all_free(sem, 11);
}

// The next in line gets in by the release, and a window that ends changes the limit after that.
TEST_P(Control, ATokensReleaseLetsInTheNext) {
  const sem_guard sem(options(1));
  const control_guard control(sem, aimd(1, 1));
  afflux_permit_token token;
  ASSERT_EQ(afflux_sem_acquire_permit(sem, nullptr, 0, &token), AFFLUX_OK);
  pending waits(1);
  ASSERT_EQ(waits.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_control_release(control, &token, AFFLUX_CONTROL_DROPPED), AFFLUX_OK);
  EXPECT_TRUE(waits.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
}

TEST_P(Control, ATokenIsSampledOnceHoweverManyTry) {
  const sem_guard sem(options(4));
  const control_guard control(sem, aimd(1, 4));
  afflux_permit_token token;
  ASSERT_EQ(afflux_sem_acquire_permit(sem, nullptr, 0, &token), AFFLUX_OK);
  std::atomic<int> released{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      if (afflux_control_release(control, &token, AFFLUX_CONTROL_SERVED) == AFFLUX_OK) ++released;
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(released, 1);
  EXPECT_EQ(control.stats().served, 1u);
  EXPECT_EQ(afflux_sem_held(sem), 0u);
}

// ---- closed, paused, gone

TEST_P(Control, OfAClosedSemaphoreGoesOnCounting) {
  const sem_guard sem(options(10));
  const control_guard control(sem, aimd(1, 10));
  ASSERT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  dropped(control);
  EXPECT_EQ(control.stats().dropped, 1u);
  EXPECT_EQ(afflux_sem_limit(sem), 9u);
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_ECLOSED);
}

TEST_P(Control, PausedItLeavesTheLimitToTheProgram) {
  const sem_guard sem(options(10));
  const control_guard control(sem, aimd(1, 10));
  ASSERT_EQ(afflux_control_pause(control), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_resize(sem, 55), AFFLUX_OK);
  for (int i = 0; i < 5; ++i) dropped(control);
  EXPECT_EQ(afflux_sem_limit(sem), 55u);
  EXPECT_EQ(control.stats().dropped, 5u);
  ASSERT_EQ(afflux_control_resume(control), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_limit(sem), 55u);
  dropped(control);
  EXPECT_EQ(afflux_sem_limit(sem), 9u);  // as the algorithm knew it, and one drop
}

TEST_P(Control, ItsEndLeavesTheLimitAndAnotherMayFollow) {
  const sem_guard sem(options(10));
  {
    const control_guard first(sem, aimd(1, 10));
    dropped(first);
  }
  EXPECT_EQ(afflux_sem_limit(sem), 9u);
  const control_guard second(sem, aimd(1, 10));
  EXPECT_EQ(afflux_sem_limit(sem), 9u);
  dropped(second);
  EXPECT_EQ(afflux_sem_limit(sem), 8u);
}

// The last reference goes in the callback, which the call survives.
TEST_P(Control, ACallbackMayEndIt) {
  const sem_guard sem(options(10));
  struct state {
    afflux_control* control = nullptr;
    int calls = 0;
  } s;
  afflux_control_options o = aimd(1, 10);
  o.on_change = [](void* ctx, std::uint64_t, std::uint64_t, std::uint32_t) {
    auto& all = *static_cast<state*>(ctx);
    ++all.calls;
    afflux_control_unref(all.control);
  };
  o.ctx = &s;
  ASSERT_EQ(afflux_control_create(sem, &o, &s.control), AFFLUX_OK);
  EXPECT_EQ(afflux_control_sample(s.control, 1, AFFLUX_CONTROL_DROPPED), AFFLUX_OK);
  EXPECT_EQ(s.calls, 1);
  const control_guard next(sem, aimd(1, 10));  // the first is gone
  EXPECT_EQ(next.stats().dropped, 0u);
}

// A request that a larger limit lets in reports another one, from its wake function.
TEST_P(Control, AWakeFunctionMaySample) {
  const sem_guard sem(options(1));
  const control_guard control(sem, aimd(1, 2));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending waits(1);
  waits.then = [&](afflux_status) { served(control); };
  ASSERT_EQ(waits.start(sem), AFFLUX_PENDING);
  served(control);
  EXPECT_TRUE(waits.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(control.stats().served, 2u);
  served(control);
  EXPECT_EQ(control.stats().windows, 2u);  // the wake function's sample is in the second
  EXPECT_EQ(control.stats().window_served, 2u);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
}

// ---- metrics

std::string exposition_of(const registry_guard& all) {
  std::string text;
  EXPECT_EQ(afflux_registry_write(
                all, nullptr,
                [](void* ctx, const char* part, std::size_t size) {
                  static_cast<std::string*>(ctx)->append(part, size);
                  return std::int32_t{0};
                },
                &text),
            AFFLUX_OK);
  return text;
}

TEST_P(Control, WhatControlsHaveCountedIsExportedWithTheirSemaphore) {
  const sem_guard sem(options(10));
  const registry_guard all;
  ASSERT_EQ(afflux_registry_add_sem(all, sem), AFFLUX_OK);
  EXPECT_EQ(exposition_of(all).find("control_samples_total{"), std::string::npos);
  for (int round = 1; round <= 2; ++round) {  // the second control goes on counting there
    const control_guard control(sem, aimd(1, 10));
    dropped(control);
    served(control);
    EXPECT_EQ(control.stats().served, 1u);
    EXPECT_EQ(control.stats().windows, 2u);
    EXPECT_EQ(control.stats().lowered, 1u);
    const std::string text = exposition_of(all);
    const std::string labels = "{semaphore=\"\",id=\"1\"";
    const std::string n = std::to_string(round);
    const std::string twice = std::to_string(2 * round);
    for (const std::string& line :
         {"samples_total" + labels + ",result=\"served\"} " + n,
          "samples_total" + labels + ",result=\"dropped\"} " + n,
          "samples_total" + labels + ",result=\"ignored\"} 0",
          "changes_total" + labels + ",direction=\"up\"} 0",
          "changes_total" + labels + ",direction=\"down\"} " + n,
          "windows_total" + labels + "} " + twice, "latency_seconds" + labels + "} 0.001"}) {
      EXPECT_NE(text.find("afflux_semaphore_control_" + line + "\n"), std::string::npos)
          << line << " in\n"
          << text;
    }
  }
}

TEST_P(Control, WhatIsInNoWindowYetIsExportedWhenTheControlEnds) {
  const sem_guard sem(options(10));
  const registry_guard all;
  ASSERT_EQ(afflux_registry_add_sem(all, sem), AFFLUX_OK);
  afflux_control_options o = control_options(AFFLUX_CONTROL_GRADIENT2);
  o.window_ns = 3'600'000 * kMillisecond;
  control_guard control(sem, o);
  for (int i = 0; i < 5; ++i) served(control);
  control.reset();
  EXPECT_NE(exposition_of(all).find("result=\"served\"} 5\n"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(, Control, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
