// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How samples become windows, and windows a limit: by a clock that the test steps, and an algorithm
// that says what it is told to.
#include "control/steering.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "control/aimd.h"
#include "control/gradient.h"
#include "control/gradient2.h"
#include "control/vegas.h"
#include "policy.h"
#include "queue/intrusive.h"

namespace afflux::control {
namespace {

constexpr std::int64_t kMs = 1'000'000;

struct stepped_policy : native_policy {
  static inline std::int64_t clock = 0;
  static std::int64_t now() { return clock; }
  static std::int64_t rough_now() { return clock; }
  static afflux::time::timer_service<stepped_policy>& timers() {  // none is armed
    static afflux::time::timer_service<stepped_policy> none;
    return none;
  }
};

// Says what it is told to, and keeps what it was shown.
class scripted final : public algorithm {
 public:
  double limit() const override { return wanted; }
  double center() const override { return wanted + 0.25; }
  closing next() const override { return terms; }
  void update(const window& w) override {
    why_ = because;
    seen.push_back(w);
    if (!limits.empty()) {
      wanted = limits.front();
      limits.erase(limits.begin());
    }
  }

  double wanted = 10;
  std::vector<double> limits;  // one after each window
  closing terms;
  reason because = reason::steady;
  std::vector<window> seen;
};

class SteeringTest : public ::testing::Test {
 protected:
  using semaphore = core::semaphore<stepped_policy>;
  using steering = control::steering<stepped_policy>;

  SteeringTest() {
    stepped_policy::clock = 1'000 * kMs;
    queue::settings s;
    s.limit = 10;
    sem = stepped_policy::create<queue::intrusive_queue<stepped_policy>>(s);
  }
  ~SteeringTest() override {
    if (tested != nullptr) tested->unref();
    sem->unref();
  }
  // `how` holds what the test has set.
  void start(bounds within = {.min = 1, .max = 100}) {
    bool busy = false;
    tested = steering::create(*sem, std::unique_ptr<algorithm>(how), within, busy);
    ASSERT_NE(tested, nullptr);
    ASSERT_FALSE(busy);
  }
  void sample(std::int64_t latency, outcome o = outcome::served) {
    if (tested->add(latency, o)) tested->collect();
  }
  static void pass(std::int64_t time) { stepped_policy::clock += time; }
  static std::int64_t now() { return stepped_policy::clock; }

