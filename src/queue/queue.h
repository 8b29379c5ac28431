// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The protocol: one word, one lock bit (word.h), a line of waiters behind it. A semaphore is one
// waiter_queue object. A strategy derives from it and says where a waiter may be left while
// another thread holds the lock (post, collect): a file beside intrusive.h and a line in
// meson_options.txt.
//
// The rule: decide in private, exchange, then publish. What the holder decides is final, for
// while kLocked is set only the holder lowers `available`, and only by the exchange that unlocks.
//
// How the invariants of docs/invariants.md are kept:
//   S1: an acquire takes what the word has, by one exchange; a grant is decided with the lock.
//   S3: a waiter is taken off once, by the exchange on its `where` (waiter.h).
//   S5: while kQueued is set only the holder takes permits, for the head of the line.
//   S7, L1: unlocked, the first in line does not fit, or competes, or is claimed by a thread that
//       will look once more; a holder whose unlocking exchange fails looks once more, too.
//   S9: the unlocking exchange is the holder's last touch of the semaphore; a release's plain
//       exchange is its only one.
//   S10: the last unref sets kDead; the holder that unlocks then with no waiter linked, and no
//       thread to come back, frees. No thread waits for that.
//   S12: waiters are told after the unlock (completion.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "mutants.h"
#include "queue/completion.h"
#include "queue/counting.h"
#include "queue/line.h"
#include "queue/settings.h"
#include "queue/tenants.h"
#include "queue/word.h"
#include "stats/control_numbers.h"
#include "stats/label.h"
#include "stats/ledger.h"
#include "status.h"

namespace afflux::queue {

template <class P>
class alignas(128) waiter_queue {
 public:
  template <class T>
  using atomic = typename P::template atomic<T>;
  using stats_type = typename counting<P>::stats_type;

  // `posts`: post() is worth asking.
  waiter_queue(const queue::settings& s, bool posts)
      : plain_(!s.shed.on()),
        simple_(!s.throughput && !s.times() && !s.shed.on()),
        settings_(s),
        posts_(posts && (!s.limited() || P::kMutant == mutant::limits_pass_inbox)),
        limit_(s.limit),
        counts_(this, s.times() || s.shed.on()) {
    // relaxed, both: no other thread sees it yet.
    block_.word.store(permits(s.limit), std::memory_order_relaxed);
    block_.limit.store(s.limit, std::memory_order_relaxed);
  }
  waiter_queue(const waiter_queue&) = delete;
  waiter_queue& operator=(const waiter_queue&) = delete;
  virtual ~waiter_queue() {
    // relaxed: no other thread is left.
    P::destroy(controlled.load(std::memory_order_relaxed));
    P::destroy(tenanted.load(std::memory_order_relaxed));
  }

  // ---- the questions to a strategy

  // Leaves x where collect() finds it; false: there is no room, take the lock. Release.
  virtual bool post(waiter<P>& x) = 0;
  // All that has been posted, the newest first, by `prev`. With the lock. Acquire.
  virtual waiter<P>* collect() = 0;

  // ---- permits

  // Takes free permits while no thread is at the line. False: ask in another way.
  bool take_free(std::uint64_t n) {
    // acquire, all: pairs with the [release] of the permits; a failure for who then sees kClosed.
    std::uint64_t w = word().load(std::memory_order_acquire);
    while ((w & kFlags) == 0 && fits(w, n)) {
      if (word().compare_exchange_strong(w, w - permits(n), std::memory_order_acquire,
                                         std::memory_order_acquire)) {
        return true;
      }
    }
    return false;
  }
  // FAIR: passes no queued request. again: it would have to wait.
  status try_acquire(std::uint64_t n) { return take_free(n) ? status::ok : take(n, n, n); }

  // As many as are free, between `least` and `most`. Written with ok only.
  status take(std::uint64_t least, std::uint64_t most, std::uint64_t& ret_n) {
    return take(word().load(std::memory_order_acquire), least, most, ret_n);
  }

