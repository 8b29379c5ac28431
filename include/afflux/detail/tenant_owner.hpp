// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a request needs of a tenant, which is declared after requests (tenant.hpp).
#ifndef AFFLUX_DETAIL_TENANT_OWNER_HPP
#define AFFLUX_DETAIL_TENANT_OWNER_HPP

#include <afflux/detail/config.hpp>

#include <utility>

#include <afflux/afflux.h>
#include <afflux/detail/expect.hpp>
#include <afflux/detail/owner.hpp>

namespace afflux {

template <class, bool>
class acquire_operation;
struct token_request;

namespace detail {

/// The base of a tenant.
class tenant_owner {
 public:
  /// The C handle, borrowed; null when empty.
  [[nodiscard]] ::afflux_tenant* handle() const noexcept { return handle_.get(); }
  [[nodiscard]] explicit operator bool() const noexcept { return handle() != nullptr; }

 protected:
  explicit tenant_owner(owner<::afflux_tenant> handle) noexcept : handle_(std::move(handle)) {}

  [[nodiscard]] ::afflux_tenant* used() const noexcept {
    AFFLUX_ASSERT(handle() != nullptr && "afflux::tenant: empty");
    return handle();
  }

  owner<::afflux_tenant> handle_;

 private:
  friend struct afflux::token_request;
  template <class, bool>
  friend class afflux::acquire_operation;
};

}  // namespace detail
}  // namespace afflux

#endif  // AFFLUX_DETAIL_TENANT_OWNER_HPP
