// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios that no author thought of: each is drawn from a seed, three to five threads
// that acquire, release, wait by callback, note or for idleness, cancel, time out, use memory
// again, resize and close, and is run under random schedules, with wake-ups without cause, and with
// a thread that stops. Each that gets in leaves again, so all must get through, whatever the
// mixture. AFFLUX_MODEL_PLANS says how many are drawn, and AFFLUX_MODEL_SEED from where (default:
// 1, so that a run can be repeated).
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "idle_scenarios.h"
#include "note_scenarios.h"
#include "random_plan.h"

namespace afflux::model {
namespace {

// A world with all that a plan may have.
template <class W>
struct plan_world : scenarios::note_world<scenarios::idle_world<W>> {
  using base = scenarios::note_world<scenarios::idle_world<W>>;
  using party = typename W::party;
  using base::base;

  static void nothing(party&) {}
  // For `then`.
  static void release_and_renew(party& p) {
    auto& self = static_cast<plan_world&>(*p.all);
    const auto who = static_cast<int>(&p - self.parties);
    const bool again = p.result == status::ok && !self.renewed[who];
    self.release_it(p);
    if (!again) return;
    self.renewed[who] = true;
    p.completions = 0;
    self.begin(who, p.n, &release_and_renew);
  }

  // A request of the kind that the step asks for.
  status queue(const step& s) {
    switch (s.what) {
      case deed::keep:
        return this->begin(s.who, s.n, nullptr, s.priority, s.timeout, s.cost);
      case deed::renew:
        return this->begin(s.who, s.n, &release_and_renew, s.priority, s.timeout, s.cost);
      case deed::note:
        return base::note(s.who, s.n, &W::release_it, s.priority, s.timeout);
      case deed::watch:
        return base::watch(s.who, s.timeout, &nothing);
      default:
        return this->begin(s.who, s.n, &W::release_it, s.priority, s.timeout, s.cost);
    }
  }
  // The one outcome of that party.
  bool cancelled(int who) {
    if (this->cancel(who) != status::ok) return false;
    ++this->parties[who].completions;
    return true;
  }

