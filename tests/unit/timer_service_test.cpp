// SPDX-License-Identifier: MIT OR Apache-2.0
#include "time/timer_service.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "park/park.h"
#include "park/spin.h"

namespace {

using afflux::time::concluded;
using afflux::time::disarmed;
using afflux::time::kNever;
using afflux::time::kTickNs;
namespace state = afflux::time::timer_state;

// What the library has, less the process' runner.
struct real {
  template <class T>
  using atomic = std::atomic<T>;
  using mutex = afflux::park::native::mutex;
  static bool park(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                   std::int64_t deadline) {
    return afflux::park::native::wait(word, expected, deadline);
  }
  static void unpark(const void* address) { afflux::park::native::wake(address); }
  static std::int64_t now() { return afflux::time::now_ns(); }
};

// ---- One thread, virtual time: every row of the state table --------------------

// What the other threads do is scripted: they act when this one would sleep.
struct fake {
  template <class T>
  using atomic = std::atomic<T>;
  struct mutex {
    void lock() {
      ASSERT_FALSE(held) << "taken twice";
      held = true;
    }
    void unlock() { held = false; }
    static inline bool held = false;
  };
  static bool park(const std::atomic<std::uint32_t>& word, std::uint32_t expected, std::int64_t) {
    EXPECT_FALSE(mutex::held);
    EXPECT_EQ(word.load(), expected) << "would not sleep";
    ++parks;
    if (on_park) on_park();
    return true;
  }
  static void unpark(const void* address) {
    EXPECT_FALSE(mutex::held);
    woken.push_back(address);
  }
  static std::int64_t now() { return time; }
  static void timers_changed() {
    EXPECT_FALSE(mutex::held);
    ++changes;
  }

