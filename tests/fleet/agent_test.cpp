// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The agent over engines that a test holds in its hand: what it does to the semaphore, that a lease
// ends on time whatever the engine does, and how it ends itself.
#include "fleet/agent.h"

#include <afflux/fleet.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "await.h"
#include "fleet/clock.h"
#include "fleet/memory_engine.h"

namespace afflux_test {
namespace {

using namespace afflux::fleet;

constexpr std::int64_t kMs = 1'000'000;

// An engine in memory that can be cut off, or left without an answer.
struct fault {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_cut = false;
  bool hangs = false;
  bool lacks_memory = false;
  int calls = 0;

  void set(bool fault::*which, bool to) {
    {
      const std::scoped_lock lock(mutex);
      this->*which = to;
    }
    changed.notify_all();
  }
};

class faulty_engine final : public engine {
 public:
  faulty_engine(std::shared_ptr<memory_store> store, std::shared_ptr<fault> f)
      : under_(std::move(store)), fault_(std::move(f)) {}

  outcome exchange(const std::string& name, const request& q, std::int64_t deadline,
                   reply& ret_reply) override {
    std::unique_lock lock(fault_->mutex);
    ++fault_->calls;
    // Longer than it may.
    fault_->changed.wait(lock, [this] { return !fault_->hangs; });
    if (fault_->lacks_memory) throw std::bad_alloc();
    if (fault_->is_cut) return {failure::unreachable, "cut"};
    return under_.exchange(name, q, deadline, ret_reply);
  }
  outcome read(const std::string& name, std::int64_t deadline, record& ret_record) override {
    return under_.read(name, deadline, ret_record);
  }
  outcome names(std::int64_t deadline, std::vector<std::string>& ret_names) override {
    return under_.names(deadline, ret_names);
  }

 private:
  memory_engine under_;
  std::shared_ptr<fault> fault_;
};

class FleetAgent : public testing::Test {
 protected:
  std::shared_ptr<agent> make(bool is_manual = false) {
    agent_terms t;
    t.name = "x";
    t.timeout = 20 * kMs;
    t.is_manual = is_manual;
    t.is_fresh = true;
    t.on_change = [](void* ctx, std::uint64_t permits, std::uint64_t token, std::uint32_t state) {
      auto& self = *static_cast<FleetAgent*>(ctx);
      if (self.on_change) self.on_change(permits, token, state);
    };
    t.ctx = this;
    t.lease.holder = "h" + std::to_string(++made_);
    t.lease.lease = 100 * kMs;
    t.lease.refresh = 8 * kMs;
    t.lease.margin = 5 * kMs;
    t.lease.limit = 10;
    t.lease.fallback = fallback;
    afflux_sem_options o;
    afflux_sem_options_init(&o);
    o.permits = 10;
    afflux_sem* sem = nullptr;
    EXPECT_EQ(afflux_sem_create(&o, &sem), AFFLUX_OK);
    const auto a = std::make_shared<agent>(std::move(t),
                                           std::make_unique<faulty_engine>(store, faults), sem, 10);
    afflux_sem_unref(sem);
    a->start();
    return a;
  }
  static afflux_fleet_stats stats(const agent& a) {
    afflux_fleet_stats s{};
    a.read(s);
    return s;
  }
  static void await_permits(const agent& a, std::uint64_t n) {
    await([&] { return stats(a).permits == n; });
  }
  static void await_state(const agent& a, std::uint32_t state) {
    await([&] { return stats(a).state == state; });
  }

  std::shared_ptr<memory_store> store = std::make_shared<memory_store>();
  std::shared_ptr<fault> faults = std::make_shared<fault>();
  std::function<void(std::uint64_t, std::uint64_t, std::uint32_t)> on_change;
  std::uint64_t fallback = 0;

