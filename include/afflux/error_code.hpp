// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A status as a std::error_code. Not included by afflux.hpp.
#ifndef AFFLUX_ERROR_CODE_HPP
#define AFFLUX_ERROR_CODE_HPP

#include <afflux/detail/config.hpp>

#include <string>
#include <system_error>
#include <type_traits>

#include <afflux/status.hpp>

namespace afflux {

namespace detail {

class status_error_category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "afflux"; }
  [[nodiscard]] std::string message(int value) const override {
    return to_string(static_cast<status>(value));
  }
  [[nodiscard]] std::error_condition default_error_condition(int value) const noexcept override {
    switch (static_cast<status>(value)) {
      case status::again:
        return std::errc::resource_unavailable_try_again;
      case status::timed_out:
        return std::errc::timed_out;
      case status::canceled:
        return std::errc::operation_canceled;
      case status::invalid:
        return std::errc::invalid_argument;
      case status::too_big:
        return std::errc::argument_list_too_long;  // E2BIG
      case status::no_memory:
        return std::errc::not_enough_memory;
      case status::not_supported:
        return std::errc::not_supported;
      default:
        return {value, *this};
    }
  }
};

}  // namespace detail

/// The category of a status as an error code: "afflux". Since: 0.1
[[nodiscard]] inline const std::error_category& status_category() noexcept {
  static const detail::status_error_category category;
  return category;
}

/// A status as an error code: `if (ec == afflux::status::closed)`. ok is no error. Comparable with
/// std::errc, too, where that has a name for it. Since: 0.1
[[nodiscard]] inline std::error_code make_error_code(status s) noexcept {
  if (s == status::ok) return {};  // equal to any other library's success
  return {static_cast<int>(s), status_category()};
}

}  // namespace afflux

template <>
struct std::is_error_code_enum<afflux::status> : std::true_type {};

#endif  // AFFLUX_ERROR_CODE_HPP
