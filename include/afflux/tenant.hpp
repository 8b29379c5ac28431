// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Callers of one semaphore that can't starve each other. A part of afflux.hpp, whose chapters hold
// here, too; tenant.h is the manual.
#ifndef AFFLUX_TENANT_HPP
#define AFFLUX_TENANT_HPP

#include <afflux/detail/config.hpp>

#include <chrono>
#include <cstdint>
#include <utility>

#include <afflux/afflux.h>
#include <afflux/acquire.hpp>
#include <afflux/detail/calls.hpp>
#include <afflux/detail/expect.hpp>
#include <afflux/detail/fast_path.hpp>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/owner.hpp>
#include <afflux/detail/resume.hpp>
#include <afflux/detail/tenant_owner.hpp>
#include <afflux/detail/terms.hpp>
#include <afflux/detail/time.hpp>
#include <afflux/executor.hpp>
#include <afflux/permit.hpp>
#include <afflux/permit_token.hpp>
#include <afflux/semaphore.hpp>
#include <afflux/status.hpp>

namespace afflux {

/// A tenant's share of a semaphore. Since: 0.1
struct tenant_options {
  std::uint32_t weight = 1;       ///< of permit-seconds, relative to the others that wait
  std::uint64_t guaranteed = 0;   ///< permits that come before all weights
  std::uint64_t cap = 0;          ///< permits that it holds at most; 0: no cap
  std::uint64_t max_waiters = 0;  ///< requests that queue at most; 0: as many as the semaphore's
  const char* name = nullptr;     ///< label in the exposition, copied; null: none

  /// The same for the C API; `name` is borrowed from here.
  [[nodiscard]] explicit operator ::afflux_tenant_options() const noexcept {
    ::afflux_tenant_options c{};
    c.struct_size = sizeof c;
    c.weight = weight;
    c.guaranteed = guaranteed;
    c.cap = cap;
    c.max_waiters = max_waiters;
    c.name = name;
    return c;
  }
};

/// An owner of one reference of a tenant, which keeps its semaphore alive. Move-only; share() makes
/// another owner. The last one closes the tenant: its queued requests complete with closed.
///
///   const tenant gold(sem, {.weight = 4, .guaranteed = 2});
///   permit p = co_await gold.acquire();
///
/// Its permits go back to it: they must be released while an owner of it lives. What is held when
/// the last one goes is owed to semaphore::release(). A permit_token keeps its tenant.
///
/// An owner is empty after it was moved from, where create() failed, and of a null handle;
/// chapter 1 says what an empty one may be used for.
/// Threads: every member of one object from any thread at once, but for assignment, swap and the
///          destructor.
/// Since: 0.1
class tenant : public detail::tenant_owner {
 public:
  /// A tenant of `sem`. Throws error (invalid: the options; not_supported: the semaphore is
  /// fairness_policy::throughput; closed), std::bad_alloc.
  explicit tenant(const semaphore& sem, const tenant_options& o = {}) : tenant_owner({}) {
    status made = status::ok;
    *this = create(sem, o, made);
    detail::throw_unless_made(made);
  }

  /// The same without exceptions: empty, and ret_status tells why, on failure.
  [[nodiscard]] AFFLUX_HPP_NOINLINE static tenant create(const semaphore& sem,
                                                         const tenant_options& o,
                                                         status& ret_status) noexcept {
    const detail::resume_scope scope;
    const auto c = static_cast<::afflux_tenant_options>(o);
    ::afflux_tenant* made = nullptr;
    ret_status = to_status(::afflux_tenant_create(sem.handle(), &c, &made));
    return from_handle(made);
  }

  /// Own a reference that the caller has; null makes an empty owner.
  [[nodiscard]] static tenant from_handle(::afflux_tenant* handle) noexcept {
    return tenant(detail::owner<::afflux_tenant>(handle));
  }

