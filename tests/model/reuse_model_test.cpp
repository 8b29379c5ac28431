// SPDX-License-Identifier: MIT OR Apache-2.0
#include "reuse_scenarios.h"
#include "run_scenario.h"

namespace afflux::model {
namespace {

AFFLUX_SCENARIO(callback_begins_anew_under_a_cancel)
AFFLUX_SCENARIO(callback_begins_anew_under_two_cancels)
AFFLUX_SCENARIO(note_memory_is_used_again_before_the_note)
AFFLUX_SCENARIO_WITH(note_memory_is_used_again_under_a_second_cancel, .preemptions = 3,
                     .store_buffers = 2)
AFFLUX_SCENARIO(two_end_at_once)
AFFLUX_SCENARIO(two_end_in_each_others_callbacks)
AFFLUX_SCENARIO(callback_releases_another_semaphore)
AFFLUX_SCENARIO(blocked_for_another_semaphores_callback)

}  // namespace
}  // namespace afflux::model
