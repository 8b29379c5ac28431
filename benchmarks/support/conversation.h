// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A loop's thread and one that completes what the loop waits for, in rounds: what the call costs
// that completes, and when the loop has got it.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "support/cpu.h"
#include "support/pause.h"
#include "support/samples.h"
#include "support/thread_watch.h"
#include "support/ticks.h"

namespace afflux::bench {

// What the loop does when the completions come.
enum class mood {
  asleep,    // the loop sleeps
  busy,      // the loop works on something else, and drains once the completions are there
  spinning,  // the loop drains again and again
};

struct course {
  mood loop;
  std::size_t burst;       // completions in each round
  std::uint64_t warm_up;   // rounds that do not count
  std::uint64_t measured;  // rounds
};

// In ticks.
struct findings {
  explicit findings(std::size_t rounds) : call(rounds), drained(rounds) {}

  samples call;             // the call that completes
  samples drained;          // from before the call until the loop has the last one
  std::uint64_t rings = 0;  // of the measured rounds
  double ns_per_tick = 1;
  std::string error;
};

// Way: see port_ways.h.
template <class Way>
class conversation {
 public:
  conversation(const course& plan, unsigned loop_cpu, unsigned waker_cpu)
      : plan_(plan), loop_cpu_(loop_cpu), waker_cpu_(waker_cpu), found_(plan.measured) {}

  findings hold() {
    const tick_length length;
    std::thread loop([this] { guarded(loop_cpu_, [this] { be_loop(); }); });
    std::thread waker([this] { guarded(waker_cpu_, [this] { be_waker(); }); });
    loop.join();
    waker.join();
    found_.ns_per_tick = length.measure();
    return std::move(found_);
  }

 private:
  struct failed {};  // the other one

  // A number of rounds that one thread tells the other.
  struct alignas(128) milestone {
    std::atomic<std::uint64_t> value{0};
  };

  std::uint64_t rounds() const { return plan_.warm_up + plan_.measured; }

  void be_loop() {
    Way& way = way_.emplace(plan_.burst);
    thread_ = gettid();
    std::uint64_t rings_before = 0;
    for (std::uint64_t round = 1; round <= rounds(); ++round) {
      if (round == plan_.warm_up + 1) rings_before = way.rings();
      way.begin(plan_.burst);
      // What was there is taken in the round before: this is the look before the sleep.
      if (plan_.loop != mood::busy && way.take() != 0) throw std::runtime_error("one too many");
      tell(ready_, round);
      if (plan_.loop == mood::busy) await(completed_, round);
      for (std::size_t come = 0; come < plan_.burst;) {
        if (plan_.loop == mood::asleep) {
          way.sleep();
        } else {
          check_failure();
        }
        // No further than to the last one: a look that finds nothing is one before a sleep.
        for (std::size_t some = 1; some != 0 && come < plan_.burst; come += some) some = way.take();
      }
      drained_at_ = ticks();
      tell(drained_, round);
    }
    await(completed_, rounds());
    found_.rings = way.rings() - rings_before;
    way_.reset();
  }

  void be_waker() {
    std::optional<thread_watch> loop;
    const std::uint64_t clock = clock_cost();
    for (std::uint64_t round = 1; round <= rounds(); ++round) {
      await(ready_, round);
      if (!loop.has_value()) loop.emplace(thread_);
      if (plan_.loop == mood::asleep) {
        while (!loop->asleep()) check_failure();
      }
      const std::uint64_t before = ticks();
      way_->complete(plan_.burst);
      const std::uint64_t after = ticks();
      tell(completed_, round);
      await(drained_, round);
      if (round <= plan_.warm_up) continue;
      found_.call.add(after - std::min(before + clock, after));
      // Two CPUs' counters may differ a little.
      found_.drained.add(drained_at_ - std::min(before + clock, drained_at_));
    }
  }

  // What reading the clock adds to each sample.
  static std::uint64_t clock_cost() {
    std::uint64_t least = 1'000'000;
    for (int i = 0; i < 1000; ++i) {
      const std::uint64_t before = ticks();
      least = std::min(least, ticks() - before);
    }
    return least;
  }

  template <class Body>
  void guarded(unsigned cpu, Body body) {
    pin({cpu});
    try {
      body();
    } catch (const failed&) {
    } catch (const std::exception& error) {
      const std::lock_guard guard(mutex_);
      found_.error = error.what();
      failure_.store(true, std::memory_order_release);
    }
  }

  static void tell(milestone& stone, std::uint64_t round) {
    // release, pairs with the acquire in await().
    stone.value.store(round, std::memory_order_release);
  }
  void await(const milestone& stone, std::uint64_t round) const {
    while (stone.value.load(std::memory_order_acquire) < round) {
      check_failure();
      pause();
    }
  }
  void check_failure() const {
    if (failure_.load(std::memory_order_relaxed)) throw failed();  // only to end
  }

  const course plan_;
  const unsigned loop_cpu_;
  const unsigned waker_cpu_;
  std::atomic<bool> failure_{false};
  // What one of them writes in each round shares no line with what the other reads.
  alignas(128) findings found_;
  std::mutex mutex_;
  alignas(128) std::optional<Way> way_;  // made and destroyed by the loop's thread
  alignas(128) std::uint64_t drained_at_ = 0;
  pid_t thread_ = 0;
  milestone ready_;      // the loop's requests wait
  milestone completed_;  // the call has returned
  milestone drained_;    // the loop has them all
};

}  // namespace afflux::bench
