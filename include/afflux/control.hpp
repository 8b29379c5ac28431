// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A limit that finds itself. A part of afflux.hpp, whose chapters hold here, too; control.h is the
// manual.
#ifndef AFFLUX_CONTROL_HPP
#define AFFLUX_CONTROL_HPP

#include <afflux/detail/config.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
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

/// By which rule a control finds the limit; see AFFLUX_CONTROL_.... Since: 0.1
enum class control_algorithm : std::uint32_t {
  automatic = AFFLUX_CONTROL_DEFAULT,
  aimd = AFFLUX_CONTROL_AIMD,
  vegas = AFFLUX_CONTROL_VEGAS,
  gradient2 = AFFLUX_CONTROL_GRADIENT2,
  gradient = AFFLUX_CONTROL_GRADIENT
};

/// How a request has ended; see AFFLUX_CONTROL_SERVED and so on. Since: 0.1
enum class outcome : std::uint32_t {
  served = AFFLUX_CONTROL_SERVED,
  dropped = AFFLUX_CONTROL_DROPPED,
  ignored = AFFLUX_CONTROL_IGNORED
};

/// How to create a control. Since: 0.1
struct control_options {
  control_algorithm algorithm = control_algorithm::automatic;
  std::uint64_t min = 0;      ///< permits; 0: the algorithm's
  std::uint64_t max = 0;      ///< permits; 0: the algorithm's
  std::uint64_t initial = 0;  ///< permits; 0: the semaphore's limit, brought within min and max
  std::uint64_t seed = 1;     ///< of the jitter that some algorithms need
  /// How long a window lasts; 0: what the algorithm takes for one by itself.
  std::chrono::nanoseconds window = std::chrono::nanoseconds::zero();
  /// AIMD: what took longer counts as dropped; 0: 5 s.
  std::chrono::nanoseconds timeout = std::chrono::nanoseconds::zero();
  /// GRADIENT: from probe to probe; 0: 60 s.
  std::chrono::nanoseconds probe_interval = std::chrono::nanoseconds::zero();
  /// Told of each change of the limit; it must not throw. afflux_control_change_fn says where it
  /// runs. Null: no function.
  void (*on_change)(void* ctx, std::uint64_t before, std::uint64_t after,
                    std::uint32_t reason) = nullptr;
  void* ctx = nullptr;  ///< passed to on_change

  /// The same for the C API.
  [[nodiscard]] explicit operator ::afflux_control_options() const noexcept {
    ::afflux_control_options c{};
    c.struct_size = sizeof c;
    c.algorithm = static_cast<std::uint32_t>(algorithm);
    c.min = min;
    c.max = max;
    c.initial = initial;
    c.seed = seed;
    c.window_ns = window.count();
    c.timeout_ns = timeout.count();
    c.probe_interval_ns = probe_interval.count();
    c.on_change = on_change;
    c.ctx = ctx;
    return c;
  }
};

/// The algorithm of that name ("aimd"), as a configuration file may have it; none: there is none.
/// Since: 0.1
[[nodiscard]] inline std::optional<control_algorithm> find_control_algorithm(
    const char* name) noexcept {
  std::uint32_t found = 0;
  if (::afflux_control_find_algorithm(name, &found) != AFFLUX_OK) return std::nullopt;
  return static_cast<control_algorithm>(found);
}

/// An owner of one reference of a control, which steers a semaphore's limit and keeps the semaphore
/// alive. Move-only; share() makes another owner. The last owner ends the steering; the limit
/// stays.
///
/// An owner is empty after it was moved from, where create() failed, and of a null handle;
/// chapter 1 says what an empty one may be used for.
/// Threads: every member of one object from any thread at once, but for assignment, swap and the
///          destructor.
/// Since: 0.1
class control {
 public:
  /// Steer `sem`. Throws error (invalid: the options contradict each other; closed; busy: another
  /// control steers it), std::bad_alloc.
  explicit control(const semaphore& sem, const control_options& o = {}) {
    status made = status::ok;
    *this = create(sem, o, made);
    detail::throw_unless_made(made);
  }

  /// The same without exceptions: empty, and ret_status tells why, on failure.
  [[nodiscard]] AFFLUX_HPP_NOINLINE static control create(const semaphore& sem,
                                                          const control_options& o,
                                                          status& ret_status) noexcept {
    const detail::resume_scope scope;
    const auto c = static_cast<::afflux_control_options>(o);
    ::afflux_control* made = nullptr;
    ret_status = static_cast<status>(::afflux_control_create(sem.handle(), &c, &made));
    return from_handle(made);
  }

  /// Own a reference that the caller has; null makes an empty owner.
  [[nodiscard]] static control from_handle(::afflux_control* handle) noexcept {
    return control(detail::owner<::afflux_control>(handle));
  }

  /// Another owner of the same control.
  [[nodiscard]] control share() const noexcept { return control(handle_.share()); }

  /// The C handle, borrowed; null when empty.
  [[nodiscard]] ::afflux_control* handle() const noexcept { return handle_.get(); }
  [[nodiscard]] explicit operator bool() const noexcept { return handle() != nullptr; }
  friend void swap(control& a, control& b) noexcept { std::swap(a.handle_, b.handle_); }

  /// A request has ended; its work took `latency`, without the wait for the permit. Before its
  /// permits are released. @return ok; invalid: negative.
  AFFLUX_HPP_NOINLINE status sample(std::chrono::nanoseconds latency,
                                    outcome how = outcome::served) const noexcept {
    const detail::resume_scope scope;
    return to_status(
        ::afflux_control_sample(used(), latency.count(), static_cast<std::uint32_t>(how)));
  }
  /// Give back the permits of `token`, whose hold time is the latency. @return as
  /// permit_token::release(); invalid: it is of another semaphore, and keeps its permits.
  AFFLUX_HPP_NOINLINE status release(permit_token& token,
                                     outcome how = outcome::served) const noexcept {
    const detail::resume_scope scope;
    return to_status(
        ::afflux_control_release(used(), token.handle(), static_cast<std::uint32_t>(how)));
  }

  /// Leave the limit alone. @return ok; already.
  status pause() const noexcept { return to_status(::afflux_control_pause(used())); }
  /// Go on. @return ok; already: it is not paused.
  AFFLUX_HPP_NOINLINE status resume() const noexcept {
    const detail::resume_scope scope;
    return to_status(::afflux_control_resume(used()));
  }

  /// What it knows and has done; 0 where the owner is empty.
  [[nodiscard]] ::afflux_control_stats stats() const noexcept {
    ::afflux_control_stats now{};
    (void)::afflux_control_get_stats(used(), &now);
    return now;
  }

 private:
  explicit control(detail::owner<::afflux_control> handle) noexcept : handle_(std::move(handle)) {}

  [[nodiscard]] static status to_status(::afflux_status s) noexcept {
    return static_cast<status>(s);
  }
  [[nodiscard]] ::afflux_control* used() const noexcept {
    AFFLUX_ASSERT(handle() != nullptr && "afflux::control: empty");
    return handle();
  }

  detail::owner<::afflux_control> handle_;
};

}  // namespace afflux

#endif  // AFFLUX_CONTROL_HPP
