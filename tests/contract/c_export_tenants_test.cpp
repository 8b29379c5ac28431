// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The tenants of a registry's semaphores, as text.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/faults.h"
#include "support/recorder.h"
#include "support/registry.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

class owned_tenant {
 public:
  owned_tenant(afflux_sem* sem, const afflux_tenant_options& o) {
    EXPECT_EQ(afflux_tenant_create(sem, &o, &tenant_), AFFLUX_OK);
  }
  explicit owned_tenant(afflux_sem* sem, const char* name = nullptr)
      : owned_tenant(sem, named(name)) {}
  owned_tenant(owned_tenant&& other) noexcept : tenant_(std::exchange(other.tenant_, nullptr)) {}
  owned_tenant& operator=(owned_tenant&&) = delete;
  ~owned_tenant() { reset(); }

  static afflux_tenant_options named(const char* name) {
    afflux_tenant_options o;
    EXPECT_EQ(afflux_tenant_options_init(&o), AFFLUX_OK);
    o.name = name;
    return o;
  }

  operator afflux_tenant*() const { return tenant_; }
  void reset() { afflux_tenant_unref(std::exchange(tenant_, nullptr)); }
  void take(std::uint64_t n) const { EXPECT_EQ(afflux_tenant_try_acquire(tenant_, n), AFFLUX_OK); }
  void give(std::uint64_t n) const { EXPECT_EQ(afflux_tenant_release(tenant_, n), AFFLUX_OK); }
  // Until the clock has moved on.
  void use(std::uint64_t n) const {
    afflux_tenant_stats now;
    afflux_tenant_stats_init(&now);
    do {
      take(n);
      give(n);
      EXPECT_EQ(afflux_tenant_get_stats(tenant_, &now), AFFLUX_OK);
    } while (now.used_permit_seconds == 0);
  }

 private:
  afflux_tenant* tenant_ = nullptr;
};

afflux_sem_options shared_by_all(std::uint64_t permits = 100) {
  afflux_sem_options o = sem_options(permits);
  o.name = "shared";
  return o;
}

afflux_request request_of(afflux_tenant* tenant) {
  afflux_request request;
  EXPECT_EQ(afflux_request_init(&request), AFFLUX_OK);
  request.tenant = tenant;
  request.wake = [](void*, afflux_status) {};
  return request;
}

std::int32_t append(void* ctx, const char* text, std::size_t size) {
  static_cast<std::string*>(ctx)->append(text, size);
  return 0;
}

afflux_export_options with_tenants(std::uint32_t most) {
  afflux_export_options o;
  EXPECT_EQ(afflux_export_options_init(&o), AFFLUX_OK);
  o.tenants = most;
  return o;
}

std::string text_of(afflux_registry* all, std::uint32_t most) {
  const afflux_export_options o = with_tenants(most);
  std::string text;
  EXPECT_EQ(afflux_registry_write(all, &o, append, &text), AFFLUX_OK);
  return text;
}

// From `begin` up to `end`.
std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t at = text.find(begin);
  return at == std::string::npos ? "" : text.substr(at, text.find(end, at) - at);
}

// The samples of one family of tenants: its numbers, by `tenant_id`, or `tenant` without one.
std::map<std::string, double> samples(const std::string& text, const std::string& name) {
  std::map<std::string, double> found;
  const std::string begin = "\nafflux_tenant_" + name + "{";
  for (std::size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at + 1)) {
    const std::string line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
    const auto label = [&line](const std::string& which) {
      return between(line, which + "=\"", "\"}").substr(which.size() + 2);
    };
    const bool has_id = line.find("tenant_id=") != std::string::npos;
    const std::string key = label(has_id ? "tenant_id" : "tenant");
    EXPECT_TRUE(found.emplace(key, std::strtod(line.c_str() + line.rfind(' '), nullptr)).second)
        << "twice: " << line;
  }
  return found;
}

// Those that have series of their own.
std::set<std::string> shown(const std::string& text) {
  std::set<std::string> all;
  for (const auto& [id, value] : samples(text, "permits_acquired_total")) all.insert(id);
  return all;
}
std::set<std::string> shown(afflux_registry* all, std::uint32_t most) {
  return shown(text_of(all, most));
}

using ids = std::set<std::string>;

