// SPDX-License-Identifier: MIT OR Apache-2.0
#include "run_scenario.h"
#include "shedding_scenarios.h"

namespace afflux::model {
namespace {

AFFLUX_SCENARIO_UP_TO(shed_cancel_release, 2)
AFFLUX_SCENARIO(shed_against_close)
AFFLUX_SCENARIO(shed_against_expiry)
AFFLUX_SCENARIO(shed_one_unrefs)
AFFLUX_SCENARIO(shed_many_then_grant)
AFFLUX_SCENARIO(shed_large_one_regrants)
AFFLUX_SCENARIO(shed_notes)
AFFLUX_SCENARIO(shed_blocked_thread)
AFFLUX_SCENARIO(shed_while_one_competes)
AFFLUX_SCENARIO(arrival_after_the_moment)
AFFLUX_SCENARIO(newest_leaves_or_is_passed)
AFFLUX_SCENARIO_UP_TO(newest_first_against_release_and_cancel, 2)

}  // namespace
}  // namespace afflux::model
