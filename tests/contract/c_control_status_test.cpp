// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The control's statuses: every one that its calls document, provoked. What it does is in
// c_control_test.cpp.
//
//   control_options_init, _stats_init   OK EINVAL                  ControlInit.*
//   control_find_algorithm              OK EINVAL                  ControlNames.*
//   control_create                      OK                         all
//                                       EINVAL ENOTSUP ECLOSED EBUSY   ControlCreate.*
//                                       ENOMEM                     ControlCreate.AnswersEnomem…
//   control_ref, _unref                 NULL                       Control.TheRestTakesNull
//   control_sample                      OK EINVAL                  Control.ASample…
//   control_release                     OK EALREADY EOVERFLOW EINVAL   ControlRelease.*
//   control_pause, _resume              OK EALREADY EINVAL         Control.PauseAndResume…
//   control_get_stats                   OK EINVAL                  ControlStats.*
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <set>
#include <string>

#include "support/control.h"
#include "support/faults.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

constexpr std::int64_t kLongest = std::numeric_limits<std::int64_t>::max();

afflux_sem_options permits(std::uint64_t n) {
  afflux_sem_options o;
  afflux_sem_options_init(&o);
  o.permits = n;
  return o;
}

// ---- init, names

TEST(ControlInit, SetsTheDefaultsAndRefusesNull) {
  afflux_control_options o;
  std::memset(&o, 0xa5, sizeof o);
  EXPECT_EQ(afflux_control_options_init(&o), AFFLUX_OK);
  afflux_control_options expected = {};
  expected.struct_size = sizeof expected;
  expected.seed = 1;
  EXPECT_EQ(std::memcmp(&o, &expected, sizeof o), 0);
  EXPECT_EQ(afflux_control_options_init(nullptr), AFFLUX_EINVAL);
}

TEST(ControlInit, OfStatsSetsTheirSizeAlone) {
  afflux_control_stats s;
  std::memset(&s, 0xa5, sizeof s);
  EXPECT_EQ(afflux_control_stats_init(&s), AFFLUX_OK);
  afflux_control_stats expected = {};
  expected.struct_size = sizeof expected;
  EXPECT_EQ(std::memcmp(&s, &expected, sizeof s), 0);
  EXPECT_EQ(afflux_control_stats_init(nullptr), AFFLUX_EINVAL);
}

TEST(ControlNames, EachAlgorithmIsFoundByItsName) {
  std::set<std::string> names;
  for (std::uint32_t i = 0; i < AFFLUX_CONTROL_ALGORITHMS; ++i) {
    const char* const name = afflux_control_algorithm_name(i);
    ASSERT_NE(name, nullptr) << i;
    names.insert(name);
    std::uint32_t found = 99;
    EXPECT_EQ(afflux_control_find_algorithm(name, &found), AFFLUX_OK);
    EXPECT_EQ(found, i);
  }
  EXPECT_EQ(names, (std::set<std::string>{"aimd", "default", "gradient", "gradient2", "vegas"}));
}