  /// Another owner of the same tenant.
  [[nodiscard]] tenant share() const noexcept { return tenant(handle_.share()); }
  friend void swap(tenant& a, tenant& b) noexcept { std::swap(a.handle_, b.handle_); }

  // ------------------------------------------------------------------------------------------
  // Acquire
  // ------------------------------------------------------------------------------------------

  /// Take `n` permits, 1 ... its cap and the semaphore's limit, if they are free and none that
  /// waits is to have them first.
  /// @return the permits; empty: again, closed, too_big, invalid.
  /// Threads: may wait for the few instructions in which another call has the semaphore locked;
  ///          resumes coroutines (chapter 4). Order: happens after the releases that supplied the
  ///          permits.
  permit try_acquire(std::uint64_t n = 1) const noexcept { return make(try_acquire_raw(n), n); }

  /// Take `n` permits, blocking the thread as long as options::waiter_timeout allows.
  /// @return the permits; empty: timed_out, closed, rejected, too_big, invalid.
  /// Threads: may block. Order: as try_acquire.
  permit acquire_blocking(std::uint64_t n = 1) const noexcept {
    return make(acquire_blocking_raw(n), n);
  }
  /// The same for at most `d`, rounded up to nanoseconds; zero or less never waits.
  template <class Rep, class Period>
  permit acquire_blocking_for(std::chrono::duration<Rep, Period> d,
                              std::uint64_t n = 1) const noexcept {
    return make(acquire_blocking_raw_for(d, n), n);
  }
  /// The same until `when` at the latest, on any clock; its distance is measured once, at the call.
  template <class Clock, class Duration>
  permit acquire_blocking_until(std::chrono::time_point<Clock, Duration> when,
                                std::uint64_t n = 1) const noexcept {
    return make(acquire_blocking_raw_until(when, n), n);
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

  /// To be awaited: `permit p = co_await gold.acquire(n).within(50ms);` Short for
  /// sem.acquire(n).of(gold).
  /// co_await answers the permits; empty: again (within(0)), timed_out, closed, rejected, too_big,
  /// invalid, os_error.
  acquire_operation<> acquire(std::uint64_t n = 1) const noexcept {
    detail::acquire_terms terms;
    terms.permits = n;
    detail::target from;  // without the inline path
    from.sem = ::afflux_tenant_sem(used());
    return acquire_operation<>{from, terms, resume_inline{}}.of(*this);
  }

  /// Take `n` permits into a token, blocking the thread. `tag` is for the ledger, copied; null:
  /// none. With a priority and more: semaphore::acquire_token({.of = &gold}).
  /// @return the token; empty: timed_out, closed, rejected, too_big, invalid.
  /// Threads, Order: as acquire_blocking.
  permit_token acquire_token(std::uint64_t n = 1, const char* tag = nullptr) const noexcept {
    return token(n, tag, AFFLUX_FOREVER);
  }
  /// The same for at most `d`, rounded up to nanoseconds; zero or less never waits.
  template <class Rep, class Period>
  permit_token acquire_token_for(std::chrono::duration<Rep, Period> d, std::uint64_t n = 1,
                                 const char* tag = nullptr) const noexcept {
    return token(n, tag, detail::ceil_ns(d));
  }
  /// The same until `when` at the latest, on any clock; its distance is measured once, at the call.
  template <class Clock, class Duration>
  permit_token acquire_token_until(std::chrono::time_point<Clock, Duration> when,
                                   std::uint64_t n = 1, const char* tag = nullptr) const noexcept {
    return token(n, tag, detail::remaining_ns(when, Clock::now()));
  }
  /// Make a token of `n` permits of the tenant that the caller owes, and hold them from now on.
  /// `tag` is for the ledger, copied; null: none.
  /// @return the token; empty: overflow (fewer than n are held), invalid (n is 0).
  permit_token adopt_token(std::uint64_t n, const char* tag = nullptr) const noexcept {
    return {detail::target::of(used()), n, tag};
  }

  // ------------------------------------------------------------------------------------------
  // By hand
  // ------------------------------------------------------------------------------------------

  /// As try_acquire; with ok the caller owes `n` permits to release(). So do the next ones.
  [[nodiscard]] status try_acquire_raw(std::uint64_t n = 1) const noexcept {
    return detail::try_acquire_call(used(), n);
  }
  [[nodiscard]] status acquire_blocking_raw(std::uint64_t n = 1) const noexcept {
    return detail::acquire_call(used(), n, AFFLUX_FOREVER);
  }
  template <class Rep, class Period>
  [[nodiscard]] status acquire_blocking_raw_for(std::chrono::duration<Rep, Period> d,
                                                std::uint64_t n = 1) const noexcept {
    return detail::acquire_call(used(), n, detail::ceil_ns(d));
  }
  template <class Clock, class Duration>
  [[nodiscard]] status acquire_blocking_raw_until(std::chrono::time_point<Clock, Duration> when,
                                                  std::uint64_t n = 1) const noexcept {
    return detail::acquire_call(used(), n, detail::remaining_ns(when, Clock::now()));
  }
  /// Give `n` permits of the tenant back and complete the requests that now fit.
  /// @return ok; overflow: it holds fewer than n; invalid: n is 0.
  /// Threads: any; resumes coroutines (chapter 4). Order: happens before the acquires that its
  ///          permits satisfy.
  status release(std::uint64_t n = 1) const noexcept {
    return detail::release_call(detail::target::of(used()), n);
  }
  /// Make a permit of `n` permits of the tenant that the caller owes; 0 makes an empty one.
  permit adopt(std::uint64_t n) const noexcept {
    if (used() == nullptr) return permit(status::invalid);
    return n == 0 ? permit(status::already) : permit(detail::target::of(handle()), n);
  }

  // ------------------------------------------------------------------------------------------
  // The rest
  // ------------------------------------------------------------------------------------------

  /// The name given at creation; "" without one.
  [[nodiscard]] const char* name() const noexcept { return ::afflux_tenant_name(used()); }

  /// Change its share; the name is to be null. What it holds it keeps; queued requests for more
  /// than a lower cap complete with too_big.
  /// @return ok; invalid; closed: it, or the semaphore.
  AFFLUX_HPP_NOINLINE status set(const tenant_options& o) const noexcept {
    const detail::resume_scope scope;
    const auto c = static_cast<::afflux_tenant_options>(o);
    return to_status(::afflux_tenant_set(used(), &c));
  }
  /// Queued requests complete with closed, later ones are refused; what is held stays so until it
  /// is released. @return ok; already.
  AFFLUX_HPP_NOINLINE status close() const noexcept {
    const detail::resume_scope scope;
    return to_status(::afflux_tenant_close(used()));
  }

  /// What it has, and has had; 0 where the owner is empty. Threads: never waits, never allocates.
  [[nodiscard]] ::afflux_tenant_stats stats() const noexcept {
    ::afflux_tenant_stats now{};
    (void)::afflux_tenant_get_stats(used(), &now);
    return now;
  }

 private:
  explicit tenant(detail::owner<::afflux_tenant> handle) noexcept
      : tenant_owner(std::move(handle)) {}

  [[nodiscard]] static status to_status(::afflux_status s) noexcept {
    return static_cast<status>(s);
  }

  permit make(status s, std::uint64_t n) const noexcept {
    return s == status::ok ? permit(detail::target::of(handle()), n) : permit(s);
  }
  permit_token token(std::uint64_t n, const char* tag, std::int64_t timeout_ns) const noexcept {
    return permit_token(::afflux_tenant_sem(used()),
                        token_request{.permits = n, .tag = tag, .of = this}, timeout_ns);
  }
};

}  // namespace afflux

#endif  // AFFLUX_TENANT_HPP
