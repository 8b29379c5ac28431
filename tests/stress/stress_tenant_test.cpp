// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sixteen threads share one semaphore as tenants, which come, go and change, while an oracle beside
// it counts who is inside: never more than the limit (S1), nor than a tenant's cap (TN1); a
// guaranteed share comes before all others (TN2); each request completes once (S3), and in the end
// all is free (S2) and every thread has got through (L1, L3).
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#include "../contract/support/tenant.h"
#include "stress.h"

namespace afflux_test {
namespace {

constexpr std::uint64_t kMaxLimit = 8;
constexpr int kThreads = 16;
constexpr std::uint64_t kCap = 2;

// Counts the permits in use, apart from the semaphore: from after a grant until before the release,
// so never too many.
class counted {
 public:
  explicit counted(std::uint64_t most) : most_(most) {}
  void enter(std::uint64_t n) {
    if (inside_.fetch_add(n) + n > most_) broken_.store(true);
    entered_.fetch_add(n, std::memory_order_relaxed);
  }
  void leave(std::uint64_t n) { inside_.fetch_sub(n); }
  bool broken() const { return broken_.load(); }
  std::uint64_t inside() const { return inside_.load(); }
  std::uint64_t entered() const { return entered_.load(); }

 private:
  const std::uint64_t most_;
  std::atomic<std::uint64_t> inside_{0};
  std::atomic<std::uint64_t> entered_{0};
  std::atomic<bool> broken_{false};
};

// One who shares the semaphore for as long as the test runs; without a handle those who name none.
struct sharer {
  afflux_sem* sem;
  counted* all;
  afflux_tenant* tenant;
  std::uint64_t most;  // permits that a request of its may ask for
  counted own;

  sharer(afflux_sem* s, counted& whole, afflux_tenant* t, std::uint64_t cap)
      : sem(s), all(&whole), tenant(t), most(cap < 3 ? cap : 3), own(cap) {}

  void enter(std::uint64_t n) {
    all->enter(n);
    own.enter(n);
  }
  void give_back(std::uint64_t n) {
    own.leave(n);
    all->leave(n);
    EXPECT_EQ(tenant != nullptr ? afflux_tenant_release(tenant, n) : afflux_sem_release(sem, n),
              AFFLUX_OK);
  }
};

// One request after another in the same memory. Its permits go back in its completion.
struct slot {
  alignas(64) afflux_waiter waiter{};
  sharer* of = nullptr;
  std::uint64_t permits = 0;
  bool queued = false;         // the owner's: PENDING and not yet seen to be over
  std::uint64_t expected = 0;  // the owner's: completions that must have come in the end
  std::atomic<std::uint64_t> completions{0};

  bool over() const { return completions.load() == expected; }

  static void wake(void* ctx, afflux_status status) {
    auto* const self = static_cast<slot*>(ctx);
    sharer* const of = self->of;
    const std::uint64_t n = self->permits;
    if (status == AFFLUX_OK) of->enter(n);
    self->completions.fetch_add(1);  // from here on the owner may use the slot again
    if (status == AFFLUX_OK) of->give_back(n);
  }
};

// One of a tenant that ends: its permits stay until the owner gives them back.
struct last_request {
  alignas(64) afflux_waiter waiter{};
  counted* all = nullptr;
  std::uint64_t permits = 0;
  std::atomic<afflux_status> result{kNotCompleted};

  static void wake(void* ctx, afflux_status status) {
    auto* const self = static_cast<last_request*>(ctx);
    if (status == AFFLUX_OK) self->all->enter(self->permits);
    self->result.store(status);
  }
};

class worker {
 public:
  worker(afflux_sem* sem, std::deque<sharer>& sharers, counted& all, random_engine random)
      : sem_(sem), sharers_(sharers), all_(all), random_(random) {}

  void step() {
    switch (below(random_, 10)) {
      case 0:
      case 1:
      case 2:
        return blocking();
      case 3:
        return trying();
      case 4:
      case 5:
      case 6:
        return queueing();
      case 7:
        return come_and_go();
      case 8:
        return token();
      default:
        return change();
    }
  }
  void finish() {
    for (slot& s : slots_) {
      if (s.queued && afflux_waiter_cancel(&s.waiter) == AFFLUX_OK) --s.expected;
    }
  }
  // With all others at their end, too.
  void await_end() const {
    for (const slot& s : slots_) await([&] { return s.over(); });
  }

 private:
  sharer& someone() { return sharers_[below(random_, sharers_.size())]; }
  std::uint64_t some_permits(const sharer& of) { return 1 + below(random_, of.most); }

  // What may become of a request beside OK, of a tenant that goes on: a shrink has made it too big.
  static bool refused(afflux_status s) {
    return s == AFFLUX_EAGAIN || s == AFFLUX_ETIMEDOUT || s == AFFLUX_E2BIG ||
           s == AFFLUX_EREJECTED;
  }

