// SPDX-License-Identifier: MIT OR Apache-2.0
#include "port_request_scenarios.h"
#include "port_scenarios.h"
#include "run_scenario.h"

namespace afflux::model {
namespace {

#define AFFLUX_PORT_SCENARIO(name) \
  TEST(PortModel, name) { holds(&scenarios::name<checking_policy<>>); }

AFFLUX_PORT_SCENARIO(port_wakes_its_loop)
AFFLUX_PORT_SCENARIO(port_batch_and_single_drains)
AFFLUX_PORT_SCENARIO(port_follows_its_loop)
AFFLUX_PORT_SCENARIO(port_loop_looks_without_being_rung)
AFFLUX_PORT_SCENARIO(port_burst_rings_once)
AFFLUX_PORT_SCENARIO(port_awake_is_not_rung)
AFFLUX_PORT_SCENARIO(port_short_drain_was_all)
AFFLUX_PORT_SCENARIO(port_counts_beside_completions)
AFFLUX_PORT_SCENARIO(port_refused_ring_is_made_up_for)
AFFLUX_PORT_SCENARIO(port_next_completion_rings)
AFFLUX_PORT_SCENARIO(port_refused_ring_meets_a_drain)
AFFLUX_PORT_SCENARIO(port_own_ring_is_refused)
AFFLUX_PORT_SCENARIO(port_unref_by_its_loop)
AFFLUX_PORT_SCENARIO(port_unref_before_the_ring)
AFFLUX_PORT_SCENARIO(port_unref_with_requests)
AFFLUX_PORT_SCENARIO(port_close_against_begin)
AFFLUX_PORT_SCENARIO(port_close_against_completion)

AFFLUX_SCENARIO(port_release_wakes_the_loop)
AFFLUX_SCENARIO(port_burst_and_the_end)
AFFLUX_SCENARIO(port_loop_frees_everything)
AFFLUX_SCENARIO(port_waiter_is_used_again)
AFFLUX_SCENARIO_OF_FOUR(port_cancel_against_release)
AFFLUX_SCENARIO_OF_FOUR(port_timeout_against_release)
AFFLUX_SCENARIO(port_close_of_the_semaphore)
AFFLUX_SCENARIO(port_queue_wake_is_not_lost)
AFFLUX_SCENARIO(port_mixed_completions)

}  // namespace
}  // namespace afflux::model
