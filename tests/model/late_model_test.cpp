// SPDX-License-Identifier: MIT OR Apache-2.0
//
// With store buffers: each fibre's newest stores may be seen late.
#include "late_scenarios.h"
#include "run_scenario.h"
#include "scenarios.h"

namespace afflux::model {
namespace {

AFFLUX_SCENARIO_WITH_LATE_STORES(event_shows_what_came_before)
AFFLUX_SCENARIO_WITH_LATE_STORES(event_reset_shows_what_came_before)
AFFLUX_SCENARIO_WITH_LATE_STORES(event_wakes_a_thread)
AFFLUX_SCENARIO_WITH_LATE_STORES(event_notify_all_with_nobody)
AFFLUX_SCENARIO_WITH_LATE_STORES(queue_wake_is_not_lost)
AFFLUX_SCENARIO_WITH_LATE_STORES(condition_is_not_missed)
AFFLUX_SCENARIO_WITH_LATE_STORES(two_threads_twice)
AFFLUX_SCENARIO_WITH_LATE_STORES(begin_cancel_release)

}  // namespace
}  // namespace afflux::model