  void blocking() {
    sharer& of = someone();
    const std::uint64_t n = some_permits(of);
    constexpr std::int64_t kTimes[] = {0, 1000, 50'000, AFFLUX_FOREVER};
    const std::int64_t time = kTimes[below(random_, 4)];
    const afflux_status s = of.tenant != nullptr ? afflux_tenant_acquire(of.tenant, n, time)
                                                 : afflux_sem_acquire(sem_, n, time);
    if (s != AFFLUX_OK) {
      EXPECT_TRUE(refused(s)) << s;
      return;
    }
    of.enter(n);
    if (below(random_, 2) == 0) std::this_thread::yield();
    of.give_back(n);
  }

  void trying() {
    sharer& of = someone();
    const std::uint64_t n = some_permits(of);
    const afflux_status s = of.tenant != nullptr ? afflux_tenant_try_acquire(of.tenant, n)
                                                 : afflux_sem_try_acquire(sem_, n);
    if (s != AFFLUX_OK) {
      EXPECT_TRUE(refused(s)) << s;
      return;
    }
    of.enter(n);
    of.give_back(n);
  }

  void queueing() {
    slot& s = slots_[below(random_, slots_.size())];
    if (s.queued) {
      if (!s.over() && below(random_, 2) == 0 && afflux_waiter_cancel(&s.waiter) == AFFLUX_OK) {
        --s.expected;
      }
      s.queued = !s.over();
      if (s.queued) return;
    }
    s.of = &someone();
    s.permits = some_permits(*s.of);
    afflux_request request;
    afflux_request_init(&request);
    request.permits = s.permits;
    request.priority = static_cast<std::uint32_t>(below(random_, 4));
    request.tenant = s.of->tenant;
    request.wake = &slot::wake;
    request.ctx = &s;
    if (below(random_, 8) == 0) request.timeout_ns = kMillisecond;
    ++s.expected;
    const afflux_status answer = afflux_sem_acquire_async(sem_, &request, &s.waiter);
    s.queued = answer == AFFLUX_PENDING;
    if (s.queued) return;
    --s.expected;
    if (answer == AFFLUX_OK) {
      s.of->enter(s.permits);
      s.of->give_back(s.permits);
    } else {
      EXPECT_TRUE(refused(answer)) << answer;
    }
  }

  // A tenant whose last reference goes while its requests wait, and its permits are held.
  void come_and_go() {
    afflux_tenant_options options =
        tenant_options(static_cast<std::uint32_t>(1 + below(random_, 9)));
    options.guaranteed = below(random_, 2);
    options.cap = below(random_, 2) == 0 ? 0 : 2;
    tenant_guard tenant(sem_, options);
    std::uint64_t held = 0;
    if (afflux_tenant_try_acquire(tenant, 1) == AFFLUX_OK) {
      all_.enter(1);
      held = 1;
    }
    std::array<last_request, 3> requests;
    for (last_request& r : requests) {
      r.all = &all_;
      r.permits = 1 + below(random_, 2);
      afflux_request request;
      afflux_request_init(&request);
      request.permits = r.permits;
      request.tenant = tenant;
      request.wake = &last_request::wake;
      request.ctx = &r;
      const afflux_status s = afflux_sem_acquire_async(sem_, &request, &r.waiter);
      if (s != AFFLUX_PENDING) last_request::wake(&r, s);
    }
    const bool closes = below(random_, 2) == 0;
    if (closes) {
      EXPECT_EQ(afflux_tenant_close(tenant), AFFLUX_OK);
    }
    if (below(random_, 2) == 0) std::this_thread::yield();
    tenant.reset();
    for (last_request& r : requests) {
      await([&] { return r.result.load() != kNotCompleted; });
      if (r.result == AFFLUX_OK) {
        held += r.permits;
      } else {
        EXPECT_TRUE(r.result == AFFLUX_ECLOSED || r.result == AFFLUX_E2BIG) << r.result;
      }
    }
    if (held == 0) return;
    all_.leave(held);
    EXPECT_EQ(afflux_sem_release(sem_, held), AFFLUX_OK);
  }

  // It outlives the last reference that the program has.
  void token() {
    tenant_guard tenant(sem_, capped(3));
    afflux_request request;
    afflux_request_init(&request);
    request.tenant = tenant;
    request.permits = 1 + below(random_, 3);
    afflux_permit_token whole{}, part{};
    const afflux_status s = afflux_sem_acquire_permit(sem_, &request, 20'000, &whole);
    if (s != AFFLUX_OK) {
      EXPECT_TRUE(refused(s)) << s;
      return;
    }
    all_.enter(request.permits);
    tenant.reset();
    if (request.permits > 1) {
      EXPECT_EQ(afflux_permit_split(&whole, 1, &part), AFFLUX_OK);
    }
    all_.leave(request.permits);
    EXPECT_EQ(afflux_permit_release(&whole), AFFLUX_OK);
    EXPECT_EQ(afflux_permit_release(&part), request.permits > 1 ? AFFLUX_OK : AFFLUX_EALREADY);
  }

  void change() {
    const auto weight = static_cast<std::uint32_t>(1 + below(random_, 100));
    sharer& of = sharers_[below(random_, sharers_.size())];
    switch (below(random_, 3)) {
      case 0:
        EXPECT_EQ(afflux_sem_resize(sem_, 1 + below(random_, kMaxLimit)), AFFLUX_OK);
        break;
      case 1:
        EXPECT_EQ(afflux_tenant_set_default_weight(sem_, weight), AFFLUX_OK);
        break;
      default: {
        if (of.tenant == nullptr) return;
        afflux_tenant_stats now;
        afflux_tenant_stats_init(&now);
        EXPECT_EQ(afflux_tenant_get_stats(of.tenant, &now), AFFLUX_OK);
        EXPECT_TRUE(now.cap == 0 || now.held <= now.cap) << now.held;
        afflux_tenant_options o = tenant_options(weight);
        o.cap = now.cap;  // it stays
        o.guaranteed = below(random_, 2);
        o.max_waiters = below(random_, 3) == 0 ? 4 : 0;
        EXPECT_EQ(afflux_tenant_set(of.tenant, &o), AFFLUX_OK);
      }
    }
  }

  afflux_sem* sem_;
  std::deque<sharer>& sharers_;
  counted& all_;
  random_engine random_;
  std::array<slot, 8> slots_;
};

using TenantStress = stress;

TEST_P(TenantStress, NeverMoreThanTheLimitAndEachCap) {
  const sem_guard sem(options(kMaxLimit));
  const tenant_guard heavy(sem, tenant_options(20)), light(sem), small(sem, capped(kCap)),
      single(sem, capped(1));
  counted all(kMaxLimit);
  std::deque<sharer> sharers;
  sharers.emplace_back(sem, all, nullptr, kMaxLimit);
  sharers.emplace_back(sem, all, heavy, kMaxLimit);
  sharers.emplace_back(sem, all, light, kMaxLimit);
  sharers.emplace_back(sem, all, small, kCap);
  sharers.emplace_back(sem, all, single, 1);
  std::deque<worker> workers;
  for (int t = 0; t < kThreads; ++t) {
    workers.emplace_back(sem, sharers, all, engine(static_cast<std::uint64_t>(t)));
  }
  std::vector<std::thread> threads;
  for (worker& w : workers) {
    threads.emplace_back([&] {
      while (time_left()) w.step();
      w.finish();
    });
  }
  for (std::thread& t : threads) t.join();
  for (const worker& w : workers) w.await_end();
  EXPECT_EQ(afflux_sem_wait_idle(sem, AFFLUX_FOREVER), AFFLUX_OK);
  EXPECT_FALSE(all.broken()) << "S1";
  EXPECT_EQ(all.inside(), 0u);
  const tenant_guard* const tenants[] = {&heavy, &light, &small, &single};
  for (std::size_t i = 0; i < 4; ++i) {
    const counted& own = sharers[i + 1].own;
    EXPECT_FALSE(own.broken()) << "TN1: the cap of " << i;
    const afflux_tenant_stats s = tenants[i]->stats();
    EXPECT_EQ(s.held + s.waiting, 0u) << i;
    EXPECT_EQ(s.acquired, own.entered()) << i;
    EXPECT_GT(s.acquired, 0u) << i;
  }
  EXPECT_EQ(afflux_sem_resize(sem, kMaxLimit), AFFLUX_OK);
  expect_all_free(sem, kMaxLimit);
}

// Two threads of a tenant to whom two permits are guaranteed: each of their waits ends by that,
// whoever else asks for what.
TEST_P(TenantStress, AGuaranteedShareComesFirst) {
  const sem_guard sem(options(4));
  const tenant_guard entitled(sem, guaranteed(2)), heavy(sem, tenant_options(1000)), light(sem);
  const auto work = [&](afflux_tenant* tenant, std::uint64_t n, random_engine random) {
    while (time_left()) {
      ASSERT_EQ(tenant != nullptr ? afflux_tenant_acquire(tenant, n, AFFLUX_FOREVER)
                                  : afflux_sem_acquire(sem, n, AFFLUX_FOREVER),
                AFFLUX_OK);
      if (below(random, 2) == 0) std::this_thread::yield();
      ASSERT_EQ(tenant != nullptr ? afflux_tenant_release(tenant, n) : afflux_sem_release(sem, n),
                AFFLUX_OK);
    }
  };
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    afflux_tenant* const all[] = {heavy, light, nullptr};
    afflux_tenant* const tenant = t < 2 ? entitled.get() : all[t % 3];
    const std::uint64_t n = t < 2 ? 1 : 1 + t % 4;
    threads.emplace_back([&work, tenant, n, random = engine(t)] { work(tenant, n, random); });
  }
  for (std::thread& t : threads) t.join();
  const afflux_tenant_stats s = entitled.stats();
  EXPECT_GT(s.acquired, 0u);
  EXPECT_EQ(s.by_guarantee, s.waits) << "TN2";
  for (const tenant_guard* each : {&heavy, &light}) EXPECT_GT(each->stats().acquired, 0u);
  expect_all_free(sem, 4);
}

INSTANTIATE_TEST_SUITE_P(Each, TenantStress, fair_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
