// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The calls behind the fast path.
#ifndef AFFLUX_DETAIL_CALLS_HPP
#define AFFLUX_DETAIL_CALLS_HPP

#include <afflux/detail/config.hpp>

#include <cstdint>

#include <afflux/afflux.h>
#include <afflux/detail/fast_path.hpp>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/resume.hpp>
#include <afflux/status.hpp>

namespace afflux::detail {

AFFLUX_HPP_NOINLINE inline status release_call(target t, std::uint64_t n) noexcept {
  const resume_scope scope;
  return static_cast<status>(t.is_tenants() ? ::afflux_tenant_release(t.tenant, n)
                                            : ::afflux_sem_release(t.sem, n));
}

AFFLUX_HPP_NOINLINE inline status acquire_call(::afflux_sem* sem, std::uint64_t n,
                                               std::int64_t timeout_ns) noexcept {
  const blocking_scope scope;
  return static_cast<status>(::afflux_sem_acquire(sem, n, timeout_ns));
}

AFFLUX_HPP_NOINLINE inline status acquire_call(::afflux_tenant* tenant, std::uint64_t n,
                                               std::int64_t timeout_ns) noexcept {
  const blocking_scope scope;
  return static_cast<status>(::afflux_tenant_acquire(tenant, n, timeout_ns));
}

AFFLUX_HPP_NOINLINE inline status try_acquire_call(::afflux_tenant* tenant,
                                                   std::uint64_t n) noexcept {
  const resume_scope scope;
  return static_cast<status>(::afflux_tenant_try_acquire(tenant, n));
}

AFFLUX_HPP_NOINLINE inline status wait_idle_call(::afflux_sem* sem,
                                                 std::int64_t timeout_ns) noexcept {
  const blocking_scope scope;
  return static_cast<status>(::afflux_sem_wait_idle(sem, timeout_ns));
}

AFFLUX_HPP_NOINLINE inline void unref_call(::afflux_sem* sem) noexcept {
  const resume_scope scope;
  ::afflux_sem_unref(sem);
}

inline status release(const target& t, std::uint64_t n) noexcept {
  return fast_release(t, n) ? status::ok : release_call(t, n);
}

}  // namespace afflux::detail

#endif  // AFFLUX_DETAIL_CALLS_HPP
