// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The seeded bugs of src/queue/mutants.h: for each, a scenario that the library
// passes and that this bug fails.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "extended_scenarios.h"
#include "group_scenarios.h"
#include "kernel_scenarios.h"
#include "port_request_scenarios.h"
#include "port_scenarios.h"
#include "primitive_scenarios.h"
#include "mutants.h"
#include "registry_scenarios.h"
#include "scenarios.h"
#include "world.h"

namespace afflux::model {
namespace {

template <int Mutant>
using intrusive = world<checking_policy<Mutant>, queue::intrusive_queue>;
template <int Mutant>
using locked = world<checking_policy<Mutant>, queue::mutex_queue>;

template <int Mutant>
using counting = world<checking_policy<Mutant>, queue::intrusive_queue, AFFLUX_STATS_COUNTERS>;

template <int Mutant>
using no_queue = checking_policy<Mutant>;

// In a child: a bug may well end in a crash.
void is_killed(void (*scenario)(explorer&)) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0)
    _exit(explore({.preemptions = 3}, scenario).passed() ? EXIT_SUCCESS : EXIT_FAILURE);
  int how = 0;
  ASSERT_EQ(waitpid(child, &how, 0), child);
  EXPECT_FALSE(WIFEXITED(how) && WEXITSTATUS(how) == EXIT_SUCCESS) << "the bug was not found";
}

#define AFFLUX_KILLS(suite, queue, bug, scenario) \
  TEST(suite, bug) { is_killed(&scenarios::scenario<queue<mutant::bug>>); }

AFFLUX_KILLS(IntrusiveMutants, intrusive, announcer_skips_pass, small_behind_announcer)
AFFLUX_KILLS(IntrusiveMutants, intrusive, off_after_giving_up, begin_cancel_release)
AFFLUX_KILLS(IntrusiveMutants, intrusive, look_after_quiet_push, second_callback_unrefs)
AFFLUX_KILLS(IntrusiveMutants, intrusive, publish_before_commit, callback_releases_at_once)
AFFLUX_KILLS(IntrusiveMutants, intrusive, idle_without_exchange, three_threads_one_permit)
AFFLUX_KILLS(IntrusiveMutants, intrusive, take_unannounced, announcer_against_unref)
AFFLUX_KILLS(IntrusiveMutants, intrusive, no_regrant_on_cancel, head_cancel_regrants)
AFFLUX_KILLS(IntrusiveMutants, intrusive, no_epoch, shrink_against_acquire)
AFFLUX_KILLS(IntrusiveMutants, intrusive, no_pin, unref_with_waiter_against_cancel)
AFFLUX_KILLS(IntrusiveMutants, intrusive, batch_not_put_back, shrink_against_batch)
AFFLUX_KILLS(IntrusiveMutants, intrusive, relaxed_publish, three_threads_one_permit)
AFFLUX_KILLS(IntrusiveMutants, intrusive, no_unpark, two_threads_twice)
AFFLUX_KILLS(IntrusiveMutants, intrusive, debt_lost, debt_is_exact)
AFFLUX_KILLS(IntrusiveMutants, intrusive, urgent_not_announced, urgent_arrival_fits)
AFFLUX_KILLS(IntrusiveMutants, intrusive, drop_highest, drop_lowest_first)
AFFLUX_KILLS(IntrusiveMutants, intrusive, handed_published_twice, expiry_against_release)
AFFLUX_KILLS(IntrusiveMutants, intrusive, poked_leaves_flag, throughput_poked_times_out)
AFFLUX_KILLS(IntrusiveMutants, intrusive, park_without_handover, throughput_three_threads)
AFFLUX_KILLS(IntrusiveMutants, intrusive, overtaking_uncounted, overtaking_is_bounded)
AFFLUX_KILLS(IntrusiveMutants, intrusive, replies_after_callbacks, cancel_never_waits_for_callback)
AFFLUX_KILLS(IntrusiveMutants, intrusive, early_splice_takes_idle, announcer_against_unref)
AFFLUX_KILLS(IntrusiveMutants, intrusive, keepalive_not_taken, long_grant_first_unrefs)
AFFLUX_KILLS(IntrusiveMutants, intrusive, relaxed_release, two_threads_twice)
AFFLUX_KILLS(IntrusiveMutants, intrusive, handover_ends_early, throughput_higher_goes_first)
AFFLUX_KILLS(IntrusiveMutants, intrusive, completions_recurse, chain_does_not_recurse)
AFFLUX_KILLS(IntrusiveMutants, intrusive, expiry_before_queued, expiry_while_enqueuing)
AFFLUX_KILLS(IntrusiveMutants, intrusive, next_not_looked_at, next_fits_what_was_left)
AFFLUX_KILLS(IntrusiveMutants, intrusive, lower_left_in_inbox, ageing_behind_a_backlog)
AFFLUX_KILLS(IntrusiveMutants, intrusive, leaving_renews_bound,
             overtaking_is_bounded_whoever_leaves)
AFFLUX_KILLS(IntrusiveMutants, intrusive, wake_not_passed_on, queue_wake_is_passed_on)
AFFLUX_KILLS(IntrusiveMutants, intrusive, notifications_merge, event_two_notifications)
AFFLUX_KILLS(IntrusiveMutants, intrusive, notify_all_forgotten, event_notify_all_with_nobody)
AFFLUX_KILLS(IntrusiveMutants, intrusive, wake_skips_unannounced, queue_wake_sees_the_unannounced)
AFFLUX_KILLS(IntrusiveMutants, intrusive, cancelled_while_asking, queue_cancel_while_asking)
AFFLUX_KILLS(IntrusiveMutants, intrusive, conditional_at_once, queue_completion_unrefs)
AFFLUX_KILLS(IntrusiveMutants, intrusive, poke_forgets_another, throughput_poked_becomes_impossible)

