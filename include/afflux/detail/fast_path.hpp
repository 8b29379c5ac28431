// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Acquires and releases inline: afflux.h, "Inline fast path", over layout 2 of afflux_fastpath.
#ifndef AFFLUX_DETAIL_FAST_PATH_HPP
#define AFFLUX_DETAIL_FAST_PATH_HPP

#include <afflux/detail/config.hpp>

#include <atomic>
#include <cstdint>

#include <afflux/afflux.h>

namespace afflux::detail {

inline constexpr std::uint32_t kLayout = 2;
inline constexpr std::uint64_t kFlags = 0x3ff;
inline constexpr unsigned kPermitsShift = 20;
inline constexpr std::uint64_t kMaxPermits = (std::uint64_t{1} << 42) - 1;

/// Stands in where there is no block, or one of another layout: its flag says "make the call", so
/// that the fast path needs no test of its own. Never written.
inline constinit ::afflux_fastpath call_block{0, 0, kFlags, 0};

/// A borrowed semaphore and its block.
struct target {
  ::afflux_sem* sem = nullptr;
  ::afflux_fastpath* fast = &call_block;

  [[nodiscard]] static target of(::afflux_sem* sem) noexcept {
    const ::afflux_fastpath* block = ::afflux_sem_fastpath(sem);
    // Where permits are counted, that is for the calls to do.
    if (block == nullptr || block->layout != kLayout || block->reserved != 0) {
      return {sem, &call_block};
    }
    return {sem, const_cast<::afflux_fastpath*>(block)};
  }
};

#ifdef __cpp_lib_atomic_ref
using word_ref = std::atomic_ref<std::uint64_t>;
#else
/// What is needed of it where the standard library has none: libc++ before 19.
class word_ref {
 public:
  explicit word_ref(std::uint64_t& word) noexcept : word_(&word) {}

  [[nodiscard]] std::uint64_t load(std::memory_order order) const noexcept {
    return __atomic_load_n(word_, static_cast<int>(order));
  }
  [[nodiscard]] bool compare_exchange_weak(std::uint64_t& seen, std::uint64_t wanted,
                                           std::memory_order success,
                                           std::memory_order failure) const noexcept {
    return __atomic_compare_exchange_n(word_, &seen, wanted, true, static_cast<int>(success),
                                       static_cast<int>(failure));
  }

 private:
  std::uint64_t* word_;
};
#endif

/// One compare-and-swap; false: nothing changed, make the call.
[[nodiscard]] inline bool fast_acquire(::afflux_fastpath* fast, std::uint64_t n) noexcept {
  if (n - 1 >= kMaxPermits) return false;  // 0 wraps round: refused as well
  const word_ref word(fast->word);
  // acquire: takes over what the releases before published.
  std::uint64_t seen = word.load(std::memory_order_acquire);
  while ((seen & kFlags) == 0) {
    if (static_cast<std::int64_t>(seen) >> kPermitsShift < static_cast<std::int64_t>(n)) {
      return false;
    }
    if (word.compare_exchange_weak(seen, seen - (n << kPermitsShift), std::memory_order_acquire,
                                   std::memory_order_acquire)) {
      return true;
    }
  }
  return false;
}

/// One compare-and-swap; false: nothing changed, make the call. After true the semaphore may be
/// gone.
[[nodiscard]] inline bool fast_release(::afflux_fastpath* fast, std::uint64_t n) noexcept {
  const word_ref word(fast->word);
  const word_ref limit(fast->limit);
  // acquire: orders the load of the limit.
  std::uint64_t seen = word.load(std::memory_order_acquire);
  while ((seen & kFlags) == 0) {
    // relaxed: it stays behind the acquire above it; a resize changes the word, too, and fails
    // the exchange.
    const std::uint64_t held =
        limit.load(std::memory_order_relaxed) -
        static_cast<std::uint64_t>(static_cast<std::int64_t>(seen) >> kPermitsShift);
    if (n - 1 >= held) return false;  // 0 wraps round: refused as well
    // release: pairs with the acquire that gets these permits.
    if (word.compare_exchange_weak(seen, seen + (n << kPermitsShift), std::memory_order_release,
                                   std::memory_order_acquire)) {
      return true;
    }
  }
  return false;
}

}  // namespace afflux::detail

#endif  // AFFLUX_DETAIL_FAST_PATH_HPP
