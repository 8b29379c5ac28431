// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The seeded bugs of the protocol (src/mutants.h).
#include "ending_scenarios.h"
#include "kills.h"
#include "scenarios.h"
#include "stall_scenarios.h"

namespace afflux::model {
namespace {

AFFLUX_KILLS(IntrusiveMutants, intrusive, publish_before_unlock, callback_releases_at_once)
AFFLUX_KILLS(IntrusiveMutants, intrusive, mail_cleared_late, arrivals_of_two_against_release)
AFFLUX_KILLS(IntrusiveMutants, intrusive, granted_while_arriving, granted_on_its_way)
AFFLUX_KILLS(IntrusiveMutants, intrusive, no_regrant_on_cancel, head_cancel_regrants)
AFFLUX_KILLS(IntrusiveMutants, intrusive, no_resize_count, shrink_against_over_release)
AFFLUX_KILLS(IntrusiveMutants, intrusive, debt_lost, debt_is_exact)
AFFLUX_KILLS(IntrusiveMutants, intrusive, lock_waiter_forgotten, two_cancels_one_release)
AFFLUX_KILLS(IntrusiveMutants, intrusive, ends_over_claimed, unref_with_waiter_against_cancel)
AFFLUX_KILLS(IntrusiveMutants, intrusive, comers_uncounted, unref_with_waiter_against_cancel)
AFFLUX_KILLS(IntrusiveMutants, intrusive, claimed_is_granted, begin_cancel_release)
AFFLUX_KILLS(IntrusiveMutants, intrusive, works_for_others, cancel_lets_in_nobody_else)
AFFLUX_KILLS(IntrusiveMutants, intrusive, relaxed_release, two_threads_twice)
AFFLUX_KILLS(IntrusiveMutants, intrusive, relaxed_publish, three_threads_one_permit)
AFFLUX_KILLS(IntrusiveMutants, intrusive, no_unpark, two_threads_twice)
AFFLUX_KILLS(IntrusiveMutants, intrusive, result_after_off, granted_on_its_way)
AFFLUX_KILLS(IntrusiveMutants, intrusive, arrival_not_rechecked, shrink_against_one_that_arrives)
AFFLUX_KILLS(IntrusiveMutants, intrusive, completions_recurse, chain_does_not_recurse)
AFFLUX_KILLS(IntrusiveMutants, intrusive, callbacks_wait_for_blocked, callback_blocks_for_the_next)
AFFLUX_KILLS_WITH(IntrusiveMutants, intrusive, orphans_hidden, orphans_of_two_threads,
                  .preemptions = 1)

AFFLUX_KILLS(HybridMutants, hybrid, mail_cleared_late, arrivals_of_two_against_release)
AFFLUX_KILLS(HybridMutants, hybrid, granted_while_arriving, granted_on_its_way)
AFFLUX_KILLS(HybridMutants, hybrid, lock_waiter_forgotten, arrivals_of_two_against_release)

AFFLUX_KILLS(LockfreeMutants, lockfree, mail_cleared_late, arrivals_of_two_against_release)
AFFLUX_KILLS(LockfreeMutants, lockfree, result_after_off, granted_on_its_way)

AFFLUX_KILLS(MutexMutants, locked, no_regrant_on_cancel, head_cancel_regrants)
AFFLUX_KILLS(MutexMutants, locked, no_resize_count, shrink_against_over_release)
AFFLUX_KILLS(MutexMutants, locked, lock_waiter_forgotten, three_threads_one_permit)
AFFLUX_KILLS(MutexMutants, locked, ends_over_claimed, unref_with_waiter_against_cancel)
AFFLUX_KILLS(MutexMutants, locked, claimed_is_granted, begin_cancel_release)
AFFLUX_KILLS(MutexMutants, locked, relaxed_publish, three_threads_one_permit)
AFFLUX_KILLS(MutexMutants, locked, no_unpark, two_threads_twice)

}  // namespace
}  // namespace afflux::model
