// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Steers a semaphore's limit: adds samples up to windows, shows each window to an algorithm, and
// applies the limit that it answers. There is no thread and no timer: the thread whose sample finds
// that a window is over does the work, and the others go on.
//
//   CO1  A sample is in one window at most, and whole: it is added to a tally (tallies.h) under the
//        tally's lock, and a collector takes what a tally has, and empties it, under the same lock.
//        It is in none if it is to be ignored, if the terms exclude it, or if it came in a pause.
//   CO2  No thread waits for another here: a tally that is in use is passed by. A sample that finds
//        all in use, which takes as many threads stopped inside as there are tallies, is in the
//        totals and in no window; a tally that a collector finds in use is collected with the next
//        window.
//   CO3  One thread at a time is the collector: the one whose exchange sets `collecting_`. What is
//        plain data here is the collector's. Each path out of collect() clears it.
//   CO4  A change of the limit and the callback that tells it belong to the collector's time: they
//        come in order, and never two at once.
//   CO5  The collector holds a reference: a callback may drop the caller's. The semaphore lives at
//        least as long.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "control/algorithm.h"
#include "control/quantile.h"
#include "control/tallies.h"
#include "control/tally.h"
#include "core/semaphore.h"
#include "mutants.h"
#include "stats/control_numbers.h"

namespace afflux::control {

enum class outcome : std::uint32_t { served, dropped, ignored };  // as AFFLUX_CONTROL_…
enum class decision : std::uint32_t { kept, raised, lowered };

using changed_fn = void (*)(void* ctx, std::uint64_t before, std::uint64_t after,
                            std::uint32_t why);

struct bounds {
  std::uint32_t algorithm = 0;  // AFFLUX_CONTROL_…
  std::uint64_t min = 1;
  std::uint64_t max = 1;
  changed_fn changed = nullptr;  // nullptr: nothing is told
  void* ctx = nullptr;
};

// What is known of a steering: observations, which a collector at work may be changing.
struct report {
  std::uint64_t served = 0;
  std::uint64_t dropped = 0;
  std::uint64_t ignored = 0;
  std::uint64_t missed = 0;
  std::uint64_t windows = 0;
  std::uint64_t raised = 0;
  std::uint64_t lowered = 0;
  double center = 0;
  bool paused = false;
  // Of the last window.
  std::int64_t time = 0;
  std::uint64_t window_served = 0;
  std::uint64_t window_dropped = 0;
  double latency = 0;
  double in_flight = 0;
  decision last = decision::kept;
  reason why = reason::none;
};

// The padding is meant: lines of few writers each.
template <class P, unsigned Tallies = 32, class Quantile = quantile_of<P>>
class steering {  // NOLINT(clang-analyzer-optin.performance.Padding)
 public:
  using semaphore = core::semaphore<P>;

  // One reference. Takes one of the semaphore, and applies the algorithm's limit, which may run
  // completions. nullptr: no memory, or another steers it (`busy`).
  static steering* create(semaphore& sem, std::unique_ptr<algorithm> how, const bounds& within,
                          bool& busy) {
    std::uint32_t free = 0;
    // acquire, pairs with [free]: the one before has left it.
    busy = !sem.steered.compare_exchange_strong(free, 1, std::memory_order_acquire,
                                                std::memory_order_relaxed);
    if (busy) return nullptr;
    steering* made = nullptr;
    if (numbers_of(sem) != nullptr) {
      made = P::template create<steering>(sem, std::move(how), within);
    }
    if (made == nullptr) {
      sem.steered.store(0, std::memory_order_release);  // as in destroy()
      return nullptr;
    }
    sem.ref();
    made->start();
    return made;
  }

  steering(semaphore& sem, std::unique_ptr<algorithm> how, const bounds& within)
      : sem_(sem),
        bounds_(within),
        algorithm_(std::move(how)),
        // relaxed: made by this thread, or by that of [free].
        seen_(*sem.controlled.load(std::memory_order_relaxed)),
        before_(totals(seen_)) {}
  steering(const steering&) = delete;
  steering& operator=(const steering&) = delete;
  ~steering() = default;

  void ref() { refs_.fetch_add(1, std::memory_order_relaxed); }  // the caller has one
  void unref() {
    // release: what this owner did comes before the end; acquire: for the last one.
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }

  semaphore& steered() { return sem_; }
  const bounds& within() const { return bounds_; }