 private:
  int made_ = 0;
};

TEST_F(FleetAgent, LetsRequestsWaitForTheFirstLease) {
  faults->set(&fault::hangs, true);
  const auto a = make();
  EXPECT_EQ(afflux_sem_try_acquire(a->sem(), 1), AFFLUX_EAGAIN);
  std::thread waits([&] {
    EXPECT_EQ(afflux_sem_acquire(a->sem(), 10, AFFLUX_FOREVER), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_release(a->sem(), 10), AFFLUX_OK);
  });
  await([&] { return afflux_sem_waiters(a->sem()) == 1; });
  faults->set(&fault::hangs, false);
  waits.join();
  EXPECT_EQ(afflux_sem_acquire(a->sem(), 21, 0), AFFLUX_E2BIG);
  EXPECT_EQ(a->close(0), AFFLUX_OK);
}

TEST_F(FleetAgent, EndsTheLeaseAlthoughTheEngineHangs) {
  const auto a = make();
  await_permits(*a, 10);
  faults->set(&fault::hangs, true);
  await_permits(*a, 0);
  EXPECT_EQ(afflux_sem_try_acquire(a->sem(), 1), AFFLUX_EAGAIN);
  afflux_fleet_fence f{};
  a->read(f);
  EXPECT_EQ(f.remaining_ns, 0);
  const std::uint64_t before = f.tenure;
  faults->set(&fault::hangs, false);
  await_permits(*a, 10);
  a->read(f);
  EXPECT_GT(f.tenure, before);
  EXPECT_EQ(a->close(0), AFFLUX_OK);
}

TEST_F(FleetAgent, KeepsWhoWaitsInLineWhileTheEngineIsAway) {
  const auto a = make();
  await_permits(*a, 10);
  ASSERT_EQ(afflux_sem_acquire(a->sem(), 10, 0), AFFLUX_OK);
  faults->set(&fault::is_cut, true);
  await_state(*a, AFFLUX_FLEET_AWAY);
  await_permits(*a, 0);  // the state is by the clock, and may be told a moment before that
  EXPECT_EQ(stats(*a).state, std::uint32_t{AFFLUX_FLEET_LAPSED});
  EXPECT_EQ(a->last_failure(), "cut");
  std::thread waits([&] {
    EXPECT_EQ(afflux_sem_acquire(a->sem(), 4, AFFLUX_FOREVER), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_release(a->sem(), 4), AFFLUX_OK);
  });
  await([&] { return stats(*a).waiters == 1; });
  EXPECT_EQ(afflux_sem_release(a->sem(), 10), AFFLUX_OK);
  EXPECT_EQ(stats(*a).waiters, 1u) << "nothing is leased";
  faults->set(&fault::is_cut, false);
  waits.join();
  EXPECT_EQ(a->last_failure(), "");
  EXPECT_EQ(a->close(0), AFFLUX_OK);
  EXPECT_EQ(store->read("x").holders.size(), 0u);
}

TEST_F(FleetAgent, FallsBackWhereItIsToldTo) {
  fallback = 3;
  const auto a = make();
  await_permits(*a, 10);
  faults->set(&fault::is_cut, true);
  await_permits(*a, 3);
  await_state(*a, AFFLUX_FLEET_FALLEN_BACK);
  EXPECT_EQ(afflux_sem_acquire(a->sem(), 3, 0), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_try_acquire(a->sem(), 1), AFFLUX_EAGAIN);
  EXPECT_EQ(afflux_sem_release(a->sem(), 3), AFFLUX_OK);
  faults->set(&fault::is_cut, false);
  await_permits(*a, 10);
  EXPECT_EQ(a->close(0), AFFLUX_OK);
}

TEST_F(FleetAgent, KeepsItsPermitsOverALossOfMemory) {
  const auto a = make();
  await_permits(*a, 10);
  ASSERT_EQ(afflux_sem_acquire(a->sem(), 4, 0), AFFLUX_OK);
  afflux_fleet_fence f{};
  a->read(f);
  const std::uint64_t tenure = f.tenure;
  store->move_to("another");
  await([&] { return stats(*a).epochs == 1; });
  EXPECT_EQ(stats(*a).permits, 10u);
  a->read(f);
  EXPECT_EQ(f.tenure, tenure) << "without a gap";
  await_state(*a, AFFLUX_FLEET_SILENT);
  await_state(*a, AFFLUX_FLEET_LEASED);
  EXPECT_EQ(afflux_sem_release(a->sem(), 4), AFFLUX_OK);
  EXPECT_EQ(a->close(0), AFFLUX_OK);
}

TEST_F(FleetAgent, SurvivesALackOfMemory) {
  const auto a = make();
  await_permits(*a, 10);
  faults->set(&fault::lacks_memory, true);
  await_permits(*a, 0);
  faults->set(&fault::lacks_memory, false);
  await_permits(*a, 10);
  EXPECT_EQ(a->close(0), AFFLUX_OK);
}

TEST_F(FleetAgent, SharesWithAnother) {
  const auto a = make();
  await_permits(*a, 10);
  const auto b = make();
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(afflux_sem_acquire(b->sem(), 4, AFFLUX_FOREVER), AFFLUX_OK);
    EXPECT_LE(stats(*a).permits + 4, 10u);
    EXPECT_EQ(afflux_sem_release(b->sem(), 4), AFFLUX_OK);
    ASSERT_EQ(afflux_sem_acquire(a->sem(), 6, AFFLUX_FOREVER), AFFLUX_OK);
    EXPECT_LE(stats(*b).permits + 6, 10u);
    EXPECT_EQ(afflux_sem_release(a->sem(), 6), AFFLUX_OK);
  }
  EXPECT_EQ(a->close(0), AFFLUX_OK);
  await_permits(*b, 10);
  EXPECT_EQ(b->close(0), AFFLUX_OK);
}

TEST_F(FleetAgent, GetsEnoughForARequestThatIsLargerThanThoseBefore) {
  const auto a = make();
  const auto b = make();
  await([&] { return stats(*a).permits + stats(*b).permits == 10 && stats(*b).permits > 0; });
  // How many permits a queued request wants no one tells: it grows until it is served.
  EXPECT_EQ(afflux_sem_acquire(a->sem(), 9, AFFLUX_FOREVER), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(a->sem(), 9), AFFLUX_OK);
  EXPECT_EQ(a->close(0), AFFLUX_OK);
  EXPECT_EQ(b->close(0), AFFLUX_OK);
}

// ---- the end

TEST_F(FleetAgent, ClosesWhatWaitsAndWaitsForWhatIsHeld) {
  const auto a = make();
  await_permits(*a, 10);
  ASSERT_EQ(afflux_sem_acquire(a->sem(), 10, 0), AFFLUX_OK);
  std::thread waits(
      [&] { EXPECT_EQ(afflux_sem_acquire(a->sem(), 1, AFFLUX_FOREVER), AFFLUX_ECLOSED); });
  await([&] { return afflux_sem_waiters(a->sem()) == 1; });
  std::thread closes([&] { EXPECT_EQ(a->close(AFFLUX_FOREVER), AFFLUX_OK); });
  waits.join();
  EXPECT_EQ(stats(*a).state, std::uint32_t{AFFLUX_FLEET_CLOSED});
  EXPECT_EQ(store->read("x").total, 10u);
  EXPECT_EQ(afflux_sem_release(a->sem(), 10), AFFLUX_OK);
  closes.join();
  EXPECT_EQ(store->read("x").total, 0u);
  EXPECT_EQ(a->close(0), AFFLUX_EALREADY);
}

TEST_F(FleetAgent, LeavesWhatIsHeldToTheEndOfTheLease) {
  const auto a = make();
  await_permits(*a, 10);
  ASSERT_EQ(afflux_sem_acquire(a->sem(), 4, 0), AFFLUX_OK);
  EXPECT_EQ(a->close(0), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(store->read("x").total, 4u);
  EXPECT_EQ(afflux_sem_release(a->sem(), 4), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_wait_idle(a->sem(), AFFLUX_FOREVER), AFFLUX_OK);
  const auto b = make();
  await_permits(*b, 10);
  EXPECT_EQ(b->close(0), AFFLUX_OK);
}

TEST_F(FleetAgent, ClosesWithoutTheEngine) {
  const auto a = make();
  await_permits(*a, 10);
  faults->set(&fault::is_cut, true);
  EXPECT_EQ(a->close(0), AFFLUX_EAGAIN);
  const auto b = make(true);
  EXPECT_EQ(b->close(0), AFFLUX_OK) << "it has sent nothing yet";
}

TEST_F(FleetAgent, CantBeClosedByItsOwnThread) {
  std::atomic<afflux_status> answered{AFFLUX_OK};
  std::atomic<agent*> which{nullptr};
  on_change = [&](auto...) {
    if (which != nullptr) answered = which.load()->close(0);
  };
  const auto a = make();
  which = a.get();
  faults->set(&fault::is_cut, true);
  await([&] { return answered == AFFLUX_EBUSY; });
  EXPECT_EQ(a->close(0), AFFLUX_EAGAIN);
}

TEST_F(FleetAgent, CanBeLetGoByItsOwnThread) {
  std::shared_ptr<agent> a;
  std::mutex mutex;
  std::weak_ptr<agent> watched;
  on_change = [&](std::uint64_t permits, auto...) {
    const std::scoped_lock lock(mutex);
    if (permits != 10 || a == nullptr) return;
    a->abandon();
    a.reset();
  };
  faults->set(&fault::hangs, true);
  {
    auto made = make();
    const std::scoped_lock lock(mutex);
    watched = a = std::move(made);
  }
  faults->set(&fault::hangs, false);
  await([&] { return watched.expired(); });
  EXPECT_EQ(store->read("x").holders.size(), 0u);
}

// ---- by hand

TEST_F(FleetAgent, WorksByHand) {
  const auto a = make(true);
  std::int64_t next = -1;
  EXPECT_EQ(stats(*a).state, std::uint32_t{AFFLUX_FLEET_STARTING});
  EXPECT_EQ(a->advance(&next), AFFLUX_OK);
  EXPECT_EQ(stats(*a).permits, 10u);
  EXPECT_GT(next, 0);
  EXPECT_LE(next, kMs) << "an eighth of a refresh interval";
  EXPECT_EQ(afflux_sem_acquire(a->sem(), 10, 0), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(a->sem(), 10), AFFLUX_OK);
  const int calls = faults->calls;
  EXPECT_EQ(a->advance(nullptr), AFFLUX_OK);
  EXPECT_EQ(faults->calls, calls) << "nothing is due";
  EXPECT_EQ(a->close(0), AFFLUX_OK);
  EXPECT_EQ(a->advance(&next), AFFLUX_ECLOSED);
  EXPECT_EQ(store->read("x").total, 0u);
}

// Nobody can call advance() meanwhile.
TEST_F(FleetAgent, ProlongsTheLeaseWhileItClosesByHand) {
  const auto a = make(true);
  EXPECT_EQ(a->advance(nullptr), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_acquire(a->sem(), 10, 0), AFFLUX_OK);
  std::thread closes([&] { EXPECT_EQ(a->close(AFFLUX_FOREVER), AFFLUX_OK); });
  await([&] { return stats(*a).exchanges >= 4; });
  EXPECT_EQ(store->read("x").total, 10u);
  EXPECT_EQ(a->close(0), AFFLUX_EALREADY) << "while the first one waits, too";
  EXPECT_EQ(a->advance(nullptr), AFFLUX_ECLOSED);
  EXPECT_EQ(afflux_sem_release(a->sem(), 10), AFFLUX_OK);
  closes.join();
  EXPECT_EQ(store->read("x").total, 0u);
}

TEST_F(FleetAgent, WaitsForATimeWhereItClosesByHand) {
  const auto a = make(true);
  EXPECT_EQ(a->advance(nullptr), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_acquire(a->sem(), 4, 0), AFFLUX_OK);
  EXPECT_EQ(a->close(20 * kMs), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(store->read("x").total, 4u) << "what is held stays leased";
  EXPECT_EQ(afflux_sem_release(a->sem(), 4), AFFLUX_OK);
}

TEST_F(FleetAgent, TellsThatNothingIsGrantedAfterItsEnd) {
  for (const bool is_manual : {false, true}) {
    std::uint64_t permits = 99;  // by the thread that is joined by close(), or this one
    std::uint32_t state = 99;
    on_change = [&](std::uint64_t n, std::uint64_t, std::uint32_t now_in) {
      permits = n;
      state = now_in;
    };
    const auto a = make(is_manual);
    if (is_manual) {
      EXPECT_EQ(a->advance(nullptr), AFFLUX_OK);
    }
    await_permits(*a, 10);
    EXPECT_EQ(a->close(0), AFFLUX_OK);
    EXPECT_EQ(permits, 0u);
    EXPECT_EQ(state, std::uint32_t{AFFLUX_FLEET_CLOSED});
  }
}

TEST_F(FleetAgent, CanBeLetGoWithinItsAdvance) {
  std::shared_ptr<agent> a;
  std::vector<std::uint32_t> states;
  on_change = [&](std::uint64_t, std::uint64_t, std::uint32_t state) {
    states.push_back(state);
    if (state == AFFLUX_FLEET_LEASED) std::exchange(a, nullptr)->abandon();
  };
  a = make(true);
  const auto kept = a;  // as the call of the C API does
  EXPECT_EQ(kept->advance(nullptr), AFFLUX_ECLOSED);
  EXPECT_EQ(store->read("x").holders.size(), 0u) << "what was leased is given back";
  EXPECT_EQ(states, (std::vector<std::uint32_t>{AFFLUX_FLEET_LEASED, AFFLUX_FLEET_CLOSED}));
}

TEST_F(FleetAgent, CanBeLetGoByACompletionWithinItsAdvance) {
  std::shared_ptr<agent> a = make(true);
  const auto kept = a;
  afflux_request r;
  afflux_request_init(&r);
  r.ctx = &a;
  r.wake = [](void* ctx, afflux_status s) {
    EXPECT_EQ(s, AFFLUX_OK);
    const auto mine = std::exchange(*static_cast<std::shared_ptr<agent>*>(ctx), nullptr);
    EXPECT_EQ(afflux_sem_release(mine->sem(), 1), AFFLUX_OK);
    mine->abandon();
  };
  afflux_waiter w{};
  ASSERT_EQ(afflux_sem_acquire_async(kept->sem(), &r, &w), AFFLUX_PENDING);
  EXPECT_EQ(kept->advance(nullptr), AFFLUX_ECLOSED);
  EXPECT_EQ(a, nullptr);
  EXPECT_EQ(store->read("x").holders.size(), 0u);
}

TEST_F(FleetAgent, AnswersEbusyToASecondThreadByHand) {
  const auto a = make(true);
  faults->set(&fault::hangs, true);
  std::thread advances([&] { EXPECT_EQ(a->advance(nullptr), AFFLUX_OK); });
  await([&] {
    const std::scoped_lock lock(faults->mutex);
    return faults->calls == 1;
  });
  EXPECT_EQ(a->advance(nullptr), AFFLUX_EBUSY);
  EXPECT_EQ(a->close(0), AFFLUX_EBUSY);
  faults->set(&fault::hangs, false);
  advances.join();
  EXPECT_EQ(a->close(0), AFFLUX_OK);
  const auto b = make();
  EXPECT_EQ(b->advance(nullptr), AFFLUX_EINVAL) << "it has threads";
  b->close(0);
}

}  // namespace
}  // namespace afflux_test
