// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Every status that every function documents, provoked. Where:
//
//   strerror                names for all, "unknown status"   Strerror.*
//   last_os_error           0                                 LastOsError.*; not 0: c_fault_test
//   sem_options_init        OK EINVAL                         SemOptionsInit.*
//   sem_create              OK                                all
//                           EINVAL ENOTSUP                    c_input_test; NULLs: SemCreate.*
//                           ENOMEM                            c_fault_test
//   sem_ref, sem_unref      NULL                              SemRef.*
//   sem_close               OK EALREADY EINVAL                SemClose.*
//   sem_try_acquire         OK EAGAIN ECLOSED EINVAL          SemTryAcquire.*
//   sem_acquire             OK ETIMEDOUT ECLOSED EREJECTED    SemAcquire.*
//                           EINVAL                            SemAcquire.*; by a shrink as well
//   sem_release             OK EOVERFLOW EINVAL               SemRelease.*
//   sem_resize              OK EINVAL                         SemResize.*
//   sem_drain               OK ECLOSED EINVAL                 SemDrain.*
//   getters                 NULL                              SemGetters.*
//   request_init            OK EINVAL                         RequestInit.*
//   sem_acquire_async       OK PENDING EAGAIN ECLOSED         SemAcquireAsync.*
//                           EREJECTED EINVAL                  SemAcquireAsync.* and c_input_test
//                           ENOTSUP                           c_input_test
//                           EOS                               c_fault_test
//   completion              OK ETIMEDOUT ECLOSED EREJECTED    Completion.*
//                           EINVAL                            Completion.*
//   waiter_cancel           OK EALREADY EINVAL                WaiterCancel.*
//   timers_manual           OK EINVAL                         TimersManual.*
//                           EOS                               c_fault_test
//   timers_advance          FOREVER, a time                   c_timeout_test
//   sem_acquire_permit      OK ETIMEDOUT ECLOSED EREJECTED    AcquirePermit.*
//                           EINVAL                            AcquirePermit.*, c_input_test
//                           ENOTSUP                           c_input_test
//   permit_release, _split, _merge, _forget
//                           OK EALREADY EINVAL                c_permit_test
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <set>
#include <string>
#include <thread>

#include "support/recorder.h"
#include "support/sem_guard.h"
#include "support/states.h"

