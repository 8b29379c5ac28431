// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Observability in C++: ledger, slow waits, tags, health, histograms, clients and registries.
#include <afflux/afflux.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/coroutines.h"

namespace {

using namespace std::chrono_literals;
using afflux::client;
using afflux::health_reason;
using afflux::histogram;
using afflux::holder;
using afflux::permit;
using afflux::permit_token;
using afflux::registry;
using afflux::semaphore;
using afflux::statistics_level;
using afflux::status;
using afflux_test::owned;

template <class Operation>
owned keep(Operation op, permit& out) {
  out = co_await std::move(op);
}

// ---------------------------------------------------------------------------------------------
// Tokens and the ledger
// ---------------------------------------------------------------------------------------------

std::vector<std::string> tags(const semaphore& sem) {
  std::vector<std::string> all;
  EXPECT_EQ(sem.visit_holders([&](const holder& h) { all.emplace_back(h.tag); }), status::ok);
  return all;
}

TEST(CppToken, AnAcquireTakesATag) {
  const semaphore sem({.permits = 9, .ledger = 8});
  using list = std::vector<std::string>;
  {
    const permit_token t = sem.acquire_token(2, "plain");
    EXPECT_EQ(t.count(), 2u);
    EXPECT_EQ(tags(sem), list{"plain"});
  }
  {
    const permit_token t = sem.acquire_token_for(1s, 1, "for");
    EXPECT_EQ(tags(sem), list{"for"});
  }
  {
    const auto when = std::chrono::system_clock::now() + 1h;
    const permit_token t = sem.acquire_token_until(when, 1, "until");
    EXPECT_EQ(tags(sem), list{"until"});
  }
  {
    const permit_token t = sem.acquire_token({.permits = 3, .tag = "request"});
    EXPECT_EQ(t.count(), 3u);
    EXPECT_EQ(tags(sem), list{"request"});
  }
  {
    const permit_token t(sem, 1s, {.permits = 4, .tag = "in place"});
    EXPECT_EQ(t.count(), 4u);
    EXPECT_EQ(tags(sem), list{"in place"});
  }
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppToken, MakeUniqueMakesOne) {
  const semaphore sem({.permits = 3, .ledger = 8});
  const auto blocking = std::make_unique<permit_token>(sem, 2, "unique");
  EXPECT_EQ(blocking->status(), status::ok);
  EXPECT_EQ(blocking->count(), 2u);
  EXPECT_EQ(tags(sem), std::vector<std::string>{"unique"});
  const auto one = std::make_unique<permit_token>(sem);
  EXPECT_EQ(one->count(), 1u);
  const auto late = std::make_unique<permit_token>(sem, 1ms, 1, "late");
  EXPECT_EQ(late->status(), status::timed_out);
  EXPECT_FALSE(*late);
  one->release();
  const auto adopted = std::make_unique<permit_token>(sem.try_acquire(), "adopted");
  EXPECT_EQ(adopted->count(), 1u);
  const auto nothing = std::make_unique<permit_token>();
  EXPECT_EQ(nothing->status(), status::already);
}

TEST(CppToken, ARequestHasPriorityCostAndWaitForResize) {
  const semaphore sem(
      {.permits = 1, .overflow = afflux::overflow_policy::fail, .max_queue_bytes = 10});
  const permit held = sem.try_acquire();
  EXPECT_EQ(sem.acquire_token({.cost_bytes = 11}).status(), status::rejected);
  EXPECT_EQ(sem.acquire_token_for(0s, {.permits = 2}).status(), status::too_big);
  EXPECT_EQ(sem.acquire_token_for(0s, {.permits = 2, .wait_for_resize = true}).status(),
            status::timed_out);
  const auto bad = static_cast<afflux::priority>(9);
  EXPECT_EQ(sem.acquire_token({.priority = bad}).status(), status::invalid);
}

TEST(CppLedger, TellsEachHolderAndTheRest) {
  const semaphore sem({.permits = 5, .ledger = 8});
  const permit plain = sem.try_acquire();
  const permit_token a = sem.acquire_token(2, "a");
  const permit_token b = sem.acquire_token(1, "b");
  std::set<std::string> seen;
  std::uint64_t untold = 0;
  EXPECT_EQ(sem.visit_holders(
                [&](const holder& h) {
                  seen.emplace(h.tag);
                  EXPECT_EQ(h.id, h.tag == "a" ? a.id() : b.id());
                  EXPECT_EQ(h.permits, h.tag == "a" ? 2u : 1u);
                  EXPECT_GE(h.held_for, 0ns);
                },
                untold),
            status::ok);
  EXPECT_EQ(seen, (std::set<std::string>{"a", "b"}));
  EXPECT_EQ(untold, 1u);
  const std::string text = sem.dump_holders();
  EXPECT_NE(text.find(" 2 "), std::string::npos) << text;
  EXPECT_NE(text.find("- 1 - untold"), std::string::npos) << text;
}

TEST(CppLedger, AVisitMayStopAndThrow) {
  const semaphore sem({.permits = 2, .ledger = 8});
  const permit_token a = sem.acquire_token();
  const permit_token b = sem.acquire_token();
  int seen = 0;
  EXPECT_EQ(sem.visit_holders([&](const holder&) { return ++seen != 1; }), status::canceled);
  EXPECT_EQ(seen, 1);
  seen = 0;
  EXPECT_THROW(sem.visit_holders([&](const holder&) {
    ++seen;
    throw std::domain_error("");
  }),
               std::domain_error);
  EXPECT_EQ(seen, 1);
}

TEST(CppLedger, WithoutOneNobodyIsTold) {
  const semaphore sem(1);
  EXPECT_EQ(sem.visit_holders([](const holder&) {}), status::not_supported);
  EXPECT_EQ(sem.dump_holders(), "");
}

TEST(CppOptions, RefusesALedgerThatIsTooLarge) {
  EXPECT_THROW(semaphore({.ledger = 65537}), afflux::error);
  EXPECT_TRUE(semaphore({.ledger = 65536}));
}

// ---------------------------------------------------------------------------------------------
// Slow waits
// ---------------------------------------------------------------------------------------------

struct slow_waits {
  static void add(void* ctx, const afflux_slow_wait* wait) {
    static_cast<slow_waits*>(ctx)->told.push_back(*wait);
  }
  std::vector<afflux_slow_wait> told;
};

TEST(CppOptions, SlowWaitsAreTold) {
  slow_waits slow;
  const semaphore sem(
      {.permits = 2, .slow_wait_after = 0s, .slow_wait = &slow_waits::add, .slow_wait_ctx = &slow});
  permit held = sem.try_acquire(2);
  permit got;
  const owned waits = keep(sem.acquire(2).priority(afflux::priority::high), got);
  EXPECT_TRUE(slow.told.empty());
  held.release();
  ASSERT_EQ(slow.told.size(), 1u);
  EXPECT_EQ(slow.told[0].permits, 2u);
  EXPECT_EQ(slow.told[0].priority, std::uint32_t{AFFLUX_PRIORITY_HIGH});
  EXPECT_EQ(got.count(), 2u);
}

TEST(CppOptions, ShortWaitsAreNotSlow) {
  slow_waits slow;
  const semaphore sem({.permits = 1,
                       .slow_wait_after = 24h,
                       .slow_wait = &slow_waits::add,
                       .slow_wait_ctx = &slow});
  permit held = sem.try_acquire();
  permit got;
  const owned waits = keep(sem.acquire(), got);
  held.release();
  EXPECT_TRUE(got);
  EXPECT_TRUE(slow.told.empty());
}

TEST(CppOptions, RefusesANegativeSlowWaitAndOneWithoutStatistics) {
  EXPECT_THROW(semaphore({.slow_wait_after = -1ns, .slow_wait = &slow_waits::add}), afflux::error);
  EXPECT_THROW(semaphore({.statistics = statistics_level::off, .slow_wait = &slow_waits::add}),
               afflux::error);
}

// ---------------------------------------------------------------------------------------------
// Health and histograms
// ---------------------------------------------------------------------------------------------

TEST(CppHealth, ComparesWithLimitsOfTheCallers) {
  const semaphore sem(1);
  permit held = sem.try_acquire();
  permit got;
  const owned waits = keep(sem.acquire().cost(7), got);

  const afflux::health_report queued = sem.health({.max_waiters = 0, .max_queue_bytes = 7});
  EXPECT_EQ(queued.status, status::ok);
  EXPECT_FALSE(queued);
  EXPECT_FALSE(queued.healthy);
  EXPECT_TRUE(queued.has(health_reason::waiters));
  EXPECT_FALSE(queued.has(health_reason::queue_bytes));
  EXPECT_FALSE(queued.has(health_reason::closed));
  EXPECT_EQ(queued.waiters, 1u);
  EXPECT_EQ(queued.queue_bytes, 7u);
  EXPECT_TRUE(sem.health({.max_queue_bytes = 6}).has(health_reason::queue_bytes));
  EXPECT_TRUE(sem.health(afflux::health_limits{}));

  const afflux::health_report bad = sem.health({.max_wait = -1ns});
  EXPECT_EQ(bad.status, status::invalid);
  EXPECT_FALSE(bad);
}

TEST(CppHealth, TheOldestWaitCounts) {
  const semaphore sem(1);
  permit held = sem.try_acquire();
  permit got;
  const owned waits = keep(sem.acquire(), got);
  while (!sem.health({.max_wait = 1ms}).has(health_reason::wait)) {
  }
  EXPECT_GE(sem.health().oldest_wait, 1ms);
  EXPECT_FALSE(sem.health({.max_wait = 24h}).has(health_reason::wait));
}

TEST(CppHealth, AStandstillCounts) {
  const semaphore sem(1);
  permit held = sem.try_acquire();
  permit got;
  const owned waits = keep(sem.acquire(), got);
  while (!sem.health({.max_still = 1ms}).has(health_reason::standstill)) {
  }
  EXPECT_GT(sem.health().still_for, 1ms);
  EXPECT_EQ(sem.health().unserved, 0u);  // it queued before the first look
  EXPECT_FALSE(sem.health({.max_still = 24h}).has(health_reason::standstill));
  EXPECT_EQ(sem.health({.max_still = -1ns}).status, status::invalid);
  held.release();
  EXPECT_EQ(sem.health().still_for, 0ns);
}

TEST(CppHealth, ComparesWithTheSemaphoresOwnOptions) {
  const semaphore sem({.permits = 1, .max_waiters = 1});
  const permit held = sem.try_acquire();
  permit first;
  permit second;
  const owned one = keep(sem.acquire(), first);
  EXPECT_FALSE(sem.health().has(health_reason::waiters));
  const owned two = keep(sem.acquire(), second);
  EXPECT_TRUE(sem.health().has(health_reason::waiters));
  EXPECT_EQ(sem.close(), status::ok);
  EXPECT_TRUE(sem.health().has(health_reason::closed));
}

TEST(CppHistogram, HasWaitsAndHolds) {
  const semaphore sem({.permits = 1, .statistics = statistics_level::full});
  histogram waits;
  histogram holds;
  ASSERT_EQ(sem.wait_times(waits), status::ok);
  EXPECT_EQ(waits.count(), 0u);
  EXPECT_EQ(waits.quantile(0.99), 0ns);
  {
    permit held = sem.try_acquire();
    permit got;
    const owned waiting = keep(sem.acquire(), got);
    held.release();
  }
  const permit_token t = sem.acquire_token();
  while (t.held_for() < 1ms) {
  }
  const_cast<permit_token&>(t).release();
  ASSERT_EQ(sem.wait_times(waits), status::ok);
  ASSERT_EQ(sem.hold_times(holds), status::ok);
  EXPECT_EQ(waits.count(), 1u);
  EXPECT_EQ(holds.count(), 1u);
  EXPECT_GE(holds.sum(), 1ms);
  EXPECT_EQ(holds.sum(), holds.max());
  EXPECT_LE(holds.quantile(1), holds.max());
  EXPECT_GE(holds.quantile(0.5), 960us);  // the middle of its bucket: off by 1/32
}

TEST(CppHistogram, NeedsStatisticsInFull) {
  const semaphore sem(1);
  histogram none;
  EXPECT_EQ(sem.wait_times(none), status::not_supported);
  EXPECT_EQ(sem.hold_times(none), status::not_supported);
}

// ---------------------------------------------------------------------------------------------
// Clients
// ---------------------------------------------------------------------------------------------

TEST(CppClient, Counts) {
  const client tenant({.name = "tenant", .classes = {"read", "write"}});
  EXPECT_STREQ(tenant.name(), "tenant");
  EXPECT_EQ(tenant.count_requests(1, 3), status::ok);
  EXPECT_EQ(tenant.count_requests(0), status::ok);
  EXPECT_EQ(tenant.count_requests(4), status::invalid);
  EXPECT_EQ(tenant.begin_run(), status::ok);
  EXPECT_EQ(tenant.count_bytes(5), status::ok);
  EXPECT_EQ(tenant.set_run_bytes(100), status::ok);
  EXPECT_EQ(tenant.count_response(404), status::ok);
  EXPECT_EQ(tenant.count_response(503), status::ok);
  EXPECT_EQ(tenant.count_response(200), status::ok);
  EXPECT_EQ(tenant.count_reconnection(), status::ok);
  EXPECT_EQ(tenant.count_timeout(), status::ok);
  EXPECT_EQ(tenant.count_lines(1, 4, 1), status::ok);
  EXPECT_EQ(tenant.count_lines(2, 1, 0), status::invalid);
  EXPECT_EQ(tenant.set_speed(1.5), status::ok);
  EXPECT_EQ(tenant.set_speed(std::numeric_limits<double>::quiet_NaN()), status::invalid);
  EXPECT_EQ(tenant.set_position(1s), status::ok);
  EXPECT_EQ(tenant.set_position(-1ns), status::invalid);

  const afflux_client_summary_t s = tenant.summary();
  EXPECT_EQ(s.requests[0], 1u);
  EXPECT_EQ(s.requests[1], 3u);
  EXPECT_EQ(s.bytes, 105u);
  EXPECT_EQ(s.runs, 1u);
  EXPECT_EQ(s.responses_4xx, 1u);
  EXPECT_EQ(s.responses_5xx, 1u);
  EXPECT_EQ(s.responses_other, 1u);
  EXPECT_EQ(s.reconnections, 1u);
  EXPECT_EQ(s.timeouts, 1u);
  EXPECT_EQ(s.lines_read[1], 4u);
  EXPECT_EQ(s.lines_dropped[1], 1u);
  EXPECT_EQ(s.speed, 1.5);
  EXPECT_LT(s.drift_ns, 0);  // ahead of its time
  EXPECT_EQ(tenant.responses(404), 1u);
  EXPECT_EQ(tenant.responses(500), 0u);
  EXPECT_EQ(tenant.responses(200), 1u);
}

TEST(CppClient, StallsByItsOwnMeasure) {
  const client tenant({.stall_speed = 2, .stall_after = 0s});
  EXPECT_EQ(tenant.set_speed(1.9), status::ok);
  EXPECT_EQ(tenant.summary().stalled, 1u);
  EXPECT_EQ(tenant.set_speed(2.1), status::ok);
  EXPECT_EQ(tenant.summary().stalled, 0u);
}

TEST(CppClient, SaysWhyItCannotBeMade) {
  status why = status::ok;
  EXPECT_FALSE(client::create({.stall_speed = -1}, why));
  EXPECT_EQ(why, status::invalid);
  EXPECT_THROW(client({.stall_after = -1ns}), afflux::error);
}

TEST(CppClient, OwnersShareIt) {
  std::uint64_t bytes = 0;
  {
    client second = client::from_handle(nullptr);
    {
      const client first;
      second = first.share();
      EXPECT_EQ(first.handle(), second.handle());
    }
    EXPECT_EQ(second.count_bytes(4), status::ok);
    bytes = second.summary().bytes;
  }
  EXPECT_EQ(bytes, 4u);
}

class CppClientOf : public testing::TestWithParam<statistics_level> {};
INSTANTIATE_TEST_SUITE_P(Statistics, CppClientOf,
                         testing::Values(statistics_level::off, statistics_level::counters));

// Also where permits could be taken inline, without being accounted.
TEST_P(CppClientOf, AcquiresAreAccountedToIt) {
  const semaphore sem({.permits = 2, .statistics = GetParam()});
  const client tenant;
  permit now;
  const owned a = keep(sem.acquire().account_to(tenant), now);
  EXPECT_TRUE(now);
  EXPECT_EQ(tenant.summary().acquired, 1u);
  EXPECT_EQ(tenant.summary().waits, 0u);

  permit rest = sem.try_acquire();
  permit later;
  const owned b = keep(sem.acquire(2).account_to(tenant), later);
  now.release();
  rest.release();
  EXPECT_TRUE(later);
  EXPECT_EQ(tenant.summary().acquired, 3u);
  EXPECT_EQ(tenant.summary().waits, 1u);

  EXPECT_EQ(sem.acquire_token_for(0s, {.account_to = &tenant}).status(), status::timed_out);
  EXPECT_EQ(tenant.summary().timed_out, 1u);
  later.release();
  const permit_token token(sem, {.permits = 2, .account_to = &tenant});
  EXPECT_EQ(tenant.summary().acquired, 5u);
}

TEST(CppClient, AWaitForSeveralIsNobodys) {
  const semaphore sem(1);
  const client tenant;
  const auto one = [](const semaphore& s, const client& c, status& out) -> owned {
    const auto [index, p] = co_await any(s.acquire(), s.acquire().account_to(c));
    out = p.status();
  };
  status out = status::ok;
  const owned waits = one(sem, tenant, out);
  EXPECT_EQ(out, status::invalid);
}

// ---------------------------------------------------------------------------------------------
// Registries
// ---------------------------------------------------------------------------------------------

TEST(CppRegistry, AddsUpWhatIsInIt) {
  const registry all;
  const semaphore a(3);
  const semaphore b(4);
  const client tenant;
  EXPECT_EQ(all.add(a), status::ok);
  EXPECT_EQ(all.add(b), status::ok);
  EXPECT_EQ(all.add(a), status::already);
  EXPECT_EQ(all.add(tenant), status::ok);
  const permit held = a.try_acquire(2);
  EXPECT_EQ(tenant.count_bytes(9), status::ok);
  const afflux_registry_summary_t s = all.summary();
  EXPECT_EQ(s.sems, 2u);
  EXPECT_EQ(s.clients, 1u);
  EXPECT_EQ(s.sem.limit, 7u);
  EXPECT_EQ(s.sem.held, 2u);
  EXPECT_EQ(s.client.bytes, 9u);
  EXPECT_EQ(all.remove(a), status::ok);
  EXPECT_EQ(all.remove(a), status::already);
  EXPECT_EQ(all.remove(tenant), status::ok);
  EXPECT_EQ(all.summary().sems, 1u);
  EXPECT_EQ(all.summary().sem.acquired_fast, 2u);  // the totals stay
}

TEST(CppRegistry, KeepsTheRatesOfEachObserver) {
  const registry all;
  const client tenant;
  EXPECT_EQ(all.add(tenant), status::ok);
  afflux_registry_summary_t kept{};
  EXPECT_EQ(all.summary(kept), status::ok);
  EXPECT_EQ(kept.since_look.bytes, 0);
  EXPECT_EQ(tenant.count_bytes(1000), status::ok);
  EXPECT_EQ(all.summary(kept), status::ok);
  EXPECT_GT(kept.since_look.bytes, 0);
  EXPECT_EQ(all.summary().since_look.bytes, 0);
}

TEST(CppRegistry, KeepsWhatIsInItAlive) {
  const registry all;
  {
    const semaphore sem({.permits = 1, .name = "kept"});
    EXPECT_EQ(all.add(sem), status::ok);
  }
  semaphore found = semaphore::from_handle(nullptr);
  EXPECT_EQ(all.visit_semaphores([&](const semaphore& sem) {
    EXPECT_STREQ(sem.name(), "kept");
    found = sem.share();
  }),
            status::ok);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found.is_closed());
}

