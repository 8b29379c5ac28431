// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The registry's statuses: every one that its calls document, provoked. What the numbers mean is in
// c_registry_test.cpp.
//
//   create, ref, unref, summary_init    OK EINVAL NULL   Registry.RefusesNull
//                                       ENOMEM           Registry.AnswersEnomem…
//   add_sem, add_client                 OK               all
//                                       EALREADY EINVAL  Registry.HasEachOnce…, .RefusesNull
//                                       ENOMEM           Registry.AnswersEnomem…
//   remove_sem, remove_client           OK               c_registry_test
//                                       EALREADY EINVAL  Registry.HasEachOnce…, .RefusesNull
//   summary                             OK EINVAL        Registry.RefusesNull, .RefusesAShort…
//   visit_clients, visit_sems           OK ECANCELED     c_registry_test
//                                       EINVAL           Registry.RefusesNull
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

#include "support/client.h"
#include "support/faults.h"
#include "support/registry.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

TEST(Registry, RefusesNull) {
  const registry_guard all;
  const sem_guard sem(sem_options());
  const client_guard client;
  afflux_registry_summary_t s = zero_registry_summary();
  EXPECT_EQ(afflux_registry_create(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_ref(nullptr), nullptr);
  afflux_registry_unref(nullptr);
  EXPECT_EQ(afflux_registry_add_sem(nullptr, sem), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_add_sem(all, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_remove_sem(nullptr, sem), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_remove_sem(all, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_add_client(nullptr, client), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_add_client(all, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_remove_client(nullptr, client), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_remove_client(all, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_summary_init(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_summary(nullptr, &s), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_summary(all, nullptr), AFFLUX_EINVAL);
  const auto see_client = [](void*, afflux_client*) { return std::int32_t{0}; };
  const auto see_sem = [](void*, afflux_sem*) { return std::int32_t{0}; };
  EXPECT_EQ(afflux_registry_visit_clients(nullptr, see_client, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_visit_clients(all, nullptr, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_visit_sems(nullptr, see_sem, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_visit_sems(all, nullptr, nullptr), AFFLUX_EINVAL);
}

TEST(Registry, HasEachOnceAndInOneRegistry) {
  const registry_guard one, other;
  const sem_guard sem(sem_options());
  const client_guard client;
  EXPECT_EQ(afflux_registry_remove_sem(one, sem), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_registry_remove_client(one, client), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_registry_add_sem(one, sem), AFFLUX_OK);
  EXPECT_EQ(afflux_registry_add_client(one, client), AFFLUX_OK);
  for (afflux_registry* const each : {one.get(), other.get()}) {
    EXPECT_EQ(afflux_registry_add_sem(each, sem), AFFLUX_EALREADY);
    EXPECT_EQ(afflux_registry_add_client(each, client), AFFLUX_EALREADY);
  }
  EXPECT_EQ(afflux_registry_remove_sem(other, sem), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_registry_remove_client(other, client), AFFLUX_EALREADY);
  EXPECT_EQ(one.summary().sems, 1u);
  EXPECT_EQ(one.summary().clients, 1u);
  EXPECT_EQ(other.summary().sems + other.summary().clients, 0u);

  EXPECT_EQ(afflux_registry_remove_sem(one, sem), AFFLUX_OK);
  EXPECT_EQ(afflux_registry_remove_client(one, client), AFFLUX_OK);
  EXPECT_EQ(afflux_registry_remove_sem(one, sem), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_registry_remove_client(one, client), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_registry_add_sem(other, sem), AFFLUX_OK);
  EXPECT_EQ(afflux_registry_add_client(other, client), AFFLUX_OK);
  EXPECT_EQ(other.summary().sems, 1u);
  EXPECT_EQ(other.summary().clients, 1u);
}

TEST(Registry, EndsAndLetsGoOfWhatIsInIt) {
  const std::int64_t before = live_allocations();
  {
    const sem_guard sem(sem_options());
    const client_guard client;
    for (int i = 0; i < 2; ++i) {
      const registry_guard all;
      ASSERT_EQ(afflux_registry_add_sem(all, sem), AFFLUX_OK);
      ASSERT_EQ(afflux_registry_add_client(all, client), AFFLUX_OK);
      EXPECT_EQ(afflux_registry_ref(all), all.get());
      afflux_registry_unref(all);
      EXPECT_EQ(all.summary().clients, 1u);
    }
  }
  {
    // It alone keeps them.
    const registry_guard all;
    const sem_guard sem(sem_options());
    client_guard client;
    afflux_registry_add_sem(all, sem);
    afflux_registry_add_client(all, client);
  }
  EXPECT_EQ(live_allocations(), before);
}

TEST(Registry, AnswersEnomemForEveryAllocationThatFails) {
  const sem_guard sem(sem_options());
  const client_guard client;
  const std::int64_t before = live_allocations();
  std::uint64_t failures = 0;
  for (std::uint64_t n = 1;; ++n) {
    afflux_registry* all = nullptr;
    fail_allocation(n);
    const afflux_status created = afflux_registry_create(&all);
    const afflux_status added = all == nullptr ? AFFLUX_OK : afflux_registry_add_sem(all, sem);
    const afflux_status more = all == nullptr ? AFFLUX_OK : afflux_registry_add_client(all, client);
    fail_allocation(0);
    if (created == AFFLUX_OK && added == AFFLUX_OK && more == AFFLUX_OK) {
      afflux_registry_unref(all);
      break;
    }
    ++failures;
    EXPECT_EQ(created + added + more, AFFLUX_ENOMEM) << "one of them, for allocation " << n;
    if (all != nullptr) {
      // Nothing has changed: it is added now.
      if (added != AFFLUX_OK) {
        EXPECT_EQ(afflux_registry_add_sem(all, sem), AFFLUX_OK);
      }
      if (more != AFFLUX_OK) {
        EXPECT_EQ(afflux_registry_add_client(all, client), AFFLUX_OK);
      }
      afflux_registry_unref(all);
    }
  }
  EXPECT_EQ(failures, 5u) << "the registry, two for each set";
  EXPECT_EQ(live_allocations(), before);
}

TEST(Registry, RefusesAShortSummaryAndWritesNothing) {
  const registry_guard all;
  afflux_registry_summary_t s = zero_registry_summary();
  s.struct_size = sizeof s - 8;
  const afflux_registry_summary_t before = s;
  EXPECT_EQ(afflux_registry_summary(all, &s), AFFLUX_EINVAL);
  EXPECT_EQ(std::memcmp(&s, &before, sizeof s), 0);
  s.struct_size = 0;
  EXPECT_EQ(afflux_registry_summary(all, &s), AFFLUX_OK);
  EXPECT_EQ(s.struct_size, sizeof s);
}

TEST(Registry, NeedsMemoryForNothingButGrowth) {
  const registry_guard all;
  const sem_guard sem(sem_options());
  const client_guard client;
  afflux_registry_add_sem(all, sem);
  afflux_registry_add_client(all, client);
  afflux_registry_summary_t s = zero_registry_summary();
  bool right = true;
  count_allocations();
  for (int i = 0; i < 100; ++i) {
    right &= afflux_registry_summary(all, &s) == AFFLUX_OK;
    right &= afflux_registry_remove_sem(all, sem) == AFFLUX_OK;
    right &= afflux_registry_remove_client(all, client) == AFFLUX_OK;
    right &= afflux_registry_add_sem(all, sem) == AFFLUX_OK;
    right &= afflux_registry_add_client(all, client) == AFFLUX_OK;
  }
  EXPECT_EQ(allocations_counted(), 0u);
  EXPECT_TRUE(right);
}

}  // namespace
}  // namespace afflux_test
