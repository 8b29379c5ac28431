// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Arguments that every call must refuse, and a semaphore in each of its states.
#pragma once

#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "recorder.h"
#include "sem_guard.h"

namespace afflux_test {

inline constexpr std::uint64_t kLimit = 4;
inline constexpr std::uint64_t kMaxU64 = std::numeric_limits<std::uint64_t>::max();
// What no request may ask of a semaphore with kLimit permits (S13).
inline constexpr std::uint64_t kBadCounts[] = {
    0, kLimit + 1, kMaxPermits, kMaxPermits + 1, std::uint64_t{1} << 63, kMaxU64};
// What such a request answers, in that state of in_every_state().
inline afflux_status refusal_of(std::uint64_t n, int state) {
  if (n == 0) return AFFLUX_EINVAL;
  return state == 5 ? AFFLUX_ECLOSED : AFFLUX_E2BIG;
}
inline constexpr std::int64_t kBadTimes[] = {-2, -1000, std::numeric_limits<std::int64_t>::min()};

// Runs `check` on a semaphore of kLimit permits in each kind of state: free, part held, all
// held, queued, in debt, closed and held.
template <class Check>
void in_every_state(const afflux_sem_options& options, Check check) {
  for (int state = 0; state < 6; ++state) {
    SCOPED_TRACE(testing::Message() << "state " << state);
    const sem_guard sem(options);
    pending queued(kLimit);
    const std::uint64_t held = state == 0 ? 0 : state == 1 ? 1 : kLimit;
    if (held != 0) {
      ASSERT_EQ(afflux_sem_try_acquire(sem, held), AFFLUX_OK);
    }
    if (state == 3) {
      ASSERT_EQ(queued.start(sem), AFFLUX_PENDING);
    }
    if (state == 4) {
      ASSERT_EQ(afflux_sem_resize(sem, 2), AFFLUX_OK);
    }
    if (state == 5) {
      ASSERT_EQ(afflux_sem_close(sem), AFFLUX_OK);
    }
    check(static_cast<afflux_sem*>(sem), state);
    EXPECT_EQ(afflux_sem_held(sem), held);
    if (state == 3) {
      EXPECT_EQ(queued.completions(), 0);
      EXPECT_EQ(queued.cancel(), AFFLUX_OK);
    }
  }
}

}  // namespace afflux_test