  bool renewed[kParties] = {};
};

template <class W>
void follow(W& w, const plan& p, const std::vector<step>& steps) {
  // What an acquire may answer here, besides ok.
  const auto allowed = [&p](status s, const step& what) {
    switch (s) {
      case status::closed:
        return p.closes;
      case status::too_big:
        return true;  // more than the limit, as it is or was
      case status::rejected:
        return p.settings.limited();
      case status::timed_out:
        return what.timeout >= 0;
      default:
        return false;
    }
  };
  for (const step& s : steps) {
    switch (s.what) {
      case deed::pass:
      case deed::pass_in_time: {
        core::demand want;
        want.permits = s.n;
        want.priority = s.priority;
        const status got = core::acquire(*w.sem, want, s.timeout);
        check(got == status::ok || allowed(got, s), "an acquire's answer");
        if (got != status::ok) break;
        w.enter(s.n);
        w.release(s.n);
        break;
      }
      case deed::attempt: {
        core::demand want;
        want.permits = s.n;
        const status got = core::take_now(*w.sem, want, true);
        check(got == status::ok || got == status::again || allowed(got, s), "a try's answer");
        if (got != status::ok) break;
        w.enter(s.n);
        w.release(s.n);
        break;
      }
      case deed::attempt_some: {
        std::uint64_t n = 0;
        const status got = core::try_acquire_up_to(*w.sem, 1, s.n, n);
        check(got == status::ok || got == status::again || allowed(got, s), "a try's answer");
        if (got != status::ok) break;
        check(n >= 1 && n <= s.n, "as many as were asked for");
        w.enter(n);
        w.release(n);
        break;
      }
      case deed::begin:
      case deed::keep:
      case deed::renew:
      case deed::note:
      case deed::watch: {
        const status got = w.queue(s);
        check(got == status::ok || got == status::pending || allowed(got, s), "a begin's answer");
        break;
      }
      case deed::cancel:
        w.cancelled(s.who);
        break;
      case deed::replace:
        if (!w.cancelled(s.who)) break;
        w.parties[s.who].completions = 0;
        w.begin(s.who, s.n, W::release_it, s.priority);
        break;
      case deed::resize:
        check(core::resize(*w.sem, s.n) == status::ok, "a resize");
        break;
      case deed::close:
        w.sem->close();
        break;
    }
  }
}

// The line, for a look at it.
template <class W>
struct opened : W::semaphore {
  static const auto& line(typename W::semaphore& sem) { return sem.*(&opened::line_); }
};

// L1: no request that is first in line, and fits, is left asleep. (A note may be: a stopped thread
// was to come back for it.)
template <class W>
void nobody_forgotten(const explorer& run, W& w) {
  const auto* const first = opened<W>::line(*w.sem).first();
  if (first == nullptr || (first->has(queue::traits::kNote) && run.stalled())) return;
  const std::uint64_t word = w.sem->word().peek();
  check(!queue::fits(word, first->permits), "L1: a first-in-line that fits");
}

// A thread has stopped. Unless it holds the lock, no newcomer has to wait for it, and
// none is left asleep for its sake.
template <class W>
void stopped_elsewhere(explorer& run, W& w, int fibres) {
  if ((w.sem->word().peek() & queue::kLocked) != 0) return;
  run.spawn([&w] {
    core::demand want;
    want.permits = 1;
    if (core::take_now(*w.sem, want, true) == status::ok) w.sem->release(1);
    core::resize(*w.sem, kMost);
  });
  run.join();
  check(!run.waits_for_stalled(fibres), "L5: nobody holds the lock, and somebody waits for it");
  nobody_forgotten(run, w);
}

template <class W>
void run_plan(explorer& run, const plan& p) {
  plan_world<W> w(run, p.settings.limit, 0, p.settings);
  w.bound = kMost;
  w.cancels_may_be_late();
  for (const std::vector<step>& steps : p.threads) {
    run.spawn([&w, &p, &steps] { follow(w, p, steps); });
  }
  if (p.times) run.spawn([] { W::P::run_timers(8); });
  if (p.stalls >= 0) {
    run.may_stall(p.stalls);
    run.may_wait_for_stalled();
  }
  run.join();
  if (run.stalled())
    return stopped_elsewhere(run, w, static_cast<int>(p.threads.size()) + (p.times ? 1 : 0));
  if (p.keeps) {
    nobody_forgotten(run, w);
    bool kept[kParties] = {};
    for (bool any = true; any;) {  // a release may bring another one in
      any = false;
      for (int who = 0; who < kParties; ++who) {
        const typename W::party& each = w.parties[who];
        if (each.then != nullptr || !each.got() || kept[who]) continue;
        any = kept[who] = true;
        w.release(each.n);
        nobody_forgotten(run, w);
      }
    }
  }
  w.at_rest(0, p.closes);
}

std::uint64_t from_environment(const char* name, std::uint64_t fallback) {
  const char* const value = std::getenv(name);
  return value == nullptr ? fallback : std::strtoull(value, nullptr, 10);
}

template <class W>
void every_plan_holds(std::uint64_t share = 1) {
  const std::uint64_t first = from_environment("AFFLUX_MODEL_SEED", 1);
  const std::uint64_t plans = from_environment("AFFLUX_MODEL_PLANS", 1'000) / share;
  for (std::uint64_t seed = first; seed < first + plans; ++seed) {
    const plan p = draw(seed).a_plan();
    const result found =
        explore({.spurious = 2, .random_executions = 1'000, .seed = seed, .priority_changes = 6},
                [&p](explorer& run) { run_plan<W>(run, p); });
    ASSERT_TRUE(found.passed()) << "plan " << seed << ": " << told(p) << found;
  }
}

TEST(RandomModel, Intrusive) {
  every_plan_holds<world<checking_policy<>, queue::intrusive_queue>>();
}
TEST(RandomModel, Lockfree) { every_plan_holds<world<checking_policy<>, queue::lockfree_queue>>(); }
TEST(RandomModel, Hybrid) { every_plan_holds<world<checking_policy<>, queue::hybrid_queue>>(); }
TEST(RandomModel, Mutex) { every_plan_holds<world<checking_policy<>, queue::mutex_queue>>(); }

// The same, with semaphores that count: K1 and K2 at the end of each schedule.
template <template <class> class Queue, std::uint32_t Statistics>
void every_plan_counts() {
  every_plan_holds<world<checking_policy<>, Queue, Statistics>>(2);
}
TEST(RandomModel, IntrusiveCounts) {
  every_plan_counts<queue::intrusive_queue, AFFLUX_STATS_COUNTERS>();
}
TEST(RandomModel, IntrusiveTakesTimes) {
  every_plan_counts<queue::intrusive_queue, AFFLUX_STATS_FULL>();
}
TEST(RandomModel, LockfreeCounts) {
  every_plan_counts<queue::lockfree_queue, AFFLUX_STATS_COUNTERS>();
}
TEST(RandomModel, HybridTakesTimes) { every_plan_counts<queue::hybrid_queue, AFFLUX_STATS_FULL>(); }
TEST(RandomModel, MutexCounts) { every_plan_counts<queue::mutex_queue, AFFLUX_STATS_COUNTERS>(); }

}  // namespace
}  // namespace afflux::model
