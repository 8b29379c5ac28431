// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A client: a block of counters for a tenant, a connection or a worker.
//
// CL1  What has been counted before a read is in it, also by sum: a status code's bit is set
//      before its slot is added to, and who finds the bit set has it seen by his readers.
// CL2  No read finds more lines dropped than read: [lines].
// CL3  The bytes are the sum of what count_bytes() was told and of each run's last number: every
//      change of that number adds its difference, once.
//
// All else is relaxed: a counter publishes nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "afflux/afflux.h"
#include "time/clock.h"

namespace afflux::stats {

// How a request to a semaphore ended. `ended`: closed, or impossible after a shrink.
enum class outcome { acquired, rejected, timed_out, canceled, ended };

// The padding is meant: lines of one writer each.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
class client {
 public:
  using count = std::atomic<std::uint64_t>;

  // One reference; nullptr: no memory. The options are whole and valid.
  static client* create(const afflux_client_options& options) noexcept;

  client(const client&) = delete;
  client& operator=(const client&) = delete;

  void ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }  // the caller has one
  void unref() noexcept {
    // release: what this owner did comes before the end; acquire: for the last one.
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }

  // ---- Names: 0-terminated, valid as long as the client

  const char* name() const noexcept { return text(0); }
  const char* class_name(std::size_t index) const noexcept { return text(1 + index); }
  const char* pipeline_name(std::size_t index) const noexcept {
    return text(1 + AFFLUX_CLIENT_CLASSES + index);
  }

  // ---- Counting. Indices are in range, numbers valid

  void count_requests(std::uint32_t request_class, std::uint64_t n) noexcept {
    add(requests_[request_class], n);
  }
  void count_bytes(std::uint64_t n) noexcept { add(bytes_, n); }
  void count_reconnection() noexcept { add(reconnections_, 1); }
  void count_timeout() noexcept { add(timeouts_, 1); }

  // A summary must not walk 200 slots, and a sum kept beside them would be a second addition. So
  // a bit tells which slots are in use; that is a load from a line which hardly ever changes.
  void count_response(std::uint32_t code) noexcept {
    const std::uint32_t slot = code - kFirstCode;
    if (slot >= 2 * kFamily) return add(other_, 1);
    const std::uint32_t family = slot < kFamily ? 0 : 1;
    const std::uint32_t index = slot - family * kFamily;
    count& used = used_[family][index / 64];
    const std::uint64_t bit = std::uint64_t{1} << index % 64;
    if ((used.load(std::memory_order_relaxed) & bit) == 0) [[unlikely]] {
      used.fetch_or(bit, std::memory_order_relaxed);
    }
    add(responses_[slot], 1);
  }

  void count_lines(std::uint32_t pipeline, std::uint64_t read, std::uint64_t dropped) noexcept {
    lines& l = pipelines_[pipeline];
    add(l.read, read);
    if (dropped == 0) return;  // the rate has not risen
    // [lines] release, pairs with read_lines(): with these come the ones read.
    l.dropped.fetch_add(dropped, std::memory_order_release);
    raise_peak();
  }

  // A request that names this client has ended; wait_ns < 0: without having queued.
  void account(outcome how, std::uint64_t permits, std::int64_t wait_ns) noexcept {
    if (wait_ns >= 0) {
      const auto wait = static_cast<std::uint64_t>(wait_ns);
      add(waits_, 1);
      add(wait_sum_, wait);
      raise(wait_max_, wait);
    }
    switch (how) {
      case outcome::acquired:
        return add(acquired_, permits);
      case outcome::rejected:
        return add(rejected_, 1);
      case outcome::timed_out:
        return add(timed_out_, 1);
      case outcome::canceled:
        return add(canceled_, 1);
      case outcome::ended:
        return;
    }
  }

  // ---- The current run

  void begin_run() noexcept;
  void set_run_bytes(std::uint64_t bytes) noexcept {
    const std::uint64_t before = run_bytes_.exchange(bytes, std::memory_order_relaxed);
    add(bytes_, bytes - before);  // modulo 2^64, if it is less
  }
  void set_speed(double speed) noexcept;
  void set_position(std::int64_t position_ns) noexcept;