  // Takes all that is free, past those in line, too.
  void take_all();

  // x is filled in. pending: x belongs to the queue, and may be gone already. Anything else: x is
  // the caller's (ok: it holds its permits). `as`: `in`, or `asking` until stop_asking().
  status enqueue(waiter<P>& x, place as = place::in);

  status release(std::uint64_t n) {
    // acquire: the limit is at least as new as the word.
    std::uint64_t w = word().load(std::memory_order_acquire);
    while (n <= held(w, limit()) && takes_in(w)) {
      constexpr auto order = P::kMutant == mutant::relaxed_release ? std::memory_order_relaxed
                                                                   : std::memory_order_release;
      // [release] release, pairs with [acquire]. The last touch.
      if (word().compare_exchange_strong(w, w + permits(n), order, std::memory_order_acquire)) {
        return status::ok;
      }
    }
    return release_slowly(w, n);
  }
  // Not more than is held; overflow: that was less than n.
  status release_what_is_held(std::uint64_t n);

  // By decide_on(limit), which may change it, or answer other than ok: nothing changes then.
  template <class Decide>
  status resize(Decide&& decide_on);

  // ---- waiters

  // x, which this thread has claimed, leaves the line, and is this thread's. between() runs after
  // the unlock, before any waiter is told: the semaphore may be gone.
  template <class F>
  void withdraw(waiter<P>& x, status why, F&& between);
  // Likewise because its time is over; x may be put into between(done).
  template <class F>
  void expire(waiter<P>& x, F&& between);

  // Completes the first `most` in line with ok, without permits. How many there were. Who asks
  // for a place later sees what the caller did before.
  std::uint64_t wake(std::uint64_t most);

  // x, filled in with kWatches, completes when what it waits for has come. For no permits: nothing
  // is held and no request queues (ok). Else: a request like x would never be served (closed,
  // too_big). pending: not yet.
  status watch(waiter<P>& x);

  // THROUGHPUT: x, a blocked thread's, was poked by a holder and competes. pending: in vain.
  status compete(waiter<P>& x);

  // THROUGHPUT: a newcomer may try to pass once more.
  bool may_overtake() {
    if constexpr (P::kMutant == mutant::overtaking_uncounted) return true;
    // relaxed: a ticket; only its number matters.
    return overtakings_.fetch_add(1, std::memory_order_relaxed) < P::kOvertakingBound;
  }

  // Queued now; exact when nothing moves.
  std::uint64_t waiting() const {
    // acquire, both: pairs with make_tenants().
    const tenants<P>* const beside = tenanted.load(std::memory_order_acquire);
    return line_.count() + (beside == nullptr ? 0 : beside->waiting());
  }
  std::uint64_t waiting_bytes() const {
    const tenants<P>* const beside = tenanted.load(std::memory_order_acquire);
    return line_.bytes() + (beside == nullptr ? 0 : beside->waiting_bytes());
  }

  // ---- tenants (tenancy.h)

  // False: no memory.
  bool make_tenants();
  // t's requests are taken from now on. closed, no_memory.
  status join(tenant<P>& t);
  status take_for(tenant<P>& t, std::uint64_t n);
  // overflow: it holds less. Nothing has come back then, or `what_is_held`.
  status release_for(tenant<P>& t, std::uint64_t n, bool what_is_held = false);
  status set_share(tenant<P>& t, const share& is);
  status set_usual_weight(std::uint32_t weight);
  // Its requests complete with closed; of_last: and it is freed when none is left. already.
  status close(tenant<P>& t, bool of_last);

  // ---- life

  void ref() {
    refs_.fetch_add(1, std::memory_order_relaxed);  // the caller's reference keeps it alive
  }
  void unref() {
    // release: what this owner did comes before the end; acquire: for the last one.
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) close(kClosed | kDead);
  }
  status close() { return close(kClosed); }
  bool closed() const {
    // acquire: who sees it sees what the closer did before.
    return (word().load(std::memory_order_acquire) & kClosed) != 0;
  }

  // ---- observing

