// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What semaphore::health(), wait_times(), hold_times() and visit_holders() tell. A part of
// afflux.hpp, whose chapters hold here, too; stats.h ("Health", "Histograms", "Holder ledger") is
// the manual.
#ifndef AFFLUX_STATS_HPP
#define AFFLUX_STATS_HPP

#include <afflux/detail/config.hpp>

#include <chrono>
#include <cstdint>
#include <new>
#include <optional>
#include <string>
#include <string_view>

#include <afflux/afflux.h>
#include <afflux/detail/visit.hpp>
#include <afflux/status.hpp>

namespace afflux {

// --------------------------------------------------------------------------------------------
// Health
// --------------------------------------------------------------------------------------------

/// Why a semaphore is as it is; see AFFLUX_HEALTH_.... Since: 0.1
enum class health_reason : std::uint32_t {
  waiters = AFFLUX_HEALTH_WAITERS,          ///< more than health_limits::max_waiters
  queue_bytes = AFFLUX_HEALTH_QUEUE_BYTES,  ///< more than health_limits::max_queue_bytes
  wait = AFFLUX_HEALTH_WAIT,                ///< longer than health_limits::max_wait
  closed = AFFLUX_HEALTH_CLOSED,            ///< the semaphore is closed
  debt = AFFLUX_HEALTH_DEBT,                ///< told, but no reason to be unhealthy
  standstill = AFFLUX_HEALTH_STANDSTILL     ///< longer than health_limits::max_still
};

/// What is too much; empty: never, but for max_still. Since: 0.1
struct health_limits {
  std::optional<std::uint64_t> max_waiters = std::nullopt;          ///< queued requests
  std::optional<std::uint64_t> max_queue_bytes = std::nullopt;      ///< their cost
  std::optional<std::chrono::nanoseconds> max_wait = std::nullopt;  ///< of the oldest request
  /// Of a standstill: permits are held, requests want some, and none comes back. Empty: 5 s;
  /// nanoseconds::max(): never.
  std::optional<std::chrono::nanoseconds> max_still = std::nullopt;

  /// The same for the C API.
  [[nodiscard]] explicit operator ::afflux_health_limits() const noexcept {
    ::afflux_health_limits c{};
    (void)::afflux_health_limits_init_sized(&c, sizeof c);
    if (max_waiters) c.max_waiters = *max_waiters;
    if (max_queue_bytes) c.max_queue_bytes = *max_queue_bytes;
    // A negative time must not come to mean "never": -2 is refused by the library.
    if (max_wait) c.max_wait_ns = max_wait->count() >= 0 ? max_wait->count() : -2;
    if (max_still) c.max_still_ns = max_still->count() >= 0 ? max_still->count() : -2;
    return c;
  }
};

/// How a semaphore is. Since: 0.1
struct health_report {
  afflux::status status = afflux::status::invalid;  ///< ok; else nothing was looked at, and why
  bool healthy = false;                             ///< no reason but debt
  std::uint32_t reasons = 0;                        ///< health_reason, or-ed
  std::uint64_t waiters = 0;
  std::uint64_t queue_bytes = 0;
  std::chrono::nanoseconds oldest_wait = std::chrono::nanoseconds::zero();
  std::chrono::nanoseconds still_for = std::chrono::nanoseconds::zero();  ///< 0: it moves
  std::uint64_t unserved = 0;  ///< requests not served at once since permits last moved

  /// Whether `r` is among the reasons.
  [[nodiscard]] bool has(health_reason r) const noexcept {
    return (reasons & static_cast<std::uint32_t>(r)) != 0;
  }
  /// healthy.
  [[nodiscard]] explicit operator bool() const noexcept { return healthy; }
};

namespace detail {

[[nodiscard]] inline health_report health_of(const ::afflux_sem* sem,
                                             const ::afflux_health_limits* limits) noexcept {
  ::afflux_health now{};
  now.struct_size = sizeof now;
  health_report report;
  report.status = static_cast<status>(::afflux_sem_health(sem, limits, &now));
  report.healthy = now.healthy != 0;
  report.reasons = now.reasons;
  report.waiters = now.waiters;
  report.queue_bytes = now.queue_bytes;
  report.oldest_wait = std::chrono::nanoseconds(now.oldest_wait_ns);
  report.still_for = std::chrono::nanoseconds(now.still_ns);
  report.unserved = now.unserved;
  return report;
}

}  // namespace detail

// --------------------------------------------------------------------------------------------
// Histograms
// --------------------------------------------------------------------------------------------

/// Times that were recorded, and their distribution (afflux_histogram: log-linear, 624 buckets,
/// 5 KiB). Since: 0.1
class histogram {
 public:
  /// Nothing recorded.
  histogram() noexcept = default;

  /// The same for and from the C API.
  [[nodiscard]] const ::afflux_histogram& c() const noexcept { return times_; }
  [[nodiscard]] ::afflux_histogram& c() noexcept { return times_; }

  [[nodiscard]] std::uint64_t count() const noexcept { return times_.count; }
  [[nodiscard]] std::chrono::nanoseconds sum() const noexcept { return ns(times_.sum_ns); }
  [[nodiscard]] std::chrono::nanoseconds max() const noexcept { return ns(times_.max_ns); }
  /// About the time that a share `q` (0 ... 1) of those recorded did not exceed; off by at most
  /// 1/32 of it. 0 when nothing was recorded.
  [[nodiscard]] std::chrono::nanoseconds quantile(double q) const noexcept {
    return ns(::afflux_histogram_quantile(&times_, q));
  }

 private:
  [[nodiscard]] static std::chrono::nanoseconds ns(std::uint64_t n) noexcept {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(n));
  }

  ::afflux_histogram times_{};
};

// --------------------------------------------------------------------------------------------
// Holder ledger
// --------------------------------------------------------------------------------------------

/// One holder of permits by a token. Since: 0.1
struct holder {
  std::uint64_t id = 0;  ///< permit_token::id()
  std::uint64_t permits = 0;
  std::chrono::nanoseconds held_for{0};
  std::string_view tag;  ///< cut after 47 bytes; "" without one; valid for the visit
};

namespace detail {

template <class Visit>
status visit_holders_of(const ::afflux_sem* sem, Visit& visit, std::uint64_t& ret_untold) {
  visit_call<Visit> call(visit);
  const auto see = [](void* ctx, const ::afflux_holder* h) noexcept -> std::int32_t {
    return static_cast<visit_call<Visit>*>(ctx)->see(
        holder{h->id, h->permits, std::chrono::nanoseconds(h->held_ns), h->tag});
  };
  return call.finish(::afflux_sem_visit_holders(sem, see, &call, &ret_untold));
}

[[nodiscard]] inline std::string holders_as_text(const ::afflux_sem* sem) {
  std::string text;
  const auto append = [&text](std::string_view piece) { text += piece; };
  visit_call<decltype(append)> call(append);
  const status s =
      call.finish(::afflux_sem_dump_holders(sem, &visit_call<decltype(append)>::take, &call));
  if (s == status::no_memory) throw std::bad_alloc();
  if (s != status::ok && s != status::not_supported) throw error(s, "afflux: dump_holders");
  return text;
}

}  // namespace detail

}  // namespace afflux

#endif  // AFFLUX_STATS_HPP
