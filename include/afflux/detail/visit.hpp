// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A function object as a visitor or sink of the C API: what it throws must not pass through there.
#ifndef AFFLUX_DETAIL_VISIT_HPP
#define AFFLUX_DETAIL_VISIT_HPP

#include <afflux/detail/config.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string_view>
#include <type_traits>
#include <utility>

#include <afflux/afflux.h>
#include <afflux/status.hpp>

namespace afflux::detail {

/// void(T), or bool(T): false stops.
template <class Visit, class T>
concept visitor_of = requires(Visit& visit, T seen) {
  requires std::is_void_v<decltype(visit(seen))> ||
      std::convertible_to<decltype(visit(seen)), bool>;
};

/// The `ctx` of one C call with a visitor.
template <class Visit>
class visit_call {
 public:
  explicit visit_call(Visit& visit) noexcept : visit_(visit) {}
  visit_call(const visit_call&) = delete;
  visit_call& operator=(const visit_call&) = delete;

  /// @return 0: go on; 1: stop.
  template <class T>
  [[nodiscard]] std::int32_t see(const T& seen) noexcept {
    try {
      if constexpr (std::is_void_v<decltype(visit_(seen))>) {
        visit_(seen);
        return 0;
      } else {
        return visit_(seen) ? 0 : 1;
      }
    } catch (...) {
      thrown_ = std::current_exception();
      return 1;
    }
  }

  /// An afflux_sink_fn.
  static std::int32_t take(void* ctx, const char* text, std::size_t size) noexcept {
    return static_cast<visit_call*>(ctx)->see(std::string_view(text, size));
  }

  /// The call has returned `s`. Throws what the visitor threw.
  [[nodiscard]] status finish(::afflux_status s) {
    if (thrown_) std::rethrow_exception(std::move(thrown_));
    return static_cast<status>(s);
  }

 private:
  Visit& visit_;
  std::exception_ptr thrown_;
};

}  // namespace afflux::detail

#endif  // AFFLUX_DETAIL_VISIT_HPP
