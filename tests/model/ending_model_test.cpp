// SPDX-License-Identifier: MIT OR Apache-2.0
#include "ending_scenarios.h"
#include "run_scenario.h"

namespace afflux::model {
namespace {

AFFLUX_SCENARIO(canceled_against_release_and_resize)
AFFLUX_SCENARIO(canceled_against_release_and_newcomer)
AFFLUX_SCENARIO(canceled_against_newcomer_that_drops)
AFFLUX_SCENARIO(cancel_lets_in_nobody_else)
AFFLUX_SCENARIO(time_limit_against_release_and_resize)
AFFLUX_SCENARIO(time_limit_against_release_and_newcomer)
AFFLUX_SCENARIO(expiry_against_release_and_resize)
AFFLUX_SCENARIO(shrink_against_one_that_arrives)
AFFLUX_SCENARIO(shrink_against_over_release)
AFFLUX_SCENARIO(limits_are_never_exceeded)
AFFLUX_SCENARIO(limits_are_exact_at_rest)
AFFLUX_SCENARIO_OF_FOUR(unref_against_cancel_timeout_and_release)
AFFLUX_SCENARIO(unref_against_blocked_timeout_and_cancel)

}  // namespace
}  // namespace afflux::model
