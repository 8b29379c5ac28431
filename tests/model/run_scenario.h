// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A scenario as a test over both strategies: all schedules of at most three
// preemptions; of two where four threads make that too many.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "world.h"

namespace afflux::model {

using intrusive = world<checking_policy<>, queue::intrusive_queue>;
using locked = world<checking_policy<>, queue::mutex_queue>;

inline void holds(void (*scenario)(explorer&), int preemptions = 3) {
  const result found = explore({.preemptions = preemptions}, scenario);
  EXPECT_TRUE(found.passed() && found.complete) << found;
  ::testing::Test::RecordProperty("executions", std::to_string(found.executions));
}

}  // namespace afflux::model

#define AFFLUX_SCENARIO(name)                                                       \
  TEST(IntrusiveModel, name) { afflux::model::holds(&scenarios::name<intrusive>); } \
  TEST(MutexModel, name) { afflux::model::holds(&scenarios::name<locked>); }

#define AFFLUX_SCENARIO_OF_FOUR(name)                                                  \
  TEST(IntrusiveModel, name) { afflux::model::holds(&scenarios::name<intrusive>, 2); } \
  TEST(MutexModel, name) { afflux::model::holds(&scenarios::name<locked>, 2); }