  atomic<std::uint64_t>& word() { return block_.word; }
  const atomic<std::uint64_t>& word() const { return block_.word; }
  fastpath<P>& block() { return block_; }
  const fastpath<P>& block() const { return block_; }
  const queue::settings& settings() const { return settings_; }
  // relaxed: a thread that acts on it holds the lock, or confirms the word that came before.
  std::uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  // Held at a moment, whatever a resize does meanwhile: word and limit belong together if no resize
  // was under way and none came between. An observation that many resizes may spoil.
  std::uint64_t held_now() const {
    constexpr int kTries = 64;
    std::uint64_t n = 0;
    for (int i = 0; i < kTries; ++i) {
      // acquire, both: the loads stay in this order.
      const std::uint64_t before = word().load(std::memory_order_acquire);
      n = held(before, limit_.load(std::memory_order_acquire));
      const std::uint64_t after = word().load(std::memory_order_acquire);
      const std::uint64_t changes = (before ^ after) & kResizes<P::kResizeBits>;
      if (changes == 0 && ((before | after) & kBusy) == 0) break;
      P::pause();
    }
    return n > 2 * kMaxPermits ? 0 : n;
  }
  // Held now. With the lock: for those who decide by it.
  std::uint64_t held_exactly();
  // Nothing is held and no request queues. With the lock: beside a resize, word and limit tell
  // nothing.
  bool idle();
  // A request that could never be satisfied as things are.
  bool beyond_limit(const waiter<P>& x) const {
    return x.permits > limit() && !x.has(traits::kWaitsForResize);
  }
  // Likewise, of one that may be a tenant's.
  bool impossible(const waiter<P>& x) const {
    const bool beyond_cap = x.of_tenant() && x.permits > x.tenant->cap.get();
    return beyond_limit(x) || (beyond_cap && !x.has(traits::kWaitsForResize));
  }

  // nullptr: nothing is counted. Given before any other thread sees the semaphore.
  stats_type* stats() const { return counts_.stats(); }
  void count_with(typename stats_type::pointer stats) {
    counts_.count_with(std::move(stats));
    block_.layout = 3;
    block_.reserved = AFFLUX_FASTPATH_COUNTED;
  }
  // This thread has got n permits without queueing: ok.
  status count_taken(std::uint64_t n) {
    if (stats() != nullptr) [[unlikely]] {
      // relaxed: an observation; one that looks like a new peak is made anew.
      const std::uint64_t rough = held(word().load(std::memory_order_relaxed), limit());
      stats()->took(n);
      if (rough > stats()->peak_held()) stats()->peak_held(held_now());
    }
    return status::ok;
  }
  // An acquire inline has left the word so, with more held than `peak` says.
  void note_peak(std::uint64_t then) {
    if (stats() == nullptr) return;
    // acquire: the word is as new.
    const std::uint64_t limit = limit_.load(std::memory_order_acquire);
    // relaxed: only the value counts. As in held_now().
    const std::uint64_t now = word().load(std::memory_order_relaxed);
    const std::uint64_t changes = (then ^ now) & kResizes<P::kResizeBits>;
    if (changes == 0 && (now & kBusy) == 0) stats()->peak_held(held(then, limit));
    // relaxed, both: a hint. Lowered by a slower thread it lets some note it once more.
    block_.peak.store(stats()->peak_held(), std::memory_order_relaxed);
  }

  stats::label name;  // in statistics
  std::int64_t created_at = 0;
  std::unique_ptr<stats::ledger<P>> ledger;  // of the permit tokens; nullptr: none is kept
  atomic<std::uint64_t> registration{0};     // in the registry that it is in (export/member_set.h)
  atomic<std::uint32_t> steered{0};          // 1: by a control (control/steering.h)
  atomic<stats::control_numbers<P>*> controlled{nullptr};  // from the first control on
  atomic<tenants<P>*> tenanted{nullptr};                   // from the first tenant on

