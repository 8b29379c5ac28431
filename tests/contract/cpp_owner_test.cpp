// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Owners (afflux.hpp, chapter 1): what is made without arguments works, and an empty one that is
// used says so: by an assertion, and by its answer.
namespace {
int failed_assertions = 0;
}  // namespace
#define AFFLUX_ASSERT(condition) (static_cast<bool>(condition) ? void() : void(++failed_assertions))

#include <afflux/afflux.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "support/coroutines.h"
#include "support/port.h"

namespace {

using namespace std::chrono_literals;
using afflux::client;
using afflux::event;
using afflux::permit;
using afflux::port;
using afflux::registry;
using afflux::semaphore;
using afflux::status;
using afflux::wait_queue;
using afflux_test::owned;

// A limit has to be chosen.
static_assert(!std::is_default_constructible_v<semaphore>);
static_assert(std::is_default_constructible_v<event> &&
              std::is_default_constructible_v<wait_queue>);
static_assert(std::is_default_constructible_v<client> && std::is_default_constructible_v<registry>);
static_assert(std::is_nothrow_move_constructible_v<client> &&
              !std::is_copy_constructible_v<client>);
static_assert(std::is_nothrow_move_assignable_v<registry> && !std::is_copy_assignable_v<registry>);

template <class Operation>
owned note(Operation op, std::optional<status>& out) {
  out = co_await std::move(op);
}
template <class Operation>
owned note_permit(Operation op, std::optional<status>& out) {
  const permit p = co_await std::move(op);
  out = p.status();
}

class CppOwner : public testing::Test {
 protected:
  void SetUp() override { failed_assertions = 0; }
  void TearDown() override { EXPECT_EQ(failed_assertions, 0); }

  /// Runs `use`, which has to fail an assertion, and tells what it answers.
  template <class Use>
  auto reported(Use use) {
    const int before = std::exchange(failed_assertions, 0);
    auto answer = use();
    EXPECT_GT(failed_assertions, 0) << "not reported";
    failed_assertions = before;
    return answer;
  }

  template <class Owner>
  static void move_away(Owner& from) {
    const Owner gone(std::move(from));
  }
};

// ---------------------------------------------------------------------------------------------
// Made without arguments
// ---------------------------------------------------------------------------------------------

TEST_F(CppOwner, AnEventMadeByDefaultIsAutoReset) {
  const event e;
  ASSERT_TRUE(e);
  EXPECT_EQ(e.notify_one(), status::ok);
  EXPECT_EQ(e.wait_blocking_for(0s), status::ok);
  EXPECT_EQ(e.wait_blocking_for(0s), status::timed_out);
}

TEST_F(CppOwner, AnEventCanBeMadeWhereItIsLookedUp) {
  std::map<int, event> by_number;
  EXPECT_EQ(by_number[7].notify_one(), status::ok);
  EXPECT_TRUE(by_number[7].is_set());
}

TEST_F(CppOwner, AQueueMadeByDefaultTakesWaiters) {
  const wait_queue q;
  std::optional<status> result;
  const owned waits = note(q.wait_unless([] { return false; }), result);
  EXPECT_EQ(q.waiters(), 1u);
  EXPECT_EQ(q.wake_one(), status::ok);
  EXPECT_EQ(result, status::ok);
}

TEST_F(CppOwner, APortMadeByDefaultIsThePlatformsOwn) {
  status automatic = status::ok;
  if (!port::create({}, automatic)) {
    EXPECT_THROW(port(), afflux::error);
    return;
  }
  port loop;
  EXPECT_NE(loop.native_handle(), -1);
  std::optional<status> result;
  const owned enters = note(loop.enter(), result);
  EXPECT_EQ(loop.run_ready(1), 1u);
  EXPECT_EQ(result, status::ok);
}

TEST_F(CppOwner, AClientAndARegistryMadeByDefaultCount) {
  const client tenant;
  const registry all;
  EXPECT_EQ(all.add(tenant), status::ok);
  EXPECT_EQ(tenant.count_bytes(3), status::ok);
  EXPECT_EQ(all.summary().client.bytes, 3u);
}

// ---------------------------------------------------------------------------------------------
// What an empty one may be used for
// ---------------------------------------------------------------------------------------------

template <class Owner, class Make>
void expect_legal_when_empty(Make make) {
  Owner a = make();
  const Owner b(std::move(a));
  EXPECT_TRUE(b);
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): that is the promise
  EXPECT_EQ(a.handle(), nullptr);
  Owner still_empty(std::move(a));
  EXPECT_FALSE(still_empty);
  Owner c = make();
  swap(c, still_empty);
  EXPECT_FALSE(c);
  EXPECT_TRUE(still_empty);
  a = make();
  EXPECT_TRUE(a);
}

