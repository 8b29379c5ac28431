// SPDX-License-Identifier: MIT OR Apache-2.0
#include "run_scenario.h"
#include "tenant_scenarios.h"

namespace afflux::model {
namespace {

// Two strategies: a tenant's requests do not use the inbox, those that name none do.
#define AFFLUX_TENANT_SCENARIO(name, preemptions)                              \
  TEST(TenantModel, name) { holds(&scenarios::name<intrusive>, preemptions); } \
  TEST(TenantModelMutex, name) { holds(&scenarios::name<locked>, preemptions); }

AFFLUX_TENANT_SCENARIO(tenant_two_arrive_at_a_release, 2)
AFFLUX_TENANT_SCENARIO(tenant_cancel_against_release, 3)
AFFLUX_TENANT_SCENARIO(tenant_cap_against_others, 3)
AFFLUX_TENANT_SCENARIO(tenant_guarantee_comes_first, 3)
AFFLUX_TENANT_SCENARIO(tenant_close_against_release, 3)
AFFLUX_TENANT_SCENARIO(tenant_ends_beside_a_cancel, 3)
AFFLUX_TENANT_SCENARIO(tenant_ends_with_permits, 3)
AFFLUX_TENANT_SCENARIO(tenant_is_the_last, 3)
AFFLUX_TENANT_SCENARIO(tenant_resize_against_release, 3)
AFFLUX_TENANT_SCENARIO(tenant_semaphore_closes, 3)
AFFLUX_TENANT_SCENARIO(tenant_first_ones_come, 2)
AFFLUX_TENANT_SCENARIO(tenant_two_take_turns, 3)
AFFLUX_TENANT_SCENARIO(tenant_cap_is_lifted, 3)

}  // namespace
}  // namespace afflux::model