  // A request has ended. `latency` is not negative. True: a window may be over, collect() is due.
  bool add(std::int64_t latency, outcome how) {
    const std::uint32_t terms = terms_.load(std::memory_order_relaxed);  // as in the overload
    return add(latency, how, (terms & (kOwnOnly | kSettles)) != 0 ? P::now() : P::rough_now());
  }
  bool add(std::int64_t latency, outcome how, std::int64_t now) {
    // relaxed, all: each is a number by itself. Where a window just ends some may be the next
    // one's: a sample of that moment is judged by either.
    const std::uint32_t terms = terms_.load(std::memory_order_relaxed);
    count(terms, latency, how, now);
    return now >= due_.load(std::memory_order_relaxed);
  }

  // Closes the window if it is over, unless another thread is about it.
  void collect() {
    if (!begin_collecting()) return;
    ref();
    close_window();
    end_collecting();
    unref();
  }

  // False: it is so already.
  bool pause() { return paused_.exchange(1, std::memory_order_relaxed) == 0; }
  bool resume() {
    if (paused_.load(std::memory_order_relaxed) == 0) return false;
    anew_.store(1, std::memory_order_relaxed);  // comes with the next
    // [resume] release, pairs with the acquire in close_window().
    if (paused_.exchange(0, std::memory_order_release) == 0) return false;
    collect();  // or another does so: then what comes until it looks does not count
    return true;
  }

  // What has been added is in it, unless a collector is at work.
  report read() {
    if (begin_collecting()) {
      gather();
      end_collecting();
    }
    const report all = totals(seen_);
    report r;
    r.served = all.served - before_.served;
    r.dropped = all.dropped - before_.dropped;
    r.ignored = all.ignored - before_.ignored;
    r.missed = missed_.get();
    r.windows = all.windows - before_.windows;
    r.raised = all.raised - before_.raised;
    r.lowered = all.lowered - before_.lowered;
    r.center = center_.get();
    r.paused = paused_.load(std::memory_order_relaxed) != 0;
    r.time = seen_.time.get();
    r.window_served = seen_.window_served.get();
    r.window_dropped = seen_.window_dropped.get();
    r.latency = seen_.latency.get();
    r.in_flight = seen_.in_flight.get();
    r.last = last_.get();
    r.why = why_.get();
    return r;
  }

 private:
  template <class T>
  using atomic = typename P::template atomic<T>;
  template <class T>
  using var = typename P::template var<T>;
  template <class T>
  using gauge = typename P::template gauge<T>;
  using numbers = stats::control_numbers<P>;

  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  // Of terms_: what a sample has to know of closing, beside the times.
  static constexpr std::uint32_t kOwnOnly = 1;
  static constexpr std::uint32_t kDroppedToo = 2;
  static constexpr std::uint32_t kQuantile = 4;
  static constexpr std::uint32_t kSettles = 8;
  static constexpr unsigned kSkipShift = 8;  // above: of so many samples less one, one is in it
  static constexpr std::uint64_t kEnough = 4096;  // samples for a quantile

  // ---- numbers

  // nullptr: no memory. By the one that steers.
  static numbers* numbers_of(semaphore& sem) {
    // relaxed: as in the constructor.
    numbers* there = sem.controlled.load(std::memory_order_relaxed);
    if (there != nullptr) return there;
    there = P::template create<numbers>();
    // release, pairs with the acquire of a registry.
    if (there != nullptr) sem.controlled.store(there, std::memory_order_release);
    return there;
  }

  static report totals(const numbers& of) {
    report r;
    r.served = of.served.get();
    r.dropped = of.dropped.get();
    r.ignored = of.ignored.get();
    r.windows = of.windows.get();
    r.raised = of.raised.get();
    r.lowered = of.lowered.get();
    return r;
  }

  // ---- samples

  void count(std::uint32_t terms, std::int64_t latency, outcome how, std::int64_t now) {
    const bool dropped = how == outcome::dropped;
    const bool counts =
        how != outcome::ignored && latency >= floor_.load(std::memory_order_relaxed);
    sample s;
    closing wanted;
    if (counts) {
      wanted.cap = cap_.load(std::memory_order_relaxed);
      wanted.dropped_too = (terms & kDroppedToo) != 0;
      s.latency = latency;
      s.dropped = dropped;
      s.own = counts_for_window(terms, latency, now);
      s.in_flight = sem_.held_now();
      s.full = s.in_flight >= sem_.limit();
    }
    std::uint64_t number = 0;  // of this one, since they were collected
    const bool added = tallies_.add([&](sums& own) {
      number = how == outcome::ignored ? ++own.ignored : dropped ? ++own.dropped : ++own.served;
      if (counts) note(own.counted, wanted, s);
    });
    if (!added) [[unlikely]] {
      // relaxed: only the number matters.
      passed_by_[static_cast<std::size_t>(how)].fetch_add(1, std::memory_order_relaxed);
      return;
    }
    if ((terms & kQuantile) != 0 && counts && s.own && (!dropped || wanted.dropped_too) &&
        ((number - 1) & (terms >> kSkipShift)) == 0) {
      quantile_.record(latency);
    }
  }

