// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The seeded bugs of what is built on the queue: events and waiter queues, groups, the kernel's
// waits, ports, the registry, controls, shared memory (src/mutants.h).
#include "control_scenarios.h"
#include "group_scenarios.h"
#include "kernel_scenarios.h"
#include "kills.h"
#include "late_scenarios.h"
#include "port_request_scenarios.h"
#include "port_scenarios.h"
#include "primitive_scenarios.h"
#include "registry_scenarios.h"
#include "shared_scenarios.h"
#include "tenant_scenarios.h"

namespace afflux::model {
namespace {

// Only a store that is seen late shows these two.
AFFLUX_KILLS_WITH(PrimitiveMutants, intrusive, notify_only_loads, event_shows_what_came_before,
                  .preemptions = 2, .store_buffers = 2)
AFFLUX_KILLS_WITH(PrimitiveMutants, intrusive, wake_only_loads, queue_wake_is_not_lost,
                  .preemptions = 2, .store_buffers = 2)
AFFLUX_KILLS(PrimitiveMutants, intrusive, mail_without_acquire, queue_missed_wake_is_seen)
AFFLUX_KILLS(PrimitiveMutants, intrusive, notify_all_forgotten, event_notify_all_with_nobody)
AFFLUX_KILLS(PrimitiveMutants, intrusive, wake_not_passed_on, queue_wake_is_passed_on)
AFFLUX_KILLS(PrimitiveMutants, intrusive, canceled_while_asking, queue_cancel_while_asking)

AFFLUX_KILLS(GroupMutants, intrusive, loser_kept, any_of_two_releases)
AFFLUX_KILLS(GroupMutants, intrusive, losers_left_queued, any_holds_references)
AFFLUX_KILLS(GroupMutants, intrusive, claimed_while_started, any_starts_among_releases)
AFFLUX_KILLS(GroupMutants, intrusive, step_left_while_arrived, all_of_two_releases)
AFFLUX_KILLS(GroupMutants, intrusive, held_kept, all_against_cancel)

AFFLUX_KILLS(KernelMutants, intrusive, done_overwritten, kernel_wait_against_release)
AFFLUX_KILLS(KernelMutants, intrusive, canceled_silently, kernel_wait_is_canceled)
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

AFFLUX_KILLS(ControlMutants, intrusive, collects_in_use, control_two_sample)
AFFLUX_KILLS(ControlMutants, intrusive, two_collect, control_two_sample)
AFFLUX_KILLS(ControlMutants, intrusive, collecting_for_ever, control_two_sample)

AFFLUX_KILLS(TenantMutants, intrusive, guarantee_ignored, tenant_guarantee_comes_first)
AFFLUX_KILLS(TenantMutants, intrusive, cap_release_forgotten, tenant_cap_against_others)
AFFLUX_KILLS(TenantMutants, intrusive, tenant_freed_early, tenant_ends_beside_a_cancel)

AFFLUX_KILLS(SharedMutants, no_queue, order_over_unmarked, shared_burials)
AFFLUX_KILLS(SharedMutants, no_queue, settles_unchecked, shared_late_helper)
AFFLUX_KILLS(SharedMutants, no_queue, settles_by_state, shared_late_helper_of_a_leaver)
AFFLUX_KILLS(SharedMutants, no_queue, buries_a_successor, shared_slot_used_again)
AFFLUX_KILLS(SharedMutants, no_queue, recovers_a_successor, shared_slot_used_again)
AFFLUX_KILLS(SharedMutants, no_queue, leaves_without_serving, shared_leaver_lets_others_in)

}  // namespace
}  // namespace afflux::model