  semaphore* sem = nullptr;
  scripted* how = new scripted;
  steering* tested = nullptr;
};

TEST_F(SteeringTest, AppliesTheFirstLimitAtOnce) {
  how->wanted = 7;
  start();
  EXPECT_EQ(sem->limit(), 7u);
}

TEST_F(SteeringTest, OneSampleIsAWindowUnlessMoreIsAskedFor) {
  start();
  sample(5 * kMs);
  sample(7 * kMs, outcome::dropped);
  ASSERT_EQ(how->seen.size(), 2u);
  EXPECT_EQ(how->seen[0].served, 1u);
  EXPECT_EQ(how->seen[0].dropped, 0u);
  EXPECT_EQ(how->seen[0].latency_sum, 5 * kMs);
  EXPECT_EQ(how->seen[0].latency_least, 5 * kMs);
  EXPECT_EQ(how->seen[0].latency_most, 5 * kMs);
  EXPECT_EQ(how->seen[1].served, 0u);
  EXPECT_EQ(how->seen[1].dropped, 1u);
  EXPECT_EQ(how->seen[1].latency_sum, 0);
}

TEST_F(SteeringTest, AWindowLastsForItsTimeAndItsSamples) {
  how->terms.least_time = 100 * kMs;
  how->terms.least_samples = 3;
  start();
  const std::int64_t begun = now();
  pass(50 * kMs);
  for (int i = 0; i < 2; ++i) sample(kMs);
  pass(50 * kMs);
  EXPECT_EQ(how->seen.size(), 0u);
  pass(kMs);
  sample(2 * kMs);
  ASSERT_EQ(how->seen.size(), 1u);
  EXPECT_EQ(how->seen[0].samples(), 3u);
  EXPECT_EQ(how->seen[0].latency_sum, 4 * kMs);
  EXPECT_EQ(how->seen[0].from, begun);
  EXPECT_EQ(how->seen[0].to, begun + 101 * kMs);
  // The next one begins there.
  pass(99 * kMs);
  for (int i = 0; i < 3; ++i) sample(kMs);
  EXPECT_EQ(how->seen.size(), 1u);
  pass(kMs);
  sample(kMs);
  ASSERT_EQ(how->seen.size(), 2u);
  EXPECT_EQ(how->seen[1].samples(), 4u);
  EXPECT_EQ(how->seen[1].from, begun + 101 * kMs);
}

TEST_F(SteeringTest, AWindowWithTooFewSamplesGoesOnUntilItsLongestTime) {
  how->terms.least_time = 100 * kMs;
  how->terms.least_samples = 1000;
  how->terms.most_time = 500 * kMs;
  start();
  for (int i = 0; i < 4; ++i) {
    pass(110 * kMs);
    sample(kMs);
    EXPECT_EQ(how->seen.size(), 0u);
  }
  pass(59 * kMs);
  sample(kMs);
  EXPECT_EQ(how->seen.size(), 0u);
  pass(kMs);
  sample(kMs, outcome::ignored);  // time passes with these, too
  ASSERT_EQ(how->seen.size(), 1u);
  EXPECT_EQ(how->seen[0].samples(), 5u);
}

TEST_F(SteeringTest, IgnoredOnesAreInNoWindow) {
  how->terms.least_samples = 2;
  start();
  sample(kMs);
  for (int i = 0; i < 10; ++i) sample(9 * kMs, outcome::ignored);
  EXPECT_EQ(how->seen.size(), 0u);
  sample(kMs);
  ASSERT_EQ(how->seen.size(), 1u);
  EXPECT_EQ(how->seen[0].latency_most, kMs);
  EXPECT_EQ(tested->read().ignored, 10u);
  EXPECT_EQ(tested->read().served, 2u);
}

TEST_F(SteeringTest, OwnOnlyLeavesOutWhatBeganBefore) {
  how->terms.least_time = 100 * kMs;
  how->terms.own_only = true;
  start();
  pass(30 * kMs);
  sample(31 * kMs);  // began 1 ms before the window
  sample(30 * kMs);  // at its first moment
  sample(31 * kMs, outcome::dropped);
  pass(70 * kMs);
  sample(60 * kMs);
  ASSERT_EQ(how->seen.size(), 1u);
  EXPECT_EQ(how->seen[0].served, 2u);
  EXPECT_EQ(how->seen[0].dropped, 0u);
  EXPECT_EQ(how->seen[0].latency_sum, 90 * kMs);
  EXPECT_EQ(tested->read().served, 3u);
  EXPECT_EQ(tested->read().dropped, 1u);
}

TEST_F(SteeringTest, SettleLeavesOutWhatEndedSoonAfterTheStart) {
  how->terms.least_time = 100 * kMs;
  how->terms.settle = 40 * kMs;
  start();
  pass(39 * kMs);
  sample(kMs);
  sample(2 * kMs, outcome::dropped);
  pass(kMs);
  sample(5 * kMs);
  sample(90 * kMs);  // began before the window: counts all the same
  pass(60 * kMs);
  sample(7 * kMs);
  ASSERT_EQ(how->seen.size(), 1u);
  EXPECT_EQ(how->seen[0].served, 3u);
  EXPECT_EQ(how->seen[0].dropped, 0u);
  EXPECT_EQ(how->seen[0].latency_sum, 102 * kMs);
  EXPECT_EQ(how->seen[0].all_served, 4u);
  EXPECT_EQ(tested->read().dropped, 1u);
}

TEST_F(SteeringTest, FloorLeavesOutWhatEndedSooner) {
  how->terms.least_time = 100 * kMs;
  how->terms.floor = kMs;
  start();
  sample(kMs - 1);
  sample(0, outcome::dropped);
  pass(100 * kMs);
  sample(kMs);
  ASSERT_EQ(how->seen.size(), 1u);
  EXPECT_EQ(how->seen[0].samples(), 1u);
}

TEST_F(SteeringTest, DroppedOnesTellTheirLatencyIfThatIsAskedFor) {
  how->terms.least_samples = 2;
  how->terms.dropped_too = true;
  start();
  sample(kMs);
  sample(9 * kMs, outcome::dropped);
  ASSERT_EQ(how->seen.size(), 1u);
  EXPECT_EQ(how->seen[0].latency_sum, 10 * kMs);
  EXPECT_EQ(how->seen[0].latency_most, 9 * kMs);
  EXPECT_EQ(tested->read().latency, 5.0 * kMs);
}

TEST_F(SteeringTest, CapsLatenciesAndTakesTheCapForDroppedOnes) {
  how->terms.least_samples = 4;
  how->terms.cap = 10 * kMs;
  start();
  sample(3 * kMs);
  sample(10 * kMs);  // not below
  sample(50 * kMs);
  sample(kMs, outcome::dropped);
  ASSERT_EQ(how->seen.size(), 1u);
  EXPECT_EQ(how->seen[0].capped_sum, 33 * kMs);
  EXPECT_EQ(how->seen[0].below_cap, 1u);
}

TEST_F(SteeringTest, LooksAtWhatIsHeld) {
  how->terms.least_samples = 3;
  start();
  ASSERT_EQ(sem->try_acquire(4), status::ok);
  sample(kMs);
  ASSERT_EQ(sem->try_acquire(6), status::ok);
  sample(kMs);
  ASSERT_EQ(sem->release(9), status::ok);
  sample(kMs);
  ASSERT_EQ(how->seen.size(), 1u);
  EXPECT_EQ(how->seen[0].in_flight_sum, 15u);
  EXPECT_EQ(how->seen[0].in_flight_most, 10u);
  EXPECT_EQ(how->seen[0].full, 1u);
  EXPECT_EQ(tested->read().in_flight, 5.0);
  ASSERT_EQ(sem->release(1), status::ok);
}

TEST_F(SteeringTest, QuantileIsWithinASixteenth) {
  how->terms.least_samples = 1000;
  how->terms.quantile = 0.5;
  start();
  for (int i = 1; i <= 1000; ++i) sample(i * kMs);
  ASSERT_EQ(how->seen.size(), 1u);
  EXPECT_NEAR(static_cast<double>(how->seen[0].quantile), 500e6, 500e6 / 16);
  how->terms.quantile = 0.99;  // with the window after the next
  for (int i = 1; i <= 1000; ++i) sample(kMs);
  for (int i = 1; i <= 1000; ++i) sample(i * kMs);
  ASSERT_EQ(how->seen.size(), 3u);
  EXPECT_NEAR(static_cast<double>(how->seen[1].quantile), 1e6, 1e6 / 16);
  EXPECT_NEAR(static_cast<double>(how->seen[2].quantile), 990e6, 990e6 / 16);
}

TEST_F(SteeringTest, QuantileOfManyTakesOnlySome) {
  how->terms.least_time = 100 * kMs;
  how->terms.quantile = 0.9;
  start();
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100'000; ++i) sample((i * 37 % 1000 + 1) * kMs);
    pass(100 * kMs);
    sample(kMs);
  }
  ASSERT_EQ(how->seen.size(), 3u);
  for (const window& w : how->seen) {
    EXPECT_EQ(w.samples(), 100'001u);
    EXPECT_NEAR(static_cast<double>(w.quantile), 900e6, 900e6 / 12);
  }
  // A window of few after one of many has one.
  pass(100 * kMs);
  sample(7 * kMs);
  ASSERT_EQ(how->seen.size(), 4u);
  EXPECT_NEAR(static_cast<double>(how->seen[3].quantile), 7e6, 7e6 / 16);
}

TEST_F(SteeringTest, KeepsTheLimitWithinItsBoundsAndSaysSo) {
  how->limits = {20.4, 20.5, 500, 0.2, std::nan(""), -3, 50};
  how->because = reason::room;
  start({.min = 5, .max = 50});
  const std::uint64_t limits[] = {20, 21, 50, 5, 5, 5, 50};
  const reason reasons[] = {reason::room, reason::room,   reason::at_max, reason::at_min,
                            reason::room, reason::at_min, reason::room};
  for (int i = 0; i < 7; ++i) {
    sample(kMs);
    EXPECT_EQ(sem->limit(), limits[i]) << i;
    EXPECT_EQ(tested->read().why, reasons[i]) << i;
  }
  sample(kMs);  // wants 50 still
  EXPECT_EQ(tested->read().last, decision::kept);
  EXPECT_EQ(tested->read().why, reason::at_max);
  EXPECT_EQ(tested->read().raised, 4u);
  EXPECT_EQ(tested->read().lowered, 1u);
}

TEST_F(SteeringTest, TellsOfEachChange) {
  struct change {
    std::uint64_t before, after;
    std::uint32_t why;
  };
  std::vector<change> told;
  how->limits = {12, 12, 3};
  how->because = reason::queue;
  start({.min = 1,
         .max = 100,
         .changed =
             [](void* ctx, std::uint64_t before, std::uint64_t after, std::uint32_t why) {
               static_cast<std::vector<change>*>(ctx)->push_back({before, after, why});
             },
         .ctx = &told});
  for (int i = 0; i < 3; ++i) sample(kMs);
  ASSERT_EQ(told.size(), 2u);  // the first limit was the semaphore's
  EXPECT_EQ(told[0].before, 10u);
  EXPECT_EQ(told[0].after, 12u);
  EXPECT_EQ(told[0].why, static_cast<std::uint32_t>(reason::queue));
  EXPECT_EQ(told[1].before, 12u);
  EXPECT_EQ(told[1].after, 3u);
}

TEST_F(SteeringTest, PausedItCountsAndLeavesTheLimitAlone) {
  how->limits = {20, 30};
  start();
  EXPECT_TRUE(tested->pause());
  EXPECT_FALSE(tested->pause());
  for (int i = 0; i < 5; ++i) sample(kMs);
  EXPECT_EQ(tested->read().served, 5u);
  EXPECT_TRUE(tested->read().paused);
  EXPECT_EQ(how->seen.size(), 0u);
  EXPECT_EQ(sem->limit(), 10u);
  pass(kMs);
  EXPECT_TRUE(tested->resume());
  EXPECT_FALSE(tested->resume());
  sample(3 * kMs);
  ASSERT_EQ(how->seen.size(), 1u);
  EXPECT_EQ(how->seen[0].served, 1u);  // none of the pause
  EXPECT_EQ(how->seen[0].from, now());
  EXPECT_EQ(sem->limit(), 20u);
}

TEST_F(SteeringTest, APauseIsInNoQuantile) {
  how->terms.least_samples = 2;
  how->terms.quantile = 0.5;
  start();
  tested->pause();
  for (int i = 0; i < 100; ++i) sample(900 * kMs);
  tested->resume();
  sample(kMs);
  sample(kMs);
  ASSERT_EQ(how->seen.size(), 1u);
  EXPECT_NEAR(static_cast<double>(how->seen[0].quantile), 1e6, 1e6 / 16);
}

TEST_F(SteeringTest, AReadingClosesNothing) {
  how->terms.least_samples = 3;
  start();
  for (int i = 0; i < 2; ++i) {
    sample(kMs);
    EXPECT_EQ(tested->read().served, static_cast<std::uint64_t>(i) + 1);
  }
  EXPECT_EQ(how->seen.size(), 0u);
  sample(kMs);
  ASSERT_EQ(how->seen.size(), 1u);
  EXPECT_EQ(how->seen[0].served, 3u);
  EXPECT_EQ(tested->read().center, 10.25);
  EXPECT_EQ(tested->read().window_served, 3u);
}

TEST_F(SteeringTest, AChangeByHandHoldsUntilTheNextWindow) {
  how->terms.least_time = 100 * kMs;
  start();
  ASSERT_EQ(core::resize(*sem, 55), status::ok);
  sample(kMs);
  EXPECT_EQ(sem->limit(), 55u);
  pass(100 * kMs);
  sample(kMs);
  EXPECT_EQ(sem->limit(), 10u);
}

TEST_F(SteeringTest, LatenciesOfAnySizeAreTaken) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  how->terms.least_samples = 6;
  how->terms.own_only = false;
  how->terms.cap = kMost - 1;
  how->terms.quantile = 0.5;
  start();
  for (int i = 0; i < 3; ++i) sample(kMost);
  for (int i = 0; i < 3; ++i) sample(0);
  ASSERT_EQ(how->seen.size(), 1u);
  EXPECT_EQ(how->seen[0].latency_most, kMost);
  EXPECT_EQ(how->seen[0].latency_least, 0);
}

TEST_F(SteeringTest, OnlyOneSteersASemaphore) {
  start();
  bool busy = false;
  EXPECT_EQ(steering::create(*sem, std::make_unique<scripted>(), {}, busy), nullptr);
  EXPECT_TRUE(busy);
  tested->unref();
  how = new scripted;
  how->wanted = 12;
  start();
  EXPECT_EQ(sem->limit(), 12u);
}

// From the change's callback: the window is closed as usual.
TEST_F(SteeringTest, ACallbackMaySampleReadAndPause) {
  how->limits = {11, 12};
  struct state {
    steering* tested = nullptr;
    int calls = 0;
    report then;
  } s;
  start({.min = 1,
         .max = 100,
         .changed =
             [](void* ctx, std::uint64_t, std::uint64_t, std::uint32_t) {
               auto& all = *static_cast<state*>(ctx);
               ++all.calls;
               if (all.tested->add(kMs, outcome::served)) all.tested->collect();
               all.then = all.tested->read();
               all.tested->pause();
             },
         .ctx = &s});
  s.tested = tested;
  sample(kMs);
  EXPECT_EQ(s.calls, 1);
  EXPECT_EQ(s.then.windows, 1u);
  EXPECT_EQ(s.then.raised, 1u);
  EXPECT_EQ(tested->read().served, 2u);
  EXPECT_TRUE(tested->resume());
  sample(kMs);
  EXPECT_EQ(s.calls, 2);
}

// ---- why the published algorithms did what they did

window seen_with(std::int64_t latency, std::uint64_t in_flight, std::uint64_t dropped = 0) {
  window w;
  w.served = dropped == 0 ? 1 : 0;
  w.dropped = dropped;
  w.latency_sum = w.latency_least = w.latency_most = latency;
  w.in_flight_sum = w.in_flight_most = in_flight;
  return w;
}

reason after(algorithm& how, const window& seen) {
  how.update(seen);
  return how.why();
}

TEST(ControlReason, OfAimd) {
  aimd how({.initial = 20, .min = 1, .max = 100});
  EXPECT_EQ(how.why(), reason::none);
  EXPECT_EQ(after(how, seen_with(kMs, 20)), reason::room);
  EXPECT_EQ(after(how, seen_with(kMs, 5)), reason::unused);
  EXPECT_EQ(after(how, seen_with(kMs, 20, 1)), reason::drops);
  EXPECT_EQ(after(how, seen_with(6'000 * kMs, 20)), reason::drops);
  EXPECT_EQ(after(how, window{}), reason::too_few);
}

TEST(ControlReason, OfVegas) {
  vegas how({.initial = 20});
  EXPECT_EQ(how.why(), reason::none);
  EXPECT_EQ(after(how, seen_with(10 * kMs, 20)), reason::steady);  // the first is the least
  EXPECT_EQ(after(how, seen_with(10 * kMs, 20)), reason::room);
  EXPECT_EQ(after(how, seen_with(10 * kMs, 2)), reason::unused);
  EXPECT_EQ(after(how, seen_with(100 * kMs, 30)), reason::queue);
  EXPECT_EQ(after(how, seen_with(10 * kMs, 30, 1)), reason::drops);
  EXPECT_EQ(after(how, window{}), reason::too_few);
}

TEST(ControlReason, OfGradient2) {
  gradient2 how;
  EXPECT_EQ(how.why(), reason::none);
  EXPECT_EQ(after(how, seen_with(10 * kMs, 20)), reason::room);
  EXPECT_EQ(after(how, seen_with(10 * kMs, 2)), reason::unused);
  for (int i = 0; i < 20; ++i) how.update(seen_with(10 * kMs, 200));
  EXPECT_EQ(after(how, seen_with(100 * kMs, 200)), reason::queue);
  EXPECT_EQ(after(how, window{}), reason::too_few);
}

TEST(ControlReason, OfGradient) {
  gradient how({.max = 100});
  EXPECT_EQ(how.why(), reason::probe);
  EXPECT_EQ(how.center(), 3);
  window w = seen_with(kMs, 3);
  w.quantile = 10 * kMs;
  EXPECT_EQ(after(how, w), reason::probe);  // it ends
  EXPECT_EQ(after(how, w), reason::room);
  const double limit = how.limit();
  w.quantile = 1'000 * kMs;
  for (int i = 0; i < 3; ++i) how.update(w);
  w.quantile = 0;
  EXPECT_EQ(after(how, w), reason::too_few);
  w.to = how.probe_at();
  EXPECT_EQ(after(how, w), reason::probe);
  EXPECT_EQ(how.limit(), 3);
  EXPECT_GE(how.center(), 3);
  EXPECT_GT(limit, 3);
}

}  // namespace
}  // namespace afflux::control
