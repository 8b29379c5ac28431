// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios that nobody thought of: each is drawn from a seed, three to five threads
// that acquire, release, cancel, time out, resize and close, and is run under random
// schedules, with wake-ups without cause. Whoever gets in leaves again, so everybody
// must get through, whatever the mixture. AFFLUX_MODEL_PLANS says how many are drawn,
// and AFFLUX_MODEL_SEED from where (default: 1, so that a run can be repeated).
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "world.h"

namespace afflux::model {
namespace {

enum class deed : std::uint8_t { pass, pass_in_time, attempt, begin, keep, cancel, resize, close };

struct step {
  deed what;
  std::uint64_t n;
  std::uint8_t priority;
  int who;  // of begin and cancel
  std::int64_t timeout;
  std::uint64_t cost = 0;
};

struct plan {
  queue::settings settings;
  std::vector<std::vector<step>> threads;
  bool closes = false;
  bool times = false;
  bool keeps = false;  // nobody blocks, and some keep their permits: L1 is looked at in between
};

constexpr std::uint64_t kMost = 3;
constexpr int kParties = 6;

class draw {
 public:
  explicit draw(std::uint64_t seed) : engine_(seed) {}

  plan a_plan() {
    plan p;
    p.settings.limit = 1 + below(kMost);
    p.settings.throughput = one_in(2);
    if (one_in(3)) {
      p.settings.when_full =
          one_in(2) ? queue::overflow::drop_oldest : queue::overflow::drop_newest;
      p.settings.max_waiters = 1 + below(2);
      if (one_in(2)) p.settings.max_bytes = 15;
    }
    const bool moves = one_in(2);
    p.keeps = one_in(2);
    p.closes = one_in(5);
    const std::uint64_t threads = 3 + below(3);
    for (std::uint64_t t = 0; t < threads; ++t) {
      std::vector<step>& steps = p.threads.emplace_back();
      for (std::uint64_t i = 1 + below(3); i > 0; --i) steps.push_back(a_step(p, moves));
    }
    if (p.closes) p.threads[0].push_back({deed::close, 0, 0, 0, -1});
    return p;
  }

 private:
  step a_step(plan& p, bool moves) {
    step s{deed::pass, 1 + below(kMost), priority(), 0, -1};
    switch (below(moves ? 8 : 6)) {
      case 0:
        s.what = deed::attempt;
        break;
      case 1:
        s.what = deed::pass_in_time;
        s.timeout = 1'000;
        break;
      case 2:
      case 3:
        if (parties_ == kParties) break;
        s.what = deed::begin;
        s.who = parties_++;
        s.cost = below(3) * 10;
        if (one_in(4)) {
          s.timeout = 1'000;
          p.times = true;
        }
        break;
      case 4:
        if (parties_ == 0) break;
        s.what = deed::cancel;
        s.who = static_cast<int>(below(static_cast<std::uint64_t>(parties_)));
        break;
      case 6:
      case 7:
        s.what = deed::resize;
        break;
      default:
        break;
    }
    if (!p.keeps) return s;
    if (s.what == deed::pass || s.what == deed::pass_in_time) {
      s.what = deed::attempt;
      s.timeout = -1;
    }
    if (s.what == deed::begin && one_in(2)) s.what = deed::keep;
    return s;
  }

  std::uint8_t priority() {
    return one_in(3) ? static_cast<std::uint8_t>(below(4)) : std::uint8_t{AFFLUX_PRIORITY_NORMAL};
  }
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  std::mt19937_64 engine_;
  int parties_ = 0;
};

std::string told(const plan& p) {
  constexpr const char* kNames[] = {"pass", "pass in time", "try",    "begin",
                                    "keep", "cancel",       "resize", "close"};
  std::ostringstream out;
  out << "limit " << p.settings.limit << (p.settings.throughput ? ", THROUGHPUT" : "");
  if (p.settings.limited()) {
    out << (p.settings.when_full == queue::overflow::drop_oldest ? ", DROP_OLDEST " : ", FAIL ")
        << p.settings.max_waiters;
  }
  out << '\n';
  for (const std::vector<step>& steps : p.threads) {
    for (const step& s : steps) {
      out << "  " << kNames[static_cast<int>(s.what)] << " n=" << s.n << " p=" << +s.priority
          << " #" << s.who << (s.timeout < 0 ? ";" : " timed;");
    }
    out << '\n';
  }
  return out.str();
}

template <class W>
void follow(W& w, const plan& p, const std::vector<step>& steps) {
  // What an acquire may answer here, besides ok.
  const auto allowed = [&p](status s, const step& what) {
    switch (s) {
      case status::closed:
        return p.closes;
      case status::invalid:
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
      case deed::begin: {
        const status got = w.begin(s.who, s.n, W::release_it, s.priority, s.timeout, s.cost);
        check(got == status::ok || got == status::pending || allowed(got, s), "a begin's answer");
        break;
      }
      case deed::keep: {
        const status got = w.begin(s.who, s.n, nullptr, s.priority, s.timeout, s.cost);
        check(got == status::ok || got == status::pending || allowed(got, s), "a begin's answer");
        break;
      }
      case deed::cancel:
        if (w.cancel(s.who) == status::ok) ++w.parties[s.who].completions;  // the one outcome
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

// L1: nobody who is first in line, and fits, is left asleep.
template <class W>
void nobody_forgotten(W& w) {
  const auto* const first = opened<W>::line(*w.sem).first();
  if (first == nullptr) return;
  const std::uint64_t word = w.sem->word().peek();
  check(!queue::fits(word, first->permits), "L1: a first-in-line that fits");
}

template <class W>
void run_plan(explorer& run, const plan& p) {
  W w(run, p.settings.limit, 0, p.settings);
  w.bound = kMost;
  w.cancels_may_be_late();
  for (const std::vector<step>& steps : p.threads) {
    run.spawn([&w, &p, &steps] { follow(w, p, steps); });
  }
  if (p.times) run.spawn([] { W::P::run_timers(8); });
  run.join();
  if (p.keeps) {
    nobody_forgotten(w);
    bool kept[kParties] = {};
    for (bool any = true; any;) {  // a release may bring another one in
      any = false;
      for (int who = 0; who < kParties; ++who) {
        typename W::party& each = w.parties[who];
        if (each.then != nullptr || !each.got() || kept[who]) continue;
        any = kept[who] = true;
        w.release(each.n);
        nobody_forgotten(w);
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
