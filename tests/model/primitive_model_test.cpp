// SPDX-License-Identifier: MIT OR Apache-2.0
#include "primitive_scenarios.h"
#include "run_scenario.h"

namespace afflux::model {
namespace {

AFFLUX_SCENARIO(event_wakes_a_thread)
AFFLUX_SCENARIO(event_completion_unrefs)
AFFLUX_SCENARIO(event_two_notifications)
AFFLUX_SCENARIO(event_reset_by_a_completion)
AFFLUX_SCENARIO(event_cancel_swallows_nothing)
AFFLUX_SCENARIO(event_timeout_swallows_nothing)
AFFLUX_SCENARIO(event_notify_all)
AFFLUX_SCENARIO(event_notify_all_with_nobody)
AFFLUX_SCENARIO(event_stays_set)
AFFLUX_SCENARIO(event_reset_comes_late)
AFFLUX_SCENARIO(event_reset_against_notify)
AFFLUX_SCENARIO(event_waiter_unrefs)
AFFLUX_SCENARIO(queue_wake_is_not_lost)
AFFLUX_SCENARIO(queue_completion_unrefs)
AFFLUX_SCENARIO(queue_wake_is_passed_on)
AFFLUX_SCENARIO(queue_wake_counts)
AFFLUX_SCENARIO(queue_two_wakers)
AFFLUX_SCENARIO(queue_wake_sees_who_arrives)
AFFLUX_SCENARIO(queue_missed_wake_is_seen)
AFFLUX_SCENARIO(queue_expiry_while_asking)
AFFLUX_SCENARIO(queue_cancel_while_asking)
AFFLUX_SCENARIO(condition_is_not_missed)

}  // namespace
}  // namespace afflux::model
