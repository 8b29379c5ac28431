// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Cooperative fibres: several stacks in one thread, switched by hand. A fibre
// never moves to another thread, and its stack is reused by the next execution.
#pragma once

#include <cstddef>
#include <memory>

// Also to be asked for by the build, to test it.
#if !defined(AFFLUX_MODEL_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#  define AFFLUX_MODEL_UCONTEXT 1
#endif
#if defined(AFFLUX_MODEL_UCONTEXT)
#  include <ucontext.h>
#endif

namespace afflux::model {

class fibre {
 public:
  using entry = void (*)();

  fibre() = default;
  fibre(const fibre&) = delete;
  fibre& operator=(const fibre&) = delete;

  // The next transfer to this fibre calls `start` on an empty stack; whatever
  // was on that stack is forgotten, its destructors do not run. `start` must
  // never return.
  void prepare(entry start);

  // Leaves `from`, which must be the one that runs, and continues `to`.
  static void transfer(fibre& from, fibre& to);

  // Whether the stack was used beyond its end; the process is damaged then.
  bool overflowed() const;
  bool on_stack(const void* address) const;

 private:
  static constexpr std::size_t kStackSize = 256 * 1024;

#if defined(AFFLUX_MODEL_UCONTEXT)
  // Apart, for on some machines it contains an array of no size.
  std::unique_ptr<ucontext_t> context_ = std::make_unique<ucontext_t>();
#else
  void* stack_pointer_ = nullptr;
#endif
  std::unique_ptr<std::byte[]> stack_;  // none: the thread's own stack
};

}  // namespace afflux::model
