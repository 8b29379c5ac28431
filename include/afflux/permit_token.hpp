// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Permits with an identity. A part of afflux.hpp, whose chapters hold here, too.
#ifndef AFFLUX_PERMIT_TOKEN_HPP
#define AFFLUX_PERMIT_TOKEN_HPP

#include <afflux/detail/config.hpp>

#include <chrono>
#include <cstdint>

#include <afflux/afflux.h>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/resume.hpp>
#include <afflux/permit.hpp>
#include <afflux/status.hpp>

namespace afflux {

/// n permits with an identity, which keep their semaphore alive; released at most once, however
/// many threads try. Made by semaphore::acquire_token(), adopt_token(), or of a permit, in place:
/// it neither moves nor copies (std::unique_ptr<permit_token> does). Threads: every member from any
/// number of threads at once; the destructor alone. Since: 0.1
class [[nodiscard]] permit_token {
 public:
  /// Empty; status() is status::already.
  permit_token() noexcept = default;
  /// Take over the permits of `from`, whose hold time counts from now on. `tag` is for the ledger,
  /// copied; null: none. Empty, with from.status(), where that is; or with overflow, where from
  /// keeps its permits: fewer are held.
  explicit permit_token(permit&& from, const char* tag = nullptr) noexcept
      : status_(from.status()) {
    if (!from) return;
    status_ = adopt(from.target_.sem, from.count(), tag);
    if (status_ == afflux::status::ok) static_cast<void>(from.detach());
  }
  permit_token(const permit_token&) = delete;
  permit_token& operator=(const permit_token&) = delete;
  ~permit_token() { release(); }

  /// Give all back. @return ok to exactly one caller, already to the others; overflow instead of
  /// ok: somebody else has released some of them, those that were held have been given back.
  AFFLUX_HPP_NOINLINE afflux::status release() noexcept {
    const detail::resume_scope scope;
    return static_cast<afflux::status>(::afflux_permit_release(&token_));
  }

  /// Move `n` permits (1 ... count() - 1) into a new token with an id of its own; empty, with
  /// status() already or invalid, where that cannot be.
  [[nodiscard]] permit_token split(std::uint64_t n) noexcept { return permit_token(*this, n); }

  /// Take over all permits of `other`.
  /// @return ok; already: one of them is empty; invalid: the same object, or another semaphore's.
  afflux::status merge(permit_token& other) noexcept {
    return static_cast<afflux::status>(::afflux_permit_merge(&token_, &other.token_));
  }

  /// Be empty without releasing: the permits stay counted as held. @return ok; already.
  AFFLUX_HPP_NOINLINE afflux::status forget() noexcept {
    const detail::resume_scope scope;  // it may drop the last reference
    return static_cast<afflux::status>(::afflux_permit_forget(&token_));
  }

  /// Permits held; 0 when empty.
  [[nodiscard]] std::uint64_t count() const noexcept { return ::afflux_permit_count(&token_); }
  /// Unique in the process, never 0; 0 when empty.
  [[nodiscard]] std::uint64_t id() const noexcept { return ::afflux_permit_id(&token_); }
  /// Time since the permits were acquired; 0 when empty.
  [[nodiscard]] std::chrono::nanoseconds held_for() const noexcept {
    return std::chrono::nanoseconds(::afflux_permit_held_ns(&token_));
  }
  /// Whether any are held now.
  [[nodiscard]] explicit operator bool() const noexcept { return count() != 0; }
  /// How making it ended: ok, or why it has been empty from the start.
  [[nodiscard]] afflux::status status() const noexcept { return status_; }

 private:
  friend class semaphore;

  AFFLUX_HPP_NOINLINE permit_token(::afflux_sem* sem, const ::afflux_request& request,
                                   std::int64_t timeout_ns) noexcept {
    const detail::blocking_scope scope;
    status_ = static_cast<afflux::status>(
        ::afflux_sem_acquire_permit(sem, &request, timeout_ns, &token_));
  }
  permit_token(::afflux_sem* sem, std::uint64_t n, const char* tag) noexcept
      : status_(adopt(sem, n, tag)) {}
  permit_token(permit_token& from, std::uint64_t n) noexcept
      : status_(static_cast<afflux::status>(::afflux_permit_split(&from.token_, n, &token_))) {}

  [[nodiscard]] afflux::status adopt(::afflux_sem* sem, std::uint64_t n, const char* tag) noexcept {
    return static_cast<afflux::status>(::afflux_permit_adopt_tagged(sem, n, tag, &token_));
  }

  ::afflux_permit_token token_{};
  afflux::status status_ = afflux::status::already;
};

}  // namespace afflux

#endif  // AFFLUX_PERMIT_TOKEN_HPP
