// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two short calls at the same moment, again and again, at all small distances from each other
// (aligned.h). Each round is judged by itself when both have returned, and nobody is given
// anything afterwards that would make up for what was lost: a cancel that answers AFFLUX_EALREADY
// means an outcome (S4), a time limit ends its wait (L3), a wake is not lost (L1), and who takes
// a notification sees what was written before it, or finds another.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>

#include "../contract/support/aligned.h"
#include "../contract/support/per_queue.h"
#include "stress.h"

namespace afflux_test {
namespace {

constexpr std::size_t kCrowd = 64;
constexpr std::int64_t kSweep = 400;  // ns by which the sides are shifted against each other

// How many rounds went wrong.
class tally {
 public:
  void add(bool good) {
    ++rounds_;
    if (!good) ++bad_;
  }
  void expect_none(const char* what) const {
    std::printf("%llu rounds\n", static_cast<unsigned long long>(rounds_));
    EXPECT_EQ(bad_, 0u) << what << " in " << bad_ << " of " << rounds_ << " rounds";
  }

 private:
  std::uint64_t rounds_ = 0;
  std::uint64_t bad_ = 0;
};

template <class Fixture>
class litmus : public seeded<Fixture> {
 protected:
  void SetUp() override {
    seeded<Fixture>::SetUp();
    random_ = this->engine(0);
  }
  // Runs round() for as long as the test takes.
  template <class Round>
  void repeat(const char* what, Round round) {
    tally rounds;
    while (this->time_left()) {
      rounds.add(round());
      if (this->HasFatalFailure()) return;
    }
    rounds.expect_none(what);
  }
  // Somewhere in a sweep, for each side anew.
  auto anywhere() {
    return [this](std::size_t) { return below(random_, stamps_of(kSweep) + 1); };
  }
  std::uint64_t shift(std::int64_t ns) { return below(random_, stamps_of(ns) + 1); }
  bool coin() { return below(random_, 2) == 0; }

 private:
  random_engine random_;
};

// ---- Cancels and time limits --------------------------------------------------

// S3, S4: what a request must have come to when no thread is inside any call.
bool told_the_truth(afflux_status cancel, const pending& request) {
  return request.completions() == (cancel == AFFLUX_OK ? 0 : 1);
}

class StressLitmus : public litmus<per_variant> {
 protected:
  // The request queues, as `held` permits are held; then the sides meet.
  void meet(aligned_sides& sides, pending& request, afflux_sem* sem, std::uint64_t held) {
    EXPECT_EQ(afflux_sem_try_acquire(sem, held), AFFLUX_OK);
    sem_ = sem;
    request_ = &request;
    EXPECT_EQ(request.start(sem), AFFLUX_PENDING);
    delay_ = coin() ? 0 : shift(kSweep / 2);
    sides.round(anywhere());
  }

  void release_one() { EXPECT_EQ(afflux_sem_release(sem_, 1), AFFLUX_OK); }
  void release_all() { EXPECT_EQ(afflux_sem_release(sem_, kCrowd), AFFLUX_OK); }
  void shrink_to_one() { EXPECT_EQ(afflux_sem_resize(sem_, 1), AFFLUX_OK); }
  void wait_a_moment() { wait_for_stamp(stamp() + delay_); }
  void cancel() { canceled_ = request_->cancel(); }

