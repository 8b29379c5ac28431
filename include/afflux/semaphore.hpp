// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The semaphore. A part of afflux.hpp, whose chapters hold here, too; afflux.h is the manual.
#ifndef AFFLUX_SEMAPHORE_HPP
#define AFFLUX_SEMAPHORE_HPP

#include <afflux/detail/config.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include <afflux/afflux.h>
#include <afflux/acquire.hpp>
#include <afflux/detail/calls.hpp>
#include <afflux/detail/expect.hpp>
#include <afflux/detail/fast_path.hpp>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/resume.hpp>
#include <afflux/detail/terms.hpp>
#include <afflux/detail/time.hpp>
#include <afflux/detail/visit.hpp>
#include <afflux/executor.hpp>
#include <afflux/options.hpp>
#include <afflux/permit.hpp>
#include <afflux/permit_token.hpp>
#include <afflux/stats.hpp>
#include <afflux/status.hpp>
#include <afflux/wait.hpp>

namespace afflux {

namespace detail {

/// The idleness of a semaphore.
struct idle_source {
  ::afflux_sem* sem;

  [[nodiscard]] ::afflux_status start(const ::afflux_request& request,
                                      ::afflux_waiter& waiter) const noexcept {
    return ::afflux_sem_wait_idle_async(sem, &request, &waiter);
  }
  void give_back(const acquire_terms&) const noexcept {}  // nothing is held
};

inline permit or_throw(permit p) {
  if (!p) throw error(p.status(), "afflux: acquire");
  return p;
}

}  // namespace detail

/// An owner of one reference of a semaphore. Move-only; share() makes another owner. The last one
/// closes the semaphore: those who wait get status::closed.
///
/// An owner is empty after it was moved from, where create() failed, and of a null handle;
/// chapter 1 says what an empty one may be used for. For a semaphore that is created later there
/// is std::optional<semaphore>.
/// Threads: every member of one object from any thread at once, but for assignment, swap and the
///          destructor; an acquire that has returned may be followed by the destruction of the
///          last owner at once, even while the release that satisfied it is still returning.
/// Since: 0.1
class semaphore {
 public:
  /// A limit has to be chosen.
  semaphore() = delete;

  /// With a limit of `permits`, 0 ... 2^42 - 1, all free; defaults else.
  /// Throws error (status::invalid), std::bad_alloc.
  explicit semaphore(std::uint64_t permits) : semaphore(make_options(permits)) {}

  /// Throws error (invalid: a field is out of its range; not_supported: that queue strategy),
  /// std::bad_alloc.
  explicit semaphore(const options& o) {
    status made = status::ok;
    *this = create(o, made);
    detail::throw_unless_made(made);
  }

  /// The same without exceptions: empty, and ret_status tells why, on failure.
  // Out of line: g++ 12 with a sanitizer takes an empty optional inlined here for an uninitialised
  // one.
  [[nodiscard]] AFFLUX_HPP_NOINLINE static semaphore create(const options& o,
                                                            status& ret_status) noexcept {
    const auto c = static_cast<::afflux_sem_options>(o);
    ::afflux_sem* sem = nullptr;
    ret_status = static_cast<status>(::afflux_sem_create(&c, &sem));
    return from_handle(ret_status == status::ok ? sem : nullptr);
  }

  /// Own a reference that the caller has; null makes an empty owner.
  [[nodiscard]] static semaphore from_handle(::afflux_sem* sem) noexcept {
    return semaphore(sem == nullptr ? detail::target{} : detail::target::of(sem));
  }

  semaphore(semaphore&& other) noexcept : target_(std::exchange(other.target_, {})) {}
  semaphore& operator=(semaphore&& other) noexcept {
    if (this == &other) return *this;
    const semaphore old(std::exchange(target_, std::exchange(other.target_, {})));
    return *this;
  }
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;

  ~semaphore() {
    if (target_.sem != nullptr) detail::unref_call(target_.sem);
  }