  static inline std::int64_t time = 0;
  static inline int parks = 0;
  static inline int changes = 0;
  static inline std::vector<const void*> woken;
  static inline std::function<void()> on_park;
};

using service = afflux::time::timer_service<fake>;
using entry = afflux::time::timer_entry<fake>;

constexpr std::int64_t kMs = kTickNs;

struct TimerService : testing::Test {
  void SetUp() override {
    fake::time = 0;
    fake::parks = fake::changes = 0;
    fake::woken.clear();
    fake::on_park = nullptr;
  }
  // Fires e and runs `body` while it is firing.
  template <class F>
  std::int64_t while_firing(F&& body) {
    timers.arm(e, 5 * kMs);
    int fired = 0;
    fake::time = 5 * kMs;
    const std::int64_t rest = timers.advance(fake::time, [&](entry& due) {
      EXPECT_FALSE(fake::mutex::held);  // TS2
      EXPECT_EQ(&due, &e);
      EXPECT_EQ(due.state.load(), state::kFiring);
      ++fired;
      body();
    });
    EXPECT_EQ(fired, 1);
    EXPECT_FALSE(fake::mutex::held);
    return rest;
  }
  service timers;
  entry e;
};

TEST_F(TimerService, EntryIsSmall) { EXPECT_LE(sizeof(entry), 40u); }

TEST_F(TimerService, IsConstantInitialised) {
  static constinit afflux::time::timer_service<real> constant;
  EXPECT_TRUE(constant.empty());
}

TEST_F(TimerService, ArmIdle) {
  EXPECT_TRUE(timers.arm(e, 5 * kMs));
  EXPECT_EQ(e.state.load(), state::kArmed);
  EXPECT_EQ(timers.size(), 1u);
  EXPECT_FALSE(timers.empty());
}

TEST_F(TimerService, DisarmIdle) {
  EXPECT_EQ(timers.disarm(e), disarmed::free);
  timers.disarm_and_wait(e);
  EXPECT_EQ(e.state.load(), state::kIdle);
  EXPECT_EQ(fake::parks, 0);
}

TEST_F(TimerService, DisarmArmed) {
  timers.arm(e, 5 * kMs);
  EXPECT_EQ(timers.disarm(e), disarmed::free);
  EXPECT_EQ(e.state.load(), state::kIdle);
  EXPECT_TRUE(timers.empty());
  timers.arm(e, 5 * kMs);
  timers.disarm_and_wait(e);
  EXPECT_EQ(e.state.load(), state::kIdle);
  EXPECT_EQ(timers.advance(kMs * 100, [](entry&) { ADD_FAILURE(); }), -1);
  EXPECT_EQ(fake::parks, 0);
}

TEST_F(TimerService, ConcludeFiring) {
  EXPECT_EQ(while_firing([&] {
              EXPECT_TRUE(timers.empty());  // taken out of the wheel
              EXPECT_EQ(timers.conclude(e), concluded::done);
            }),
            -1);
  EXPECT_EQ(e.state.load(), state::kIdle);
  EXPECT_TRUE(fake::woken.empty());
}

TEST_F(TimerService, RetryFiring) {
  EXPECT_EQ(while_firing([&] { EXPECT_EQ(timers.retry(e, 9 * kMs), concluded::done); }), 4 * kMs);
  EXPECT_EQ(e.state.load(), state::kArmed);
  int fired = 0;
  timers.advance(9 * kMs, [&](entry& due) {
    ++fired;
    timers.conclude(due);
  });
  EXPECT_EQ(fired, 1);
}

// Also with a deadline that has passed the same advance() comes to an end.
TEST_F(TimerService, RetryWaitsATickAtLeast) {
  EXPECT_EQ(while_firing([&] { timers.retry(e, 0); }), kMs);
  EXPECT_EQ(timers.disarm(e), disarmed::free);
}

TEST_F(TimerService, DisarmFiringHandsOver) {
  while_firing([&] {
    EXPECT_EQ(timers.disarm(e), disarmed::handed);
    EXPECT_EQ(e.state.load(), state::kHanded);
    EXPECT_EQ(timers.conclude(e), concluded::publish);
    EXPECT_EQ(e.state.load(), state::kIdle);
  });
  EXPECT_TRUE(fake::woken.empty());
}

TEST_F(TimerService, RetryHandedPublishes) {
  EXPECT_EQ(while_firing([&] {
              timers.disarm(e);
              EXPECT_EQ(timers.retry(e, 9 * kMs), concluded::publish);
            }),
            -1);
  EXPECT_EQ(e.state.load(), state::kIdle);
  EXPECT_TRUE(timers.empty());
}

// TS3: let go by idle, then a wake of the address, nothing held.
template <class F>
void awaited_until(TimerService& t, F&& let_go) {
  t.while_firing([&] {
    fake::on_park = [&] {
      EXPECT_EQ(t.e.state.load(), state::kAwaited);
      if (fake::parks == 1) return;  // a wake without cause: it sleeps on
      EXPECT_EQ(let_go(), concluded::done);
      EXPECT_EQ(t.e.state.load(), state::kIdle);
    };
    t.timers.disarm_and_wait(t.e);
  });
  EXPECT_EQ(fake::parks, 2);
  EXPECT_EQ(fake::woken, std::vector<const void*>{&t.e.state});
  EXPECT_TRUE(t.timers.empty());
}

TEST_F(TimerService, ConcludeAwaitedWakes) {
  awaited_until(*this, [&] { return timers.conclude(e); });
}
TEST_F(TimerService, RetryAwaitedWakes) {
  awaited_until(*this, [&] { return timers.retry(e, 9 * kMs); });
}

TEST_F(TimerService, AdvanceTellsTheRest) {
  entry other;
  EXPECT_EQ(timers.advance(0, [](entry&) {}), -1);
  timers.arm(e, 10 * kMs);
  timers.arm(other, 20 * kMs - 1);
  const auto conclude = [&](entry& due) { timers.conclude(due); };
  EXPECT_EQ(timers.advance(fake::time = 0, conclude), 10 * kMs);
  EXPECT_EQ(timers.advance(fake::time = 10 * kMs - 1, conclude), 1);
  EXPECT_EQ(timers.advance(fake::time = 10 * kMs, conclude), 10 * kMs);
  // 0 if it came due while expire() ran, and only then.
  EXPECT_EQ(timers.advance(fake::time = 19 * kMs, conclude), kMs);
  fake::time = 25 * kMs;
  EXPECT_EQ(timers.advance(19 * kMs, conclude), 0);
  EXPECT_EQ(timers.advance(25 * kMs, conclude), -1);
}

TEST_F(TimerService, AdvanceToTheEndOfTime) {
  timers.arm(e, kNever);
  EXPECT_EQ(timers.advance(kNever, [](entry&) { ADD_FAILURE(); }), -1);
  EXPECT_EQ(timers.disarm(e), disarmed::free);
}

TEST_F(TimerService, ExpireMayArmOthers) {
  entry other;
  while_firing([&] {
    timers.arm(other, 1 * kMs);  // due already: the same advance fires it
    EXPECT_EQ(timers.disarm(other), disarmed::free);
    timers.conclude(e);
  });
}

// TS4: only what is earlier than the sleepers know is worth a wake.
TEST_F(TimerService, ArmTellsWhenTheEarliestMovesUp) {
  entry a, b, c, d;
  EXPECT_TRUE(timers.arm(a, 50 * kMs));
  EXPECT_EQ(timers.advance(0, [](entry&) {}), 50 * kMs);
  EXPECT_FALSE(timers.arm(b, 60 * kMs));
  EXPECT_FALSE(timers.arm(c, 50 * kMs - 1));  // the same tick
  EXPECT_TRUE(timers.arm(d, 49 * kMs));
  EXPECT_EQ(timers.disarm(d), disarmed::free);
  EXPECT_FALSE(timers.arm(d, 49 * kMs));  // they have been told
  EXPECT_EQ(timers.disarm(d), disarmed::free);
  EXPECT_EQ(timers.disarm(a), disarmed::free);
  EXPECT_EQ(timers.disarm(c), disarmed::free);
  EXPECT_EQ(timers.advance(0, [](entry&) {}), 60 * kMs);
  EXPECT_TRUE(timers.arm(a, 50 * kMs));
  EXPECT_EQ(timers.disarm(a), disarmed::free);
  EXPECT_EQ(timers.disarm(b), disarmed::free);
}

// TS4: a look that finds an earlier instant for itself does not tell the sleepers.
TEST_F(TimerService, AnotherThreadsLookDoesNotSilenceArm) {
  std::vector<entry> crowd(40);
  timers.arm(e, 100 * kMs);
  EXPECT_EQ(timers.advance(0, [](entry&) {}), 100 * kMs);  // one sleeps until then
  for (auto& one : crowd) EXPECT_FALSE(timers.arm(one, 105 * kMs));
  EXPECT_LE(timers.advance(0, [](entry&) {}), 100 * kMs);  // the application looks too
  entry between;
  EXPECT_TRUE(timers.arm(between, 80 * kMs));
  timers.disarm(between);
  timers.disarm(e);
  for (auto& one : crowd) timers.disarm(one);
}

// The application's advance() re-arms for a time before the runner's next look.
TEST_F(TimerService, RetryTellsWhenTheEarliestMovesUp) {
  entry later;
  timers.arm(later, 1000 * kMs);
  timers.advance(0, [](entry&) {});
  while_firing([&] { timers.retry(e, 9 * kMs); });
  EXPECT_EQ(fake::changes, 0);  // they know of the 5 ms at which e was armed
  timers.disarm(e);
  timers.advance(fake::time = 10 * kMs, [](entry&) {});
  timers.arm(e, 20 * kMs);
  timers.advance(fake::time = 20 * kMs, [&](entry& due) {
    timers.advance(20 * kMs, [](entry&) {});  // the runner: it knows of 1,000 ms now
    timers.retry(due, 30 * kMs);
  });
  EXPECT_EQ(fake::changes, 1);
}

TEST_F(TimerService, ForkHooksHoldTheMutex) {
  timers.arm(e, 5 * kMs);
  timers.before_fork();
  EXPECT_TRUE(fake::mutex::held);
  timers.after_fork_parent();
  EXPECT_FALSE(fake::mutex::held);
  timers.before_fork();
  timers.after_fork_child();
  EXPECT_EQ(timers.size(), 1u);
  timers.disarm(e);
}

// ---- Real threads ---------------------------------------------------------------

// A waiter as the queue layer has them. `claimed` is its queue: who sets it has
// removed the waiter and is the one to complete it.
struct waiter : afflux::time::timer_entry<real> {
  std::atomic<bool> claimed{false};
  int result = 0;  // plain: the publisher must see what the winner stored
};

enum { kNothing, kExpired, kGranted };

// S3, S4: waiters of which each is expired, granted or cancelled, exactly once,
// and freed at once by the thread that ends it.
struct storm {
  explicit storm(unsigned first_seed) : seed(first_seed) {}

