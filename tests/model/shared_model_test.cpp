// SPDX-License-Identifier: MIT OR Apache-2.0
#include "run_scenario.h"
#include "shared_scenarios.h"

namespace afflux::model {
namespace {

#define AFFLUX_SHARED_SCENARIO(name) \
  TEST(SharedModel, name) { holds(&scenarios::shared_##name<checking_policy<>>); }

AFFLUX_SHARED_SCENARIO(two_take)
AFFLUX_SHARED_SCENARIO(pairs)
AFFLUX_SHARED_SCENARIO(enqueue_against_give)
AFFLUX_SHARED_SCENARIO(stopped_before_it_serves)
AFFLUX_SHARED_SCENARIO(leave_against_give)
AFFLUX_SHARED_SCENARIO(leaver_lets_others_in)
AFFLUX_SHARED_SCENARIO(late_helper)
AFFLUX_SHARED_SCENARIO(late_helper_of_a_leaver)
AFFLUX_SHARED_SCENARIO(newcomer_against_line)
TEST(SharedModel, burials) {
  holds(&scenarios::shared_burials<checking_policy<>>, 2);
}  // 22 s with 3
AFFLUX_SHARED_SCENARIO(slot_used_again)
AFFLUX_SHARED_SCENARIO(park_against_accept)
AFFLUX_SHARED_SCENARIO(resize_against_give)
AFFLUX_SHARED_SCENARIO(close_against_enqueue)

}  // namespace
}  // namespace afflux::model
