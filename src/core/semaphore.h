// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The semaphore: what its operations mean, over any queue strategy. The object
// itself is a queue::waiter_queue; waiting is a blocked thread or a callback.
#pragma once

#include <cstdint>
#include <new>
#include <utility>

#include "core/overtaking.h"
#include "core/thread_wait.h"
#include "queue/expiry.h"
#include "queue/queue.h"

namespace afflux::core {

template <class P>
using semaphore = queue::waiter_queue<P>;

struct demand {
  std::uint64_t permits = 1;  // 1 … kMaxPermits + 1, which is more than any limit
  std::uint8_t priority = AFFLUX_PRIORITY_NORMAL;
  bool waits_for_resize = false;
  std::uint64_t cost_bytes = 0;
  stats::client* client = nullptr;
  queue::fair_member* tenant = nullptr;  // of the semaphore; a queue::tenant
};

template <class P>
queue::tenant<P>& tenant_of(const demand& want) {
  return static_cast<queue::tenant<P>&>(*want.tenant);
}

inline bool countable(std::uint64_t n) { return n - 1 < queue::kMaxPermits; }  // 0 wraps

// Whether `n` permits are free: a weightless semaphore counts no permits out.
template <class P>
status look(const semaphore<P>& sem, std::uint64_t n) {
  // acquire, pairs with the [release] of those permits.
  const std::uint64_t w = sem.word().load(std::memory_order_acquire);
  if ((w & queue::kClosed) != 0) return status::closed;
  // A request that queues while they are free is on its way out, so none is passed.
  return queue::fits(w, n) ? status::ok : status::again;
}

// Counts a try for n permits that answered `s`; `is_final`: it is not retried.
template <class P>
status counted(semaphore<P>& sem, status s, std::uint64_t n, bool is_final) {
  if (s == status::ok) return sem.count_taken(n);
  if (s == status::again && is_final && sem.stats() != nullptr) {
    sem.stats()->template count<&afflux_sem_stats::try_failed>();
  }
  return s;
}

// After a try_acquire(n) that answered `s`: where one may overtake, a look whether that helps.
template <class P>
status try_harder(semaphore<P>& sem, status s, std::uint64_t n) {
  return s == status::again && sem.settings().throughput ? overtake(sem, n, 0) : s;
}

// A try for `want` answered s; one that would wait for a resize is not too big.
inline status may_wait(const demand& want, status s) {
  const bool waits = s == status::too_big && want.waits_for_resize && countable(want.permits);
  return waits ? status::again : s;
}

// Takes the permits of `want` if it can do so without waiting. again: it would wait, unless it
// `never_waits`.
template <class P>
status take_now(semaphore<P>& sem, const demand& want, bool never_waits) {
  if (sem.settings().weightless) return look(sem, want.permits);
  if (want.tenant != nullptr) {
    if (!never_waits && countable(want.permits)) return status::again;  // as it queues, if it must
    const status s = sem.take_for(tenant_of<P>(want), want.permits);
    return counted(sem, may_wait(want, s), want.permits, true);
  }
  const status s = may_wait(want, try_harder(sem, sem.try_acquire(want.permits), want.permits));
  if (s != status::again) queue::account_at_once(want.client, s, want.permits);
  return counted(sem, s, want.permits, never_waits);
}

// Inline: as a call it would cost each request that queues as much again.
template <class P>
[[gnu::always_inline]] inline void fill_in(queue::waiter<P>& x, const demand& want,
                                           const queue::destination<P>& to) {
  x.permits = want.permits;
  x.rank = want.priority;
  x.target = reinterpret_cast<void*>(to.wake);
  x.context = to.context;
  x.set_internal(to.internal);
  std::uint8_t traits = want.waits_for_resize ? queue::traits::kWaitsForResize : 0;
  if (to.loop != nullptr) {
    x.target = to.loop;
    x.user_data = to.user_data;
    traits |= queue::traits::kPort;
  } else if (to.note != nullptr) {
    x.target = reinterpret_cast<void*>(to.note);
    x.user_data = to.user_data;
    traits |= queue::traits::kNote;
  }
  if (want.cost_bytes != 0) {
    traits |= queue::traits::kCosts;
    x.cost_bytes = want.cost_bytes;
  }
  if (want.client != nullptr) {
    traits |= queue::traits::kAccounted;
    x.client = want.client;
  }
  if (want.tenant != nullptr) x.of_tenant(tenant_of<P>(want));
  x.traits.set(traits);
  x.where.store(queue::place::none, std::memory_order_relaxed);  // published with the rest
}

// A port counts the requests that are to complete there. False: it is closed.
template <class P>
bool expect(const queue::destination<P>& to) {
  return to.loop == nullptr || to.loop->begin();
}
// x has no completion to come.
template <class P>
void withdraw(queue::waiter<P>& x) {
  if (x.has(queue::traits::kPort)) x.destination()->end();
}

// kNever for a negative time, and for one beyond what the clock can say.
template <class P>
std::int64_t deadline_in(std::int64_t timeout) {
  if (timeout < 0) return time::kNever;
  const std::int64_t now = P::now();
  return timeout > time::kNever - now ? time::kNever : now + timeout;
}

// Its own time, or the semaphore's for one that names none.
template <class P>
std::int64_t deadline_for(const semaphore<P>& sem, std::int64_t timeout) {
  return deadline_in<P>(timeout < 0 ? sem.settings().default_timeout : timeout);
}

// Queues x, which is filled in, by enqueue(), with its timer.
template <class P, class F>
[[gnu::always_inline]] inline status queue_until(queue::waiter<P>& x, std::int64_t deadline,
                                                 F&& enqueue) {
  if (deadline == time::kNever) return enqueue();
  // Armed before it is queued, for it may be completed, and gone, at once. If the timer
  // fires before the waiter is queued it tries again.
  x.add(queue::traits::kTimed);
  new (&x.deadline) queue::timer<P>(x);
  if (P::timers().arm(x.deadline, deadline)) P::timers_changed();
  const status s = enqueue();
  if (s != status::pending) P::timers().disarm_and_wait(x.deadline);
  return s;
}

// Of a port's x, by its loop: the memory is the owner's again.
template <class P>
void drained(queue::waiter<P>& x) {
  x.signal.store(queue::signals::kDone, std::memory_order_release);  // as in queue::call()
}

// ---- acquiring

template <class P>
status acquire(semaphore<P>& sem, const demand& want, std::int64_t timeout) {
  status s = take_now(sem, want, timeout == 0);
  if (s != status::again) return s;
  if (timeout == 0) {
    queue::account_at_once(want.client, status::timed_out, want.permits);
    return status::timed_out;
  }
  if (sem.settings().throughput) {
    s = counted(sem, overtake(sem, want.permits, P::spins() / 4), want.permits, false);
    if (s != status::again) {
      queue::account_at_once(want.client, s, want.permits);
      return s;
    }
  }
  const std::int64_t deadline = deadline_for(sem, timeout);
  queue::waiter<P> x;
  fill_in<P>(x, want, {});
  s = sem.enqueue(x);
  if (s != status::pending) {
    if (x.has(queue::traits::kAccounted)) queue::account_at_once(x.client, s, x.permits);
    return s;
  }
  s = wait(x, deadline);
  // Of its own accord: a completion has been accounted.
  if (x.has(queue::traits::kAccounted)) {
    x.result = s;
    queue::account(x);
  }
  return s;
}

// Queues without another look. x is the caller's memory with whatever it held before; it is not
// constructed, for a late cancel of its previous use may be looking at it. os_error: `error` is an
// errno value.
template <class P, class F>
[[gnu::always_inline]] inline status wait_async(std::int64_t deadline, const demand& want,
                                                const queue::destination<P>& to,
                                                queue::waiter<P>& x, int& error, F&& enqueue) {
  if (deadline != time::kNever) {
    error = P::start_timers(&queue::advance_timers<P>);
    if (error != 0) return status::os_error;
  }
  if (!expect(to)) return status::closed;
  fill_in<P>(x, want, to);
  // With neither a function nor a port: the kernel waits, for a ring.
  if (x.sleeps()) x.add(queue::traits::kKernelWaits);
  const status s = queue_until(x, deadline, std::forward<F>(enqueue));
  if (s != status::pending) {
    if (x.has(queue::traits::kAccounted)) queue::account_at_once(x.client, s, x.permits);
    withdraw(x);
  }
  return s;
}

template <class P>
[[gnu::always_inline]] inline status wait_async(semaphore<P>& sem, const demand& want,
                                                std::int64_t timeout,
                                                const queue::destination<P>& to,
                                                queue::waiter<P>& x, int& error) {
  return wait_async(deadline_for(sem, timeout), want, to, x, error,
                    [&sem, &x] { return sem.enqueue(x); });
}

template <class P>
status acquire_async(semaphore<P>& sem, const demand& want, std::int64_t timeout,
                     const queue::destination<P>& to, queue::waiter<P>& x, int& error) {
  const status s = take_now(sem, want, timeout == 0);
  if (s != status::again || timeout == 0) return s;
  return wait_async(sem, want, timeout, to, x, error);
}

// Who has x, told what became of it by a cancel that answered ok.
template <class P>
void end_canceled(queue::waiter<P>& x) {
  if (x.has(queue::traits::kTimed)) P::timers().disarm_and_wait(x.deadline);
  if (x.has(queue::traits::kAccounted)) queue::account(x);  // withdraw() has said: canceled
  withdraw(x);
  if (x.has(queue::traits::kKernelWaits)) {
    // Ends the kernel's wait, if there is one.
    if (P::kMutant != mutant::canceled_silently) queue::signal_done(x);
    return;
  }
  if (x.has(queue::traits::kNote)) {
    queue::signal_done(x);  // another cancel may wait
  } else {
    x.signal.store(queue::signals::kDone, std::memory_order_release);  // as in call()
  }
  P::returned(&x, sizeof x);
}

template <class P>
status cancel(queue::waiter<P>& x) {
  switch (queue::claim(x, false)) {
    case queue::removal::claimed:
      // relaxed: [claim] has brought it.
      x.owner.load(std::memory_order_relaxed)->withdraw(x, status::canceled, [&x] {
        end_canceled(x);
      });
      return status::ok;
    case queue::removal::telling:
      queue::wait_until_told(x);
      return status::already;
    default:
      return status::already;
  }
}

// ---- the rest

template <class P>
status resize(semaphore<P>& sem, std::uint64_t permits) {
  if (permits > queue::kMaxPermits) return status::invalid;
  return sem.resize([permits](std::uint64_t& limit) {
    limit = permits;
    return status::ok;
  });
}

template <class P>
status resize_by(semaphore<P>& sem, std::int64_t delta, std::uint64_t& ret_limit) {
  return sem.resize([delta, &ret_limit](std::uint64_t& limit) {
    const std::uint64_t less = delta < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(delta) : 0;
    const std::uint64_t more = delta > 0 ? static_cast<std::uint64_t>(delta) : 0;
    if (less > limit || more > queue::kMaxPermits - limit) return status::overflow;
    ret_limit = limit = limit - less + more;
    return status::ok;
  });
}

template <class P>
status try_acquire_up_to(semaphore<P>& sem, std::uint64_t least, std::uint64_t most,
                         std::uint64_t& ret_n) {
  std::uint64_t taken = 0;
  const status s = sem.take(least, most, taken);
  if (s != status::ok) return counted(sem, s, 0, true);
  ret_n = taken;
  return taken == 0 ? s : counted(sem, s, taken, true);
}

template <class P>
status drain(semaphore<P>& sem, std::uint64_t& ret_n) {
  return try_acquire_up_to(sem, 0, queue::kMaxPermits, ret_n);
}

template <class P>
std::uint64_t held(const semaphore<P>& sem) {
  return sem.held_now();
}

template <class P>
std::uint64_t available(const semaphore<P>& sem) {
  const std::uint64_t w = sem.word().load(std::memory_order_relaxed);  // an observation
  return (w & queue::kQueued) != 0 || queue::available(w) < 0
             ? 0
             : static_cast<std::uint64_t>(queue::available(w));
}

}  // namespace afflux::core
