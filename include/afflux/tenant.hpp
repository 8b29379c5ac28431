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
#include <afflux/detail/expect.hpp>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/owner.hpp>
#include <afflux/detail/resume.hpp>
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

  /// The same for the C API.
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
/// another owner. The last owner closes the tenant: its queued requests complete with closed.
///
/// An owner is empty after it was moved from, where create() failed, and of a null handle;
/// chapter 1 says what an empty one may be used for.
/// Threads: every member of one object from any thread at once, but for assignment, swap and the
///          destructor.
/// Since: 0.1
class tenant {
 public:
  /// A tenant of `sem`. Throws error (invalid: the options; unsupported: the semaphore is
  /// fairness::throughput; closed), std::bad_alloc.
  explicit tenant(const semaphore& sem, const tenant_options& o = {}) {
    status made = status::ok;
    *this = create(sem, o, made);
    detail::throw_unless_made(made);
  }

  /// The same without exceptions: empty, and ret_status tells why, on failure.
  [[nodiscard]] AFFLUX_HPP_NOINLINE static tenant create(const semaphore& sem,
                                                         const tenant_options& o,
                                                         status& ret_status) noexcept {
    const auto c = static_cast<::afflux_tenant_options>(o);
    ::afflux_tenant* made = nullptr;
    ret_status = static_cast<status>(::afflux_tenant_create(sem.handle(), &c, &made));
    return from_handle(made);
  }

  /// Own a reference that the caller has; null makes an empty owner.
  [[nodiscard]] static tenant from_handle(::afflux_tenant* handle) noexcept {
    return tenant(detail::owner<::afflux_tenant>(handle));
  }

  /// Another owner of the same tenant.
  [[nodiscard]] tenant share() const noexcept { return tenant(handle_.share()); }

  /// The C handle, borrowed; null when empty.
  [[nodiscard]] ::afflux_tenant* handle() const noexcept { return handle_.get(); }
  [[nodiscard]] explicit operator bool() const noexcept { return handle() != nullptr; }
  friend void swap(tenant& a, tenant& b) noexcept { std::swap(a.handle_, b.handle_); }

  /// The name given at creation; "" without one.
  [[nodiscard]] const char* name() const noexcept { return ::afflux_tenant_name(used()); }

  /// Change its share; the name is to be null. @return ok; invalid; closed.
  AFFLUX_HPP_NOINLINE status set(const tenant_options& o) const noexcept {
    const detail::resume_scope scope;
    const auto c = static_cast<::afflux_tenant_options>(o);
    return to_status(::afflux_tenant_set(used(), &c));
  }
  /// Queued requests complete with closed, later ones are refused. @return ok; already.
  AFFLUX_HPP_NOINLINE status close() const noexcept {
    const detail::resume_scope scope;
    return to_status(::afflux_tenant_close(used()));
  }

  /// As semaphore::try_acquire(), for the tenant. @return ok; again; closed; too_big.
  [[nodiscard]] status try_acquire(std::uint64_t n = 1) const noexcept {
    return to_status(::afflux_tenant_try_acquire(used(), n));
  }
  /// Block until the permits are held. @return ok; closed; too_big; rejected; timed_out: the
  /// semaphore's own limit on waits.
  [[nodiscard]] AFFLUX_HPP_NOINLINE status acquire_blocking(std::uint64_t n = 1) const noexcept {
    const detail::resume_scope scope;
    return to_status(::afflux_tenant_acquire(used(), n, AFFLUX_FOREVER));
  }
  /// Likewise for a time. @return also timed_out.
  [[nodiscard]] AFFLUX_HPP_NOINLINE status
  acquire_blocking(std::uint64_t n, std::chrono::nanoseconds timeout) const noexcept {
    const detail::resume_scope scope;
    return to_status(::afflux_tenant_acquire(used(), n, timeout.count() < 0 ? 0 : timeout.count()));
  }
  /// Give back permits of the tenant. @return ok; overflow: it holds less; invalid: 0.
  AFFLUX_HPP_NOINLINE status release(std::uint64_t n = 1) const noexcept {
    const detail::resume_scope scope;
    return to_status(::afflux_tenant_release(used(), n));
  }

  /// What it has, and has had; 0 where the owner is empty.
  [[nodiscard]] ::afflux_tenant_stats stats() const noexcept {
    ::afflux_tenant_stats now{};
    (void)::afflux_tenant_get_stats(used(), &now);
    return now;
  }

 private:
  explicit tenant(detail::owner<::afflux_tenant> handle) noexcept : handle_(std::move(handle)) {}

  [[nodiscard]] static status to_status(::afflux_status s) noexcept {
    return static_cast<status>(s);
  }
  [[nodiscard]] ::afflux_tenant* used() const noexcept {
    AFFLUX_ASSERT(handle() != nullptr && "afflux::tenant: empty");
    return handle();
  }

  detail::owner<::afflux_tenant> handle_;
};

}  // namespace afflux

#endif  // AFFLUX_TENANT_HPP
