// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Every scenario under every strategy, all schedules of at most three preemptions.
#include "run_scenario.h"
#include "scenarios.h"

namespace afflux::model {
namespace {

AFFLUX_SCENARIO(three_threads_one_permit)
AFFLUX_SCENARIO(two_threads_twice)
AFFLUX_SCENARIO(weighted)
AFFLUX_SCENARIO(two_releases_two_sizes)
AFFLUX_SCENARIO(small_behind_one_that_cannot_fit)
AFFLUX_SCENARIO(fifo_of_one_thread)
AFFLUX_SCENARIO(over_release)
AFFLUX_SCENARIO(callback_releases_at_once)
AFFLUX_SCENARIO(completion_unrefs_against_cancel)
AFFLUX_SCENARIO(chain_does_not_recurse)
AFFLUX_SCENARIO(callback_blocks_for_the_next)
AFFLUX_SCENARIO(line_against_two_releases)
AFFLUX_SCENARIO(head_cancel_regrants)
AFFLUX_SCENARIO(begin_cancel_release)
AFFLUX_SCENARIO(granted_on_its_way)
AFFLUX_SCENARIO(weighted_cancel)
AFFLUX_SCENARIO(two_cancels_one_release)
AFFLUX_SCENARIO(two_threads_cancel_one)
AFFLUX_SCENARIO(cancel_never_waits_for_callback)
AFFLUX_SCENARIO(shrink_against_acquire)
AFFLUX_SCENARIO(shrink_against_release_of_two)
AFFLUX_SCENARIO(shrink_then_grow)
AFFLUX_SCENARIO(zero_then_grow_with_queue)
AFFLUX_SCENARIO(debt_is_exact)
AFFLUX_SCENARIO(two_resizes)
AFFLUX_SCENARIO(close_acquire_release)
AFFLUX_SCENARIO(close_two_waiting)
AFFLUX_SCENARIO(close_against_release)
AFFLUX_SCENARIO(acquire_then_unref)
AFFLUX_SCENARIO(last_of_two_unrefs)
AFFLUX_SCENARIO(callback_unrefs)
AFFLUX_SCENARIO(second_callback_unrefs)
AFFLUX_SCENARIO(unref_with_waiter_against_cancel)
AFFLUX_SCENARIO(first_callback_unrefs_cancel_second)
AFFLUX_SCENARIO(bulk_first_callback_unrefs_cancel_second)
AFFLUX_SCENARIO(unref_with_blocked_thread)
AFFLUX_SCENARIO(first_of_three_unrefs)
AFFLUX_SCENARIO(newcomer_takes_the_rest_and_unrefs)

}  // namespace
}  // namespace afflux::model