TEST(CppRegistry, TheLastReferenceInItEndsWaits) {
  const registry all;
  permit got;
  owned waits;
  {
    const semaphore sem(1);
    EXPECT_EQ(all.add(sem), status::ok);
    EXPECT_EQ(sem.try_acquire_raw(), status::ok);
    waits = keep(sem.acquire(), got);
  }
  EXPECT_FALSE(waits.done());
  EXPECT_EQ(all.visit_semaphores([&](const semaphore& sem) {
    EXPECT_EQ(all.remove(sem), status::ok);
    EXPECT_FALSE(waits.done());
  }),
            status::ok);
  EXPECT_TRUE(waits.done());
  EXPECT_EQ(got.status(), status::closed);
}

TEST(CppRegistry, VisitsClientsAndStops) {
  const registry all;
  const client a({.name = "a"});
  const client b({.name = "b"});
  EXPECT_EQ(all.add(a), status::ok);
  EXPECT_EQ(all.add(b), status::ok);
  std::set<std::string> names;
  EXPECT_EQ(all.visit_clients([&](const client& c) { names.emplace(c.name()); }), status::ok);
  EXPECT_EQ(names, (std::set<std::string>{"a", "b"}));
  int seen = 0;
  EXPECT_EQ(all.visit_clients([&](const client&) { return ++seen < 1; }), status::canceled);
  EXPECT_EQ(seen, 1);
  EXPECT_THROW(all.visit_clients([](const client&) { throw std::domain_error(""); }),
               std::domain_error);
  EXPECT_THROW(all.visit_semaphores([](const semaphore&) { return true; }) == status::ok
                   ? throw std::domain_error("none to see")
                   : void(),
               std::domain_error);
}