  // ---- Reading

  // All but struct_size. `now` is a time::rough_now_ns(), which costs less than the rest does; the
  // clock is read for one that is slow and may have stalled within this tick.
  void read(afflux_client_summary_t& into, std::int64_t now) const noexcept;
  // Of both pipelines' lines.
  static double drop_rate(const std::uint64_t* dropped, const std::uint64_t* read) noexcept;
  std::uint64_t responses(std::uint32_t code) const noexcept {
    const std::uint32_t slot = code - kFirstCode;
    if (slot >= 2 * kFamily) return get(other_);
    return get(responses_[slot]);
  }

  // For the registry that it is in (export/member_set.h). (It begins a line, that of the
  // references.)
  std::atomic<std::uint64_t> registration{0};

 private:
  static constexpr std::size_t kLine = 64;
  static constexpr std::uint32_t kFirstCode = 400;
  static constexpr std::uint32_t kFamily = 100;  // codes: 4xx, 5xx
  static_assert(2 * kFamily + 1 == AFFLUX_CLIENT_RESPONSES);
  static constexpr std::int64_t kNever = time::kNever;

  struct alignas(kLine) lines {
    count read{0};
    count dropped{0};
  };

  explicit client(const afflux_client_options& options) noexcept
      : stall_speed_(options.stall_speed), stall_after_(options.stall_after_ns) {}
  ~client() = default;
  void destroy() noexcept;

  const char* text(std::size_t index) const noexcept;
  static void add(count& to, std::uint64_t n) noexcept {
    to.fetch_add(n, std::memory_order_relaxed);
  }
  template <class T>
  static T get(const std::atomic<T>& of) noexcept {
    return of.load(std::memory_order_relaxed);
  }
  template <class T>
  static void set(std::atomic<T>& to, T value) noexcept {
    to.store(value, std::memory_order_relaxed);
  }
  template <class T>
  static void raise(std::atomic<T>& to, T value) noexcept {
    T seen = to.load(std::memory_order_relaxed);
    while (seen < value && !to.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
    }
  }
  std::uint64_t sum(std::size_t family) const noexcept;
  static std::uint64_t sum_all(const count* slots) noexcept;
  void read_lines(std::uint64_t* dropped, std::uint64_t* read) const noexcept;
  void raise_peak() noexcept;

  // A line for each of those who write: another thread has each of them, as a rule.

  // As a rule no thread: the first line.
  std::atomic<std::uint64_t> refs_{1};
  const std::int64_t created_ = time::rough_now_ns();
  count used_[2][2] = {};  // responses_ that are not 0, a bit for each

  // Who makes the requests.
  alignas(kLine) count requests_[AFFLUX_CLIENT_CLASSES] = {};
  count bytes_{0};
  count other_{0};  // responses
  count reconnections_{0};
  count timeouts_{0};

  // The thread that ends a request to a semaphore.
  alignas(kLine) count acquired_{0};
  count waits_{0};
  count wait_sum_{0};
  count wait_max_{0};
  count rejected_{0};
  count timed_out_{0};
  count canceled_{0};

  // Who watches the run.
  alignas(kLine) count runs_{0};
  count run_bytes_{0};
  std::atomic<std::int64_t> begun_{time::now_ns()};
  std::atomic<double> speed_{0};
  std::atomic<std::int64_t> stalled_at_{kNever};  // when slowness is or was a stall
  std::atomic<std::int64_t> drift_{0};
  std::atomic<std::int64_t> max_drift_{0};
  std::atomic<double> peak_{0};  // of the drop rate: written by the pipelines, but seldom

  // Who reads a pipeline each.
  lines pipelines_[AFFLUX_CLIENT_PIPELINES];

  // Beyond this a summary comes only where a bit is set.
  alignas(kLine) count responses_[2 * kFamily] = {};

  const double stall_speed_;
  const std::int64_t stall_after_;

  // The names follow: that of the client, the classes', the pipelines', a 0 behind each.
};

}  // namespace afflux::stats
