// SPDX-License-Identifier: MIT OR Apache-2.0
//
// afflux::tenant: what it makes of the calls of tenant.h. Its permits, tokens and requests know
// where they go back to, by whichever path.
#include <afflux/afflux.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include "support/coroutines.h"
#include "support/recorder.h"

namespace {

using namespace std::chrono_literals;
using afflux::all;
using afflux::any;
using afflux::client;
using afflux::error;
using afflux::permit;
using afflux::permit_token;
using afflux::priority;
using afflux::semaphore;
using afflux::status;
using afflux::tenant;
using afflux::tenant_options;
using afflux::token_request;
using afflux_test::owned;

static_assert(std::is_nothrow_move_constructible_v<tenant>);
static_assert(std::is_nothrow_move_assignable_v<tenant>);
static_assert(!std::is_copy_constructible_v<tenant>);
// A permit is as large as it was without tenants.
static_assert(sizeof(permit) == 4 * sizeof(std::uint64_t));

/// Acquires and keeps the permits until it is destroyed.
template <class Operation>
owned keep(Operation op, std::optional<status>& result) {
  const permit p = co_await std::move(op);
  result = p.status();
  co_await std::suspend_always{};
}

TEST(CppTenant, APermitGoesBackToItsTenant) {
  const semaphore sem(5);
  const tenant gold(sem, {.weight = 3, .cap = 3, .name = "gold"});
  EXPECT_STREQ(gold.name(), "gold");
  {
    permit held = gold.try_acquire(2);
    EXPECT_EQ(held.count(), 2u);
    EXPECT_EQ(gold.stats().held, 2u);
    EXPECT_EQ(gold.try_acquire(2).status(), status::again);
    EXPECT_EQ(gold.try_acquire(4).status(), status::too_big);
    EXPECT_EQ(gold.try_acquire(0).status(), status::invalid);
    permit part = held.split(1);
    permit moved = std::move(held);
    EXPECT_EQ(part.release(), status::ok);
    EXPECT_EQ(part.release(), status::already);
    EXPECT_EQ(gold.stats().held, 1u);
    const permit more = gold.acquire_blocking(2);
    EXPECT_TRUE(more);
    EXPECT_EQ(gold.stats().held, 3u);
    EXPECT_EQ(sem.held(), 3u);
  }
  EXPECT_EQ(gold.stats().held, 0u);
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppTenant, PermitsOfOthersDoNotMerge) {
  const semaphore sem(5);
  const tenant gold(sem);
  const tenant silver(sem);
  permit a = gold.try_acquire();
  permit b = silver.try_acquire();
  permit c = sem.try_acquire();
  EXPECT_EQ(a.merge(std::move(b)), status::invalid);
  EXPECT_EQ(a.merge(std::move(c)), status::invalid);
  EXPECT_EQ(c.merge(std::move(b)), status::invalid);
  EXPECT_EQ(a.merge(gold.try_acquire(2)), status::ok);
  permit empty;
  EXPECT_EQ(empty.merge(std::move(a)), status::ok);
  EXPECT_EQ(empty.release(), status::ok);
  EXPECT_EQ(gold.stats().held, 0u);
  EXPECT_EQ(silver.stats().held, 1u);
  EXPECT_EQ(sem.held(), 2u);
}

TEST(CppTenant, BlocksForATime) {
  const semaphore sem(1);
  const tenant gold(sem);
  permit held = gold.acquire_blocking_for(1h);
  ASSERT_TRUE(held);
  EXPECT_EQ(gold.acquire_blocking_for(1ms).status(), status::timed_out);
  EXPECT_EQ(gold.acquire_blocking_until(std::chrono::steady_clock::now() + 1ms).status(),
            status::timed_out);
  EXPECT_EQ(gold.acquire_blocking_for(-1h).status(), status::timed_out);
  EXPECT_THROW(static_cast<void>(gold.acquire_blocking_for(afflux::throws, 0s)), error);
  EXPECT_THROW(static_cast<void>(
                   gold.acquire_blocking_until(afflux::throws, std::chrono::system_clock::now())),
               error);
  EXPECT_THROW(static_cast<void>(gold.acquire_blocking(afflux::throws, 2)), error);
  std::thread other([&] { EXPECT_TRUE(gold.acquire_blocking(afflux::throws)); });
  afflux_test::await_waiters(sem.handle(), 1);
  held.release();
  other.join();
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppTenant, ByHand) {
  const semaphore sem(3);
  const tenant gold(sem);
  EXPECT_EQ(gold.try_acquire_raw(), status::ok);
  EXPECT_EQ(gold.acquire_blocking_raw(), status::ok);
  EXPECT_EQ(gold.acquire_blocking_raw_for(1h), status::ok);
  EXPECT_EQ(gold.acquire_blocking_raw_until(std::chrono::steady_clock::now()), status::timed_out);
  EXPECT_EQ(gold.release(4), status::overflow);
  EXPECT_EQ(gold.release(0), status::invalid);
  EXPECT_EQ(gold.release(), status::ok);
  {
    const permit adopted = gold.adopt(2);
    EXPECT_EQ(adopted.count(), 2u);
  }
  EXPECT_EQ(gold.adopt(0).status(), status::already);
  EXPECT_EQ(gold.stats().held, 0u);
  permit p = gold.try_acquire(3);
  EXPECT_EQ(p.detach(), 3u);
  EXPECT_EQ(gold.release(3), status::ok);
  EXPECT_EQ(sem.held(), 0u);
}

// ---- coroutines

TEST(CppTenant, AwaitedPermitsAreTheTenants) {
  const semaphore sem(1);
  const tenant gold(sem);
  const tenant silver(sem, {.guaranteed = 1});
  std::optional<status> first, second, third;
  owned a = keep(gold.acquire(), first);
  EXPECT_EQ(first, status::ok);
  EXPECT_EQ(gold.stats().held, 1u);
  owned b = keep(sem.acquire(), second);
  owned c = keep(sem.acquire().of(silver).priority(priority::low), third);
  EXPECT_EQ(sem.waiters(), 2u);
  a.destroy();
  EXPECT_EQ(third, status::ok);  // what is guaranteed comes first
  EXPECT_EQ(silver.stats().held, 1u);
  EXPECT_EQ(silver.stats().by_guarantee, 1u);
  c.destroy();
  EXPECT_EQ(second, status::ok);
  EXPECT_EQ(silver.stats().held + gold.stats().held, 0u);
  b.destroy();
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppTenant, ADestroyedCoroutineGivesBackWhatItsTenantWasGranted) {
  const semaphore sem(1);
  const tenant gold(sem);
  std::optional<status> first, second, third;
  {
    owned busy = keep(gold.acquire(), first);
    const owned waits = keep(gold.acquire(), second);
    EXPECT_EQ(gold.stats().waiting, 1u);
  }
  EXPECT_FALSE(second);
  EXPECT_EQ(gold.stats().held + gold.stats().waiting, 0u);
  EXPECT_EQ(gold.stats().canceled, 1u);
  // Granted, and destroyed by another that the same release has let in, before it goes on.
  owned busy = keep(gold.acquire(), first);
  owned waits;
  const auto destroys = [](const semaphore& s, owned& other) -> owned {
    const permit p = co_await s.acquire().within(1h);
    other.destroy();
  };
  EXPECT_EQ(sem.resize(2), status::ok);
  owned also_busy = keep(gold.acquire(), first);
  const owned killer = destroys(sem, waits);
  waits = keep(gold.acquire(), third);
  EXPECT_EQ(sem.waiters(), 2u);
  EXPECT_EQ(sem.resize(4), status::ok);
  EXPECT_TRUE(killer.done());
  busy.destroy();
  also_busy.destroy();
  waits.destroy();
  EXPECT_EQ(gold.stats().held, 0u);
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppTenant, AwaitsWithEveryOption) {
  const semaphore sem(1);
  const tenant gold(sem, {.cap = 1});
  const permit held = gold.try_acquire();
  std::optional<status> result;
  const auto ends_with = [&](auto op, status expected) {
    result.reset();
    const owned task = keep(std::move(op), result);
    EXPECT_EQ(result, expected);
  };
  ends_with(gold.acquire().within(0s), status::again);
  ends_with(gold.acquire(2), status::too_big);
  ends_with(gold.acquire(2).wait_for_resize().within(0s), status::again);
  ends_with(gold.acquire().until(std::chrono::steady_clock::now()), status::again);
  const auto throws = [](const tenant& t, bool& thrown) -> owned {
    try {
      static_cast<void>(co_await t.acquire().within(0s).or_throw());
    } catch (const error& e) {
      thrown = e.code() == status::again;
    }
  };
  bool thrown = false;
  const owned task = throws(gold, thrown);
  EXPECT_TRUE(thrown);
}

TEST(CppTenant, AwaitsOnAPort) {
  const semaphore sem(1);
  const tenant gold(sem);
  afflux::port loop({.kind = afflux::port_kind::callback, .doorbell = [](void*) {}});
  permit held = sem.try_acquire();
  std::optional<status> result;
  owned task = keep(gold.acquire().resume_on(loop), result);
  held.release();
  EXPECT_FALSE(result);
  EXPECT_EQ(loop.run_ready(1), 1u);
  EXPECT_EQ(result, status::ok);
  EXPECT_EQ(gold.stats().held, 1u);
  task.destroy();
  EXPECT_EQ(gold.stats().held, 0u);
}

TEST(CppTenant, ATenantOfAnotherSemaphoreIsInvalid) {
  const semaphore sem(1);
  const semaphore other(1);
  const tenant gold(other);
  std::optional<status> result;
  const owned task = keep(sem.acquire().of(gold), result);
  EXPECT_EQ(result, status::invalid);
  EXPECT_EQ(sem.acquire_token({.of = &gold}).status(), status::invalid);
  EXPECT_EQ(sem.held() + other.held(), 0u);
}

TEST(CppTenant, NeitherWithAClientNorAmongSeveral) {
  const semaphore sem(3);
  const semaphore other(3);
  const tenant gold(sem);
  const client accounted;
  std::optional<status> result;
  const owned task = keep(gold.acquire().account_to(accounted), result);
  EXPECT_EQ(result, status::invalid);
  EXPECT_EQ(sem.acquire_token({.account_to = &accounted, .of = &gold}).status(), status::invalid);
  const auto several = [](const semaphore& s, const tenant& t, status& one, status& both) -> owned {
    const auto [index, p] = co_await any(s.acquire(), t.acquire());
    one = p.status();
    const auto [first, second] = co_await all(t.acquire(), s.acquire());
    both = first.status();
  };
  status one = status::ok;
  status both = status::ok;
  const owned task_of_several = several(other, gold, one, both);
  EXPECT_EQ(one, status::invalid);
  EXPECT_EQ(both, status::invalid);
  EXPECT_EQ(sem.held() + other.held(), 0u);
}

// ---- tokens

TEST(CppTenant, TokensKeepTheirTenant) {
  const semaphore sem(9);
  auto gold = std::make_unique<tenant>(sem, tenant_options{.cap = 9});
  ::afflux_tenant* const borrowed = gold->handle();
  permit_token named = sem.acquire_token({.permits = 2, .of = gold.get()});
  permit_token direct = gold->acquire_token(1, "upload");
  permit_token timed = gold->acquire_token_for(1h);
  permit_token until = gold->acquire_token_until(std::chrono::steady_clock::now() + 1h);
  ASSERT_EQ(gold->acquire_blocking_raw(2), status::ok);
  permit_token adopted = gold->adopt_token(2);
  permit_token of_permit(gold->try_acquire(2));
  EXPECT_EQ(gold->stats().held, 9u);
  EXPECT_EQ(gold->acquire_token_for(0s).status(), status::timed_out);
  EXPECT_EQ(gold->adopt_token(10).status(), status::overflow);
  EXPECT_EQ(gold->adopt_token(0).status(), status::invalid);
  gold.reset();
  EXPECT_EQ(named.merge(adopted), status::ok);
  EXPECT_EQ(named.count(), 4u);
  for (permit_token* each : {&named, &direct, &timed, &until}) {
    EXPECT_EQ(each->release(), status::ok);
  }
  const tenant found = tenant::from_handle(::afflux_tenant_ref(borrowed));
  EXPECT_EQ(found.stats().held, 2u);
  EXPECT_EQ(of_permit.release(), status::ok);
  EXPECT_EQ(found.stats().held, 0u);
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppTenant, APermitThatBecomesNoTokenStays) {
  const semaphore sem(3);
  const tenant gold(sem);
  permit p = gold.try_acquire(2);
  ASSERT_EQ(gold.release(1), status::ok);  // behind its back
  const permit_token token(std::move(p));
  EXPECT_EQ(token.status(), status::overflow);
  EXPECT_EQ(p.count(), 2u);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(p.release(), status::overflow);
  EXPECT_EQ(gold.release(1), status::ok);
}

// ---- life

TEST(CppTenant, CreationAnswersWhy) {
  const semaphore sem(3);
  status made = status::ok;
  EXPECT_FALSE(tenant::create(sem, {.weight = 0}, made));
  EXPECT_EQ(made, status::invalid);
  EXPECT_THROW(tenant(sem, {.guaranteed = 3, .cap = 2}), error);
  const semaphore barging(
      afflux::options{.permits = 3, .fairness = afflux::fairness_policy::throughput});
  EXPECT_FALSE(tenant::create(barging, {}, made));
  EXPECT_EQ(made, status::not_supported);
  EXPECT_EQ(barging.set_default_weight(2), status::not_supported);
  EXPECT_TRUE(tenant::create(sem, {}, made));
  EXPECT_EQ(made, status::ok);
  EXPECT_EQ(sem.set_default_weight(0), status::invalid);
  EXPECT_EQ(sem.set_default_weight(AFFLUX_TENANT_MAX_WEIGHT), status::ok);
  EXPECT_EQ(sem.close(), status::ok);
  EXPECT_FALSE(tenant::create(sem, {}, made));
  EXPECT_EQ(made, status::closed);
  EXPECT_EQ(sem.set_default_weight(2), status::closed);
}

TEST(CppTenant, PassesOnEachOption) {
  const tenant_options o{
      .weight = 2, .guaranteed = 3, .cap = 4, .max_waiters = 5, .name = "a name"};
  const auto c = static_cast<::afflux_tenant_options>(o);
  EXPECT_EQ(c.struct_size, sizeof c);
  EXPECT_EQ(c.weight, 2u);
  EXPECT_EQ(c.guaranteed, 3u);
  EXPECT_EQ(c.cap, 4u);
  EXPECT_EQ(c.max_waiters, 5u);
  EXPECT_EQ(c.name, o.name);
}

TEST(CppTenant, SetAndClose) {
  const semaphore sem(3);
  const tenant gold(sem);
  EXPECT_EQ(gold.set({.weight = 7, .guaranteed = 1, .cap = 2, .max_waiters = 9}), status::ok);
  const ::afflux_tenant_stats s = gold.stats();
  EXPECT_EQ(s.weight, 7u);
  EXPECT_EQ(s.guaranteed, 1u);
  EXPECT_EQ(s.cap, 2u);
  EXPECT_EQ(s.max_waiters, 9u);
  EXPECT_EQ(gold.set({.name = "another"}), status::invalid);
  EXPECT_EQ(gold.set({.weight = 0}), status::invalid);
  const permit held = gold.try_acquire(2);
  std::optional<status> result;
  const owned waits = keep(gold.acquire(), result);
  EXPECT_EQ(gold.close(), status::ok);
  EXPECT_EQ(result, status::closed);
  EXPECT_EQ(gold.close(), status::already);
  EXPECT_EQ(gold.set({}), status::closed);
  EXPECT_EQ(gold.try_acquire().status(), status::closed);
  EXPECT_EQ(gold.acquire_blocking().status(), status::closed);
  EXPECT_EQ(gold.stats().held, 2u);
}

TEST(CppTenant, OwnersShareOne) {
  const semaphore sem(1);
  tenant first(sem);
  tenant second = first.share();
  EXPECT_EQ(first.handle(), second.handle());
  tenant moved = std::move(first);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move)
  const permit held = sem.try_acquire();
  std::optional<status> result;
  const owned waits = keep(second.acquire(), result);
  swap(moved, second);
  moved = tenant::from_handle(nullptr);
  EXPECT_FALSE(moved);
  EXPECT_FALSE(result);
  second = tenant::from_handle(nullptr);
  EXPECT_EQ(result, status::closed);
}

TEST(CppTenant, KeepsItsSemaphoreAlive) {
  const tenant gold = [] {
    const semaphore sem(1);
    return tenant(sem);
  }();
  const permit held = gold.try_acquire();
  EXPECT_TRUE(held);
}

}  // namespace
