// SPDX-License-Identifier: MIT OR Apache-2.0
//
// park::futex: one system call per sleep and per wake, the kernel compares.
// Source: man 2 futex.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <limits>

#include "park/park.h"
#include "time/clock.h"

namespace afflux::park {
namespace {

#if defined(SYS_futex)
using kernel_seconds = long;  // what this call takes, whatever the C library's time_t is
constexpr long kFutexCall = SYS_futex;
#else  // 32-bit ports that are younger than the 64-bit time calls
using kernel_seconds = std::int64_t;
constexpr long kFutexCall = SYS_futex_time64;
#endif

struct kernel_timespec {
  kernel_seconds seconds;
  kernel_seconds nanoseconds;
};

constexpr std::int64_t kSecond = 1'000'000'000;

// `word`: the 32 bits that the kernel compares. WAIT_BITSET and not WAIT: its time is absolute, so
// that an interrupted sleep does not begin anew, and it is on CLOCK_MONOTONIC, which now_ns()
// reads. syscall() is no cancellation point.
long sleep(const void* word, std::uint32_t expected, const kernel_timespec* until) noexcept {
  return syscall(kFutexCall, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected, until, nullptr,
                 FUTEX_BITSET_MATCH_ANY);
}

// All of them: two threads on one word are legal, and one is the usual case.
void wake_all(const void* address, int flags) noexcept {
  const int saved = errno;
  syscall(kFutexCall, address, FUTEX_WAKE | flags, INT_MAX, nullptr, nullptr, 0);
  errno = saved;
}

// Out of range becomes the nearest instant that the kernel takes: a time before
// the clock's start would be EINVAL, one beyond a 32-bit count would wrap.
kernel_timespec to_timespec(std::int64_t deadline) noexcept {
  if (deadline < 0) return {0, 0};
  constexpr std::int64_t kMost = std::numeric_limits<kernel_seconds>::max();
  if (deadline / kSecond > kMost) return {static_cast<kernel_seconds>(kMost), 0};
  return {static_cast<kernel_seconds>(deadline / kSecond),
          static_cast<kernel_seconds>(deadline % kSecond)};
}

}  // namespace

bool futex::wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                 std::int64_t deadline) noexcept {
  static_assert(sizeof(word) == sizeof(std::uint32_t) &&
                std::atomic<std::uint32_t>::is_always_lock_free);
  const bool forever = deadline == time::kNever;
  const kernel_timespec until = to_timespec(deadline);
  const int saved = errno;  // a library's sleep must not show in its caller's errno
  const long result = sleep(&word, expected, forever ? nullptr : &until);
  const bool timed_out = result != 0 && errno == ETIMEDOUT;
  errno = saved;
  // EAGAIN (another value), EINTR (a signal) and a wake all mean: look again. So
  // does the end of a sleep that to_timespec() had to shorten.
  return !timed_out || time::now_ns() < deadline;
}

// A private futex is found by its address alone, the kernel reads nothing there.
void futex::wake(const void* address) noexcept { wake_all(address, FUTEX_PRIVATE_FLAG); }

// Here the kernel looks which memory that is. Its owner keeps it until the ring has told.
void futex::wake_shared(const void* address) noexcept { wake_all(address, 0); }

void futex::wait_on(const std::atomic<std::uint64_t>& word, std::uint64_t expected) noexcept {
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
  const int saved = errno;
  sleep(low_half(&word), static_cast<std::uint32_t>(expected), nullptr);
  errno = saved;
}

void futex::wake_on(const void* word) noexcept { wake(low_half(word)); }

}  // namespace afflux::park