// ---- the text

TEST(ExportTenants, IsThis) {
  const registry_guard all;
  const sem_guard sem(shared_by_all());
  afflux_registry_add_sem(all, sem);
  afflux_tenant_options o = owned_tenant::named("a \"b\"\xFF");
  o.weight = 3;
  o.guaranteed = 7;
  o.cap = 20;
  o.max_waiters = 1;
  const owned_tenant first(sem, o);
  const owned_tenant second(sem), third(sem, "third"), fourth(sem, "other");
  first.take(20);
  afflux_waiter waiters[2] = {};
  const afflux_request request = request_of(first);
  EXPECT_EQ(afflux_sem_acquire_async(sem, &request, &waiters[0]), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_acquire_async(sem, &request, &waiters[1]), AFFLUX_EREJECTED);
  EXPECT_EQ(afflux_waiter_cancel(&waiters[0]), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_acquire(first, 1, 1), AFFLUX_ETIMEDOUT);
  second.take(5);
  third.take(2);
  fourth.take(1);
  EXPECT_EQ(afflux_sem_try_acquire(sem, 9), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_set_default_weight(sem, 4), AFFLUX_OK);

  const std::string text = text_of(all, 2);
  EXPECT_EQ(between(text, "# HELP afflux_tenants ", "# HELP afflux_tenant_permit_seconds"),
            R"(# HELP afflux_tenants Tenants of the semaphore.
# TYPE afflux_tenants gauge
afflux_tenants{semaphore="shared",id="1"} 4
# HELP afflux_tenant_permits_held Permits that the tenant holds.
# TYPE afflux_tenant_permits_held gauge
afflux_tenant_permits_held{semaphore="shared",id="1",tenant="a \"b\"�",tenant_id="1"} 20
afflux_tenant_permits_held{semaphore="shared",id="1",tenant="",tenant_id="2"} 5
afflux_tenant_permits_held{semaphore="shared",id="1",tenant="default"} 9
afflux_tenant_permits_held{semaphore="shared",id="1",tenant="other"} 3
# HELP afflux_tenant_waiters Requests of the tenant that are queued.
# TYPE afflux_tenant_waiters gauge
afflux_tenant_waiters{semaphore="shared",id="1",tenant="a \"b\"�",tenant_id="1"} 0
afflux_tenant_waiters{semaphore="shared",id="1",tenant="",tenant_id="2"} 0
afflux_tenant_waiters{semaphore="shared",id="1",tenant="default"} 0
afflux_tenant_waiters{semaphore="shared",id="1",tenant="other"} 0
# HELP afflux_tenant_weight Its weight among the tenants that wait.
# TYPE afflux_tenant_weight gauge
afflux_tenant_weight{semaphore="shared",id="1",tenant="a \"b\"�",tenant_id="1"} 3
afflux_tenant_weight{semaphore="shared",id="1",tenant="",tenant_id="2"} 1
afflux_tenant_weight{semaphore="shared",id="1",tenant="default"} 4
afflux_tenant_weight{semaphore="shared",id="1",tenant="other"} 2
# HELP afflux_tenant_permits_guaranteed Permits that come before all weights.
# TYPE afflux_tenant_permits_guaranteed gauge
afflux_tenant_permits_guaranteed{semaphore="shared",id="1",tenant="a \"b\"�",tenant_id="1"} 7
afflux_tenant_permits_guaranteed{semaphore="shared",id="1",tenant="",tenant_id="2"} 0
afflux_tenant_permits_guaranteed{semaphore="shared",id="1",tenant="default"} 0
afflux_tenant_permits_guaranteed{semaphore="shared",id="1",tenant="other"} 0
# HELP afflux_tenant_permits_cap Permits that the tenant holds at most.
# TYPE afflux_tenant_permits_cap gauge
afflux_tenant_permits_cap{semaphore="shared",id="1",tenant="a \"b\"�",tenant_id="1"} 20
# HELP afflux_tenant_permits_acquired_total Permits that the tenant acquired.
# TYPE afflux_tenant_permits_acquired_total counter
afflux_tenant_permits_acquired_total{semaphore="shared",id="1",tenant="a \"b\"�",tenant_id="1"} 20
afflux_tenant_permits_acquired_total{semaphore="shared",id="1",tenant="",tenant_id="2"} 5
# HELP afflux_tenant_waits_total Requests that got their permits after a wait.
# TYPE afflux_tenant_waits_total counter
afflux_tenant_waits_total{semaphore="shared",id="1",tenant="a \"b\"�",tenant_id="1"} 0
afflux_tenant_waits_total{semaphore="shared",id="1",tenant="",tenant_id="2"} 0
# HELP afflux_tenant_wait_seconds_total How long these waited, together.
# TYPE afflux_tenant_wait_seconds_total counter
afflux_tenant_wait_seconds_total{semaphore="shared",id="1",tenant="a \"b\"�",tenant_id="1"} 0
afflux_tenant_wait_seconds_total{semaphore="shared",id="1",tenant="",tenant_id="2"} 0
# HELP afflux_tenant_rejected_total Requests that a queue limit refused or dropped.
# TYPE afflux_tenant_rejected_total counter
afflux_tenant_rejected_total{semaphore="shared",id="1",tenant="a \"b\"�",tenant_id="1"} 1
afflux_tenant_rejected_total{semaphore="shared",id="1",tenant="",tenant_id="2"} 0
# HELP afflux_tenant_timed_out_total Requests whose time ran out.
# TYPE afflux_tenant_timed_out_total counter
afflux_tenant_timed_out_total{semaphore="shared",id="1",tenant="a \"b\"�",tenant_id="1"} 1
afflux_tenant_timed_out_total{semaphore="shared",id="1",tenant="",tenant_id="2"} 0
# HELP afflux_tenant_canceled_total Requests that were cancelled.
# TYPE afflux_tenant_canceled_total counter
afflux_tenant_canceled_total{semaphore="shared",id="1",tenant="a \"b\"�",tenant_id="1"} 1
afflux_tenant_canceled_total{semaphore="shared",id="1",tenant="",tenant_id="2"} 0
)");
  first.give(20);
  first.use(20);
  const std::map<std::string, double> used = samples(text_of(all, 2), "permit_seconds_total");
  EXPECT_GT(used.at("1"), 0);
  EXPECT_EQ(used.size(), 2u);
}