  afflux_sem* sem_ = nullptr;
  pending* request_ = nullptr;
  std::uint64_t delay_ = 0;
  afflux_status canceled_ = kNotCompleted;
};

class StressLitmusThroughput : public StressLitmus {};
class StressLitmusTime : public StressLitmus {
 protected:
  // Nothing times out but in a call of a side.
  void SetUp() override {
    StressLitmus::SetUp();
    ASSERT_EQ(afflux_timers_manual(1), AFFLUX_OK);
  }
  void TearDown() override { ASSERT_EQ(afflux_timers_manual(0), AFFLUX_OK); }
};

// The release lets the request in, unless the shrink comes first.
TEST_P(StressLitmus, ACancelBesideAReleaseAndAShrinkTellsTheTruth) {
  AFFLUX_NEEDS_TWO_CPUS();
  aligned_sides sides({[&] { release_one(); },
                       [&] {
                         shrink_to_one();
                         wait_a_moment();
                         cancel();
                       }});
  repeat("a cancel was too late for a request that never completed", [&] {
    pending request;
    const sem_guard sem(options(2));
    meet(sides, request, sem, 2);
    return told_the_truth(canceled_, request);
  });
}

// The release lets the request for two in, unless a newcomer takes the one that is free.
TEST_P(StressLitmusThroughput, ACancelBesideAReleaseAndANewcomerTellsTheTruth) {
  AFFLUX_NEEDS_TWO_CPUS();
  aligned_sides sides({[&] { release_one(); },
                       [&] {
                         afflux_sem_try_acquire(sem_, 1);
                         wait_a_moment();
                         cancel();
                       }});
  repeat("a cancel was too late for a request that never completed", [&] {
    pending request(2);
    const sem_guard sem(options(3));
    meet(sides, request, sem, 2);
    return told_the_truth(canceled_, request);
  });
}

// As the cancels; the time of a crowd is over before the sides meet.
TEST_P(StressLitmusTime, ATimeLimitBesideAReleaseAndAShrinkEndsTheWait) {
  AFFLUX_NEEDS_TWO_CPUS();
  aligned_sides sides({[&] { release_all(); },
                       [&] {
                         shrink_to_one();
                         afflux_timers_advance();
                       }});
  repeat("a request with a time limit was forgotten", [&] {
    std::array<pending, kCrowd> crowd;
    const sem_guard sem(options(kCrowd));
    sem_ = sem;
    EXPECT_EQ(afflux_sem_try_acquire(sem, kCrowd), AFFLUX_OK);
    for (pending& each : crowd) {
      each.request.timeout_ns = 1;
      EXPECT_EQ(each.start(sem), AFFLUX_PENDING);
    }
    pass_time(AFFLUX_TIMER_TICK_NS + 1000);
    sides.round(anywhere());
    while (afflux_timers_advance() != AFFLUX_FOREVER) {
    }
    return std::all_of(crowd.begin(), crowd.end(),
                       [](const pending& each) { return each.completions() == 1; });
  });
}

// A thread whose time is about to end sleeps on for ever where its wait is lost: the watchdog
// tells. Behind it is a crowd that the same release is for.
TEST_P(StressLitmus, ABlockedThreadsTimeLimitBesideAReleaseAndAShrinkEndsItsWait) {
  AFFLUX_NEEDS_TWO_CPUS();
  constexpr std::int64_t kTime = 10'000;
  constexpr std::int64_t kLatest = 60'000;  // what a sleeper's wakeup may take
  std::atomic<afflux_status> outcome{kNotCompleted};
  std::atomic<std::uint64_t> meeting{0};
  std::uint64_t later = 0;
  std::array<pending, kCrowd - 1>* crowd = nullptr;
  aligned_sides sides(
      {[&] {
         // With fewer CPUs than sides the thread shares this one, and is soon asleep.
         await([&] { return afflux_sem_waiters(sem_) != 0 || outcome != kNotCompleted; });
         meeting = stamp() + later;
         wait_for_stamp(meeting);
         release_all();
       },
       [&] {
         spin_until([&] { return meeting != 0; });
         for (pending& each : *crowd) each.start(sem_);
         wait_for_stamp(meeting + delay_);
         shrink_to_one();
       },
       [&] { outcome = afflux_sem_acquire(sem_, 1, kTime); }});
  repeat("a thread that blocked got neither its permit nor its time", [&] {
    std::array<pending, kCrowd - 1> behind;
    crowd = &behind;
    const sem_guard sem(options(kCrowd));
    sem_ = sem;
    outcome = kNotCompleted;
    meeting = 0;
    EXPECT_EQ(afflux_sem_try_acquire(sem, kCrowd), AFFLUX_OK);
    delay_ = shift(2 * kSweep);
    later = stamps_of(kTime) + shift(kLatest);
    sides.round([](std::size_t) { return std::uint64_t{0}; });
    return outcome == AFFLUX_OK || outcome == AFFLUX_ETIMEDOUT;
  });
}

// A newcomer drops the request at the moment at which it is cancelled, and permits come or do not.
TEST_P(StressLitmus, ACancelBesideANewcomerThatDropsTheOldestTellsTheTruth) {
  AFFLUX_NEEDS_TWO_CPUS();
  std::uint64_t released = 0;
  afflux_status answer = kNotCompleted;
  pending* newcomer = nullptr;
  aligned_sides sides({[&] {
                         if (released == 1) release_one();
                         answer = newcomer->start(sem_);
                         if (released == 2) release_one();
                       },
                       [&] {
                         wait_a_moment();
                         cancel();
                       }});
  repeat("a request had no outcome or two", [&] {
    pending oldest, second;
    afflux_sem_options o = options(1);
    o.max_waiters = 1;
    o.overflow = AFFLUX_OVERFLOW_DROP_OLDEST;
    const sem_guard sem(o);
    EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    sem_ = sem;
    request_ = &oldest;
    newcomer = &second;
    EXPECT_EQ(oldest.start(sem), AFFLUX_PENDING);
    released = shift(kSweep) % 3;
    delay_ = shift(kSweep / 2);
    sides.round(anywhere());

    bool good = told_the_truth(canceled_, oldest);
    if (answer == AFFLUX_PENDING) {
      good = good && told_the_truth(second.cancel(), second);
    } else {
      good = good && answer == AFFLUX_OK && second.completions() == 0;
    }
    const bool let_in = oldest.completed_once_with(AFFLUX_OK) ||
                        second.completed_once_with(AFFLUX_OK) || answer == AFFLUX_OK;
    const std::uint64_t held = (released == 0 ? 1u : 0u) + (let_in ? 1u : 0u);
    return good && afflux_sem_held(sem) == held && afflux_sem_waiters(sem) == 0;
  });
}

// ---- Notifications ------------------------------------------------------------

// What a notifier writes before it notifies, behind other lines that the waiter has read: its
// stores stay in its store buffer for a while. The last is what counts.
class written_before {
 public:
  void write(std::uint64_t value) {
    for (line& each : lines_) each.value.store(value, std::memory_order_relaxed);
  }
  std::uint64_t read() const { return lines_.back().value.load(std::memory_order_relaxed); }
  void read_all() const {
    for (const line& each : lines_) each.value.load(std::memory_order_relaxed);
  }

