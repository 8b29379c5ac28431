// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The scenarios again, over semaphores that count: what they count agrees at rest (K1, K2), and
// counting touches nothing that is gone. All schedules of at most two preemptions, for each
// number is another point at which threads may change places.
#include "run_scenario.h"
#include "extended_scenarios.h"
#include "scenarios.h"

namespace afflux::model {
namespace {

template <template <class> class Queue>
using counting = world<checking_policy<>, Queue, AFFLUX_STATS_COUNTERS>;
template <template <class> class Queue>
using timing = world<checking_policy<>, Queue, AFFLUX_STATS_FULL>;

#define AFFLUX_COUNTED(name)                                                          \
  TEST(IntrusiveCounted, name) { holds(&scenarios::name<counting<queue::intrusive_queue>>, 2); } \
  TEST(IntrusiveTimed, name) { holds(&scenarios::name<timing<queue::intrusive_queue>>, 2); }     \
  TEST(LockfreeCounted, name) { holds(&scenarios::name<counting<queue::lockfree_queue>>, 1); }   \
  TEST(HybridCounted, name) { holds(&scenarios::name<counting<queue::hybrid_queue>>, 2); }       \
  TEST(MutexTimed, name) { holds(&scenarios::name<timing<queue::mutex_queue>>, 2); }

AFFLUX_COUNTED(two_threads_twice)
AFFLUX_COUNTED(weighted)
AFFLUX_COUNTED(small_behind_announcer)
AFFLUX_COUNTED(over_release)
AFFLUX_COUNTED(callback_releases_at_once)
AFFLUX_COUNTED(announcer_against_unref)
AFFLUX_COUNTED(chain_does_not_recurse)
AFFLUX_COUNTED(hand_over_and_over_release)
AFFLUX_COUNTED(head_cancel_regrants)
AFFLUX_COUNTED(begin_cancel_release)
AFFLUX_COUNTED(weighted_cancel)
AFFLUX_COUNTED(two_cancels_one_release)
AFFLUX_COUNTED(shrink_against_batch)
AFFLUX_COUNTED(shrink_then_grow)
AFFLUX_COUNTED(zero_then_grow_with_queue)
AFFLUX_COUNTED(debt_is_exact)
AFFLUX_COUNTED(close_two_waiting)
AFFLUX_COUNTED(close_against_release)
AFFLUX_COUNTED(acquire_then_unref)
AFFLUX_COUNTED(second_callback_unrefs)
AFFLUX_COUNTED(unref_with_waiter_against_cancel)
AFFLUX_COUNTED(bulk_first_callback_unrefs_cancel_second)
AFFLUX_COUNTED(hand_over_unrefs)

}  // namespace
}  // namespace afflux::model