TEST(ExportTenants, AreOfEachSemaphoreThatHasHadAny) {
  const registry_guard all;
  const sem_guard with(shared_by_all()), without(shared_by_all()), left(shared_by_all());
  for (const sem_guard* const sem : {&with, &without, &left}) afflux_registry_add_sem(all, *sem);
  const owned_tenant one(with, "one");
  owned_tenant gone(left, "gone");
  gone.take(1);
  gone.reset();
  const std::string text = text_of(all, 10);
  EXPECT_NE(text.find(R"(afflux_tenants{semaphore="shared",id="1"} 1)"), std::string::npos);
  EXPECT_NE(text.find(R"(afflux_tenants{semaphore="shared",id="3"} 0)"), std::string::npos);
  EXPECT_NE(text.find(R"(permits_held{semaphore="shared",id="3",tenant="default"} 1)"),
            std::string::npos)
      << "what a tenant held that is gone";
  EXPECT_EQ(between(text, "afflux_tenants{", "# HELP").find("id=\"2\""), std::string::npos);
  EXPECT_EQ(afflux_sem_release(left, 1), AFFLUX_OK);
}

TEST(ExportTenants, OfOneNameAreTwo) {
  const registry_guard all;
  const sem_guard sem(shared_by_all());
  afflux_registry_add_sem(all, sem);
  owned_tenant a(sem, "twin");
  const owned_tenant b(sem, "twin");
  EXPECT_EQ(shown(all, 10), (ids{"1", "2"}));
  a.reset();
  const owned_tenant c(sem, "twin");
  EXPECT_EQ(shown(all, 10), (ids{"2", "3"})) << "no number comes back";
}

// ---- which are shown

