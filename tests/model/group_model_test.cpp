// SPDX-License-Identifier: MIT OR Apache-2.0
#include "gone_scenarios.h"
#include "group_scenarios.h"
#include "run_scenario.h"

namespace afflux::model {
namespace {

AFFLUX_SCENARIO(any_of_two_releases)
AFFLUX_SCENARIO(any_starts_among_releases)
AFFLUX_SCENARIO(any_leaves_the_loser_alone)
AFFLUX_SCENARIO(any_against_cancel)
AFFLUX_SCENARIO(any_canceled_while_it_starts)
AFFLUX_SCENARIO(any_against_close)
AFFLUX_SCENARIO(any_against_timeout)
AFFLUX_SCENARIO(any_holds_references)
AFFLUX_SCENARIO(any_of_two_events)
AFFLUX_SCENARIO_UP_TO(any_blocks_a_thread, 2)  // 3 hold, too, but take 20 s
AFFLUX_SCENARIO(all_in_opposite_orders)
AFFLUX_SCENARIO(all_blocks_threads_in_opposite_orders)
AFFLUX_SCENARIO(all_of_two_releases)
AFFLUX_SCENARIO(all_against_cancel)
AFFLUX_SCENARIO(all_canceled_while_it_starts)
AFFLUX_SCENARIO(all_against_close)
AFFLUX_SCENARIO(all_against_timeout)
AFFLUX_SCENARIO(all_gives_back_what_it_held)
AFFLUX_SCENARIO(all_ends_when_another_closes)
AFFLUX_SCENARIO(all_ends_when_another_shrinks)
AFFLUX_SCENARIO(all_ends_when_a_later_one_closes)
AFFLUX_SCENARIO(all_closes_against_release)
AFFLUX_SCENARIO(all_shrinks_against_release)
AFFLUX_SCENARIO(all_closes_against_cancel)
AFFLUX_SCENARIO(all_closes_against_release_and_cancel)

}  // namespace
}  // namespace afflux::model
