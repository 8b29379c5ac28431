// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Permits, owned. A part of afflux.hpp, whose chapters hold here, too.
#ifndef AFFLUX_PERMIT_HPP
#define AFFLUX_PERMIT_HPP

#include <afflux/detail/config.hpp>

#include <cstdint>
#include <utility>

#include <afflux/detail/calls.hpp>
#include <afflux/detail/fast_path.hpp>
#include <afflux/status.hpp>

namespace afflux {

namespace detail {
struct part_access;  // detail/part.hpp
}

/// n permits of a semaphore, or of a tenant, released by the destructor. Move-only.
///
/// It borrows the semaphore, or the tenant: some owner of it must live until the permits are
/// released.
/// Threads: as any object; may be released on another thread than it was acquired on.
/// Since: 0.1
class [[nodiscard]] permit {
 public:
  /// Empty; status() is status::already.
  permit() noexcept = default;

  permit(permit&& other) noexcept
      : target_(other.target_),
        count_(std::exchange(other.count_, 0)),
        status_(std::exchange(other.status_, status::already)) {}

  /// Releases what it held, then takes over. To itself: nothing happens.
  permit& operator=(permit&& other) noexcept {
    if (this == &other) return *this;
    release();
    target_ = other.target_;
    count_ = std::exchange(other.count_, 0);
    status_ = std::exchange(other.status_, status::already);
    return *this;
  }

  permit(const permit&) = delete;
  permit& operator=(const permit&) = delete;

  ~permit() { release(); }

  /// Give all back and be empty.
  /// @return ok; already: it was empty; overflow: what was held here has been released by other
  /// means. Threads: resumes coroutines (chapter 4). Order: happens before the acquires that it
  /// satisfies.
  afflux::status release() noexcept {
    if (count_ == 0) return status::already;
    status_ = status::already;
    return detail::release(target_, std::exchange(count_, 0));
  }

  /// Permits held; 0 when empty.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

  /// Whether any are held.
  [[nodiscard]] explicit operator bool() const noexcept { return count_ != 0; }

  /// ok while permits are held; else why the acquire failed, or already when they are gone.
  [[nodiscard]] afflux::status status() const noexcept { return status_; }

  /// Move `n` permits (1 ... count() - 1) into a new one; empty with invalid when out of range.
  [[nodiscard]] permit split(std::uint64_t n) noexcept {
    if (n == 0 || n >= count_) return permit(afflux::status::invalid);
    count_ -= n;
    return permit(target_, n);
  }

  /// Take over the permits of `other`; an empty one becomes other.
  /// @return ok; already: other is empty; invalid: the same object, or another semaphore's or
  /// tenant's.
  ///         other keeps its permits unless ok.
  afflux::status merge(permit&& other) noexcept {
    if (this == &other) return afflux::status::invalid;
    if (other.count_ == 0) return afflux::status::already;
    if (count_ != 0 && !target_.is_same(other.target_)) return afflux::status::invalid;
    target_ = other.target_;
    count_ += std::exchange(other.count_, 0);
    status_ = std::exchange(other.status_, afflux::status::already);
    return afflux::status::ok;
  }

  /// Be empty without releasing.
  /// @return the permits that the caller now owes to semaphore::release(), or tenant::release().
  [[nodiscard]] std::uint64_t detach() noexcept {
    status_ = afflux::status::already;
    return std::exchange(count_, 0);
  }

 private:
  friend class permit_token;
  friend class semaphore;
  friend class tenant;
  friend struct detail::part_access;
  template <class, bool>
  friend class acquire_awaiter;

  explicit permit(afflux::status why) noexcept : status_(why) {}
  permit(const detail::target& t, std::uint64_t n) noexcept
      : target_(t), count_(n), status_(afflux::status::ok) {}

  detail::target target_;
  std::uint64_t count_ = 0;
  afflux::status status_ = afflux::status::already;
};

}  // namespace afflux

#endif  // AFFLUX_PERMIT_HPP
