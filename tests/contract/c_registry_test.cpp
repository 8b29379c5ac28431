// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The registry: sums, rates and visits. Its statuses are in c_registry_status_test.cpp.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "support/client.h"
#include "support/faults.h"
#include "support/recorder.h"
#include "support/registry.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

// ---- totals

TEST(RegistryTotals, AreThoseOfAllSemaphores) {
  const registry_guard all;
  const sem_guard a(sem_options(4)), b(sem_options(2));
  ASSERT_EQ(afflux_sem_try_acquire(a, 3), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_try_acquire(b, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_try_acquire(b, 1), AFFLUX_EAGAIN);
  ASSERT_EQ(afflux_sem_release(a, 1), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_resize(b, 5), AFFLUX_OK);
  pending waits(4);
  waits.request.cost_bytes = 100;
  ASSERT_EQ(waits.start(b), AFFLUX_PENDING);
  afflux_registry_add_sem(all, a);
  afflux_registry_add_sem(all, b);
  const afflux_registry_summary_t s = all.summary();
  EXPECT_EQ(s.sems, 2u);
  EXPECT_EQ(s.sem.struct_size, sizeof s.sem);
  EXPECT_EQ(s.sem.statistics, 0u);
  EXPECT_EQ(s.sem.limit, 9u);
  EXPECT_EQ(s.sem.held, 4u);
  EXPECT_EQ(s.sem.available, 2u);
  EXPECT_EQ(s.sem.waiters, 1u);
  EXPECT_EQ(s.sem.queue_bytes, 100u);
  EXPECT_EQ(s.sem.acquired_fast, 5u);
  EXPECT_EQ(s.sem.requests_fast, 2u);
  EXPECT_EQ(s.sem.try_failed, 1u);
  EXPECT_EQ(s.sem.released, 1u);
  EXPECT_EQ(s.sem.resizes, 1u);
  EXPECT_EQ(s.sem.queued, 1u);
  EXPECT_EQ(waits.cancel(), AFFLUX_OK);
}

TEST(RegistryTotals, KeepWhatTheRemovedHaveDone) {
  const registry_guard all;
  sem_guard a(sem_options(4));
  client_guard client;
  ASSERT_EQ(afflux_sem_try_acquire(a, 3), AFFLUX_OK);
  afflux_client_count_requests(client, 2, 7);
  afflux_client_count_lines(client, 1, 10, 5);
  afflux_client_set_speed(client, 2.0);
  afflux_registry_add_sem(all, a);
  afflux_registry_add_client(all, client);
  EXPECT_EQ(afflux_registry_remove_sem(all, a), AFFLUX_OK);
  EXPECT_EQ(afflux_registry_remove_client(all, client), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_release(a, 3), AFFLUX_OK);  // no longer its business
  afflux_client_count_requests(client, 2, 1);
  const afflux_registry_summary_t s = all.summary();
  EXPECT_EQ(s.sems, 0u);
  EXPECT_EQ(s.clients, 0u);
  EXPECT_EQ(s.sem.acquired_fast, 3u);
  EXPECT_EQ(s.sem.released, 0u);
  EXPECT_EQ(s.sem.limit + s.sem.held + s.sem.available, 0u);
  EXPECT_EQ(s.client.requests[2], 7u);
  EXPECT_EQ(s.client.drop_rate, 0.5);
  EXPECT_EQ(s.client.peak_drop_rate, 0.5);
  EXPECT_EQ(s.client.speed, 0.0);
  EXPECT_EQ(s.max_uptime_ns, 0);
}

TEST(RegistryTotals, CountWhatComesBackFromThenOn) {
  const registry_guard all;
  const client_guard client;
  afflux_client_count_bytes(client, 5);
  afflux_registry_add_client(all, client);
  afflux_registry_remove_client(all, client);
  afflux_client_count_bytes(client, 100);
  afflux_registry_add_client(all, client);
  afflux_client_count_bytes(client, 2);
  EXPECT_EQ(all.summary().client.bytes, 7u);
}

TEST(RegistryTotals, AreThoseOfAllClients) {
  const registry_guard all;
  const client_guard a, b;
  for (const client_guard* const c : {&a, &b}) {
    afflux_client_begin_run(*c);
    for (std::uint32_t i = 0; i < AFFLUX_CLIENT_CLASSES; ++i) {
      afflux_client_count_requests(*c, i, i + 1);
    }
    afflux_client_count_bytes(*c, 1000);
    for (const std::uint32_t code : {404u, 500u, 503u, 200u, 301u, 302u}) {
      afflux_client_count_response(*c, code);
    }
    afflux_client_count_reconnection(*c);
    afflux_client_count_timeout(*c);
    afflux_registry_add_client(all, *c);
  }
  afflux_client_count_lines(a, 0, 30, 10);
  afflux_client_count_lines(b, 1, 10, 10);
  afflux_client_set_speed(a, 1.0);
  afflux_client_set_speed(b, 0.5);
  afflux_client_set_position(b, 3'600'000'000'000);  // ahead of its time
  const afflux_registry_summary_t s = all.summary();
  EXPECT_EQ(s.clients, 2u);
  EXPECT_EQ(s.client.struct_size, sizeof s.client);
  for (std::uint32_t i = 0; i < AFFLUX_CLIENT_CLASSES; ++i) {
    EXPECT_EQ(s.client.requests[i], 2 * (i + 1));
  }
  EXPECT_EQ(s.client.bytes, 2000u);
  EXPECT_EQ(s.client.runs, 2u);
  EXPECT_EQ(s.client.responses_4xx, 2u);
  EXPECT_EQ(s.client.responses_5xx, 4u);
  EXPECT_EQ(s.client.responses_other, 6u);
  EXPECT_EQ(s.client.reconnections, 2u);
  EXPECT_EQ(s.client.timeouts, 2u);
  EXPECT_EQ(s.client.lines_read[0], 30u);
  EXPECT_EQ(s.client.lines_dropped[1], 10u);
  EXPECT_EQ(s.client.drop_rate, 0.5);
  EXPECT_EQ(s.client.peak_drop_rate, 1.0);
  EXPECT_EQ(s.client.speed, 0.75);
  EXPECT_EQ(s.client.drift_ns, (a.summary().drift_ns + b.summary().drift_ns) / 2);
  EXPECT_LT(s.client.drift_ns, 0);
}

TEST(RegistryTotals, TellHowLongClientsHaveBeenThere) {
  const registry_guard all;
  const client_guard early;
  await([&] { return early.summary().uptime_ns > 0; });  // a tick of the clock
  const client_guard late;
  afflux_registry_add_client(all, late);
  afflux_registry_add_client(all, early);
  const afflux_registry_summary_t s = all.summary();
  EXPECT_GE(s.min_uptime_ns, 0);
  EXPECT_GT(s.max_uptime_ns, s.min_uptime_ns);
  EXPECT_NEAR(static_cast<double>(s.average_uptime_ns),
              (static_cast<double>(s.min_uptime_ns) + static_cast<double>(s.max_uptime_ns)) / 2, 2);
  EXPECT_GE(s.client.uptime_ns, s.max_uptime_ns) << "the registry's";
  EXPECT_EQ(s.sem.age_ns, s.client.uptime_ns);
}

// ---- rates

TEST(RegistryRates, AreSinceTheStartAndSinceEachObserversLook) {
  const registry_guard all;
  const sem_guard sem(sem_options(10));
  const client_guard client;
  afflux_registry_add_sem(all, sem);
  afflux_registry_add_client(all, client);
  afflux_registry_summary_t first = zero_registry_summary();
  afflux_registry_summary_t second = zero_registry_summary();
  ASSERT_EQ(afflux_registry_summary(all, &first), AFFLUX_OK);
  EXPECT_GT(first.looked_at_ns, 0);
  EXPECT_EQ(first.since_look.requests, 0.0);

  ASSERT_EQ(afflux_sem_try_acquire(sem, 8), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  afflux_client_count_requests(client, 0, 3);
  afflux_client_count_requests(client, 3, 4);
  afflux_client_count_bytes(client, 100);
  for (const std::uint32_t code : {200u, 404u, 500u}) afflux_client_count_response(client, code);
  const std::int64_t then = first.looked_at_ns;
  ASSERT_EQ(afflux_registry_summary(all, &first), AFFLUX_OK);
  const double between = static_cast<double>(first.looked_at_ns - then) / 1e9;
  EXPECT_NEAR(first.since_look.acquired * between, 8, 1e-6);
  EXPECT_NEAR(first.since_look.released * between, 2, 1e-6);
  EXPECT_NEAR(first.since_look.requests * between, 7, 1e-6);
  EXPECT_NEAR(first.since_look.bytes * between, 100, 1e-6);
  EXPECT_NEAR(first.since_look.errors * between, 2, 1e-6);
  EXPECT_EQ(first.since_look.queued + first.since_look.refused, 0.0);
  const double age = static_cast<double>(first.looked_at_ns) / 1e9;
  EXPECT_NEAR(first.since_start.requests * age, 7, 1e-6);

  // Another observer's first look; and nothing has happened since the one's.
  ASSERT_EQ(afflux_registry_summary(all, &second), AFFLUX_OK);
  EXPECT_EQ(second.since_look.requests, 0.0);
  EXPECT_GT(second.since_start.requests, 0.0);
  ASSERT_EQ(afflux_registry_summary(all, &first), AFFLUX_OK);
  EXPECT_EQ(first.since_look.requests, 0.0);
}

TEST(RegistryRates, CountWhatQueuedAndWasRefused) {
  const registry_guard all;
  afflux_sem_options o = sem_options(1);
  o.overflow = AFFLUX_OVERFLOW_FAIL;
  o.max_waiters = 1;
  const sem_guard sem(o);
  afflux_registry_add_sem(all, sem);
  afflux_registry_summary_t s = all.summary();
  const std::int64_t then = s.looked_at_ns;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending queued, refused;
  ASSERT_EQ(queued.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(refused.start(sem), AFFLUX_EREJECTED);
  ASSERT_EQ(afflux_registry_summary(all, &s), AFFLUX_OK);
  const double between = static_cast<double>(s.looked_at_ns - then) / 1e9;
  EXPECT_NEAR(s.since_look.queued * between, 1, 1e-6);
  EXPECT_NEAR(s.since_look.refused * between, 1, 1e-6);
  EXPECT_EQ(queued.cancel(), AFFLUX_OK);
}

// ---- visits

struct visited {
  std::vector<const void*> seen;
  std::size_t stop_after = 100;
  afflux_registry* remove_from = nullptr;
};

std::int32_t see_client(void* ctx, afflux_client* client) {
  auto& v = *static_cast<visited*>(ctx);
  v.seen.push_back(client);
  if (v.remove_from != nullptr) {
    EXPECT_EQ(afflux_registry_remove_client(v.remove_from, client), AFFLUX_OK);
    EXPECT_STREQ(afflux_client_name(client), "") << "it is there during the call";
  }
  return v.seen.size() == v.stop_after ? 1 : 0;
}

std::int32_t see_sem(void* ctx, afflux_sem* sem) {
  auto& v = *static_cast<visited*>(ctx);
  v.seen.push_back(sem);
  if (v.remove_from != nullptr) {
    EXPECT_EQ(afflux_registry_remove_sem(v.remove_from, sem), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_limit(sem), 4u) << "it is there during the call";
  }
  return v.seen.size() == v.stop_after ? 1 : 0;
}

TEST(RegistryVisit, SeesEachOnceAndStops) {
  const registry_guard all;
  const client_guard clients[3];
  const sem_guard a(sem_options()), b(sem_options());
  std::vector<const void*> in_it;
  for (const client_guard& c : clients) {
    afflux_registry_add_client(all, c);
    in_it.push_back(c.get());
  }
  afflux_registry_add_sem(all, a);
  afflux_registry_add_sem(all, b);
  visited v;
  EXPECT_EQ(afflux_registry_visit_clients(all, see_client, &v), AFFLUX_OK);
  EXPECT_EQ(v.seen, in_it);
  visited first;
  first.stop_after = 2;
  EXPECT_EQ(afflux_registry_visit_clients(all, see_client, &first), AFFLUX_ECANCELED);
  EXPECT_EQ(first.seen.size(), 2u);
  visited sems;
  EXPECT_EQ(afflux_registry_visit_sems(all, see_sem, &sems), AFFLUX_OK);
  EXPECT_EQ(sems.seen.size(), 2u);
  sems.seen.clear();
  sems.stop_after = 1;
  EXPECT_EQ(afflux_registry_visit_sems(all, see_sem, &sems), AFFLUX_ECANCELED);
}

TEST(RegistryVisit, MayRemoveTheLastReferenceOfWhatItSees) {
  const std::int64_t before = live_allocations();
  {
    const registry_guard all;
    for (int i = 0; i < 3; ++i) {
      const client_guard client;
      const sem_guard sem(sem_options());
      afflux_registry_add_client(all, client);
      afflux_registry_add_sem(all, sem);
    }
    visited v, w;
    v.remove_from = w.remove_from = all;
    EXPECT_EQ(afflux_registry_visit_clients(all, see_client, &v), AFFLUX_OK);
    EXPECT_EQ(afflux_registry_visit_sems(all, see_sem, &w), AFFLUX_OK);
    EXPECT_EQ(v.seen.size() + w.seen.size(), 6u);
    EXPECT_EQ(all.summary().clients + all.summary().sems, 0u);
    std::vector<const void*>().swap(v.seen);
    std::vector<const void*>().swap(w.seen);
    EXPECT_EQ(live_allocations(), before + 5) << "the registry and its tables are left";
  }
  EXPECT_EQ(live_allocations(), before);
}

// M6: the last reference ends a wait, and its completion uses and ends the registry.
TEST(RegistryVisit, WhatARemovalCausesMayEndTheRegistry) {
  struct everything {
    registry_guard all;
    client_guard other;
    std::uint64_t seen = 0;
  };
  auto mine = std::make_unique<everything>();
  afflux_registry* const all = mine->all;
  pending waits;
  {
    sem_guard sem(sem_options(1));
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    ASSERT_EQ(waits.start(sem), AFFLUX_PENDING);
    ASSERT_EQ(afflux_registry_add_sem(all, sem), AFFLUX_OK);
  }
  std::uint64_t acquired = 0;
  waits.then = [&](afflux_status) {
    EXPECT_EQ(afflux_registry_add_client(mine->all, mine->other), AFFLUX_OK);
    EXPECT_EQ(afflux_registry_remove_client(mine->all, mine->other), AFFLUX_OK);
    acquired = mine->all.summary().sem.acquired_fast;
    mine.reset();
  };
  EXPECT_EQ(afflux_registry_visit_sems(
                all,
                [](void* ctx, afflux_sem* sem) {
                  auto* const from = static_cast<afflux_registry*>(ctx);
                  EXPECT_EQ(afflux_registry_remove_sem(from, sem), AFFLUX_OK);
                  return std::int32_t{0};
                },
                all),
            AFFLUX_OK);
  EXPECT_TRUE(waits.completed_once_with(AFFLUX_ECLOSED));
  EXPECT_EQ(mine, nullptr);
  EXPECT_EQ(acquired, 1u);
}

}  // namespace
}  // namespace afflux_test
