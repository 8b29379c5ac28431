// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Shedding and adaptive LIFO by a clock of the test's own: each rule of queue/shedding.h by itself,
// then random traces against the rule as the paper tells it, written down once more, and against
// the regime of folly's Codel.
#include "queue/shedding.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <ostream>
#include <random>
#include <utility>
#include <vector>

#include "core/semaphore.h"
#include "policy.h"
#include "queue/intrusive.h"

namespace afflux {
namespace {

// A thread of its own for timers there is none: nothing here has a time limit.
struct clocked_policy : native_policy {
  static inline std::int64_t clock = 0;
  static std::int64_t now() noexcept { return clock; }
  static std::int64_t rough_now() noexcept { return clock; }
  static time::timer_service<clocked_policy>& timers() noexcept {
    static time::timer_service<clocked_policy> none;
    return none;
  }
  static int start_timers(std::int64_t (*)()) noexcept { return 0; }
  // Small, so that most calls come back for the rest.
  static constexpr std::uint32_t kShedAtOnce = 3;
  static constexpr std::uint32_t kNotesAtOnce = 2;
};

using semaphore = core::semaphore<clocked_policy>;

constexpr std::int64_t kStep = 1024;  // of the library's times
constexpr std::int64_t kTarget = 5 * kStep;
constexpr std::int64_t kInterval = 100 * kStep;

struct ended {
  int id;
  status how;
  bool operator==(const ended&) const = default;
};
std::ostream& operator<<(std::ostream& out, const ended& e) {
  return out << e.id << (e.how == status::ok ? " granted" : " not granted");
}

enum class told_by : std::uint8_t { callback, note };

class shedding_test : public testing::Test {
 protected:
  struct request {
    shedding_test* test = nullptr;
    int id = 0;
    alignas(64) std::byte storage[sizeof(queue::waiter<clocked_policy>)] = {};

    auto& waiter() { return *reinterpret_cast<queue::waiter<clocked_policy>*>(storage); }
  };
  struct unref {
    void operator()(semaphore* sem) const { sem->unref(); }
  };

  // All permits are held.
  void create(std::uint64_t limit, queue::settings s = {}) {
    sem_.reset();
    ended_.clear();
    clocked_policy::clock = std::int64_t{1} << 40;
    s.limit = limit;
    s.statistics = AFFLUX_STATS_COUNTERS;
    s.shed.target = kTarget;
    s.shed.interval = kInterval;
    sem_.reset(clocked_policy::create<queue::intrusive_queue<clocked_policy>>(s));
    sem_->count_with(semaphore::stats_type::make(false));
    ASSERT_EQ(core::acquire(*sem_, {.permits = limit}, 0), status::ok);
  }
  void create_lifo(std::uint64_t limit, queue::settings s = {}) {
    s.shed.newest_first = true;
    create(limit, s);
  }

  static void pass(std::int64_t steps) { clocked_policy::clock += steps * kStep; }

  status queue_up(int id, const core::demand& want = {}, told_by how = told_by::callback) {
    request& r = requests_.emplace_back(request{.test = this, .id = id});
    queue::destination<clocked_policy> to;
    if (how == told_by::note) {
      to.note = [](void* context, std::uint64_t) {
        auto& told = *static_cast<request*>(context);
        told.test->ends(told, queue::status_of(told.waiter()));
      };
    } else {
      to.wake = [](void* context, std::int32_t s) {
        auto& told = *static_cast<request*>(context);
        told.test->ends(told, static_cast<status>(s));
      };
    }
    to.context = &r;
    int error = 0;
    return core::acquire_async(*sem_, want, -1, to, r.waiter(), error);
  }
  void must_queue(int id, const core::demand& want = {}, told_by how = told_by::callback) {
    ASSERT_EQ(queue_up(id, want, how), status::pending);
  }
  status cancel(int id) {
    for (request& r : requests_) {
      if (r.id == id) return core::cancel(r.waiter());
    }
    return status::invalid;
  }
  void release(std::uint64_t n = 1) { ASSERT_EQ(sem_->release(n), status::ok); }