  /// Another owner of the same semaphore.
  [[nodiscard]] semaphore share() const noexcept {
    ::afflux_sem_ref(target_.sem);
    return semaphore(target_);
  }

  /// The C handle, borrowed; null when empty.
  [[nodiscard]] ::afflux_sem* handle() const noexcept { return target_.sem; }
  [[nodiscard]] explicit operator bool() const noexcept { return target_.sem != nullptr; }
  friend void swap(semaphore& a, semaphore& b) noexcept { std::swap(a.target_, b.target_); }

  // ------------------------------------------------------------------------------------------
  // Acquire
  // ------------------------------------------------------------------------------------------

  /// Take `n` permits (1 ... limit()) if they are free and no request queues.
  /// @return the permits; empty: again, closed, too_big, invalid.
  /// Threads: lock-free. Order: happens after the releases that supplied the permits.
  permit try_acquire(std::uint64_t n = 1) const noexcept { return make(try_acquire_raw(n), n); }

  /// Take as many permits as are free, between `min` (0 ... limit()) and `max` (at least min, not
  /// 0), in one step. No queued request is overtaken.
  /// @return the permits; empty: again (also for min 0 with none free), closed, too_big, invalid.
  /// Threads, Order: as try_acquire.
  permit try_acquire_up_to(std::uint64_t min, std::uint64_t max) const noexcept {
    std::uint64_t n = 0;
    const auto s = static_cast<status>(::afflux_sem_try_acquire_up_to(used().sem, min, max, &n));
    return make(s == status::ok && n == 0 ? status::again : s, n);
  }

  /// Take `n` permits, blocking the thread as long as options::waiter_timeout allows.
  /// @return the permits; empty: timed_out, closed, rejected, too_big, invalid.
  /// Threads: may block. Order: as try_acquire.
  permit acquire_blocking(std::uint64_t n = 1) const noexcept {
    return make(acquire_raw(n, AFFLUX_FOREVER), n);
  }
  /// The same for at most `d`, rounded up to nanoseconds; zero or less never waits.
  template <class Rep, class Period>
  permit acquire_blocking_for(std::chrono::duration<Rep, Period> d,
                              std::uint64_t n = 1) const noexcept {
    return make(acquire_raw(n, detail::ceil_ns(d)), n);
  }
  /// The same until `when` at the latest, on any clock; its distance is measured once, at the call.
  template <class Clock, class Duration>
  permit acquire_blocking_until(std::chrono::time_point<Clock, Duration> when,
                                std::uint64_t n = 1) const noexcept {
    if (detail::fast_acquire(used(), n)) return permit(used(), n);
    return make(acquire_raw(n, detail::remaining_ns(when, Clock::now())), n);
  }

  /// The same, throwing afflux::error where the others answer an empty permit.
  permit acquire_blocking(throws_t, std::uint64_t n = 1) const {
    return detail::or_throw(acquire_blocking(n));
  }
  template <class Rep, class Period>
  permit acquire_blocking_for(throws_t, std::chrono::duration<Rep, Period> d,
                              std::uint64_t n = 1) const {
    return detail::or_throw(acquire_blocking_for(d, n));
  }
  template <class Clock, class Duration>
  permit acquire_blocking_until(throws_t, std::chrono::time_point<Clock, Duration> when,
                                std::uint64_t n = 1) const {
    return detail::or_throw(acquire_blocking_until(when, n));
  }

  /// To be awaited: `permit p = co_await sem.acquire(n).within(50ms);`
  /// co_await answers the permits; empty: again (within(0)), timed_out, closed, rejected, too_big,
  /// invalid, os_error.
  acquire_operation<> acquire(std::uint64_t n = 1) const noexcept {
    detail::acquire_terms terms;
    terms.permits = n;
    return {used(), terms, resume_inline{}};
  }