TEST(ExportTenants, WithMostHeldAndWaitingComeFirst) {
  const registry_guard all;
  const sem_guard sem(shared_by_all(20));
  afflux_registry_add_sem(all, sem);
  afflux_tenant_options capped = owned_tenant::named("waits");
  capped.cap = 1;
  const owned_tenant idle(sem), waits(sem, capped), holds(sem);
  EXPECT_EQ(shown(all, 2), (ids{"1", "2"})) << "alike: the older ones";
  holds.take(4);
  waits.take(1);
  EXPECT_EQ(shown(all, 1), (ids{"3"}));
  std::vector<afflux_waiter> waiters(7);
  for (afflux_waiter& w : waiters) {
    const afflux_request request = request_of(waits);
    EXPECT_EQ(afflux_sem_acquire_async(sem, &request, &w), AFFLUX_PENDING);
  }
  EXPECT_EQ(shown(all, 1), (ids{"2"})) << "8 is twice as much as 4";
  EXPECT_EQ(samples(text_of(all, 1), "waiters"),
            (std::map<std::string, double>{{"2", 7}, {"default", 0}, {"other", 0}}));
  for (afflux_waiter& w : waiters) EXPECT_EQ(afflux_waiter_cancel(&w), AFFLUX_OK);
}

TEST(ExportTenants, ThatDifferLittleAreOrderedByUse) {
  const registry_guard all;
  const sem_guard sem(shared_by_all());
  afflux_registry_add_sem(all, sem);
  const owned_tenant a(sem), b(sem), c(sem);
  b.use(1);
  a.take(3);  // fewer than what is noticed
  EXPECT_EQ(shown(all, 1), (ids{"2"}));
  b.take(4);
  c.take(7);
  EXPECT_EQ(shown(all, 1), (ids{"2"})) << "7 is less than twice 4";
  c.take(1);
  EXPECT_EQ(shown(all, 1), (ids{"3"}));
  EXPECT_EQ(shown(all, 2), (ids{"2", "3"}));
}