  // Since the last look.
  std::vector<ended> ended_now() { return std::exchange(ended_, {}); }
  afflux_sem_stats stats() const {
    afflux_sem_stats now = {};
    sem_->stats()->read(now, sem_->block(), [this] { return core::held(*sem_); });
    return now;
  }
  // The queue stands, with nobody in it but `id`, who came just now.
  void let_it_stand(int id) {
    must_queue(-1);
    pass(60);
    must_queue(-2);
    ASSERT_EQ(cancel(-1), status::ok);
    pass(50);
    must_queue(id);
    ASSERT_EQ(ended_now(), (std::vector<ended>{{-2, status::rejected}}));
  }

  std::deque<request> requests_;
  std::vector<ended> ended_;
  std::unique_ptr<semaphore, unref> sem_;

 private:
  void ends(request& r, status how) { ended_.push_back({r.id, how}); }
};

using Shedding = shedding_test;
using outcomes = std::vector<ended>;

constexpr status kShed = status::rejected;
constexpr status kGranted = status::ok;

// ---- who is shed (SD1, SD2)

TEST_F(Shedding, GrantsWhoHasWaitedTheIntervalAndNoLonger) {
  create(1);
  must_queue(1);
  pass(100);
  release();
  EXPECT_EQ(ended_now(), (outcomes{{1, kGranted}}));
  must_queue(2);
  pass(101);
  release();
  EXPECT_EQ(ended_now(), (outcomes{{2, kShed}}));
  EXPECT_EQ(core::held(*sem_), 0u);
}

TEST_F(Shedding, GrantsWhoHasWaitedTheTargetAndNoLongerWhileTheQueueStands) {
  create(2);
  let_it_stand(1);
  must_queue(2);
  pass(5);
  release();
  EXPECT_EQ(ended_now(), (outcomes{{1, kGranted}}));
  pass(1);
  release();
  EXPECT_EQ(ended_now(), (outcomes{{2, kShed}}));
}

TEST_F(Shedding, AQueueStandsFromAnIntervalAfterItBecameOne) {
  create(1);
  must_queue(1);
  pass(90);
  must_queue(2);
  pass(10);
  release();  // for exactly an interval now
  EXPECT_EQ(ended_now(), (outcomes{{1, kGranted}}));
  pass(1);
  release();
  EXPECT_EQ(ended_now(), (outcomes{{2, kShed}}));
}

TEST_F(Shedding, AQueueThatWasEmptyDoesNotStand) {
  create(2);
  let_it_stand(1);
  release();
  EXPECT_EQ(ended_now(), (outcomes{{1, kGranted}}));
  must_queue(2);
  pass(50);
  release();
  EXPECT_EQ(ended_now(), (outcomes{{2, kGranted}}));
}

TEST_F(Shedding, AQueueThatACancelEmptiedDoesNotStand) {
  create(1);
  let_it_stand(1);
  EXPECT_EQ(cancel(1), status::ok);
  must_queue(2);
  pass(50);
  release();
  EXPECT_EQ(ended_now(), (outcomes{{2, kGranted}}));
}

TEST_F(Shedding, StandsAlthoughStampsComeRound) {
  create(1);
  let_it_stand(1);
  // Times are taken in 39 bits: in the end the queue looks as if it had stood for 50 steps.
  for (int i = 0; i < 64; ++i) {
    must_queue(i + 2);
    pass((std::int64_t{1} << 33) - (i == 63 ? 66 : 0));
    must_queue(100);
    EXPECT_FALSE(ended_now().empty());
  }
  pass(6);
  release();
  EXPECT_EQ(ended_now(), (outcomes{{100, kShed}}));
}

TEST_F(Shedding, ANewcomerShedsThoseBeforeIt) {
  create(1);
  must_queue(1);
  pass(101);
  EXPECT_EQ(queue_up(2), status::pending);
  EXPECT_EQ(ended_now(), (outcomes{{1, kShed}}));
}

TEST_F(Shedding, ConcernsEachPriority) {
  create(1);
  must_queue(1, {.priority = AFFLUX_PRIORITY_LOW});
  must_queue(2, {.priority = AFFLUX_PRIORITY_CRITICAL});
  pass(60);
  must_queue(3, {.priority = AFFLUX_PRIORITY_HIGH});
  must_queue(4, {.priority = AFFLUX_PRIORITY_NORMAL});
  pass(41);
  must_queue(5, {.priority = AFFLUX_PRIORITY_LOW});
  EXPECT_EQ(ended_now(), (outcomes{{2, kShed}, {3, kShed}, {4, kShed}, {1, kShed}}));
  release();
  EXPECT_EQ(ended_now(), (outcomes{{5, kGranted}}));
}

TEST_F(Shedding, IsCountedByItselfAndAsDropped) {
  create(1);
  must_queue(1);
  must_queue(2);
  pass(101);
  must_queue(3);
  const afflux_sem_stats now = stats();
  EXPECT_EQ(now.shed, 2u);
  EXPECT_EQ(now.dropped, 2u);
  EXPECT_EQ(now.queued, now.dropped + sem_->waiting());
}

TEST_F(Shedding, IsNotLimitedByTheRoomOfOneHold) {
  create(2);
  for (int i = 0; i < 20; ++i) must_queue(i, {}, i % 3 == 0 ? told_by::note : told_by::callback);
  pass(101);
  must_queue(20);  // comes back for as many as it takes
  EXPECT_EQ(ended_now().size(), 20u);
  for (int i = 21; i < 40; ++i) must_queue(i, {}, i % 3 == 0 ? told_by::note : told_by::callback);
  pass(6);
  must_queue(40);
  release();
  const outcomes all = ended_now();
  ASSERT_EQ(all.size(), 21u);
  EXPECT_EQ(all.back(), (ended{40, kGranted}));
}

// ---- adaptive LIFO (SD3)

TEST_F(Shedding, OldestGoesFirstWhileTheQueueDoesNotStand) {
  create_lifo(2);
  must_queue(1);
  must_queue(2);
  pass(100);
  release();
  release();
  EXPECT_EQ(ended_now(), (outcomes{{1, kGranted}, {2, kGranted}}));
}

TEST_F(Shedding, NewestGoesFirstWhileTheQueueStands) {
  create_lifo(3);
  let_it_stand(1);
  must_queue(2);
  must_queue(3, {.priority = AFFLUX_PRIORITY_HIGH});
  must_queue(4, {.priority = AFFLUX_PRIORITY_HIGH});
  release(2);
  EXPECT_EQ(ended_now(), (outcomes{{4, kGranted}, {3, kGranted}}));
  release();
  EXPECT_EQ(ended_now(), (outcomes{{2, kGranted}}));
}

TEST_F(Shedding, TheOldOnesAreShedFromTheOtherEnd) {
  create_lifo(1);
  let_it_stand(1);
  pass(4);
  must_queue(2);
  pass(2);
  must_queue(3);
  EXPECT_EQ(ended_now(), (outcomes{{1, kShed}}));
  release();
  EXPECT_EQ(ended_now(), (outcomes{{3, kGranted}}));
}

TEST_F(Shedding, ANewcomerThatFitsPassesALargeOneWhileTheQueueStands) {
  create_lifo(2);
  let_it_stand(1);
  must_queue(2, {.permits = 2});
  release();  // the newest does not fit, and holds back the other
  EXPECT_EQ(ended_now(), (outcomes{}));
  must_queue(3);
  EXPECT_EQ(ended_now(), (outcomes{{3, kGranted}}));
}

TEST_F(Shedding, WhenTheNewestLeavesTheNextIsGranted) {
  create_lifo(2);
  let_it_stand(1);
  must_queue(2, {.permits = 2});
  release();
  EXPECT_EQ(cancel(2), status::ok);
  EXPECT_EQ(ended_now(), (outcomes{{1, kGranted}}));
}

// ---- weights, resizes, limits

TEST_F(Shedding, ALargeOneHoldsBackThoseBehindItUntilItIsShed) {
  create(3);
  must_queue(1, {.permits = 2});
  pass(50);
  must_queue(2);
  release();
  EXPECT_EQ(ended_now(), (outcomes{}));
  pass(51);
  must_queue(3);  // the queue stands: the second is too old as well
  EXPECT_EQ(ended_now(), (outcomes{{1, kShed}, {2, kShed}, {3, kGranted}}));
}

// SD4: those whose completions would be run are strangers to the one who cancels.
TEST_F(Shedding, ACancelShedsOnlyAheadOfAGrant) {
  create(3);
  must_queue(1, {.permits = 2});
  must_queue(2, {.permits = 2});
  must_queue(3);
  release();
  pass(101);
  EXPECT_EQ(cancel(1), status::ok);  // the second does not fit either
  EXPECT_EQ(ended_now(), (outcomes{}));
  EXPECT_EQ(cancel(2), status::ok);  // the third does, but is too old
  EXPECT_EQ(ended_now(), (outcomes{{3, kShed}}));
}

TEST_F(Shedding, ThoseThatFitBehindManyLargeOnesAreGrantedInTheSameCall) {
  create(3);
  for (int i = 0; i < 8; ++i) must_queue(i, {.permits = 2});
  pass(96);
  must_queue(8);
  pass(5);
  release();  // more than one hold has room for
  const outcomes all = ended_now();
  ASSERT_EQ(all.size(), 9u);
  EXPECT_EQ(all.back(), (ended{8, kGranted}));
}

TEST_F(Shedding, OneThatWaitsForAResizeIsShedLikeAnyOther) {
  create(1);
  must_queue(1, {.permits = 2, .waits_for_resize = true});
  must_queue(2);
  release();
  pass(101);
  EXPECT_EQ(ended_now(), (outcomes{}));
  must_queue(3);
  EXPECT_EQ(ended_now(), (outcomes{{1, kShed}, {2, kShed}, {3, kGranted}}));
}

TEST_F(Shedding, AResizeShedsAheadOfWhatItGrants) {
  create(1);
  must_queue(1);
  pass(98);
  must_queue(2);
  pass(3);
  EXPECT_EQ(core::resize(*sem_, 2), status::ok);
  EXPECT_EQ(ended_now(), (outcomes{{1, kShed}, {2, kGranted}}));
}

TEST_F(Shedding, MakesRoomInAFullLine) {
  for (const queue::overflow when_full :
       {queue::overflow::drop_newest, queue::overflow::drop_oldest}) {
    queue::settings s;
    s.when_full = when_full;
    s.max_waiters = 2;
    create(1, s);
    must_queue(1);
    pass(97);
    must_queue(2);
    pass(4);
    must_queue(3);  // in place of the first, who is too old; the second is not
    EXPECT_EQ(ended_now(), (outcomes{{1, kShed}}));
    EXPECT_EQ(stats().shed, 1u);
    EXPECT_EQ(stats().dropped, 1u);
    EXPECT_EQ(stats().rejected, 0u);
  }
}

TEST_F(Shedding, ALineInWhichOneTakesTheLastOnesPlaceHasNotBeenEmpty) {
  queue::settings s;
  s.when_full = queue::overflow::drop_oldest;
  s.max_waiters = 1;
  create(1, s);
  for (int i = 0; i < 22; ++i) {
    must_queue(i);
    pass(5);
  }
  EXPECT_EQ(stats().shed, 0u);
  pass(1);
  ended_now();
  release();
  EXPECT_EQ(ended_now(), (outcomes{{21, kShed}}));
}

TEST_F(Shedding, OneThatWouldBeTheNewestAndFitsIsNotRefusedByAFullLine) {
  queue::settings s;
  s.when_full = queue::overflow::drop_newest;
  s.max_waiters = 2;
  create_lifo(2, s);
  let_it_stand(1);
  must_queue(2, {.permits = 2});
  release();
  EXPECT_EQ(queue_up(3), status::ok);
  EXPECT_EQ(queue_up(4), status::rejected);
}

TEST_F(Shedding, ACloseEndsAllAsClosed) {
  create(1);
  must_queue(1);
  pass(101);
  EXPECT_EQ(sem_->close(), status::ok);
  EXPECT_EQ(ended_now(), (outcomes{{1, status::closed}}));
}

// ---- against the paper

// The rule in the paper's words: "if the queue has not been empty for the last N ms, then the
// amount of time spent in the queue is limited to M ms", else to N; and last in, first out while a
// queue is there to stay. Judged when a request is about to be served, as folly does.
class paper {
 public:
  paper(int permits_free, bool lifo) : free_(permits_free), lifo_(lifo) {}

