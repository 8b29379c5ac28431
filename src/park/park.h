// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The contract of a parker: how a thread sleeps on a 32-bit word of its own and
// how another wakes it. One struct of static functions per platform; the build
// picks `native`, `generic` is always compiled.
//
//   static bool wait(const std::atomic<uint32_t>& word, uint32_t expected,
//                    int64_t deadline) noexcept;
//     Sleeps while word == expected, atomically against wake(). `deadline` is a
//     time::now_ns() value; INT64_MAX waits without limit. Returns false when
//     the deadline has passed, true otherwise, also without cause: the caller
//     looks at the word again. Never returns false early.
//
//   static void wake(const void* address) noexcept;
//     Wakes the threads that sleep on the word at that address. The word may be
//     freed memory by now: only the value of the address is used.
//
//   static void wait_on(const std::atomic<uint64_t>& word, uint64_t expected) noexcept;
//     Sleeps, without a deadline, while the low 32 bits of `word` equal those of `expected`,
//     atomically against wake_on(). May return early: the caller looks at the word again. A change
//     of the high half alone ends no sleep.
//
//   static void wake_on(const void* word) noexcept;
//     Wakes the threads that sleep by wait_on() on the word at that address; as wake(), it uses
//     the address alone. A 64-bit word is woken by this, a 32-bit one by wake().
//
//   mutex
//     lock(), unlock(): short critical sections; constant initialisation, no
//     destructor that has to run.
//
// The pairing that makes it lose no wake-up: the waker changes the word before
// wake(), the sleeper's comparison with `expected` and its falling asleep are
// one step against wake().
//
// No function of a parker is a thread-cancellation point.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <mutex>

namespace afflux::park {

// Where the low half of the 64-bit word at that address is.
inline const void* low_half(const void* word) noexcept {
  static_assert(sizeof(std::atomic<std::uint64_t>) == sizeof(std::uint64_t));
  constexpr std::uintptr_t kOffset = std::endian::native == std::endian::big ? 4 : 0;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the word may be gone, only its address is used
  return reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(word) + kOffset);
}

// Linux: a private futex. Source: man 2 futex, FUTEX_WAIT_BITSET (absolute
// deadline on the monotonic clock). wake_shared() is for what the kernel itself waits on for a
// ring: as a private futex (seen on 6.18) such a wait is lost if it began before the process' first
// thread did.
struct futex {
  using mutex = std::mutex;
  static bool wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                   std::int64_t deadline) noexcept;
  static void wake(const void* address) noexcept;
  static void wake_shared(const void* address) noexcept;
  static void wait_on(const std::atomic<std::uint64_t>& word, std::uint64_t expected) noexcept;
  static void wake_on(const void* word) noexcept;
};

// Windows 8 and later: WaitOnAddress, WakeByAddressAll.
struct wait_on_address {
  static bool wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                   std::int64_t deadline) noexcept;
  static void wake(const void* address) noexcept;
  static void wait_on(const std::atomic<std::uint64_t>& word, std::uint64_t expected) noexcept;
  static void wake_on(const void* word) noexcept;

  // A slim reader/writer lock. Windows' C++ libraries may build std::mutex of memory
  // that it takes at the first lock() and that is never given back.
  class mutex {
   public:
    constexpr mutex() noexcept = default;
    mutex(const mutex&) = delete;
    mutex& operator=(const mutex&) = delete;
    void lock() noexcept;
    void unlock() noexcept;

   private:
    void* lock_ = nullptr;  // SRWLOCK_INIT
  };
};

// Anywhere: a fixed table of mutexes and condition variables, hashed by address.
struct generic {
  using mutex = std::mutex;
  static bool wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                   std::int64_t deadline) noexcept;
  static void wake(const void* address) noexcept;
  static void wait_on(const std::atomic<std::uint64_t>& word, std::uint64_t expected) noexcept;
  static void wake_on(const void* word) noexcept;
};

// Named by the build (parker in meson.build).
#if defined(AFFLUX_PARK_FUTEX)
using native = futex;
#elif defined(AFFLUX_PARK_WAIT_ON_ADDRESS)
using native = wait_on_address;
#else
using native = generic;
#endif

}  // namespace afflux::park
