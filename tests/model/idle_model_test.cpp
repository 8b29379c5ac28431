// SPDX-License-Identifier: MIT OR Apache-2.0
#include "idle_scenarios.h"
#include "run_scenario.h"

namespace afflux::model {
namespace {

AFFLUX_SCENARIO(idle_thread_against_pass_and_release)
AFFLUX_SCENARIO(idle_is_told_when_all_is_given_back)
AFFLUX_SCENARIO(idle_against_acquire)
AFFLUX_SCENARIO(idle_against_cancel_and_release)
AFFLUX_SCENARIO(idle_watcher_is_canceled)
AFFLUX_SCENARIO(idle_against_unref)
AFFLUX_SCENARIO(idle_after_close)
AFFLUX_SCENARIO(idle_thread_times_out)
AFFLUX_SCENARIO(idle_expiry_against_release)
AFFLUX_SCENARIO(idle_completion_unrefs)
AFFLUX_SCENARIO(idle_against_resize)
AFFLUX_SCENARIO(idle_is_not_told_beside_a_shrink)
AFFLUX_SCENARIO(idle_is_told_beside_a_growth)

}  // namespace
}  // namespace afflux::model