 private:
  struct alignas(128) line {
    std::atomic<std::uint64_t> value{0};
  };
  std::array<line, 4> lines_;
};

class StressLitmusWakeup : public litmus<per_queue> {
 protected:
  // The event is set; it is notified again while a waiter takes it by take() and looks.
  template <class Take>
  void notify_while_taken(bool manual_reset, Take take) {
    AFFLUX_NEEDS_TWO_CPUS();
    const event_guard event(manual_reset, GetParam());
    written_before data;
    std::uint64_t round = 0;
    std::uint64_t seen = 0;
    aligned_sides sides({[&] {
                           data.write(round);
                           EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
                         },
                         [&] {
                           EXPECT_EQ(take(event), AFFLUX_OK);
                           seen = data.read();
                           data.read_all();
                         }});
    repeat("a waiter saw old data and the event was no longer set", [&] {
      EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
      ++round;
      sides.round(anywhere());
      const bool set = afflux_event_wait(event, 0) == AFFLUX_OK;
      EXPECT_EQ(afflux_event_clear(event), AFFLUX_OK);
      return seen == round || set;
    });
  }
};

TEST_P(StressLitmusWakeup, WhoTakesAnAutoResetEventSeesWhatWasWrittenOrFindsItSetAgain) {
  notify_while_taken(false, [](afflux_event* event) { return afflux_event_wait(event, 0); });
}

TEST_P(StressLitmusWakeup, WhoClearsAManualResetEventSeesWhatWasWrittenOrFindsItSetAgain) {
  notify_while_taken(true, [](afflux_event* event) { return afflux_event_clear(event); });
}

TEST_P(StressLitmusWakeup, WhoIsAddedToAQueueSeesWhatWasWrittenOrIsWoken) {
  AFFLUX_NEEDS_TWO_CPUS();
  const queue_guard queue(GetParam());
  struct {
    written_before data;
    std::uint64_t round = 0;
  } news;
  const auto is_there = [](void* ctx) {
    const auto* const mine = static_cast<decltype(news)*>(ctx);
    return std::int32_t{mine->data.read() == mine->round ? 1 : 0};
  };
  pending* waiter = nullptr;
  afflux_status added = kNotCompleted;
  aligned_sides sides({[&] {
                         news.data.write(news.round);
                         afflux_queue_wake_one(queue);
                       },
                       [&] {
                         added = start(queue, *waiter, is_there, &news);
                         news.data.read_all();
                       }});
  repeat("a waiter saw old data and was not woken", [&] {
    pending request;
    waiter = &request;
    ++news.round;
    sides.round(anywhere());
    if (added == AFFLUX_OK) return request.completions() == 0;
    EXPECT_EQ(added, AFFLUX_PENDING);
    return request.cancel() != AFFLUX_OK && request.completed_once_with(AFFLUX_OK);
  });
}

INSTANTIATE_TEST_SUITE_P(Each, StressLitmus, all_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Each, StressLitmusThroughput, throughput_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Each, StressLitmusTime, all_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Each, StressLitmusWakeup, all_queues(), queue_name);

}  // namespace
}  // namespace afflux_test