  /// Take `n` permits into a token, blocking the thread. `tag` is for the ledger, copied; null:
  /// none.
  /// @return the token; empty: timed_out, closed, rejected, too_big, invalid.
  /// Threads, Order: as acquire_blocking.
  permit_token acquire_token(std::uint64_t n = 1, const char* tag = nullptr) const noexcept {
    return acquire_token(token_request{.permits = n, .tag = tag});
  }
  permit_token acquire_token(const token_request& request) const noexcept {
    return permit_token(used().sem, request, AFFLUX_FOREVER);
  }
  /// The same for at most `d`, rounded up to nanoseconds; zero or less never waits.
  template <class Rep, class Period>
  permit_token acquire_token_for(std::chrono::duration<Rep, Period> d, std::uint64_t n = 1,
                                 const char* tag = nullptr) const noexcept {
    return acquire_token_for(d, token_request{.permits = n, .tag = tag});
  }
  template <class Rep, class Period>
  permit_token acquire_token_for(std::chrono::duration<Rep, Period> d,
                                 const token_request& request) const noexcept {
    return permit_token(used().sem, request, detail::ceil_ns(d));
  }
  /// The same until `when` at the latest, on any clock; its distance is measured once, at the call.
  template <class Clock, class Duration>
  permit_token acquire_token_until(std::chrono::time_point<Clock, Duration> when,
                                   std::uint64_t n = 1, const char* tag = nullptr) const noexcept {
    return acquire_token_until(when, token_request{.permits = n, .tag = tag});
  }
  template <class Clock, class Duration>
  permit_token acquire_token_until(std::chrono::time_point<Clock, Duration> when,
                                   const token_request& request) const noexcept {
    return permit_token(used().sem, request, detail::remaining_ns(when, Clock::now()));
  }

  /// Make a token of `n` permits that the caller owes, and hold them from now on. `tag` is for the
  /// ledger, copied; null: none.
  /// @return the token; empty: overflow (fewer than n are held), invalid (n is 0).
  permit_token adopt_token(std::uint64_t n, const char* tag = nullptr) const noexcept {
    return {used(), n, tag};
  }

  /// Take all permits that are free now; empty, with status::again, when there are none.
  permit drain() const noexcept {
    std::uint64_t n = 0;
    const auto s = static_cast<status>(::afflux_sem_drain(used().sem, &n));
    if (s == status::ok && n == 0) return permit(status::again);
    return make(s, n);
  }

  // ------------------------------------------------------------------------------------------
  // By hand
  // ------------------------------------------------------------------------------------------

  /// As try_acquire; with ok the caller owes `n` permits to release().
  [[nodiscard]] status try_acquire_raw(std::uint64_t n = 1) const noexcept {
    if (detail::fast_acquire(used(), n)) return status::ok;
    return static_cast<status>(::afflux_sem_try_acquire(used().sem, n));
  }
  /// Give `n` permits back and complete the requests that now fit.
  /// @return ok; overflow: fewer than n are held; invalid: n is 0.
  /// Threads: any; resumes coroutines (chapter 4). Order: happens before the acquires that its
  ///          permits satisfy.
  status release(std::uint64_t n = 1) const noexcept { return detail::release(used(), n); }
  /// Make a permit of `n` permits that the caller owes; 0 makes an empty one.
  permit adopt(std::uint64_t n) const noexcept {
    if (used().sem == nullptr) return permit(status::invalid);
    return n == 0 ? permit(status::already) : permit(target_, n);
  }

  // ------------------------------------------------------------------------------------------
  // The rest
  // ------------------------------------------------------------------------------------------

