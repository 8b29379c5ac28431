// SPDX-License-Identifier: MIT OR Apache-2.0
//
// park::wait_on_address: WaitOnAddress compares and falls asleep as one step against
// WakeByAddressAll. Source: learn.microsoft.com, synchapi.h.
//
// Its time is relative and in whole milliseconds, which the system rounds to its
// own timer's tick: so the rest is counted anew at each call and rounded up, and the
// clock alone decides whether the deadline has passed.
#include <windows.h>

#include "park/park.h"
#include "time/clock.h"

namespace afflux::park {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

// A longer sleep ends early, and without cause.
constexpr std::int64_t kLongest = 86'400'000;

SRWLOCK* srw(void** lock) noexcept {
  static_assert(sizeof(SRWLOCK) == sizeof(void*) && alignof(SRWLOCK) == alignof(void*));
  return reinterpret_cast<SRWLOCK*>(lock);
}

}  // namespace

bool wait_on_address::wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                           std::int64_t deadline) noexcept {
  static_assert(sizeof(word) == sizeof(std::uint32_t) &&
                std::atomic<std::uint32_t>::is_always_lock_free);
  DWORD milliseconds = INFINITE;
  if (deadline != time::kNever) {
    const std::int64_t now = time::now_ns();
    if (deadline <= now) return false;
    const std::int64_t rest = (deadline - now - 1) / kMillisecond + 1;
    milliseconds = static_cast<DWORD>(rest < kLongest ? rest : kLongest);
  }
  const DWORD saved = GetLastError();  // a library's sleep must not show in its caller's
  WaitOnAddress(const_cast<std::atomic<std::uint32_t>*>(&word), &expected, sizeof(expected),
                milliseconds);
  SetLastError(saved);
  return deadline == time::kNever || time::now_ns() < deadline;
}

void wait_on_address::wake(const void* address) noexcept {
  // All of them: two threads on one word are legal, and one is the usual case.
  WakeByAddressAll(const_cast<void*>(address));
}

void wait_on_address::wait_on(const std::atomic<std::uint64_t>& word,
                              std::uint64_t expected) noexcept {
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
  auto low = static_cast<std::uint32_t>(expected);
  const DWORD saved = GetLastError();
  WaitOnAddress(const_cast<void*>(low_half(&word)), &low, sizeof low, INFINITE);
  SetLastError(saved);
}

void wait_on_address::wake_on(const void* word) noexcept { wake(low_half(word)); }

void wait_on_address::mutex::lock() noexcept { AcquireSRWLockExclusive(srw(&lock_)); }
void wait_on_address::mutex::unlock() noexcept { ReleaseSRWLockExclusive(srw(&lock_)); }

}  // namespace afflux::park