  void advance() {
    timers.advance(real::now(), [this](afflux::time::timer_entry<real>& due) {
      auto* w = static_cast<waiter*>(&due);
      const bool mine = !w->claimed.exchange(true, std::memory_order_acq_rel);
      if (mine) w->result = kExpired;
      std::this_thread::yield();  // let the others meet it here
      const bool publish = timers.conclude(due) == concluded::publish;
      // Lost against a cancel or a grant that waits or has handed over.
      if (mine || publish) complete(w);
    });
  }

  void complete(waiter* w) {
    (w->result == kExpired ? expired : granted).fetch_add(1, std::memory_order_relaxed);
    delete w;
  }

  // Arms waiters and ends most of them itself, near their deadlines.
  void work(unsigned id, int rounds) {
    std::mt19937 generator(seed + id);
    const auto below = [&](unsigned n) { return static_cast<unsigned>(generator() % n); };
    for (int i = 0; i < rounds; ++i) {
      auto* w = new waiter;
      const unsigned kind = below(3);
      if (kind == 0) {  // left to the advancing threads
        timers.arm(*w, real::now() + below(2) * kMs);
        continue;
      }
      // The claim is this thread's: an expiry meanwhile loses.
      w->claimed.store(true, std::memory_order_relaxed);
      timers.arm(*w, real::now() - below(3) * kMs);
      for (unsigned spin = below(20); spin != 0; --spin) afflux::park::pause();
      // Now and then until it fires, so that the two do meet.
      for (unsigned left = below(4) == 0 ? 1000 : 0; left != 0; --left) {
        if (w->state.load(std::memory_order_relaxed) != state::kArmed) break;
        std::this_thread::yield();
      }
      if (kind == 1) {  // granted
        w->result = kGranted;
        if (timers.disarm(*w) == disarmed::free) {
          complete(w);
        } else {
          handed.fetch_add(1, std::memory_order_relaxed);
        }
      } else {  // cancelled
        timers.disarm_and_wait(*w);
        cancelled.fetch_add(1, std::memory_order_relaxed);
        delete w;
      }
    }
  }