  void arrives(int id, int priority, std::int64_t now) {
    if (size() == 0) last_empty_ = now;
    if (size() == 0 && free_ > 0) {
      --free_;
      return;  // served at once: nothing is told
    }
    of_[priority].push_back({id, now});
    serve(now);
  }
  void completes(std::int64_t now) {
    ++free_;
    serve(now);
  }
  bool leaves(int id) {
    for (auto& queue : of_) {
      for (auto at = queue.begin(); at != queue.end(); ++at) {
        if (at->id != id) continue;
        queue.erase(at);
        return true;
      }
    }
    return false;
  }
  std::size_t size() const { return of_[0].size() + of_[1].size(); }
  outcomes told() { return std::exchange(told_, {}); }

 private:
  struct waiting {
    int id;
    std::int64_t since;
  };

  void serve(std::int64_t now) {
    const bool standing = size() != 0 && now - last_empty_ > kInterval;
    const std::int64_t timeout = standing ? kTarget : kInterval;
    for (int p : {1, 0}) {
      std::vector<waiting> in_time;
      for (const waiting& each : of_[p]) {
        if (now - each.since > timeout) {
          told_.push_back({each.id, kShed});
        } else {
          in_time.push_back(each);
        }
      }
      of_[p] = std::move(in_time);
    }
    for (int p : {1, 0}) {
      while (free_ > 0 && !of_[p].empty()) {
        const auto next = standing && lifo_ ? of_[p].end() - 1 : of_[p].begin();
        told_.push_back({next->id, kGranted});
        of_[p].erase(next);
        --free_;
      }
    }
  }