  // ---- for completion.h: a thread that left some in line for want of room for notes
  void come_back();
  waiter_queue* next_return = nullptr;  // that thread's

 private:
  // A release may put its permits in and go.
  static bool takes_in(std::uint64_t w) {
    if ((w & (kQueued | kWatched | kBusy)) == 0) return true;
    return (w & kBusy) == 0 && (w & (kLocked | kPoked)) != 0;
  }

  status take(std::uint64_t w, std::uint64_t least, std::uint64_t most, std::uint64_t& ret_n);
  [[gnu::noinline]] status release_slowly(std::uint64_t w, std::uint64_t n);
  status admit(std::uint64_t w, waiter<P>& x, place as);
  [[gnu::noinline]] status admit_to_full(std::uint64_t w, waiter<P>& x, place as);
  status arrive(waiter<P>& x, place as);
  status close(std::uint64_t flags);

  // ---- the lock

  std::uint64_t lock(std::uint64_t more);
  bool spin_for_lock(std::uint32_t turns, std::uint64_t more, std::uint64_t& w);
  [[nodiscard]] bool unlock(std::uint64_t w, std::int64_t take, finished<P>& done);
  void return_for_the_rest(finished<P>& done);
  void settle(std::uint64_t w, std::int64_t take, finished<P>& done) {
    if (unlock(w, take, done)) [[unlikely]]
      return return_for_the_rest(done);
    complete_all(done);  // the semaphore may be gone
  }
  void settle(std::uint64_t w, std::int64_t take) {
    if (!unlock_plainly(w, take)) settle_fully(w, take);
  }
  [[gnu::noinline]] void settle_fully(std::uint64_t w, std::int64_t take);
  bool unlock_plainly(std::uint64_t& w, std::int64_t take);

  // ---- with the lock

  void take_in();
  bool decide(std::uint64_t w, std::int64_t& take, finished<P>& done);
  [[gnu::noinline]] bool dismiss(std::uint64_t w, finished<P>& done);
  bool idle(std::uint64_t w, std::int64_t take) const {
    return nobody_waits() && available(w) - take == static_cast<std::int64_t>(limit());
  }
  bool nobody_waits() const {
    return line_.empty() && (tenants_ == nullptr || waits_beside() == 0);
  }
  std::uint64_t waits_beside() const { return tenants_ == nullptr ? 0 : tenants_->waiting(); }
  void leaves(std::uint64_t then);
  void begin_to_stand(const waiter<P>& x);
  // With tenants: tenancy.h.
  [[gnu::noinline]] std::uint64_t unlocked_among_tenants(std::uint64_t then);
  [[gnu::noinline]] void leaves_among_tenants(std::uint64_t then);
  [[gnu::noinline]] void link_among_tenants(waiter<P>& x);
  void join_line(waiter<P>& x, place as);
  [[gnu::noinline]] bool grant_among_tenants(std::uint64_t w, std::int64_t& take,
                                             finished<P>& done);
  [[gnu::noinline]] status admit_among_tenants(std::uint64_t w, waiter<P>& x, place as);
  status admit_to_full_among_tenants(std::uint64_t w, waiter<P>& x, place as);
  [[gnu::noinline]] bool dismiss_closing(finished<P>& done);
  void begin_tenants();
  status seen_by(const waiter<P>& x, std::uint64_t w, std::int64_t take) const;
  [[gnu::noinline]] bool tell_watchers(std::uint64_t w, std::int64_t take, finished<P>& done);
  std::uint64_t lock_and_unlink(waiter<P>& x, status why);
  bool take_off(waiter<P>& x, status result, finished<P>& done);
  bool grant(waiter<P>& x, finished<P>& done);
  bool mark_off(waiter<P>& x, status result, finished<P>& done);
  [[gnu::noinline]] bool mark_off_of_tenant(waiter<P>& x, status result, std::int64_t waited,
                                            finished<P>& done);
  bool leave_line(waiter<P>& x);
  std::int64_t weight(const waiter<P>& x) const {
    return settings_.weight(static_cast<std::int64_t>(x.permits));
  }
  bool poke(waiter<P>& x, finished<P>& done);
  bool link(waiter<P>& x, bool into_empty);
  bool no_room(const waiter<P>& x, const finished<P>& done) const;
  bool full_for(const waiter<P>& x) const;
  stats::stamp moment(finished<P>& done) const;