TEST(ControlNames, UnknownOnesAreRefused) {
  for (const std::uint32_t bad : {std::uint32_t{AFFLUX_CONTROL_ALGORITHMS}, 0xffffffffu}) {
    EXPECT_EQ(afflux_control_algorithm_name(bad), nullptr);
  }
  std::uint32_t found = 99;
  for (const char* const bad : {"", "AIMD", "gradient3", "default "}) {
    EXPECT_EQ(afflux_control_find_algorithm(bad, &found), AFFLUX_EINVAL) << bad;
  }
  EXPECT_EQ(afflux_control_find_algorithm(nullptr, &found), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_control_find_algorithm("aimd", nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(found, 99u);
}

TEST(ControlNames, EachReasonHasItsText) {
  std::set<std::string> texts;
  for (std::uint32_t i = 0; i <= AFFLUX_CONTROL_BECAUSE_MIN; ++i) {
    texts.insert(afflux_control_reason_text(i));
  }
  EXPECT_EQ(texts.size(), AFFLUX_CONTROL_BECAUSE_MIN + 1u);
  EXPECT_STREQ(afflux_control_reason_text(AFFLUX_CONTROL_BECAUSE_QUEUE), "latency shows a queue");
  for (const std::uint32_t bad : {AFFLUX_CONTROL_BECAUSE_MIN + 1u, 0xffffffffu}) {
    EXPECT_STREQ(afflux_control_reason_text(bad), "unknown reason");
  }
}

// ---- create

void expect_refused(afflux_sem* sem, const afflux_control_options& o, afflux_status status) {
  auto* const untouched =
      reinterpret_cast<afflux_control*>(const_cast<afflux_control_options*>(&o));
  afflux_control* control = untouched;
  EXPECT_REFUSED(sem, status, afflux_control_create(sem, &o, &control));
  EXPECT_EQ(control, untouched);
}

TEST(ControlCreate, RefusesBadOptionsAndWritesNothing) {
  const sem_guard sem(permits(10));
  const afflux_control_options good = control_options();
  afflux_control* control = nullptr;
  EXPECT_EQ(afflux_control_create(nullptr, &good, &control), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_control_create(sem, &good, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(control, nullptr);
  const std::function<void(afflux_control_options&)> spoilers[] = {
      [](auto& o) { o.algorithm = AFFLUX_CONTROL_ALGORITHMS; },
      [](auto& o) { o.algorithm = 0xffffffff; },
      [](auto& o) { o.min = 6, o.max = 5; },
      [](auto& o) { o.max = kMaxPermits + 1; },
      [](auto& o) { o.min = kMaxPermits + 1; },
      [](auto& o) { o.min = ~std::uint64_t{0}; },
      [](auto& o) { o.min = 5, o.max = 9, o.initial = 4; },
      [](auto& o) { o.min = 5, o.max = 9, o.initial = 10; },
      [](auto& o) { o.window_ns = -1; },
      [](auto& o) { o.timeout_ns = -1; },
      [](auto& o) { o.probe_interval_ns = std::numeric_limits<std::int64_t>::min(); },
      [](auto& o) { o.struct_size = 0; },
      [](auto& o) { o.struct_size = offsetof(afflux_control_options, min) - 1; }};
  for (const auto& spoil : spoilers) {
    afflux_control_options bad = good;
    spoil(bad);
    expect_refused(sem, bad, AFFLUX_EINVAL);
  }
}

struct longer_options {
  afflux_control_options known = control_options();
  std::uint64_t beyond = 0;
};

TEST(ControlCreate, RefusesWhatItDoesNotKnow) {
  const sem_guard sem(permits(10));
  longer_options longer;
  longer.known.struct_size = sizeof longer;
  longer.beyond = 1;
  expect_refused(sem, longer.known, AFFLUX_ENOTSUP);
  longer.beyond = 0;
  const control_guard control(sem, longer.known);
  EXPECT_NE(control.get(), nullptr);
}

TEST(ControlCreate, TakesTheDefaultsForWhatAShorterStructLacks) {
  afflux_control_options o = control_options(AFFLUX_CONTROL_VEGAS);
  o.min = 3;
  o.max = 2;  // beyond the struct's end, as the rest: not read
  o.window_ns = -1;
  for (const std::size_t size :
       {offsetof(afflux_control_options, max), offsetof(afflux_control_options, max) + 7}) {
    const sem_guard sem(permits(10));
    o.struct_size = static_cast<std::uint32_t>(size);
    const control_guard control(sem, o);
    EXPECT_EQ(control.stats().algorithm, std::uint32_t{AFFLUX_CONTROL_VEGAS});
    EXPECT_EQ(control.stats().min, 3u);
    EXPECT_EQ(control.stats().max, 1000u);
  }
}

TEST(ControlCreate, ADefaultBoundGivesWayToTheOther) {
  const sem_guard sem(permits(10));
  afflux_control_options o = control_options(AFFLUX_CONTROL_AIMD);  // 20 … 200
  o.max = 7;
  {
    const control_guard control(sem, o);
    EXPECT_EQ(control.stats().min, 7u);
    EXPECT_EQ(afflux_sem_limit(sem), 7u);
  }
  o.max = 0;
  o.min = 500;
  const control_guard control(sem, o);
  EXPECT_EQ(control.stats().max, 500u);
  EXPECT_EQ(afflux_sem_limit(sem), 500u);
}

TEST(ControlCreate, TakesTheLargestBounds) {
  const sem_guard sem(permits(10));
  for (std::uint32_t i = 0; i < AFFLUX_CONTROL_ALGORITHMS; ++i) {
    afflux_control_options o = control_options(i);
    o.min = 1;
    o.max = kMaxPermits;
    o.initial = kMaxPermits;
    o.window_ns = o.timeout_ns = o.probe_interval_ns = kLongest;
    const control_guard control(sem, o);
    for (int n = 0; n < 60; ++n) {  // GRADIENT's probe ends after 50
      const std::int64_t latency = n % 2 == 0 ? 0 : kLongest;
      EXPECT_EQ(afflux_control_sample(control, latency, AFFLUX_CONTROL_SERVED), AFFLUX_OK);
      EXPECT_EQ(afflux_control_sample(control, latency, AFFLUX_CONTROL_DROPPED), AFFLUX_OK);
    }
    EXPECT_EQ(control.stats().served, 60u);
    EXPECT_GE(afflux_sem_limit(sem), 1u);
  }
}

TEST(ControlCreate, RefusesAClosedSemaphore) {
  const sem_guard sem(permits(10));
  ASSERT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  expect_refused(sem, control_options(), AFFLUX_ECLOSED);
  afflux_control_options bad = control_options();
  bad.window_ns = -1;
  expect_refused(sem, bad, AFFLUX_EINVAL);  // comes first
}

TEST(ControlCreate, RefusesASecondOneUntilTheFirstIsGone) {
  const sem_guard sem(permits(10));
  control_guard first(sem);
  expect_refused(sem, control_options(), AFFLUX_EBUSY);
  afflux_control* const shared = afflux_control_ref(first);
  first.reset();
  expect_refused(sem, control_options(), AFFLUX_EBUSY);
  afflux_control_unref(shared);
  const control_guard second(sem);
  EXPECT_NE(second.get(), nullptr);
}

TEST(ControlCreate, AnswersEnomemForEveryAllocationThatFails) {
  for (std::uint32_t i = 0; i < AFFLUX_CONTROL_ALGORITHMS; ++i) {
    const afflux_control_options o = control_options(i);
    for (std::uint64_t n = 1;; ++n) {
      bool failed = false;
      const std::int64_t live = live_allocations();
      {
        const sem_guard sem(permits(10));
        afflux_control* control = nullptr;
        fail_allocation(n);
        const afflux_status status = afflux_control_create(sem, &o, &control);
        failed = allocation_failed();
        fail_allocation(0);
        EXPECT_EQ(status, failed ? AFFLUX_ENOMEM : AFFLUX_OK) << n;
        EXPECT_EQ(control == nullptr, failed) << n;
        afflux_control_unref(control);
        EXPECT_EQ(afflux_control_create(sem, &o, &control), AFFLUX_OK);  // it is steered no more
        afflux_control_unref(control);
      }
      EXPECT_EQ(live_allocations(), live) << n;
      if (failed) continue;
      EXPECT_EQ(n, 4u) << "algorithm, numbers, control; or the library's allocations do not reach "
                          "this program's operator new";
      break;
    }
  }
}

// ---- references, NULL, the rest

TEST(Control, TheLastReferenceFreesItAndLetsGoOfTheSemaphore) {
  const std::int64_t live = live_allocations();
  {
    sem_guard sem(permits(10));
    control_guard control(sem);
    EXPECT_EQ(afflux_control_ref(control), control.get());
    afflux_control_unref(control);
    afflux_sem_unref(sem.give());
    // The control keeps it alive, and open.
    EXPECT_EQ(afflux_control_sample(control, 1, AFFLUX_CONTROL_SERVED), AFFLUX_OK);
    EXPECT_EQ(control.stats().served, 1u);
    EXPECT_GE(control.stats().limit, 1u);
  }
  EXPECT_EQ(live_allocations(), live);
}

TEST(Control, TheRestTakesNull) {
  EXPECT_EQ(afflux_control_ref(nullptr), nullptr);
  afflux_control_unref(nullptr);
}

TEST(Control, ASampleOfBadNumbersIsRefusedAndNotCounted) {
  const sem_guard sem(permits(10));
  const control_guard control(sem);
  EXPECT_EQ(afflux_control_sample(nullptr, 1, AFFLUX_CONTROL_SERVED), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_control_sample(control, -1, AFFLUX_CONTROL_SERVED), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_control_sample(control, std::numeric_limits<std::int64_t>::min(),
                                  AFFLUX_CONTROL_IGNORED),
            AFFLUX_EINVAL);
  for (const std::uint32_t bad : {3u, 0xffffffffu}) {
    EXPECT_EQ(afflux_control_sample(control, 1, bad), AFFLUX_EINVAL);
  }
  const afflux_control_stats s = control.stats();
  EXPECT_EQ(s.served + s.dropped + s.ignored + s.windows, 0u);
}

TEST(Control, PauseAndResumeAnswerWhetherTheyDidSomething) {
  const sem_guard sem(permits(10));
  const control_guard control(sem);
  EXPECT_EQ(afflux_control_pause(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_control_resume(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_control_resume(control), AFFLUX_EALREADY);
  EXPECT_EQ(control.stats().paused, 0u);
  EXPECT_EQ(afflux_control_pause(control), AFFLUX_OK);
  EXPECT_EQ(afflux_control_pause(control), AFFLUX_EALREADY);
  EXPECT_EQ(control.stats().paused, 1u);
  EXPECT_EQ(afflux_control_resume(control), AFFLUX_OK);
  EXPECT_EQ(control.stats().paused, 0u);
}

// ---- release of a token

TEST(ControlRelease, AnswersAsAReleaseDoes) {
  const sem_guard sem(permits(10));
  const sem_guard other(permits(10));
  const control_guard control(sem);
  afflux_permit_token token{};
  afflux_permit_token stranger{};
  EXPECT_EQ(afflux_control_release(control, &token, AFFLUX_CONTROL_SERVED), AFFLUX_EALREADY);
  ASSERT_EQ(afflux_sem_acquire_permit(sem, nullptr, 0, &token), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_acquire_permit(other, nullptr, 0, &stranger), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_control_release(nullptr, &token, 0));
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_control_release(control, nullptr, 0));
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_control_release(control, &token, 3));
  EXPECT_REFUSED(other, AFFLUX_EINVAL, afflux_control_release(control, &stranger, 0));
  EXPECT_EQ(afflux_permit_count(&stranger), 1u);  // it keeps them
  EXPECT_EQ(control.stats().served, 0u);
  EXPECT_EQ(afflux_control_release(control, &token, AFFLUX_CONTROL_SERVED), AFFLUX_OK);
  EXPECT_EQ(control.stats().served, 1u);
  EXPECT_EQ(afflux_control_release(control, &token, AFFLUX_CONTROL_SERVED), AFFLUX_EALREADY);
  EXPECT_EQ(control.stats().served, 1u);
  EXPECT_EQ(afflux_sem_held(sem), 0u);
  EXPECT_EQ(afflux_permit_release(&stranger), AFFLUX_OK);
}

TEST(ControlRelease, OfPermitsThatWereReleasedByHandAnswersOverflow) {
  const sem_guard sem(permits(10));
  const control_guard control(sem);
  afflux_permit_token token{};
  afflux_request three;
  afflux_request_init(&three);
  three.permits = 3;
  ASSERT_EQ(afflux_sem_acquire_permit(sem, &three, 0, &token), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_control_release(control, &token, AFFLUX_CONTROL_DROPPED), AFFLUX_EOVERFLOW);
  EXPECT_EQ(afflux_sem_held(sem), 0u);
  EXPECT_EQ(control.stats().dropped, 1u);
}

// ---- the stats' struct

TEST(ControlStats, RefuseNullAndShortStructsAndWriteNothing) {
  const sem_guard sem(permits(10));
  const control_guard control(sem);
  afflux_control_stats s;
  EXPECT_EQ(afflux_control_get_stats(control, nullptr), AFFLUX_EINVAL);
  std::memset(&s, 0xa5, sizeof s);
  const afflux_control_stats untouched = s;
  EXPECT_EQ(afflux_control_get_stats(nullptr, &s), AFFLUX_EINVAL);
  EXPECT_EQ(std::memcmp(&s, &untouched, sizeof s), 0);
  for (const std::size_t size : {std::size_t{1}, std::size_t{4}, sizeof s - 1}) {
    s.struct_size = static_cast<std::uint32_t>(size);
    EXPECT_EQ(afflux_control_get_stats(control, &s), AFFLUX_EINVAL) << size;
    EXPECT_EQ(s.struct_size, size);
    EXPECT_EQ(std::memcmp(&s.algorithm, &untouched.algorithm,
                          sizeof s - offsetof(afflux_control_stats, algorithm)),
              0);
  }
}

TEST(ControlStats, FillWhatTheyKnowAndTellHowMuch) {
  const sem_guard sem(permits(10));
  const control_guard control(sem);
  ASSERT_EQ(afflux_control_sample(control, 7, AFFLUX_CONTROL_IGNORED), AFFLUX_OK);
  struct {
    afflux_control_stats known;
    std::uint64_t beyond;
  } longer;
  for (const std::size_t size : {std::size_t{0}, sizeof longer.known, sizeof longer}) {
    std::memset(&longer, 0xa5, sizeof longer);
    longer.known.struct_size = static_cast<std::uint32_t>(size);
    EXPECT_EQ(afflux_control_get_stats(control, &longer.known), AFFLUX_OK);
    EXPECT_EQ(longer.known.struct_size, sizeof longer.known);
    EXPECT_EQ(longer.known.ignored, 1u);
    for (const std::uint64_t later : longer.known.later) EXPECT_EQ(later, 0u);
    EXPECT_EQ(longer.beyond, 0xa5a5a5a5a5a5a5a5u);
  }
}

// ---- no memory needed

TEST(Control, NeedsMemoryForNothingButCreate) {
  for (std::uint32_t i = 0; i < AFFLUX_CONTROL_ALGORITHMS; ++i) {
    const sem_guard sem(permits(10));
    const control_guard control(sem, control_options(i));
    afflux_control_stats s;
    afflux_control_stats_init(&s);
    bool right = true;
    count_allocations();
    for (std::uint32_t n = 0; n < 200; ++n) {
      right &= afflux_control_sample(control, n, n % 3) == AFFLUX_OK;
    }
    right &= afflux_control_pause(control) == AFFLUX_OK;
    right &= afflux_control_resume(control) == AFFLUX_OK;
    right &= afflux_control_get_stats(control, &s) == AFFLUX_OK;
    const std::uint64_t allocated = allocations_counted();
    EXPECT_TRUE(right);
    EXPECT_GT(s.windows, 0u) << i;
    EXPECT_EQ(allocated, 0u) << i;
  }
}

}  // namespace
}  // namespace afflux_test