  int free_;
  const bool lifo_;
  std::vector<waiting> of_[2];
  std::int64_t last_empty_ = 0;
  outcomes told_;
};

class traced : public shedding_test, public testing::WithParamInterface<bool> {};
using SheddingTraces = traced;

// Load below, at, and above what is served; pauses; cancels.
TEST_P(SheddingTraces, DecideAsThePaperDoes) {
  const bool lifo = GetParam();
  std::uint64_t shed = 0;
  std::uint64_t granted = 0;
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&random](std::uint32_t n) { return static_cast<int>(random() % n); };
    const int limit = 1 + below(4);
    requests_.clear();
    lifo ? create_lifo(static_cast<std::uint64_t>(limit))
         : create(static_cast<std::uint64_t>(limit));
    paper expected(0, lifo);
    int holders = limit;
    const int arrivals = 20 + below(60);  // of 100 events
    for (int i = 0; i < 400; ++i) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << ", event " << i);
      pass(below(50) == 0 ? below(300) : below(4));
      const int what = below(100);
      if (what < arrivals) {
        const int priority = below(4) == 0 ? 1 : 0;
        const core::demand want = {
            .priority = static_cast<std::uint8_t>(priority == 1 ? AFFLUX_PRIORITY_HIGH
                                                                : AFFLUX_PRIORITY_NORMAL)};
        if (queue_up(i, want) == status::ok) ++holders;
        expected.arrives(i, priority, clocked_policy::clock);
      } else if (what < 90) {
        if (holders == 0) continue;
        --holders;
        release();
        expected.completes(clocked_policy::clock);
      } else {
        const int id = below(static_cast<std::uint32_t>(i) + 1);
        EXPECT_EQ(cancel(id) == status::ok, expected.leaves(id));
      }
      const outcomes now = ended_now();
      ASSERT_EQ(now, expected.told());
      ASSERT_EQ(sem_->waiting(), expected.size());
      for (const ended& each : now) {
        each.how == status::ok ? ++granted : ++shed;
        if (each.how == status::ok) ++holders;
      }
      ASSERT_EQ(core::held(*sem_), static_cast<std::uint64_t>(holders));
    }
    while (holders-- > 0) release();
    EXPECT_EQ(stats().queued,
              stats().granted + stats().dropped + stats().canceled + sem_->waiting());
    sem_->close();
  }
  // The traces are of both kinds.
  EXPECT_GT(shed, 1000u);
  EXPECT_GT(granted, 1000u);
}

