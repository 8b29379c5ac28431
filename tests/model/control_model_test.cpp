// SPDX-License-Identifier: MIT OR Apache-2.0
#include "control_scenarios.h"
#include "run_scenario.h"

namespace afflux::model {
namespace {

// One strategy: a control meets a semaphore in a resize and by looking at what is held.
#define AFFLUX_CONTROL_SCENARIO(name, preemptions) \
  TEST(ControlModel, name) { holds(&scenarios::name<intrusive>, preemptions); }

AFFLUX_CONTROL_SCENARIO(control_two_sample, 3)
AFFLUX_CONTROL_SCENARIO(control_two_sample_and_one_collects, 3)
AFFLUX_CONTROL_SCENARIO(control_three_add, 3)
AFFLUX_CONTROL_SCENARIO(control_read_against_samples, 3)
AFFLUX_CONTROL_SCENARIO(control_limit_against_release, 3)
AFFLUX_CONTROL_SCENARIO(control_ends_beside_a_sample, 3)
AFFLUX_CONTROL_SCENARIO(control_two_want_one_semaphore, 3)
AFFLUX_CONTROL_SCENARIO(control_pause_against_sample, 3)

TEST(ControlModel, late_stores) {
  holds_with({.preemptions = 2, .store_buffers = 2}, &scenarios::control_two_sample<intrusive>);
}

}  // namespace
}  // namespace afflux::model
