// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One reference of a handle.
#ifndef AFFLUX_DETAIL_OWNER_HPP
#define AFFLUX_DETAIL_OWNER_HPP

#include <afflux/detail/config.hpp>

#include <utility>

#include <afflux/afflux.h>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/resume.hpp>

namespace afflux::detail {

inline void ref_handle(::afflux_event* h) noexcept { ::afflux_event_ref(h); }
inline void ref_handle(::afflux_queue* h) noexcept { ::afflux_queue_ref(h); }
inline void ref_handle(::afflux_client* h) noexcept { ::afflux_client_ref(h); }
inline void ref_handle(::afflux_control* h) noexcept { ::afflux_control_ref(h); }
inline void ref_handle(::afflux_tenant* h) noexcept { ::afflux_tenant_ref(h); }
inline void ref_handle(::afflux_registry* h) noexcept { ::afflux_registry_ref(h); }
inline void unref_handle(::afflux_event* h) noexcept { ::afflux_event_unref(h); }
inline void unref_handle(::afflux_cond* h) noexcept { ::afflux_cond_unref(h); }
inline void unref_handle(::afflux_queue* h) noexcept { ::afflux_queue_unref(h); }
inline void unref_handle(::afflux_client* h) noexcept { ::afflux_client_unref(h); }
inline void unref_handle(::afflux_control* h) noexcept { ::afflux_control_unref(h); }
inline void unref_handle(::afflux_tenant* h) noexcept { ::afflux_tenant_unref(h); }
inline void unref_handle(::afflux_registry* h) noexcept { ::afflux_registry_unref(h); }

/// One reference, or none.
template <class Handle>
class owner {
 public:
  owner() noexcept = default;
  explicit owner(Handle* h) noexcept : handle_(h) {}
  owner(owner&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  owner& operator=(owner&& other) noexcept {
    if (this == &other) return *this;
    const owner old(std::exchange(handle_, std::exchange(other.handle_, nullptr)));
    return *this;
  }
  owner(const owner&) = delete;
  owner& operator=(const owner&) = delete;
  ~owner() {
    if (handle_ != nullptr) drop(handle_);
  }

  [[nodiscard]] Handle* get() const noexcept { return handle_; }
  [[nodiscard]] owner share() const noexcept {
    if (handle_ != nullptr) ref_handle(handle_);
    return owner(handle_);
  }

 private:
  AFFLUX_HPP_NOINLINE static void drop(Handle* h) noexcept {
    const resume_scope scope;
    unref_handle(h);
  }

  Handle* handle_ = nullptr;
};

}  // namespace afflux::detail

#endif  // AFFLUX_DETAIL_OWNER_HPP