INSTANTIATE_TEST_SUITE_P(All, SheddingTraces, testing::Bool(),
                         [](const auto& of) { return of.param ? "AdaptiveLifo" : "Fifo"; });

// ---- against folly

// folly's Codel, from its description: overloaded if the least delay of the interval that has ended
// was above the target; then whoever was delayed by more than twice the target is dropped.
class folly_codel {
 public:
  bool drops(std::int64_t delay, std::int64_t now) {
    if (now > interval_ends_) {
      overloaded_ = least_ > kTarget;
      interval_ends_ = now + kInterval;
      least_ = delay;
      return false;
    }
    least_ = std::min(least_, delay);
    return overloaded_ && delay > 2 * kTarget;
  }

 private:
  std::int64_t interval_ends_ = 0;
  std::int64_t least_ = 0;
  bool overloaded_ = false;
};

// One server that takes 8 steps for a request, and requests every so many: the share dropped.
double share_dropped_by_folly(std::int64_t every) {
  constexpr int kRequests = 20'000;
  folly_codel codel;
  int dropped = 0;
  std::int64_t free_at = 0;
  for (std::int64_t i = 0; i < kRequests; ++i) {
    const std::int64_t arrives = i * every;
    const std::int64_t begins = std::max(arrives, free_at);
    if (codel.drops((begins - arrives) * kStep, begins * kStep)) {
      ++dropped;
    } else {
      free_at = begins + 8;
    }
  }
  return static_cast<double>(dropped) / kRequests;
}