TEST_F(CppOwner, AnEmptyOneMovesSwapsAndIsAssignedTo) {
  expect_legal_when_empty<semaphore>([] { return semaphore(1); });
  expect_legal_when_empty<event>([] { return event(); });
  expect_legal_when_empty<wait_queue>([] { return wait_queue(); });
  expect_legal_when_empty<client>([] { return client(); });
  expect_legal_when_empty<registry>([] { return registry(); });
  expect_legal_when_empty<port>(
      [] { return port({.kind = afflux::port_kind::callback, .doorbell = [](void*) {}}); });
}

TEST_F(CppOwner, AnEmptyOneSharesToAnEmptyOne) {
  EXPECT_FALSE(semaphore::from_handle(nullptr).share());
  EXPECT_FALSE(event::from_handle(nullptr, afflux::reset::manual).share());
  EXPECT_FALSE(wait_queue::from_handle(nullptr).share());
  EXPECT_FALSE(client::from_handle(nullptr).share());
  EXPECT_FALSE(registry::from_handle(nullptr).share());
}

TEST_F(CppOwner, AnEmptyPermitIsNoError) {
  permit p;
  EXPECT_EQ(p.release(), status::already);
  EXPECT_EQ(p.count(), 0u);
  afflux::permit_token t;
  EXPECT_EQ(t.release(), status::already);
  EXPECT_EQ(t.forget(), status::already);
  EXPECT_EQ(t.count() + t.id(), 0u);
}

// ---------------------------------------------------------------------------------------------
// Used although it is empty
// ---------------------------------------------------------------------------------------------