  bool counts_for_window(std::uint32_t terms, std::int64_t latency, std::int64_t now) const {
    if ((terms & kOwnOnly) != 0 && now - latency < from_.load(std::memory_order_relaxed)) {
      return false;
    }
    return (terms & kSettles) == 0 || now >= settled_.load(std::memory_order_relaxed);
  }

  // ---- collecting

  bool begin_collecting() {
    // relaxed: a hint that saves the exchange.
    if (collecting_.load(std::memory_order_relaxed) != 0) return false;
    if constexpr (P::kMutant == mutant::two_collect) {
      collecting_.store(1, std::memory_order_relaxed);
      return true;
    }
    // [collect] acquire, pairs with [collected].
    return collecting_.exchange(1, std::memory_order_acquire) == 0;
  }
  void end_collecting() {
    if constexpr (P::kMutant == mutant::collecting_for_ever) return;
    // [collected] release: the next one sees all that was done.
    collecting_.store(0, std::memory_order_release);
  }

  // All that has been added, into gathered_.
  void gather() {
    sums all = tallies_.collect();
    all.served += take_passed_by(outcome::served);
    all.dropped += take_passed_by(outcome::dropped);
    all.ignored += take_passed_by(outcome::ignored);
    window sum = gathered_;
    merge(sum, all.counted);
    gathered_ = sum;
    seen_.served.set(seen_.served.get() + all.served);
    seen_.dropped.set(seen_.dropped.get() + all.dropped);
    seen_.ignored.set(seen_.ignored.get() + all.ignored);
  }

  std::uint64_t take_passed_by(outcome how) {
    atomic<std::uint64_t>& of = passed_by_[static_cast<std::size_t>(how)];
    // relaxed, both: only the number matters.
    if (of.load(std::memory_order_relaxed) == 0) return 0;
    const std::uint64_t n = of.exchange(0, std::memory_order_relaxed);
    missed_.set(missed_.get() + n);
    return n;
  }

  void close_window() {
    // acquire, pairs with [resume].
    if (paused_.load(std::memory_order_acquire) != 0) return;
    const std::int64_t now = P::now();
    if (anew_.load(std::memory_order_relaxed) != 0) {
      anew_.exchange(0, std::memory_order_relaxed);  // what is set later is for later
      gather();
      if (algorithm_->next().quantile > 0) quantile_.take(0);
      return begin_window(now);
    }
    if (now < due_.load(std::memory_order_relaxed)) return;  // another has closed it
    gather();
    const closing wanted = algorithm_->next();
    window seen = gathered_;
    const std::int64_t time = now - from_.load(std::memory_order_relaxed);
    const bool enough = time >= wanted.least_time && seen.samples() >= wanted.least_samples;
    if (!enough && time < wanted.most_time) return;
    seen.from = from_.load(std::memory_order_relaxed);
    seen.to = now;
    if (wanted.quantile > 0) seen.quantile = quantile_.take(wanted.quantile);
    algorithm_->update(seen);
    seen_.windows.set(seen_.windows.get() + 1);
    tell(seen, wanted);
    skip_ = skip_for(seen.samples());
    begin_window(now);
    apply();
  }

  void begin_window(std::int64_t now) {
    gathered_ = window{};
    const closing wanted = algorithm_->next();
    std::uint32_t terms = skip_ << kSkipShift;
    if (wanted.own_only) terms |= kOwnOnly;
    if (wanted.settle > 0) terms |= kSettles;
    if (wanted.dropped_too) terms |= kDroppedToo;
    if (wanted.quantile > 0) terms |= kQuantile;
    // relaxed, all: see add().
    terms_.store(terms, std::memory_order_relaxed);
    cap_.store(wanted.cap, std::memory_order_relaxed);
    floor_.store(wanted.floor, std::memory_order_relaxed);
    from_.store(now, std::memory_order_relaxed);
    settled_.store(after(now, wanted.settle), std::memory_order_relaxed);
    due_.store(due(wanted, now), std::memory_order_relaxed);
  }