TEST_F(Shedding, DropsAsLargeAShareAsFollysCodel) {
  for (const std::int64_t every : {2, 4, 6, 8, 12}) {
    SCOPED_TRACE(testing::Message() << "a request every " << every << " steps");
    requests_.clear();
    create(1);
    std::int64_t ends = clocked_policy::clock + 8 * kStep;
    const std::int64_t begin = clocked_policy::clock;
    int shed = 0;
    bool busy = true;
    const auto serve_until = [&](std::int64_t now) {
      while (busy && ends <= now) {
        clocked_policy::clock = ends;
        release();
        busy = false;
        for (const ended& each : ended_now()) {
          each.how == status::ok ? (busy = true) : (++shed != 0);
        }
        ends += 8 * kStep;
      }
    };
    constexpr int kRequests = 20'000;
    for (int i = 0; i < kRequests; ++i) {
      const std::int64_t now = begin + i * every * kStep;
      serve_until(now);
      clocked_policy::clock = now;
      if (queue_up(i) == status::ok) {
        busy = true;
        ends = now + 8 * kStep;
      }
      for (const ended& each : ended_now()) shed += each.how == kShed ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(shed) / kRequests, share_dropped_by_folly(every), 0.03);
    sem_->close();
  }
}

}  // namespace
}  // namespace afflux