namespace afflux_test {
namespace {

TEST(Strerror, NamesEveryStatusOnceAndNeverAnswersNull) {
  const std::string unknown = "unknown status";
  std::set<std::string> seen;
  for (afflux_status status = AFFLUX_E2BIG; status <= AFFLUX_PENDING; ++status) {
    ASSERT_NE(afflux_strerror(status), nullptr);
    const std::string text = afflux_strerror(status);
    EXPECT_NE(text, unknown) << status;
    EXPECT_FALSE(text.empty()) << status;
    EXPECT_TRUE(seen.insert(text).second) << text;
  }
  for (const afflux_status status : {AFFLUX_E2BIG - 1, 2, std::numeric_limits<afflux_status>::min(),
                                     std::numeric_limits<afflux_status>::max()}) {
    EXPECT_EQ(afflux_strerror(status), unknown) << status;
  }
}

TEST(LastOsError, IsZeroOnAThreadWithoutOne) {
  std::int32_t seen = -1;
  std::thread([&] { seen = afflux_last_os_error(); }).join();
  EXPECT_EQ(seen, 0);
}

TEST(SemOptionsInit, FillsTheDocumentedDefaults) {
  afflux_sem_options o;
  std::memset(&o, 0xa5, sizeof o);
  ASSERT_EQ(afflux_sem_options_init(&o), AFFLUX_OK);
  EXPECT_EQ(o.struct_size, sizeof o);
  EXPECT_EQ(o.queue, static_cast<std::uint32_t>(AFFLUX_QUEUE_AUTO));
  EXPECT_EQ(o.fairness, static_cast<std::uint32_t>(AFFLUX_FAIR));
  EXPECT_EQ(o.overflow, static_cast<std::uint32_t>(AFFLUX_OVERFLOW_SUSPEND));
  EXPECT_EQ(o.permits, 1u);
  EXPECT_EQ(o.max_waiters, 0u);
  EXPECT_EQ(o.max_queue_bytes, 0u);
  EXPECT_EQ(o.waiter_timeout_ns, AFFLUX_FOREVER);
  EXPECT_EQ(o.name, nullptr);
  EXPECT_EQ(afflux_sem_options_init(nullptr), AFFLUX_EINVAL);
}

TEST(RequestInit, FillsTheDocumentedDefaults) {
  afflux_request r;
  std::memset(&r, 0xa5, sizeof r);
  ASSERT_EQ(afflux_request_init(&r), AFFLUX_OK);
  EXPECT_EQ(r.struct_size, sizeof r);
  EXPECT_EQ(r.flags, 0u);
  EXPECT_EQ(r.permits, 1u);
  EXPECT_EQ(r.priority, static_cast<std::uint32_t>(AFFLUX_PRIORITY_NORMAL));
  EXPECT_EQ(r.reserved, 0u);
  EXPECT_EQ(r.cost_bytes, 0u);
  EXPECT_EQ(r.timeout_ns, AFFLUX_FOREVER);
  EXPECT_EQ(r.wake, nullptr);
  EXPECT_EQ(r.ctx, nullptr);
  EXPECT_EQ(r.port, nullptr);
  EXPECT_EQ(r.user_data, 0u);
  EXPECT_EQ(afflux_request_init(nullptr), AFFLUX_EINVAL);
}

TEST(SemRef, TakesNull) {
  EXPECT_EQ(afflux_sem_ref(nullptr), nullptr);
  afflux_sem_unref(nullptr);
}

TEST(SemGetters, TakeNull) {
  EXPECT_EQ(state_of(nullptr), (sem_state{0, 0, 0, 0}));
  EXPECT_EQ(afflux_sem_queue(nullptr), 0u);
  EXPECT_STREQ(afflux_sem_name(nullptr), "");
  EXPECT_EQ(afflux_sem_fastpath(nullptr), nullptr);
}

TEST(TimersManual, RefusesWhatIsNeitherZeroNorOne) {
  for (const std::int32_t bad : {-1, 2, std::numeric_limits<std::int32_t>::max()}) {
    EXPECT_EQ(afflux_timers_manual(bad), AFFLUX_EINVAL) << bad;
  }
  EXPECT_EQ(afflux_timers_manual(1), AFFLUX_OK);
  EXPECT_EQ(afflux_timers_manual(0), AFFLUX_OK);
}

class SemCreate : public per_variant {};
TEST_P(SemCreate, RefusesNullPointersAndWritesNothing) {
  const afflux_sem_options o = options(1);
  afflux_sem* sem = reinterpret_cast<afflux_sem*>(&sem);
  EXPECT_EQ(afflux_sem_create(nullptr, &sem), AFFLUX_EINVAL);
  EXPECT_EQ(sem, reinterpret_cast<afflux_sem*>(&sem));
  EXPECT_EQ(afflux_sem_create(&o, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_sem_create(nullptr, nullptr), AFFLUX_EINVAL);
}

TEST_P(SemCreate, AnswersWhatWasAskedFor) {
  char name[] = "uploads \xc3\xa9";
  afflux_sem_options o = options(kMaxPermits);
  o.name = name;
  const sem_guard sem(o);
  name[0] = 'X';  // the name is copied
  expect_all_free(sem, kMaxPermits);
  EXPECT_STREQ(afflux_sem_name(sem), "uploads \xc3\xa9");
  EXPECT_EQ(afflux_sem_queue(sem), GetParam().queue == AFFLUX_QUEUE_AUTO
                                       ? static_cast<std::uint32_t>(AFFLUX_QUEUE_INTRUSIVE)
                                       : GetParam().queue);
  EXPECT_STREQ(afflux_sem_name(sem_guard(options(1))), "");
}

class SemClose : public per_variant {};
TEST_P(SemClose, IsDoneOnce) {
  const sem_guard sem(options(kLimit));
  EXPECT_EQ(afflux_sem_close(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_EALREADY, afflux_sem_close(sem));
}

class SemTryAcquire : public per_variant {};
TEST_P(SemTryAcquire, RefusesBadCountsInEveryState) {
  EXPECT_EQ(afflux_sem_try_acquire(nullptr, 1), AFFLUX_EINVAL);
  in_every_state(options(kLimit), [](afflux_sem* sem, int state) {
    for (const std::uint64_t n : kBadCounts) {
      EXPECT_REFUSED(sem, refusal_of(n, state), afflux_sem_try_acquire(sem, n));
    }
  });
}

TEST_P(SemTryAcquire, AnswersOkEagainAndEclosed) {
  const sem_guard sem(options(kLimit));
  EXPECT_EQ(afflux_sem_try_acquire(sem, kLimit - 1), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_EAGAIN, afflux_sem_try_acquire(sem, 2));
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_EAGAIN, afflux_sem_try_acquire(sem, 1));
  EXPECT_EQ(afflux_sem_release(sem, kLimit), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_ECLOSED, afflux_sem_try_acquire(sem, 1));
}

class SemAcquire : public per_variant {};
TEST_P(SemAcquire, RefusesBadCountsAndTimesInEveryState) {
  EXPECT_EQ(afflux_sem_acquire(nullptr, 1, 0), AFFLUX_EINVAL);
  in_every_state(options(kLimit), [](afflux_sem* sem, int state) {
    for (const std::uint64_t n : kBadCounts) {
      EXPECT_REFUSED(sem, refusal_of(n, state), afflux_sem_acquire(sem, n, 0));
      EXPECT_REFUSED(sem, refusal_of(n, state), afflux_sem_acquire(sem, n, AFFLUX_FOREVER));
    }
    for (const std::int64_t time : kBadTimes) {
      EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_acquire(sem, 1, time));
    }
  });
}

TEST_P(SemAcquire, AnswersOkEtimedoutAndEclosedAtOnce) {
  const sem_guard sem(options(kLimit));
  EXPECT_EQ(afflux_sem_acquire(sem, 1, 0), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_acquire(sem, 1, AFFLUX_FOREVER), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_acquire(sem, 2, std::numeric_limits<std::int64_t>::max()), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_held(sem), kLimit);
  EXPECT_REFUSED(sem, AFFLUX_ETIMEDOUT, afflux_sem_acquire(sem, 1, 0));
  EXPECT_REFUSED(sem, AFFLUX_ETIMEDOUT, afflux_sem_acquire(sem, 1, 1));
  EXPECT_REFUSED(sem, AFFLUX_ETIMEDOUT, afflux_sem_acquire(sem, 1, kMillisecond));
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_ECLOSED, afflux_sem_acquire(sem, 1, 0));
  EXPECT_REFUSED(sem, AFFLUX_ECLOSED, afflux_sem_acquire(sem, 1, AFFLUX_FOREVER));
}

TEST_P(SemAcquire, AnswersAWaitingThread) {
  for (const afflux_status expected : {AFFLUX_OK, AFFLUX_ECLOSED, AFFLUX_E2BIG, AFFLUX_EREJECTED}) {
    SCOPED_TRACE(afflux_strerror(expected));
    afflux_sem_options o = options(2);
    o.max_waiters = 1;
    o.overflow = AFFLUX_OVERFLOW_DROP_OLDEST;
    const sem_guard sem(o);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
    blocked thread(sem, 2);
    await_waiters(sem, 1);
    pending newcomer;
    if (expected == AFFLUX_OK) {
      EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
    } else if (expected == AFFLUX_ECLOSED) {
      EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
    } else if (expected == AFFLUX_E2BIG) {
      EXPECT_EQ(afflux_sem_resize(sem, 1), AFFLUX_OK);
    } else {
      EXPECT_EQ(newcomer.start(sem), AFFLUX_PENDING);
    }
    EXPECT_EQ(thread.join(), expected);
    EXPECT_EQ(afflux_sem_held(sem), 2u);
    if (expected == AFFLUX_EREJECTED) {
      EXPECT_EQ(newcomer.cancel(), AFFLUX_OK);
    }
  }
}

TEST_P(SemAcquire, IsRefusedByAFullQueue) {
  for (const std::uint32_t overflow : {AFFLUX_OVERFLOW_DROP_NEWEST, AFFLUX_OVERFLOW_FAIL}) {
    afflux_sem_options o = options(1);
    o.max_waiters = 1;
    o.overflow = overflow;
    const sem_guard sem(o);
    pending first;
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
    EXPECT_REFUSED(sem, AFFLUX_EREJECTED, afflux_sem_acquire(sem, 1, AFFLUX_FOREVER));
    EXPECT_EQ(first.cancel(), AFFLUX_OK);
  }
}

class SemRelease : public per_variant {};
TEST_P(SemRelease, RefusesMoreThanIsHeldInEveryState) {
  EXPECT_EQ(afflux_sem_release(nullptr, 1), AFFLUX_EINVAL);
  in_every_state(options(kLimit), [](afflux_sem* sem, int) {
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_release(sem, 0));
    const std::uint64_t held = afflux_sem_held(sem);
    for (const std::uint64_t n : {held + 1, kMaxPermits, kMaxPermits + 1, kMaxPermits + 1 + held,
                                  std::uint64_t{1} << 63, kMaxU64, kMaxU64 - held}) {
      EXPECT_REFUSED(sem, AFFLUX_EOVERFLOW, afflux_sem_release(sem, n));
    }
  });
}

