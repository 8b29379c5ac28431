// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The seeded bugs of priorities, limits, time, THROUGHPUT and notes (src/mutants.h).
#include "ending_scenarios.h"
#include "extended_scenarios.h"
#include "kills.h"
#include "note_scenarios.h"
#include "reuse_scenarios.h"
#include "shedding_scenarios.h"

namespace afflux::model {
namespace {

AFFLUX_KILLS(IntrusiveMutants, intrusive, drop_highest, drop_lowest_first)
AFFLUX_KILLS(IntrusiveMutants, intrusive, limits_pass_inbox, limits_are_never_exceeded)
AFFLUX_KILLS(IntrusiveMutants, intrusive, handed_published_twice, expiry_against_release)
AFFLUX_KILLS(IntrusiveMutants, intrusive, expiry_before_queued, expiry_while_enqueuing)
AFFLUX_KILLS(IntrusiveMutants, intrusive, overtaking_uncounted, overtaking_is_bounded)
AFFLUX_KILLS(IntrusiveMutants, intrusive, leaving_renews_bound,
             overtaking_is_bounded_whoever_leaves)
AFFLUX_KILLS(IntrusiveMutants, intrusive, poked_leaves_flag, throughput_poked_times_out)
AFFLUX_KILLS(IntrusiveMutants, intrusive, granted_after_close, note_close_against_competing)
AFFLUX_KILLS(IntrusiveMutants, intrusive, told_while_arriving,
             note_cancel_of_one_granted_on_its_way)
AFFLUX_KILLS(IntrusiveMutants, intrusive, waits_for_another_use,
             note_memory_is_used_again_under_a_second_cancel)
AFFLUX_KILLS(IntrusiveMutants, intrusive, wake_forgets_another, note_two_wakers)
AFFLUX_KILLS(IntrusiveMutants, intrusive, callbacks_before_return,
             note_between_callbacks_that_block)
AFFLUX_KILLS(IntrusiveMutants, intrusive, notes_recurse, note_runs_timers_and_releases)
AFFLUX_KILLS(IntrusiveMutants, intrusive, returner_forgotten, note_two_wakers)
AFFLUX_KILLS(IntrusiveMutants, intrusive, rest_not_shed, shed_many_then_grant)
AFFLUX_KILLS(IntrusiveMutants, intrusive, newest_not_looked_at, newest_leaves_or_is_passed)

AFFLUX_KILLS(MutexMutants, locked, drop_highest, drop_lowest_first)
AFFLUX_KILLS(MutexMutants, locked, handed_published_twice, expiry_against_release)
AFFLUX_KILLS(MutexMutants, locked, poked_leaves_flag, throughput_poked_times_out)

}  // namespace
}  // namespace afflux::model