  /// Close for good; those who wait get status::closed. @return ok; already.
  AFFLUX_HPP_NOINLINE status close() const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_sem_close(used().sem));
  }
  /// Change the limit, 0 ... 2^42 - 1. @return ok; invalid.
  AFFLUX_HPP_NOINLINE status resize(std::uint64_t permits) const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_sem_resize(used().sem, permits));
  }
  /// Change the limit by a difference, in one step beside others who do so.
  /// @return ok; overflow: the limit would be below 0 or above 2^42 - 1; invalid.
  status resize_by(std::int64_t delta) const noexcept {
    std::uint64_t limit = 0;
    return resize_by(delta, limit);
  }
  /// The same; ret_limit, written with ok only, is the new limit.
  AFFLUX_HPP_NOINLINE status resize_by(std::int64_t delta,
                                       std::uint64_t& ret_limit) const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_sem_resize_by(used().sem, delta, &ret_limit));
  }
  /// The weight of the requests that name no tenant, 1 ... AFFLUX_TENANT_MAX_WEIGHT, beside those
  /// of tenants (tenant.hpp); 1 at first.
  /// @return ok; invalid: out of range; closed; not_supported: fairness_policy::throughput;
  ///         no_memory.
  AFFLUX_HPP_NOINLINE status set_default_weight(std::uint32_t weight) const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_tenant_set_default_weight(used().sem, weight));
  }
  /// Whether close() has been called. Order: true happens after the close.
  [[nodiscard]] bool is_closed() const noexcept { return ::afflux_sem_is_closed(used().sem) != 0; }

  /// Wait until nothing is held and no request queues, blocking the thread; options::waiter_timeout
  /// is not for this. After close(): until all who hold permits have given them back.
  /// @return ok: so it was at a moment during the call; closed: the last owner has gone; invalid.
  /// Threads: may block. Order: ok happens after the releases that made it idle.
  [[nodiscard]] status wait_idle_blocking() const noexcept {
    return detail::wait_idle_call(used().sem, AFFLUX_FOREVER);
  }
  /// The same for at most `d`, rounded up to nanoseconds; zero or less never waits.
  /// @return timed_out, too.
  template <class Rep, class Period>
  [[nodiscard]] status wait_idle_blocking_for(std::chrono::duration<Rep, Period> d) const noexcept {
    return detail::wait_idle_call(used().sem, detail::ceil_ns(d));
  }
  /// The same until `when` at the latest, on any clock; its distance is measured once, at the call.
  template <class Clock, class Duration>
  [[nodiscard]] status wait_idle_blocking_until(
      std::chrono::time_point<Clock, Duration> when) const noexcept {
    return detail::wait_idle_call(used().sem, detail::remaining_ns(when, Clock::now()));
  }
  /// To be awaited: `status s = co_await sem.wait_idle().within(50ms);` A priority has no effect.
  /// co_await answers ok; again (within(0)), timed_out, closed, invalid, os_error.
  wait_operation<detail::idle_source> wait_idle() const noexcept {
    return {{used().sem}, detail::acquire_terms{}, resume_inline{}};
  }

  /// The limit on permits held at once.
  [[nodiscard]] std::uint64_t limit() const noexcept { return ::afflux_sem_limit(used().sem); }
  /// Free now; 0 while in debt after a shrink and while a request queues. Counts on after a close.
  [[nodiscard]] std::uint64_t available() const noexcept {
    return ::afflux_sem_available(used().sem);
  }
  /// Held now; above the limit while in debt.
  [[nodiscard]] std::uint64_t held() const noexcept { return ::afflux_sem_held(used().sem); }
  /// Requests queued now, blocked threads included.
  [[nodiscard]] std::uint64_t waiters() const noexcept { return ::afflux_sem_waiters(used().sem); }
  /// The strategy that it really uses, never automatic.
  [[nodiscard]] queue_strategy queue() const noexcept {
    return static_cast<queue_strategy>(::afflux_sem_queue(used().sem));
  }
  /// The name given at creation, "" without one.
  [[nodiscard]] const char* name() const noexcept { return ::afflux_sem_name(used().sem); }
  /// What it has done. Threads: never waits, never allocates.
  [[nodiscard]] ::afflux_sem_stats stats() const noexcept {
    ::afflux_sem_stats now{};
    ::afflux_sem_get_stats(used().sem, &now);
    return now;
  }

  /// How it is, compared with options::max_waiters, max_queue_bytes and waiter_timeout.
  /// Threads: never waits, never allocates.
  [[nodiscard]] health_report health() const noexcept {
    return detail::health_of(used().sem, nullptr);
  }
  /// The same with limits of the caller's; status invalid: a time in them is negative.
  [[nodiscard]] health_report health(const health_limits& limits) const noexcept {
    const auto c = static_cast<::afflux_health_limits>(limits);
    return detail::health_of(used().sem, &c);
  }

  /// How long the requests waited that were granted after they had queued; written with ok only.
  /// @return ok; not_supported: not statistics_level::full.
  /// Threads: never waits, never allocates.
  [[nodiscard]] status wait_times(histogram& ret_times) const noexcept {
    return static_cast<status>(::afflux_sem_wait_times(used().sem, &ret_times.c()));
  }
  /// How long tokens were held until they were released. Otherwise as wait_times().
  [[nodiscard]] status hold_times(histogram& ret_times) const noexcept {
    return static_cast<status>(::afflux_sem_hold_times(used().sem, &ret_times.c()));
  }

  /// Visit who holds permits by a token, options::ledger of them at most: `visit(const holder&)`,
  /// whose answer, if it is a bool, says whether to go on.
  /// @param ret_untold  Permits that are held otherwise; exact when nothing moves.
  /// @return ok; canceled: visit stopped it; not_supported: no ledger.
  /// Throws what `visit` throws, which stops it.
  template <detail::visitor_of<const holder&> Visit>
  status visit_holders(Visit&& visit, std::uint64_t& ret_untold) const {
    return detail::visit_holders_of(used().sem, visit, ret_untold);
  }
  template <detail::visitor_of<const holder&> Visit>
  status visit_holders(Visit&& visit) const {
    std::uint64_t untold = 0;
    return detail::visit_holders_of(used().sem, visit, untold);
  }
  /// The ledger as text: a line for each holder, "id permits seconds tag", longest held first, and
  /// "- permits - untold" for the rest; "" without a ledger. Throws std::bad_alloc.
  [[nodiscard]] std::string dump_holders() const { return detail::holders_as_text(used().sem); }

 private:
  friend class permit_token;
  friend class registry;

  [[nodiscard]] const detail::target& used() const noexcept {
    AFFLUX_ASSERT(target_.sem != nullptr && "afflux::semaphore: empty");
    return target_;
  }

  explicit semaphore(const detail::target& t) noexcept : target_(t) {}

  [[nodiscard]] static options make_options(std::uint64_t permits) noexcept {
    options o;
    o.permits = permits;
    return o;
  }

  [[nodiscard]] status acquire_raw(std::uint64_t n, std::int64_t timeout_ns) const noexcept {
    if (detail::fast_acquire(used(), n)) return status::ok;
    return detail::acquire_call(used().sem, n, timeout_ns);
  }

  permit make(status s, std::uint64_t n) const noexcept {
    return s == status::ok ? permit(used(), n) : permit(s);
  }

  detail::target target_;
};

inline permit_token::permit_token(const semaphore& sem, std::uint64_t n, const char* tag) noexcept
    : permit_token(sem, token_request{.permits = n, .tag = tag}) {}

inline permit_token::permit_token(const semaphore& sem, const token_request& request) noexcept
    : permit_token(sem.used().sem, request, AFFLUX_FOREVER) {}

template <class Rep, class Period>
permit_token::permit_token(const semaphore& sem, std::chrono::duration<Rep, Period> d,
                           std::uint64_t n, const char* tag) noexcept
    : permit_token(sem, d, token_request{.permits = n, .tag = tag}) {}

template <class Rep, class Period>
permit_token::permit_token(const semaphore& sem, std::chrono::duration<Rep, Period> d,
                           const token_request& request) noexcept
    : permit_token(sem.used().sem, request, detail::ceil_ns(d)) {}

}  // namespace afflux

#endif  // AFFLUX_SEMAPHORE_HPP
