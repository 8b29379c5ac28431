// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An operation taken apart, for those that wait for several, or in another library's loop
// (several.hpp, asio.hpp).
#ifndef AFFLUX_DETAIL_PART_HPP
#define AFFLUX_DETAIL_PART_HPP

#include <afflux/detail/config.hpp>

#include <cstdint>

#include <afflux/afflux.h>
#include <afflux/acquire.hpp>
#include <afflux/detail/calls.hpp>
#include <afflux/detail/fast_path.hpp>
#include <afflux/detail/terms.hpp>
#include <afflux/event.hpp>
#include <afflux/permit.hpp>
#include <afflux/status.hpp>
#include <afflux/wait.hpp>

namespace afflux::detail {

/// One of several: an acquire, or the wait for an event.
struct part {
  target from;
  ::afflux_event* event;
  bool passes_on;  // an auto-reset event's wait takes the notification with it
  acquire_terms terms;

  [[nodiscard]] target holder() const noexcept { return target::of(from, terms.tenant); }
  [[nodiscard]] permit taken() const noexcept;
  void give_back() const noexcept {
    if (event == nullptr) {
      release(holder(), terms.permits);
    } else if (passes_on) {
      ::afflux_event_notify_one(event);
    }
  }
};

/// For the library's own headers: permits are made here, operations taken apart.
struct part_access {
  [[nodiscard]] static permit make(const target& t, std::uint64_t n) noexcept { return {t, n}; }
  [[nodiscard]] static permit failed(::afflux_status why) noexcept {
    return permit(static_cast<status>(why));
  }
  [[nodiscard]] static part part_of(const acquire_operation<>& op) noexcept {
    return {op.target_, nullptr, false, op.terms_};
  }
  [[nodiscard]] static part part_of(const wait_operation<event_source>& op) noexcept {
    return {{}, op.source_.event, op.source_.passes_on, op.terms_};
  }
};

inline permit part::taken() const noexcept {
  return event == nullptr ? part_access::make(holder(), terms.permits)
                          : part_access::failed(AFFLUX_OK);
}

}  // namespace afflux::detail

#endif  // AFFLUX_DETAIL_PART_HPP
