// SPDX-License-Identifier: MIT OR Apache-2.0
#include "registry_scenarios.h"
#include "run_scenario.h"

namespace afflux::model {
namespace {

#define AFFLUX_REGISTRY_SCENARIO(name, preemptions) \
  TEST(RegistryModel, name) { holds(&scenarios::name<checking_policy<>>, preemptions); }

AFFLUX_REGISTRY_SCENARIO(registry_remove_against_read, 3)
AFFLUX_REGISTRY_SCENARIO(registry_totals_never_go_back, 3)
AFFLUX_REGISTRY_SCENARIO(registry_two_leave_in_turn, 3)
AFFLUX_REGISTRY_SCENARIO(registry_two_removers, 3)
AFFLUX_REGISTRY_SCENARIO(registry_same_one_removed_twice, 3)
AFFLUX_REGISTRY_SCENARIO(registry_one_of_two_sets, 3)
AFFLUX_REGISTRY_SCENARIO(registry_comes_back, 3)
AFFLUX_REGISTRY_SCENARIO(registry_comes_back_and_is_read, 3)
AFFLUX_REGISTRY_SCENARIO(registry_visitors_remove, 3)
AFFLUX_REGISTRY_SCENARIO(registry_passes_agree, 3)
AFFLUX_REGISTRY_SCENARIO(registry_slot_is_used_again, 3)
AFFLUX_REGISTRY_SCENARIO(registry_free_slots, 3)
AFFLUX_REGISTRY_SCENARIO(registry_drop_calls_back, 3)
AFFLUX_REGISTRY_SCENARIO(registry_grows, 3)
AFFLUX_REGISTRY_SCENARIO(registry_slow_dropper, 3)

}  // namespace
}  // namespace afflux::model
