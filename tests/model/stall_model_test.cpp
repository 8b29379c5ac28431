// SPDX-License-Identifier: MIT OR Apache-2.0
#include "run_scenario.h"
#include "stall_scenarios.h"

namespace afflux::model {
namespace {

AFFLUX_SCENARIO(orphans_run_before_the_release_returns)
AFFLUX_SCENARIO_OF_FOUR(orphans_block_in_turn)
AFFLUX_SCENARIO_UP_TO(orphans_of_two_threads, 1)
AFFLUX_SCENARIO(stalled_while_it_queues)
AFFLUX_SCENARIO(stalled_while_it_releases)
AFFLUX_SCENARIO(stalled_while_it_cancels)

}  // namespace
}  // namespace afflux::model