TEST(CppRegistry, AVisitorMayRemove) {
  const registry all;
  const semaphore sem(1);
  EXPECT_EQ(all.add(sem), status::ok);
  EXPECT_EQ(all.visit_semaphores([&](const semaphore& s) { return all.remove(s) == status::ok; }),
            status::ok);
  EXPECT_EQ(all.summary().sems, 0u);
}

TEST(CppRegistry, RendersText) {
  const registry all;
  const semaphore sem({.permits = 3, .name = "pool"});
  const client tenant({.name = "acme"});
  EXPECT_EQ(all.add(sem), status::ok);
  EXPECT_EQ(all.add(tenant), status::ok);
  const std::string plain = all.text();
  EXPECT_NE(plain.find("afflux_semaphore_permits_limit{semaphore=\"pool\""), std::string::npos);
  EXPECT_EQ(plain.find("acme"), std::string::npos);
  EXPECT_NE(all.text({.clients = true}).find("acme"), std::string::npos);
  const std::string open = all.text({.format = afflux::export_format::openmetrics});
  EXPECT_NE(open.find("# EOF"), std::string::npos);
  EXPECT_NE(std::string_view(content_type(afflux::export_format::openmetrics)).find("openmetrics"),
            std::string_view::npos);

  std::string pieces;
  EXPECT_EQ(all.write([&](std::string_view piece) { pieces += piece; }), status::ok);
  EXPECT_NE(pieces.find("pool"), std::string::npos);
  EXPECT_EQ(all.write([](std::string_view) { return false; }), status::canceled);
  EXPECT_THROW(all.write([](std::string_view) { throw std::domain_error(""); }), std::domain_error);
  EXPECT_THROW((void)all.text({.format = static_cast<afflux::export_format>(9)}), afflux::error);
}

TEST(CppRegistry, RendersAsManyTenantsAsAreAskedFor) {
  const registry all;
  const semaphore sem(1);
  EXPECT_EQ(all.add(sem), status::ok);
  ::afflux_tenant* tenants[12];
  for (auto*& t : tenants) EXPECT_EQ(::afflux_tenant_create(sem.handle(), nullptr, &t), AFFLUX_OK);
  const auto has = [](const std::string& text, std::uint32_t id) {
    return text.find("tenant_id=\"" + std::to_string(id) + "\"") != std::string::npos;
  };
  EXPECT_TRUE(has(all.text(), 10));
  EXPECT_FALSE(has(all.text(), 11));
  EXPECT_TRUE(has(all.text({.tenants = 11}), 11));
  EXPECT_FALSE(has(all.text({.tenants = 11}), 12));
  EXPECT_EQ(all.text({.tenants = 0}).find("tenant"), std::string::npos);
  for (::afflux_tenant* const t : tenants) ::afflux_tenant_unref(t);
}

}  // namespace