AFFLUX_KILLS(CountingMutants, counting, batch_counted_twice, weighted)
AFFLUX_KILLS(CountingMutants, counting, counted_too_late, newcomer_takes_the_rest_and_unrefs)
AFFLUX_KILLS(CountingMutants, counting, refusal_counted, over_release)
AFFLUX_KILLS(CountingMutants, counting, arrival_counted_late, second_callback_unrefs)

AFFLUX_KILLS(GroupMutants, intrusive, loser_kept, any_of_two_releases)
AFFLUX_KILLS(GroupMutants, intrusive, losers_left_queued, any_holds_references)
AFFLUX_KILLS(GroupMutants, intrusive, claimed_while_started, any_starts_among_releases)
AFFLUX_KILLS(GroupMutants, intrusive, step_left_while_arrived, all_of_two_releases)
AFFLUX_KILLS(GroupMutants, intrusive, held_kept, all_against_cancel)

AFFLUX_KILLS(KernelMutants, intrusive, done_overwritten, kernel_wait_against_release)
AFFLUX_KILLS(KernelMutants, intrusive, cancelled_silently, kernel_wait_is_cancelled)
AFFLUX_KILLS(KernelMutants, intrusive, no_unpark, kernel_wait_against_release)
AFFLUX_KILLS(KernelMutants, intrusive, relaxed_publish, kernel_wait_against_release)

AFFLUX_KILLS(PortMutants, no_queue, sleeps_over_ready, port_wakes_its_loop)
AFFLUX_KILLS(PortMutants, no_queue, silences_the_sleeper, port_wakes_its_loop)
AFFLUX_KILLS(PortMutants, no_queue, rest_not_shown, port_batch_and_single_drains)
AFFLUX_KILLS(PortMutants, no_queue, rings_each_time, port_burst_rings_once)
AFFLUX_KILLS(PortMutants, no_queue, closes_while_pending, port_close_against_begin)
AFFLUX_KILLS(PortMutants, no_queue, relaxed_push, port_wakes_its_loop)
AFFLUX_KILLS(PortMutants, no_queue, refusal_forgotten, port_next_completion_rings)
AFFLUX_KILLS(PortMutants, intrusive, rings_without_reference, port_loop_frees_everything)

AFFLUX_KILLS(RegistryMutants, no_queue, retires_among_readers, registry_remove_against_read)
AFFLUX_KILLS(RegistryMutants, no_queue, turns_before_folded, registry_two_leave_in_turn)
AFFLUX_KILLS(RegistryMutants, no_queue, departed_in_place, registry_remove_against_read)
AFFLUX_KILLS(RegistryMutants, no_queue, live_not_rechecked, registry_totals_never_go_back)
AFFLUX_KILLS(RegistryMutants, no_queue, leaves_while_read, registry_totals_never_go_back)
AFFLUX_KILLS(RegistryMutants, no_queue, slot_without_tag, registry_free_slots)
AFFLUX_KILLS(RegistryMutants, no_queue, emptied_after_role, registry_slow_dropper)
AFFLUX_KILLS(RegistryMutants, no_queue, relaxed_leave, registry_remove_against_read)
AFFLUX_KILLS(RegistryMutants, no_queue, counted_anew_on_return, registry_comes_back)

AFFLUX_KILLS(MutexMutants, locked, off_after_giving_up, begin_cancel_release)
AFFLUX_KILLS(MutexMutants, locked, no_regrant_on_cancel, head_cancel_regrants)
AFFLUX_KILLS(MutexMutants, locked, no_epoch, shrink_against_acquire)
AFFLUX_KILLS(MutexMutants, locked, no_pin, unref_with_waiter_against_cancel)
AFFLUX_KILLS(MutexMutants, locked, relaxed_publish, three_threads_one_permit)
AFFLUX_KILLS(MutexMutants, locked, no_unpark, two_threads_twice)
AFFLUX_KILLS(MutexMutants, locked, debt_lost, debt_is_exact)
AFFLUX_KILLS(MutexMutants, locked, drop_highest, drop_lowest_first)
AFFLUX_KILLS(MutexMutants, locked, handed_published_twice, expiry_against_release)
AFFLUX_KILLS(MutexMutants, locked, poked_leaves_flag, throughput_poked_times_out)
AFFLUX_KILLS(MutexMutants, locked, park_without_handover, throughput_three_threads)
AFFLUX_KILLS(MutexMutants, locked, overtaking_uncounted, overtaking_is_bounded)
AFFLUX_KILLS(MutexMutants, locked, mutex_release_unlocked, acquire_then_unref)
AFFLUX_KILLS(MutexMutants, locked, relaxed_release, two_threads_twice)
AFFLUX_KILLS(MutexMutants, locked, handover_ends_early, throughput_higher_goes_first)
AFFLUX_KILLS(MutexMutants, locked, leaving_renews_bound, overtaking_is_bounded_whoever_leaves)
AFFLUX_KILLS(MutexMutants, locked, expiry_before_queued, expiry_while_enqueuing)

}  // namespace
}  // namespace afflux::model