// Whichever are shown, sums over tenants are the semaphore's.
TEST(ExportTenants, AndTheOthersAreAll) {
  const registry_guard all;
  const sem_guard sem(shared_by_all(10'000));
  afflux_registry_add_sem(all, sem);
  std::vector<owned_tenant> tenants;
  double held = 11, weight = 1;
  EXPECT_EQ(afflux_sem_try_acquire(sem, 11), AFFLUX_OK);
  for (std::uint64_t i = 0; i < 100; ++i) {
    afflux_tenant_options o = owned_tenant::named(nullptr);
    o.weight = static_cast<std::uint32_t>(i + 1);
    weight += static_cast<double>(o.weight);
    tenants.emplace_back(sem, o);
    const std::uint64_t n = i * 37 % 101 + 1;
    held += static_cast<double>(n);
    tenants.back().take(n);
  }
  for (const std::uint32_t most : {1u, 7u, 99u, 100u, 101u, UINT32_MAX}) {
    const std::string text = text_of(all, most);
    EXPECT_EQ(shown(text).size(), std::min(most, 100u));
    const auto sum = [&text](const char* name) {
      double all_of_them = 0;
      for (const auto& [id, value] : samples(text, name)) all_of_them += value;
      return all_of_them;
    };
    EXPECT_EQ(sum("permits_held"), held) << most;
    EXPECT_EQ(sum("weight"), weight) << most;
    EXPECT_EQ(samples(text, "weight").count("other"), most < 100 ? 1u : 0u);
  }
}

TEST(ExportTenants, AreTenUnlessItIsSaidOtherwise) {
  const registry_guard all;
  const sem_guard sem(shared_by_all());
  afflux_registry_add_sem(all, sem);
  std::vector<owned_tenant> tenants;
  for (int i = 0; i < 12; ++i) tenants.emplace_back(sem);
  std::string text;
  EXPECT_EQ(afflux_registry_write(all, nullptr, append, &text), AFFLUX_OK);
  EXPECT_EQ(shown(text).size(), 10u);
  EXPECT_EQ(text_of(all, 0).find("afflux_tenant"), std::string::npos);
  afflux_export_options shorter = with_tenants(3);
  shorter.struct_size = offsetof(afflux_export_options, tenants);
  text.clear();
  EXPECT_EQ(afflux_registry_write(all, &shorter, append, &text), AFFLUX_OK);
  EXPECT_EQ(shown(text).size(), 10u) << "a struct of before there was that field";
}

// ---- memory, and what happens meanwhile

TEST(ExportTenants, TakeMemoryByHowManyAreShown) {
  const registry_guard all;
  const sem_guard sem(shared_by_all());
  afflux_registry_add_sem(all, sem);
  std::vector<owned_tenant> tenants;
  const auto allocations_with = [&](std::size_t count) {
    while (tenants.size() < count) tenants.emplace_back(sem, "name");
    static char buffer[1 << 16];
    count_allocations();
    EXPECT_EQ(afflux_registry_print(all, nullptr, buffer, sizeof buffer, nullptr), AFFLUX_OK);
    return allocations_counted();
  };
  const std::uint64_t few = allocations_with(20);
  EXPECT_EQ(allocations_with(2000), few);
}

TEST(ExportTenants, WithoutMemoryNothingIsWritten) {
  const registry_guard all;
  const sem_guard sem(shared_by_all()), other(shared_by_all());
  for (const sem_guard* const s : {&sem, &other}) afflux_registry_add_sem(all, *s);
  const owned_tenant a(sem, "a"), b(sem), c(other, "c");
  const afflux_export_options o = with_tenants(10);
  const std::string whole = text_of(all, 10);
  std::uint64_t failures = 0;
  for (bool failed = true; failed; failures += failed ? 1 : 0) {
    std::string text;
    text.reserve(2 * whole.size());
    fail_allocation(failures + 1);
    const afflux_status s = afflux_registry_write(all, &o, append, &text);
    failed = allocation_failed();
    fail_allocation(0);
    EXPECT_EQ(s, failed ? AFFLUX_ENOMEM : AFFLUX_OK);
    EXPECT_EQ(text, failed ? "" : whole);
  }
  EXPECT_GT(failures, 6u);
  char buffer[8] = "before";
  std::size_t size = 99;
  fail_allocation(kEvery);
  const afflux_status s = afflux_registry_print(all, &o, buffer, sizeof buffer, &size);
  fail_allocation(0);
  EXPECT_EQ(s, AFFLUX_ENOMEM);
  EXPECT_STREQ(buffer, "before");
  EXPECT_EQ(size, 99u);
}

// The first piece ends them all, and makes others: each family tells of those of its beginning.
TEST(ExportTenants, AreThoseThatWereThereAtItsBeginning) {
  struct state {
    registry_guard all;
    sem_guard sem{shared_by_all()};
    std::vector<owned_tenant> tenants;
    std::string text;
  } s;
  afflux_registry_add_sem(s.all, s.sem);
  for (int i = 0; i < 20; ++i) s.tenants.emplace_back(s.sem, "a tenant with a long name");
  const afflux_export_options o = with_tenants(20);
  EXPECT_EQ(afflux_registry_write(
                s.all, &o,
                [](void* ctx, const char* text, std::size_t size) {
                  auto& in = *static_cast<state*>(ctx);
                  in.text.append(text, size);
                  in.tenants.clear();
                  in.tenants.emplace_back(in.sem);
                  return std::int32_t{0};
                },
                &s),
            AFFLUX_OK);
  EXPECT_EQ(samples(s.text, "permits_held").size(), 21u);
  EXPECT_EQ(shown(s.text).size(), 20u);
  EXPECT_EQ(samples(s.text, "permit_seconds_total").size(), 20u);
}

// While texts are written, tenants come and go and work: no counter of one that stays falls, and
// no text has a series twice.
TEST(ExportTenants, MayComeAndGoMeanwhile) {
  const registry_guard all;
  const sem_guard sem(shared_by_all(64));
  afflux_registry_add_sem(all, sem);
  const owned_tenant stays(sem, "stays");
  std::atomic<bool> end{false};
  std::vector<std::thread> others;
  for (int i = 0; i < 3; ++i) {
    others.emplace_back([&] {
      while (!end.load(std::memory_order_relaxed)) {
        const owned_tenant comes(sem, "comes");
        comes.take(2);
        stays.take(1);
        stays.give(1);
        comes.give(2);
      }
    });
  }
  double before = 0;
  while (before < 1000) {
    const double now = samples(text_of(all, UINT32_MAX), "permits_acquired_total").at("1");
    EXPECT_GE(now, before);
    before = now;
  }
  end = true;
  for (std::thread& t : others) t.join();
  EXPECT_EQ(shown(all, 10), (ids{"1"}));
}

}  // namespace
}  // namespace afflux_test
