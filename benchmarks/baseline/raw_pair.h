// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The least that a counting semaphore can do: look at the limit, then one
// atomic operation each way. Inline here, behind shared-library calls in
// raw_pair.cpp.
#pragma once

#include <atomic>
#include <cstdint>

#include "baseline/api.h"

namespace afflux::baseline {

// The limit beside the word, on its cache line.
struct alignas(128) limit_beside {
  std::atomic<std::uint64_t> held{0};
  std::atomic<std::uint64_t> limit{0};
};

// The limit in another pair of lines (the adjacent-line prefetcher brings pairs):
// a thread that reads it between load and exchange cannot lose the word's line.
struct alignas(128) limit_apart {
  std::atomic<std::uint64_t> held{0};
  alignas(128) std::atomic<std::uint64_t> limit{0};
};

template <class State>
inline bool raw_acquire(State& state, std::uint64_t n) noexcept {
  std::uint64_t held = state.held.load(std::memory_order_relaxed);
  do {
    if (held + n > state.limit.load(std::memory_order_relaxed)) return false;
  } while (!state.held.compare_exchange_weak(held, held + n, std::memory_order_acquire,
                                             std::memory_order_relaxed));
  return true;
}

// Refuses to release more than is held, which takes an exchange with comparison.
template <class State>
inline bool raw_release(State& state, std::uint64_t n) noexcept {
  std::uint64_t held = state.held.load(std::memory_order_relaxed);
  do {
    if (held < n) return false;
  } while (!state.held.compare_exchange_weak(held, held - n, std::memory_order_release,
                                             std::memory_order_relaxed));
  return true;
}

// Believes the caller.
template <class State>
inline bool raw_release_add(State& state, std::uint64_t n) noexcept {
  state.held.fetch_sub(n, std::memory_order_release);
  return true;
}

BASELINE_API bool call_acquire(limit_beside* state, std::uint64_t n) noexcept;
BASELINE_API bool call_release(limit_beside* state, std::uint64_t n) noexcept;
BASELINE_API bool call_release_add(limit_beside* state, std::uint64_t n) noexcept;
BASELINE_API bool call_acquire(limit_apart* state, std::uint64_t n) noexcept;
BASELINE_API bool call_release(limit_apart* state, std::uint64_t n) noexcept;

}  // namespace afflux::baseline