  unsigned seed;
  afflux::time::timer_service<real> timers;
  std::atomic<int> expired{0}, granted{0}, cancelled{0}, handed{0};
};

TEST(TimerServiceThreads, EveryWaiterEndsOnce) {
  const unsigned seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  constexpr int kWorkers = 3;
  constexpr int kRounds = 20'000;
  storm s(seed);
  std::atomic<bool> stop{false};
  std::vector<std::thread> advancing, working;
  for (int i = 0; i < 2; ++i) {
    advancing.emplace_back([&] {
      while (!stop.load(std::memory_order_acquire)) s.advance();
    });
  }
  for (unsigned i = 0; i < kWorkers; ++i) working.emplace_back([&, i] { s.work(i, kRounds); });
  for (auto& t : working) t.join();
  while (!s.timers.empty()) s.advance();
  stop.store(true, std::memory_order_release);
  for (auto& t : advancing) t.join();
  EXPECT_EQ(s.expired + s.granted + s.cancelled, kWorkers * kRounds);
  std::printf("expired %d granted %d (handed %d) cancelled %d\n", s.expired.load(),
              s.granted.load(), s.handed.load(), s.cancelled.load());
}

// Two threads meet at every firing, on purpose.
template <class F>
void meet_while_firing(F&& other_side) {
  afflux::time::timer_service<real> timers;
  for (int round = 0; round < 2000; ++round) {
    auto w = std::make_unique<waiter>();
    std::atomic<bool> firing{false};
    timers.arm(*w, 0);
    std::thread advancing([&] {
      timers.advance(real::now(), [&](afflux::time::timer_entry<real>& due) {
        // Last touch of anything of this round's: the other side may end it.
        auto* mine = static_cast<waiter*>(&due);
        firing.store(true, std::memory_order_release);
        for (int i = 0; i < round % 50; ++i) std::this_thread::yield();
        if (timers.conclude(due) == concluded::publish) {
          EXPECT_EQ(mine->result, kGranted);  // S11: stored before the hand-over
          mine->result = kNothing;
        }
      });
    });
    while (!firing.load(std::memory_order_acquire)) std::this_thread::yield();
    other_side(timers, w);
    advancing.join();
    if (w != nullptr) {
      EXPECT_EQ(w->result, kNothing);
    }
  }
}

TEST(TimerServiceThreads, HandedOverIsPublishedOnce) {
  meet_while_firing([](auto& timers, std::unique_ptr<waiter>& w) {
    w->result = kGranted;
    if (timers.disarm(*w) == disarmed::free) w->result = kNothing;
  });
}

TEST(TimerServiceThreads, AwaitedMayFreeAtOnce) {
  meet_while_firing([](auto& timers, std::unique_ptr<waiter>& w) {
    timers.disarm_and_wait(*w);
    w.reset();
  });
}

// L4, and several threads at once: each entry fires once, in some thread.
TEST(TimerServiceThreads, NothingFiresEarlyOrTwice) {
  constexpr int kEntries = 20'000;
  afflux::time::timer_service<real> timers;
  std::vector<afflux::time::timer_entry<real>> entries(kEntries);
  std::atomic<int> fired{0};
  std::vector<std::thread> advancing;
  for (int i = 0; i < 3; ++i) {
    advancing.emplace_back([&] {
      while (fired.load(std::memory_order_relaxed) != kEntries) {
        timers.advance(real::now(), [&](afflux::time::timer_entry<real>& due) {
          EXPECT_GE(real::now(), due.deadline);
          timers.conclude(due);
          fired.fetch_add(1, std::memory_order_relaxed);
        });
      }
    });
  }
  for (int i = 0; i < kEntries; ++i) {
    timers.arm(entries[static_cast<std::size_t>(i)], real::now() + i % 30 * (kMs / 3));
  }
  for (auto& t : advancing) t.join();
  EXPECT_EQ(fired.load(), kEntries);
  EXPECT_TRUE(timers.empty());
}

}  // namespace
