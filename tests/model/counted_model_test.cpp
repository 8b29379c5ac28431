// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The scenarios again, over semaphores that count: what they count agrees at rest (K1, K2), and
// counting touches nothing that is gone. All schedules of at most two preemptions, for each
// number is another point at which threads may change places.
#include "extended_scenarios.h"
#include "inline_scenarios.h"
#include "run_scenario.h"
#include "scenarios.h"
#include "shedding_scenarios.h"

namespace afflux::model {
namespace {

template <template <class> class Queue>
using counting = world<checking_policy<>, Queue, AFFLUX_STATS_COUNTERS>;
template <template <class> class Queue>
using timing = world<checking_policy<>, Queue, AFFLUX_STATS_FULL>;

#define AFFLUX_COUNTED(name)                                                                     \
  TEST(IntrusiveCounted, name) { holds(&scenarios::name<counting<queue::intrusive_queue>>, 2); } \
  TEST(IntrusiveTimed, name) { holds(&scenarios::name<timing<queue::intrusive_queue>>, 2); }     \
  TEST(LockfreeCounted, name) { holds(&scenarios::name<counting<queue::lockfree_queue>>, 1); }   \
  TEST(HybridCounted, name) { holds(&scenarios::name<counting<queue::hybrid_queue>>, 2); }       \
  TEST(MutexTimed, name) { holds(&scenarios::name<timing<queue::mutex_queue>>, 2); }

AFFLUX_COUNTED(three_threads_one_permit)
AFFLUX_COUNTED(two_threads_twice)
AFFLUX_COUNTED(weighted)
AFFLUX_COUNTED(two_releases_two_sizes)
AFFLUX_COUNTED(small_behind_one_that_cannot_fit)
AFFLUX_COUNTED(fifo_of_one_thread)
AFFLUX_COUNTED(over_release)
AFFLUX_COUNTED(callback_releases_at_once)
AFFLUX_COUNTED(completion_unrefs_against_cancel)
AFFLUX_COUNTED(chain_does_not_recurse)
AFFLUX_COUNTED(callback_blocks_for_the_next)
AFFLUX_COUNTED(line_against_two_releases)
AFFLUX_COUNTED(head_cancel_regrants)
AFFLUX_COUNTED(begin_cancel_release)
AFFLUX_COUNTED(granted_on_its_way)
AFFLUX_COUNTED(weighted_cancel)
AFFLUX_COUNTED(two_cancels_one_release)
AFFLUX_COUNTED(two_threads_cancel_one)
AFFLUX_COUNTED(cancel_never_waits_for_callback)
AFFLUX_COUNTED(shrink_against_acquire)
AFFLUX_COUNTED(shrink_against_release_of_two)
AFFLUX_COUNTED(shrink_then_grow)
AFFLUX_COUNTED(zero_then_grow_with_queue)
AFFLUX_COUNTED(debt_is_exact)
AFFLUX_COUNTED(two_resizes)
AFFLUX_COUNTED(close_acquire_release)
AFFLUX_COUNTED(close_two_waiting)
AFFLUX_COUNTED(close_against_release)
AFFLUX_COUNTED(acquire_then_unref)
AFFLUX_COUNTED(last_of_two_unrefs)
AFFLUX_COUNTED(callback_unrefs)
AFFLUX_COUNTED(second_callback_unrefs)
AFFLUX_COUNTED(unref_with_waiter_against_cancel)
AFFLUX_COUNTED(first_callback_unrefs_cancel_second)
AFFLUX_COUNTED(bulk_first_callback_unrefs_cancel_second)
AFFLUX_COUNTED(unref_with_blocked_thread)
AFFLUX_COUNTED(first_of_three_unrefs)
AFFLUX_COUNTED(newcomer_takes_the_rest_and_unrefs)
AFFLUX_COUNTED(urgent_arrival_fits)
AFFLUX_COUNTED(urgent_against_release)
AFFLUX_COUNTED(urgency_falls_again)
AFFLUX_COUNTED(urgent_completion_unrefs)
AFFLUX_COUNTED(ageing)
AFFLUX_COUNTED(ageing_of_one_that_came_last)
AFFLUX_COUNTED(next_fits_beside_the_first)
AFFLUX_COUNTED(next_fits_what_was_left)
AFFLUX_COUNTED(drop_oldest)
AFFLUX_COUNTED(drop_oldest_against_release)
AFFLUX_COUNTED(drop_lowest_first)
AFFLUX_COUNTED(dropped_unrefs)
AFFLUX_COUNTED(drop_newest_room_again)
AFFLUX_COUNTED(expiry_against_release)
AFFLUX_COUNTED(expiry_while_enqueuing)
AFFLUX_COUNTED(expiry_against_cancel)
AFFLUX_COUNTED(expiry_against_unref)
AFFLUX_COUNTED(expired_head_regrants)
AFFLUX_COUNTED(blocking_timeout_against_release)
AFFLUX_COUNTED(blocking_timeout_of_head)
AFFLUX_COUNTED(throughput_three_threads)
AFFLUX_COUNTED(throughput_two_threads_twice)
AFFLUX_COUNTED(throughput_weighted)
AFFLUX_COUNTED(throughput_poked_times_out)
AFFLUX_COUNTED(throughput_close)
AFFLUX_COUNTED(throughput_acquire_then_unref)
AFFLUX_COUNTED(throughput_unref_with_blocked_thread)
AFFLUX_COUNTED(throughput_higher_goes_first)
AFFLUX_COUNTED(throughput_poked_times_out_behind_higher)
AFFLUX_COUNTED(throughput_poked_becomes_impossible)
AFFLUX_COUNTED(overtaking_is_bounded)
AFFLUX_COUNTED(overtaking_is_bounded_whoever_leaves)
AFFLUX_COUNTED(arrivals_of_two_against_release)
AFFLUX_COUNTED(completion_unrefs_under_an_arrival)
AFFLUX_COUNTED(last_of_three_granted_unrefs)
AFFLUX_COUNTED(first_of_three_granted_unrefs)
AFFLUX_COUNTED(three_granted_against_unref)
AFFLUX_COUNTED(two_granted_against_acquire)
AFFLUX_COUNTED(waiting_is_exact_at_rest)
AFFLUX_COUNTED(inline_beside_calls)
AFFLUX_COUNTED(inline_count_moves_beside_a_reader)
AFFLUX_COUNTED(inline_peak_beside_resizes)
AFFLUX_COUNTED(shed_cancel_release)
AFFLUX_COUNTED(shed_against_expiry)
AFFLUX_COUNTED(shed_large_one_regrants)
AFFLUX_COUNTED(arrival_after_the_moment)

}  // namespace
}  // namespace afflux::model