  // ---- with the lock: shedding.h

  [[gnu::noinline]] bool shed_and_grant(std::uint64_t w, std::int64_t& take, finished<P>& done);
  bool shed_oldest(stats::stamp now, std::uint32_t& room, finished<P>& done);
  bool shed(waiter<P>& x, std::uint32_t& room, finished<P>& done);
  bool stands(stats::stamp now);
  bool newest_goes_first(stats::stamp now) { return settings_.shed.newest_first && stands(now); }
  bool too_old(const waiter<P>& x, stats::stamp now);
  std::uint64_t unlocked(std::uint64_t w, std::int64_t take);
  bool linked() const { return !nobody_waits() || !watchers_.empty() || comers_ != 0; }
  std::uint64_t add_flag(std::uint64_t w, std::uint64_t flag);

  template <class T>
  using var = typename P::template var<T>;

 protected:
  // The first 64 bytes: what meets where threads do.
  fastpath<P> block_;
  // Where post() leaves waiters, if it can: on the word's line, which a posting thread writes
  // anyway.
  atomic<waiter<P>*> inbox_{nullptr};
  line<P> line_;
  // Only with the lock.
  var<std::uint32_t> comers_{0};  // threads that will come for the lock, and have no waiter linked
  var<bool> returning_{false};    // one of them comes back for those that are left in line
  var<bool> special_{false};      // a waiter may be to leave without permits: dismiss()
  var<bool> shrunk_{false};       // likewise, any of them, as too much is asked for
  var<bool> plain_;               // none is shed, and there are no tenants
  var<bool> simple_;              // plain, FAIR, and no times are taken
  var<bool> first_changed_{false};  // another became the first in this hold
  var<std::uint64_t> wakes_{0};     // still to be woken, for want of room for notes
  var<waiter<P>*> poked_{nullptr};  // competes
  var<tenants<P>*> tenants_{nullptr};
  var<stats::stamp> standing_since_{0};  // the line was empty before; of meaning with shedding only
  var<bool> stands_{false};              // and has stood for an interval
  var<bool> may_shed_{false};            // also with kBusy, and where none is granted
  waiter_chain<P> watchers_;
  var<std::uint32_t> idlers_{0};  // those of them that wait for it to be idle

  const queue::settings settings_;
  const bool posts_;  // with queue limits each arrival takes the lock: they are exact
  // Read often, written by resize only: away from the word.
  alignas(128) atomic<std::uint64_t> limit_;
  counting<P> counts_;

  alignas(128) atomic<std::uint64_t> refs_{1};
  atomic<std::uint32_t> overtakings_{0};
};

// ---- taking a waiter back

enum class removal : std::uint32_t {
  claimed,  // the caller is to withdraw it
  gone,     // off, or about to be
  telling,  // likewise, and perhaps not told yet
  early,    // its enqueue has not come so far, or its thread still asks whether to wait
  poked,    // its thread is awake, and competes
};

// pending: queued. invalid: not a waiter that has ever queued.
template <class P>
status status_of(const waiter<P>& x) {
  // [wait] acquire, pairs with [granted].
  if (x.signal.load(std::memory_order_acquire) == signals::kDone) return x.result;
  const place where = x.where.load(std::memory_order_relaxed);
  return where >= place::arriving && where <= place::telling ? status::pending : status::invalid;
}

}  // namespace afflux::queue

#include "queue/hold.h"
#include "queue/protocol.h"
#include "queue/queue_limits.h"
#include "queue/resizing.h"
#include "queue/returning.h"
#include "queue/shedding.h"
#include "queue/tenancy.h"
#include "queue/throughput.h"
#include "queue/waking.h"
#include "queue/watching.h"