class SemResize : public per_variant {};
TEST_P(SemResize, RefusesLimitsBeyondTheRange) {
  EXPECT_EQ(afflux_sem_resize(nullptr, 1), AFFLUX_EINVAL);
  in_every_state(options(kLimit), [](afflux_sem* sem, int) {
    for (const std::uint64_t n : {kMaxPermits + 1, std::uint64_t{1} << 63, kMaxU64}) {
      EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_resize(sem, n));
    }
  });
}

class SemDrain : public per_variant {};
TEST_P(SemDrain, AnswersOkEclosedAndEinval) {
  const sem_guard sem(options(kLimit));
  std::uint64_t n = 77;
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_drain(sem, nullptr));
  EXPECT_EQ(afflux_sem_drain(nullptr, &n), AFFLUX_EINVAL);
  EXPECT_EQ(n, 77u);
  EXPECT_EQ(afflux_sem_drain(sem, &n), AFFLUX_OK);
  EXPECT_EQ(n, kLimit);
  EXPECT_EQ(afflux_sem_drain(sem, &n), AFFLUX_OK);
  EXPECT_EQ(n, 0u);
  EXPECT_EQ(afflux_sem_release(sem, kLimit), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  n = 77;
  EXPECT_REFUSED(sem, AFFLUX_ECLOSED, afflux_sem_drain(sem, &n));
  EXPECT_EQ(n, 77u);
}

#define AFFLUX_FOR_ALL(suite) INSTANTIATE_TEST_SUITE_P(Each, suite, all_variants(), variant_name)
AFFLUX_FOR_ALL(SemCreate);
AFFLUX_FOR_ALL(SemClose);
AFFLUX_FOR_ALL(SemTryAcquire);
AFFLUX_FOR_ALL(SemAcquire);
AFFLUX_FOR_ALL(SemRelease);
AFFLUX_FOR_ALL(SemResize);
AFFLUX_FOR_ALL(SemDrain);

}  // namespace
}  // namespace afflux_test