  static std::int64_t due(const closing& wanted, std::int64_t now) {
    const std::int64_t time = std::min(wanted.least_time, wanted.most_time);
    if (time <= 0) return std::numeric_limits<std::int64_t>::min();  // a rough clock may be behind
    return after(now, time);
  }
  static std::int64_t after(std::int64_t now, std::int64_t time) {
    return time > kNever - now ? kNever : now + time;
  }

  // One of how many latencies a quantile takes, less one.
  static std::uint32_t skip_for(std::uint64_t samples) {
    std::uint32_t skip = 0;
    while (samples > kEnough && skip < 0xffff) {
      samples /= 2;
      skip = skip * 2 + 1;
    }
    return skip;
  }

  // ---- the limit

  void start() {
    tell({}, {});
    begin_collecting();  // no other thread has it yet
    begin_window(P::now());
    apply();
    end_collecting();
  }

  std::uint64_t bounded(double wanted) const {
    if (wanted >= static_cast<double>(bounds_.max)) return bounds_.max;
    if (wanted > static_cast<double>(bounds_.min))
      return static_cast<std::uint64_t>(std::llround(wanted));
    return bounds_.min;  // for what is not a number, too
  }

  // An algorithm that knows the bounds stays there, another one goes on beyond.
  reason why(std::uint64_t limit, bool stays) const {
    const double wanted = algorithm_->limit();
    const reason said = algorithm_->why();
    const bool less = said == reason::queue || said == reason::drops;
    if (limit == bounds_.max &&
        ((stays && said == reason::room) || wanted > static_cast<double>(limit) + 0.5)) {
      return reason::at_max;
    }
    if (limit == bounds_.min && ((stays && less) || wanted < static_cast<double>(limit) - 0.5))
      return reason::at_min;
    return said;
  }

  void apply() {
    const std::uint64_t limit = bounded(algorithm_->limit());
    const std::uint64_t before = sem_.limit();
    const reason said = why(limit, limit == before);
    decision last = decision::kept;
    if (limit > before) {
      last = decision::raised;
      seen_.raised.set(seen_.raised.get() + 1);
    } else if (limit < before) {
      last = decision::lowered;
      seen_.lowered.set(seen_.lowered.get() + 1);
    }
    last_.set(last);
    why_.set(said);
    if (limit == before) return;
    core::resize(sem_, limit);  // limit is within what a word can count
    if (bounds_.changed != nullptr) {
      // An exception out of it would leave windows that never end: it ends the process.
      [&]() noexcept {
        bounds_.changed(bounds_.ctx, before, limit, static_cast<std::uint32_t>(said));
      }();
    }
  }

  void tell(const window& seen, const closing& wanted) {
    center_.set(algorithm_->center());
    seen_.time.set(seen.to - seen.from);
    seen_.window_served.set(seen.served);
    seen_.window_dropped.set(seen.dropped);
    const std::uint64_t n = wanted.dropped_too ? seen.samples() : seen.served;
    const auto sum = static_cast<double>(seen.latency_sum);
    seen_.latency.set(n == 0 ? 0 : sum / static_cast<double>(n));
    seen_.in_flight.set(seen.mean_in_flight());
  }

  void destroy() {
    gather();  // the totals stay
    semaphore& sem = sem_;
    P::destroy(this);
    // [free] release, pairs with the acquire in create().
    sem.steered.store(0, std::memory_order_release);
    sem.unref();
  }

  semaphore& sem_;
  const bounds bounds_;
  const std::unique_ptr<algorithm> algorithm_;  // the collector's
  numbers& seen_;
  const report before_;  // totals of the controls before this one

  // Read by each sample, written once a window.
  alignas(128) atomic<std::uint32_t> terms_{0};
  atomic<std::uint32_t> paused_{0};
  atomic<std::int64_t> due_{0};
  atomic<std::int64_t> from_{0};
  atomic<std::int64_t> settled_{0};  // with kSettles what ended before does not count
  atomic<std::int64_t> cap_{kNever};
  atomic<std::int64_t> floor_{0};

  alignas(128) atomic<std::uint32_t> collecting_{0};
  atomic<std::uint32_t> anew_{0};  // the window is to begin anew
  var<std::uint32_t> skip_{0};
  var<window> gathered_{};
  atomic<std::uint64_t> refs_{1};
  // Of samples that found all tallies in use, by their outcomes.
  std::array<atomic<std::uint64_t>, 3> passed_by_{};
  gauge<std::uint64_t> missed_;
  gauge<double> center_;
  gauge<decision> last_;
  gauge<reason> why_;

  alignas(128) tallies<P, Tallies> tallies_;
  alignas(128) Quantile quantile_;
};

}  // namespace afflux::control
