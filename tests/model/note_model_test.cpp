// SPDX-License-Identifier: MIT OR Apache-2.0
#include "note_scenarios.h"
#include "run_scenario.h"

namespace afflux::model {
namespace {

AFFLUX_SCENARIO(note_begin_cancel_release)
AFFLUX_SCENARIO(note_cancel_of_one_granted_on_its_way)
AFFLUX_SCENARIO(note_between_callbacks_that_block)
AFFLUX_SCENARIO(note_close_against_competing)
AFFLUX_SCENARIO(note_queues_where_notes_are_dropped)
AFFLUX_SCENARIO(note_runs_timers_and_releases)
AFFLUX_SCENARIO(note_two_wakers)
AFFLUX_SCENARIO(note_cancel_while_asking)

}  // namespace
}  // namespace afflux::model
