// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Acquires and releases inline: afflux.h, "Inline fast path", layouts 2 and 3 of afflux_fastpath.
#ifndef AFFLUX_DETAIL_FAST_PATH_HPP
#define AFFLUX_DETAIL_FAST_PATH_HPP

#include <afflux/detail/config.hpp>

#include <atomic>
#include <cstdint>

#include <afflux/afflux.h>
#include <afflux/detail/noinline.hpp>

namespace afflux::detail {

inline constexpr std::uint32_t kPlainLayout = 2;
inline constexpr std::uint32_t kCountingLayout = 3;
inline constexpr std::uint64_t kFlags = 0x3ff;
inline constexpr unsigned kPermitsShift = 20;
inline constexpr std::uint64_t kMaxPermits = (std::uint64_t{1} << 42) - 1;

/// Stands in where there is no block, or one of another layout: its flag says "make the call", so
/// that the fast path needs no test of its own. Never written.
inline constinit ::afflux_fastpath call_block{0, 0, kFlags, 0, 0, 0, 0};

[[nodiscard]] inline bool is_known(const ::afflux_fastpath* block) noexcept {
  if (block == nullptr) return false;
  // An older library's, with statistics: counting is for the calls to do.
  if (block->layout == kPlainLayout) return block->reserved == 0;
  return block->layout == kCountingLayout;
}

/// Likewise for permits of a tenant, all of which need a call. Told by its layout, for each module
/// of a program may have one of its own.
inline constexpr std::uint32_t kTenantLayout = 0xffffffff;
inline constinit ::afflux_fastpath tenant_block{kTenantLayout, 0, kFlags, 0, 0, 0, 0};

/// Whose permits they are: a borrowed semaphore and its block, or a tenant.
struct target {
  union {
    ::afflux_sem* sem = nullptr;
    ::afflux_tenant* tenant;
  };
  ::afflux_fastpath* fast = &call_block;

  [[nodiscard]] static target of(::afflux_sem* sem) noexcept {
    const ::afflux_fastpath* block = ::afflux_sem_fastpath(sem);
    return {{sem}, is_known(block) ? const_cast<::afflux_fastpath*>(block) : &call_block};
  }
  [[nodiscard]] static target of(::afflux_tenant* tenant) noexcept {
    target t;
    t.tenant = tenant;
    t.fast = &tenant_block;
    return t;
  }
  /// Of a request that names a tenant: of `sem` else.
  [[nodiscard]] static target of(const target& sem, ::afflux_tenant* tenant) noexcept {
    return tenant == nullptr ? sem : of(tenant);
  }

  [[nodiscard]] bool is_tenants() const noexcept { return fast->layout == kTenantLayout; }
  [[nodiscard]] bool is_same(const target& other) const noexcept {
    if (is_tenants() != other.is_tenants()) return false;
    return is_tenants() ? tenant == other.tenant : sem == other.sem;
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
  void fetch_add(std::uint64_t n, std::memory_order order) const noexcept {
    __atomic_fetch_add(word_, n, static_cast<int>(order));
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

/// Layout 3: what an acquire of n adds up beside its exchange of `before` for `after`, if anything.
class inline_count {
 public:
  /// The word that counts the acquire, too.
  [[nodiscard]] static std::uint64_t counted(std::uint64_t seen, std::uint64_t wanted) noexcept {
    return (seen & kFull) == 0 ? wanted + kOne : wanted & ~kCount;
  }

  inline_count(const target& t, std::uint64_t n, std::uint64_t before, std::uint64_t after) noexcept
      : t_(t), n_(n), before_(before), after_(after) {}

  void add() const noexcept {
    if (n_ != 1 || (before_ & kFull) != 0 || is_peak()) [[unlikely]]
      add_to_block();
  }

 private:
  static constexpr unsigned kShift = 14;
  static constexpr std::uint64_t kOne = std::uint64_t{1} << kShift;
  static constexpr std::uint64_t kCount = std::uint64_t{0x3f} << kShift;
  static constexpr std::uint64_t kFull = std::uint64_t{1} << 19;

  /// relaxed, both: an observation; the library confirms it.
  [[nodiscard]] bool is_peak() const noexcept {
    const std::uint64_t limit = word_ref(t_.fast->limit).load(std::memory_order_relaxed);
    const auto available =
        static_cast<std::uint64_t>(static_cast<std::int64_t>(after_) >> kPermitsShift);
    return limit - available > word_ref(t_.fast->peak).load(std::memory_order_relaxed);
  }

  AFFLUX_HPP_NOINLINE void add_to_block() const noexcept {
    if ((before_ & kFull) != 0) {
      // release: a reader that finds it finds the exchange before it.
      word_ref(t_.fast->taken)
          .fetch_add(((before_ & kCount) >> kShift) + 1, std::memory_order_release);
    }
    // relaxed: only the sum matters.
    if (n_ != 1) word_ref(t_.fast->beyond).fetch_add(n_ - 1, std::memory_order_relaxed);
    if (is_peak()) ::afflux_sem_note_peak(t_.sem, after_);
  }

  target t_;
  std::uint64_t n_, before_, after_;
};

/// One compare-and-swap; false: nothing changed, make the call.
[[nodiscard]] inline bool fast_acquire(const target& t, std::uint64_t n) noexcept {
  if (n - 1 >= kMaxPermits) return false;  // 0 wraps round: refused as well
  const bool counts = t.fast->layout == kCountingLayout;
  const word_ref word(t.fast->word);
  // acquire: takes over what the releases before published.
  std::uint64_t seen = word.load(std::memory_order_acquire);
  while ((seen & kFlags) == 0) {
    if (static_cast<std::int64_t>(seen) >> kPermitsShift < static_cast<std::int64_t>(n)) {
      return false;
    }
    std::uint64_t wanted = seen - (n << kPermitsShift);
    if (counts) wanted = inline_count::counted(seen, wanted);
    if (word.compare_exchange_weak(seen, wanted, std::memory_order_acquire,
                                   std::memory_order_acquire)) {
      if (counts) inline_count(t, n, seen, wanted).add();
      return true;
    }
  }
  return false;
}

/// One compare-and-swap; false: nothing changed, make the call. After true the semaphore may be
/// gone.
[[nodiscard]] inline bool fast_release(const target& t, std::uint64_t n) noexcept {
  const word_ref word(t.fast->word);
  const word_ref limit(t.fast->limit);
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
