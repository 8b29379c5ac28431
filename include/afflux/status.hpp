// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What calls answer, and what is thrown where that is asked for. A part of afflux.hpp.
#ifndef AFFLUX_STATUS_HPP
#define AFFLUX_STATUS_HPP

#include <afflux/detail/config.hpp>

#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>

#include <afflux/afflux.h>

namespace afflux {

/// What a call answers; the same numbers as afflux_status. Since: 0.1
enum class status : std::int32_t {
  ok = AFFLUX_OK,                  ///< done
  pending = AFFLUX_PENDING,        ///< queued
  again = AFFLUX_EAGAIN,           ///< it would have to wait
  timed_out = AFFLUX_ETIMEDOUT,    ///< the time ran out
  canceled = AFFLUX_ECANCELED,     ///< cancelled
  closed = AFFLUX_ECLOSED,         ///< the semaphore is closed
  rejected = AFFLUX_EREJECTED,     ///< refused or dropped by a queue limit, or shed
  already = AFFLUX_EALREADY,       ///< too late, done before, or nothing is held
  invalid = AFFLUX_EINVAL,         ///< an argument is out of its range
  overflow = AFFLUX_EOVERFLOW,     ///< more than is held, or a number too large
  busy = AFFLUX_EBUSY,             ///< in use
  no_memory = AFFLUX_ENOMEM,       ///< no memory
  not_supported = AFFLUX_ENOTSUP,  ///< not supported by this library, build or system
  os_error = AFFLUX_EOS,           ///< an operating-system call failed: afflux_last_os_error()
  too_big = AFFLUX_E2BIG           ///< more permits than the limit: it could never be served
};

/// The meaning of a status in English: static text, never null. Since: 0.1
[[nodiscard]] inline const char* to_string(status s) noexcept {
  return ::afflux_strerror(static_cast<std::int32_t>(s));
}

/// Thrown where exceptions are asked for. Since: 0.1
class error : public std::runtime_error {
 public:
  explicit error(status code) : std::runtime_error(to_string(code)), code_(code) {}
  error(status code, const char* what_failed)
      : std::runtime_error(std::string(what_failed) + ": " + to_string(code)), code_(code) {}

  /// The status that the call answered.
  [[nodiscard]] status code() const noexcept { return code_; }

 private:
  status code_;
};

/// Tag: this variant throws afflux::error instead of answering a failure. Since: 0.1
struct throws_t {
  explicit throws_t() = default;
};
inline constexpr throws_t throws{};

namespace detail {

/// What a constructor makes of the answer of a call that creates.
inline void throw_unless_made(status made) {
  if (made == status::no_memory) throw std::bad_alloc();
  if (made != status::ok) throw error(made, "afflux: create");
}

}  // namespace detail

}  // namespace afflux

#endif  // AFFLUX_STATUS_HPP
