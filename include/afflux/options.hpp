// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How to create a semaphore, and the enumerations of requests and queues. A part of afflux.hpp.
#ifndef AFFLUX_OPTIONS_HPP
#define AFFLUX_OPTIONS_HPP

#include <afflux/detail/config.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

#include <afflux/afflux.h>

namespace afflux {

/// How waiting requests are kept; see AFFLUX_QUEUE_.... Since: 0.1
enum class queue_strategy : std::uint32_t {
  automatic = AFFLUX_QUEUE_AUTO,
  intrusive = AFFLUX_QUEUE_INTRUSIVE,
  lockfree = AFFLUX_QUEUE_LOCKFREE,
  hybrid = AFFLUX_QUEUE_HYBRID,
  mutex = AFFLUX_QUEUE_MUTEX
};

/// Who may go first; afflux.h, chapter 7. Since: 0.1
enum class fairness_policy : std::uint32_t { fair = AFFLUX_FAIR, throughput = AFFLUX_THROUGHPUT };

/// What happens at a queue limit; see AFFLUX_OVERFLOW_.... Since: 0.1
enum class overflow_policy : std::uint32_t {
  suspend = AFFLUX_OVERFLOW_SUSPEND,
  drop_newest = AFFLUX_OVERFLOW_DROP_NEWEST,
  drop_oldest = AFFLUX_OVERFLOW_DROP_OLDEST,
  fail = AFFLUX_OVERFLOW_FAIL
};

/// A request's priority; afflux.h, chapter 7. Since: 0.1
enum class priority : std::uint32_t {
  low = AFFLUX_PRIORITY_LOW,
  normal = AFFLUX_PRIORITY_NORMAL,
  high = AFFLUX_PRIORITY_HIGH,
  critical = AFFLUX_PRIORITY_CRITICAL
};

/// What a semaphore counts; see AFFLUX_STATS_.... Since: 0.1
enum class statistics_level : std::uint32_t {
  automatic = AFFLUX_STATS_DEFAULT,
  off = AFFLUX_STATS_OFF,  ///< a little faster
  counters = AFFLUX_STATS_COUNTERS,
  full = AFFLUX_STATS_FULL
};

/// Those who have waited too long leave the queue; afflux.h, chapter 7. Since: 0.1
struct shedding {
  /// Longest wait while the queue stands, > 0.
  std::chrono::nanoseconds target{AFFLUX_SHED_TARGET_NS};
  /// Longest wait otherwise, and after how long a line that has not been empty is a queue that
  /// stands; not below target.
  std::chrono::nanoseconds interval{AFFLUX_SHED_INTERVAL_NS};
  /// While the queue stands the newest of a priority goes first; not with
  /// fairness_policy::throughput.
  bool adaptive_lifo = false;
};

/// How to create a semaphore. Since: 0.1
struct options {
  std::uint64_t permits = 1;  ///< the limit, 0 ... 2^42 - 1
  queue_strategy queue = queue_strategy::automatic;
  fairness_policy fairness = fairness_policy::fair;
  overflow_policy overflow = overflow_policy::suspend;
  std::uint64_t max_waiters = 0;      ///< bound on queued requests; 0: none
  std::uint64_t max_queue_bytes = 0;  ///< bound on queued requests' cost, in bytes; 0: none
  /// Longest wait of a request that names none, > 0; empty: no limit.
  std::optional<std::chrono::nanoseconds> waiter_timeout = std::nullopt;
  const char* name = nullptr;  ///< what name() answers, UTF-8; copied; null: none
  statistics_level statistics = statistics_level::automatic;
  /// How many holders of tokens the ledger remembers, 0 ... 65,536; 0: no ledger.
  std::uint32_t ledger = 0;
  /// Waits as long as this are told to slow_wait, 0 or more; without slow_wait of no effect.
  std::chrono::nanoseconds slow_wait_after = std::chrono::nanoseconds::zero();
  /// Told of a slow wait, on the thread that made the grant, just before the request completes; it
  /// must not throw. afflux.h, afflux_slow_wait_fn, says what else holds there. Null: no
  /// function.
  void (*slow_wait)(void* ctx, const ::afflux_slow_wait* wait) = nullptr;
  void* slow_wait_ctx = nullptr;                ///< passed to slow_wait
  std::optional<shedding> shed = std::nullopt;  ///< empty: none is shed

  /// The same for the C API; `name` is borrowed from here.
  [[nodiscard]] explicit operator ::afflux_sem_options() const noexcept {
    ::afflux_sem_options c{};
    c.struct_size = sizeof c;
    c.queue = static_cast<std::uint32_t>(queue);
    c.fairness = static_cast<std::uint32_t>(fairness);
    c.overflow = static_cast<std::uint32_t>(overflow);
    c.permits = permits;
    c.max_waiters = max_waiters;
    c.max_queue_bytes = max_queue_bytes;
    c.waiter_timeout_ns = AFFLUX_FOREVER;
    // A time of zero or below is a mistake, and -1 ns must not come to mean "no limit": 0 is
    // refused by the library.
    if (waiter_timeout) {
      c.waiter_timeout_ns = waiter_timeout->count() > 0 ? waiter_timeout->count() : 0;
    }
    c.name = name;
    c.statistics = static_cast<std::uint32_t>(statistics);
    c.ledger = ledger;
    c.slow_wait_ns = slow_wait_after.count();
    c.slow_wait = slow_wait;
    c.slow_wait_ctx = slow_wait_ctx;
    if (shed) {
      // A target of zero would come to mean "none is shed"; a negative one is refused.
      c.shed_target_ns = shed->target.count() == 0 ? -1 : shed->target.count();
      c.shed_interval_ns = shed->interval.count();
      c.adaptive_lifo = shed->adaptive_lifo ? 1 : 0;
    }
    return c;
  }
};

}  // namespace afflux

#endif  // AFFLUX_OPTIONS_HPP
