// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the library runs on; the model tests have another (segment.h).
#pragma once

#include <atomic>
#include <cstdint>

namespace afflux::shared {

struct policy {
  template <class T>
  using atomic = std::atomic<T>;

  static constexpr int kMutant = 0;  // src/mutants.h

  // Words that processes share are exchanged by the machine, not under a lock of one process.
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free &&
                std::atomic<std::uint32_t>::is_always_lock_free &&
                sizeof(std::atomic<std::uint64_t>) == sizeof(std::uint64_t));
};

}  // namespace afflux::shared
