// SPDX-License-Identifier: MIT OR Apache-2.0
#include "futex.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <limits>

#include "afflux/afflux.h"

namespace afflux::shared {

std::int64_t now_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

std::int64_t deadline_after(std::int64_t timeout_ns) noexcept {
  if (timeout_ns == AFFLUX_FOREVER) return kForever;
  const std::int64_t now = now_ns();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  return timeout_ns > kMost - now ? kMost : now + timeout_ns;
}

bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t value, std::int64_t deadline,
                futex_reach reach) noexcept {
  static_assert(sizeof(word) == sizeof(std::uint32_t) &&
                std::atomic<std::uint32_t>::is_always_lock_free);
  const int saved = errno;  // a library's sleep must not show in its caller's errno
  timespec until{};
  until.tv_sec = static_cast<time_t>(deadline / 1'000'000'000);
  until.tv_nsec = static_cast<long>(deadline % 1'000'000'000);
  const int flags = FUTEX_WAIT_BITSET | (reach == futex_private ? FUTEX_PRIVATE_FLAG : 0);
  const long result =
      syscall(SYS_futex, &word, flags, value, deadline == kForever ? nullptr : &until, nullptr,
              FUTEX_BITSET_MATCH_ANY);
  const bool timed_out = result != 0 && errno == ETIMEDOUT;
  errno = saved;
  return !timed_out;
}

void futex_wake(const std::atomic<std::uint32_t>& word, int sleepers, futex_reach reach) noexcept {
  const int saved = errno;
  syscall(SYS_futex, &word, FUTEX_WAKE | (reach == futex_private ? FUTEX_PRIVATE_FLAG : 0),
          sleepers, nullptr, nullptr, 0);
  errno = saved;
}

bool register_membarrier() noexcept {
  const int saved = errno;
  const bool done = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
  errno = saved;
  return done;
}

void membarrier() noexcept {
  const int saved = errno;
  syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  errno = saved;
}

const std::atomic<std::uint32_t>& low_half(const std::atomic<std::uint64_t>& word) noexcept {
  constexpr std::size_t kLow = std::endian::native == std::endian::little ? 0 : 1;
  return reinterpret_cast<const std::atomic<std::uint32_t>*>(&word)[kLow];
}

}  // namespace afflux::shared
