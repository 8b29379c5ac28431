// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What tells the running thread from all others that are alive, at the price of a load: the thread
// pointer where the compiler has it in reach, else the address of something that each thread has.
// (A thread_local of a shared library is found by a call.)
#pragma once

#include <cstdint>

namespace afflux::park {

inline std::uintptr_t thread_key() noexcept {
#if defined(__x86_64__) && defined(__linux__)
  std::uintptr_t key;  // the ABI has the thread pointer's own address there
  asm("mov %%fs:0, %0" : "=r"(key));
  return key;
#elif (defined(__aarch64__) || defined(__riscv)) && defined(__linux__)
  return reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer());
#else
  static thread_local char mine;
  return reinterpret_cast<std::uintptr_t>(&mine);
#endif
}

// A power of two: two for each processor, 8 ... 32.
unsigned shard_count() noexcept;

}  // namespace afflux::park