TEST_F(CppOwner, AnEmptySemaphoreIsReported) {
  semaphore none(1);
  move_away(none);
  EXPECT_EQ(reported([&] { return none.try_acquire().status(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.try_acquire_raw(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.try_acquire_up_to(0, 1).status(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.acquire_blocking().status(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.acquire_blocking_for(1h).status(); }), status::invalid);
  const auto soon = std::chrono::system_clock::now() + 1h;
  EXPECT_EQ(reported([&] { return none.acquire_blocking_until(soon).status(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.acquire_token().status(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.acquire_token_for(1h).status(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.acquire_token_until(soon).status(); }), status::invalid);
  EXPECT_EQ(reported([&] { return afflux::permit_token(none).status(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.adopt_token(1).status(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.adopt(3).status(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.drain().status(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.release(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.close(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.resize(1); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.resize_by(1); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.wait_idle_blocking(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.health().status; }), status::invalid);
  EXPECT_EQ(reported([&] { return none.visit_holders([](const auto&) {}); }), status::invalid);
  EXPECT_FALSE(reported([&] { return none.is_closed(); }));
  EXPECT_EQ(reported([&] { return none.limit(); }), 0u);
  EXPECT_EQ(reported([&] { return none.available(); }), 0u);
  EXPECT_EQ(reported([&] { return none.held(); }), 0u);
  EXPECT_EQ(reported([&] { return none.waiters(); }), 0u);
  EXPECT_EQ(reported([&] { return none.stats().limit; }), 0u);
  EXPECT_THROW(reported([&] { return none.acquire_blocking(afflux::throws); }), afflux::error);
  failed_assertions = 0;

  std::optional<status> result;
  const owned acquires = reported([&] { return note_permit(none.acquire(), result); });
  EXPECT_EQ(result, status::invalid);
  const owned waits = reported([&] { return note(none.wait_idle(), result); });
  EXPECT_EQ(result, status::invalid);
}

TEST_F(CppOwner, AnEmptyEventIsReported) {
  event none;
  move_away(none);
  EXPECT_EQ(reported([&] { return none.wait_blocking(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.wait_blocking_for(1h); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.notify_one(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.notify_all(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.pulse(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.clear(); }), status::invalid);
  EXPECT_FALSE(reported([&] { return none.is_set(); }));
  EXPECT_EQ(reported([&] { return none.waiters(); }), 0u);
  std::optional<status> result;
  const owned waits = reported([&] { return note(none.wait(), result); });
  EXPECT_EQ(result, status::invalid);
}

TEST_F(CppOwner, AnEmptyQueueIsReported) {
  wait_queue none;
  move_away(none);
  EXPECT_EQ(reported([&] { return none.wake_one(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.wake_n(1); }), 0u);
  EXPECT_EQ(reported([&] { return none.wake_all(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.waiters(); }), 0u);
  std::optional<status> result;
  const owned waits =
      reported([&] { return note(none.wait_unless([] { return false; }), result); });
  EXPECT_EQ(result, status::invalid);
}

TEST_F(CppOwner, AnEmptyPortIsReported) {
  status why = status::ok;
  port none = port::from_handle(nullptr, why);
  EXPECT_EQ(why, status::invalid);
  EXPECT_EQ(reported([&] { return none.native_handle(); }), -1);
  EXPECT_EQ(reported([&] { return none.pending(); }), 0u);
  EXPECT_EQ(reported([&] { return none.run_ready(1); }), 0u);
  EXPECT_EQ(reported([&] { return none.close(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.prep_uring(nullptr); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.check_uring(nullptr); }), status::invalid);
  std::array<afflux_completion, 1> out;
  EXPECT_EQ(reported([&] { return none.drain(out); }), 0u);

  const semaphore sem(1);
  const permit held = sem.try_acquire();
  std::optional<status> waited;
  std::optional<status> entered;
  const owned a = reported([&] { return note_permit(sem.acquire().resume_on(none), waited); });
  const owned b = reported([&] { return note(none.enter(), entered); });
  EXPECT_EQ(waited, status::invalid);
  EXPECT_EQ(entered, status::invalid);
  const auto one = [](const semaphore& s, const port& in, std::optional<status>& answer) -> owned {
    const auto [index, p] = co_await any(s.acquire(), s.acquire()).resume_on(in);
    answer = p.status();
  };
  std::optional<status> several;
  const owned c = reported([&] { return one(sem, none, several); });
  EXPECT_EQ(several, status::invalid);
}

TEST_F(CppOwner, AnEmptyClientIsReported) {
  client none;
  move_away(none);
  EXPECT_EQ(reported([&] { return none.count_requests(0); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.count_bytes(1); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.set_run_bytes(1); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.begin_run(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.count_response(500); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.count_reconnection(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.count_timeout(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.count_lines(0, 1, 0); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.set_speed(1); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.set_position(1s); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.responses(500); }), 0u);
  EXPECT_EQ(reported([&] { return none.summary().bytes; }), 0u);
  EXPECT_EQ(reported([&] { return std::string_view(none.name()); }), "");
  const semaphore sem(1);
  EXPECT_EQ(reported([&] { return sem.acquire_token({.account_to = &none}).status(); }),
            status::ok);
}

TEST_F(CppOwner, AnEmptyTenantIsReported) {
  const semaphore sem(1);
  afflux::tenant none(sem);
  move_away(none);
  EXPECT_EQ(reported([&] { return none.try_acquire().status(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.acquire_blocking().status(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.acquire_token().status(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.adopt_token(1).status(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.try_acquire_raw(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.acquire_blocking_raw(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.release(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.adopt(1).status(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.set({}); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.close(); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.stats().acquired; }), 0u);
  EXPECT_EQ(reported([&] { return std::string_view(none.name()); }), "");
  // Such a request is not one of those that name none.
  EXPECT_EQ(reported([&] { return sem.acquire_token({.of = &none}).status(); }), status::invalid);
  std::optional<status> own;
  std::optional<status> named;
  const owned a = reported([&] { return note_permit(none.acquire(), own); });
  const owned b = reported([&] { return note_permit(sem.acquire().of(none), named); });
  EXPECT_EQ(own, status::invalid);
  EXPECT_EQ(named, status::invalid);
  EXPECT_EQ(sem.held(), 0u);
}

TEST_F(CppOwner, AnEmptyRegistryIsReported) {
  registry none;
  move_away(none);
  const semaphore sem(1);
  const client tenant;
  EXPECT_EQ(reported([&] { return none.add(sem); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.add(tenant); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.remove(sem); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.remove(tenant); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.visit_clients([](const client&) {}); }), status::invalid);
  EXPECT_EQ(reported([&] { return none.visit_semaphores([](const semaphore&) {}); }),
            status::invalid);
  EXPECT_EQ(reported([&] { return none.summary().sems; }), 0u);
  EXPECT_EQ(reported([&] { return none.write([](std::string_view) {}); }), status::invalid);
  EXPECT_THROW(reported([&] { return none.text(); }), afflux::error);
  failed_assertions = 0;
}

TEST_F(CppOwner, ARegistryReportsWhatIsEmpty) {
  const registry all;
  semaphore sem(1);
  client tenant;
  move_away(sem);
  move_away(tenant);
  EXPECT_EQ(reported([&] { return all.add(sem); }), status::invalid);
  EXPECT_EQ(reported([&] { return all.remove(sem); }), status::invalid);
  EXPECT_EQ(reported([&] { return all.add(tenant); }), status::invalid);
  EXPECT_EQ(reported([&] { return all.remove(tenant); }), status::invalid);
}

}  // namespace
