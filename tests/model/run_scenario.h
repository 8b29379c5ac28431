// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A scenario as a test over every strategy: all schedules of at most three
// preemptions; of two where four threads make that too many.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "world.h"

namespace afflux::model {

using intrusive = world<checking_policy<>, queue::intrusive_queue>;
using locked = world<checking_policy<>, queue::mutex_queue>;
using hybrid = world<checking_policy<>, queue::hybrid_queue>;
using lockfree = world<checking_policy<>, queue::lockfree_queue>;

inline void holds_with(const options& wanted, void (*scenario)(explorer&)) {
  // The schedules of fewer preemptions are among those of the last bound, which alone passes; the
  // bounds in turn find the shortest that fails.
  options at_once = wanted;
  at_once.first_preemptions = wanted.preemptions;
  result found = explore(at_once, scenario);
  if (!found.passed()) found = explore(wanted, scenario);
  EXPECT_TRUE(found.passed() && found.complete) << found;
  ::testing::Test::RecordProperty("executions", std::to_string(found.executions));
}
inline void holds(void (*scenario)(explorer&), int preemptions = 3) {
  holds_with({.preemptions = preemptions}, scenario);
}

}  // namespace afflux::model

#define AFFLUX_SCENARIO_UP_TO(name, preemptions)                                                 \
  TEST(IntrusiveModel, name) { afflux::model::holds(&scenarios::name<intrusive>, preemptions); } \
  TEST(LockfreeModel, name) { afflux::model::holds(&scenarios::name<lockfree>, preemptions); }   \
  TEST(HybridModel, name) { afflux::model::holds(&scenarios::name<hybrid>, preemptions); }       \
  TEST(MutexModel, name) { afflux::model::holds(&scenarios::name<locked>, preemptions); }

#define AFFLUX_SCENARIO(name) AFFLUX_SCENARIO_UP_TO(name, 3)
#define AFFLUX_SCENARIO_OF_FOUR(name) AFFLUX_SCENARIO_UP_TO(name, 2)
#define AFFLUX_SCENARIO_WITH(name, ...)                                                           \
  TEST(IntrusiveModel, name) {                                                                    \
    afflux::model::holds_with({__VA_ARGS__}, &scenarios::name<intrusive>);                        \
  }                                                                                               \
  TEST(LockfreeModel, name) {                                                                     \
    afflux::model::holds_with({__VA_ARGS__}, &scenarios::name<lockfree>);                         \
  }                                                                                               \
  TEST(HybridModel, name) { afflux::model::holds_with({__VA_ARGS__}, &scenarios::name<hybrid>); } \
  TEST(MutexModel, name) { afflux::model::holds_with({__VA_ARGS__}, &scenarios::name<locked>); }
#define AFFLUX_SCENARIO_WITH_LATE_STORES(name) \
  AFFLUX_SCENARIO_WITH(name, .preemptions = 2, .store_buffers = 2)
