// SPDX-License-Identifier: MIT OR Apache-2.0
#include "kernel_scenarios.h"
#include "run_scenario.h"

namespace afflux::model {
namespace {

AFFLUX_SCENARIO(kernel_wait_against_release)
AFFLUX_SCENARIO(kernel_waiter_frees_the_semaphore)
AFFLUX_SCENARIO(kernel_waiter_is_used_again)
AFFLUX_SCENARIO(kernel_wait_gives_up)
AFFLUX_SCENARIO(kernel_wait_is_canceled)
AFFLUX_SCENARIO_OF_FOUR(kernel_wait_times_out)
AFFLUX_SCENARIO(kernel_wait_against_close)
AFFLUX_SCENARIO(kernel_wait_under_throughput)

}  // namespace
}  // namespace afflux::model
