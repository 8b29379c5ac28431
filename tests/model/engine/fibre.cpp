// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fibre.h"

#include <cstdint>
#include <cstring>
#include <functional>

#if defined(__SANITIZE_ADDRESS__)
#  define AFFLUX_MODEL_ASAN 1
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer)
#    define AFFLUX_MODEL_ASAN 1
#  endif
#endif
#if defined(AFFLUX_MODEL_ASAN)
#  include <sanitizer/asan_interface.h>
#endif

// Saves the callee-saved registers on the running stack, its pointer in *save,
// and goes on where `load` was saved. Named without the platform's prefix.
#if !defined(AFFLUX_MODEL_UCONTEXT)
extern "C" void afflux_model_switch(void** save, void* load) __asm__("afflux_model_switch");
#endif

#if defined(AFFLUX_MODEL_UCONTEXT)
// Nothing to do by hand.
#elif defined(__x86_64__)
__asm__(
    ".text\n"
    ".p2align 4\n"
    ".globl afflux_model_switch\n"
    "afflux_model_switch:\n"
    "  pushq %rbp\n"
    "  pushq %rbx\n"
    "  pushq %r12\n"
    "  pushq %r13\n"
    "  pushq %r14\n"
    "  pushq %r15\n"
    "  movq %rsp, (%rdi)\n"
    "  movq %rsi, %rsp\n"
    "  popq %r15\n"
    "  popq %r14\n"
    "  popq %r13\n"
    "  popq %r12\n"
    "  popq %rbx\n"
    "  popq %rbp\n"
    "  retq\n");
#elif defined(__aarch64__)
__asm__(
    ".text\n"
    ".p2align 4\n"
    ".globl afflux_model_switch\n"
    "afflux_model_switch:\n"
    "  sub sp, sp, #160\n"
    "  stp x19, x20, [sp, #0]\n"
    "  stp x21, x22, [sp, #16]\n"
    "  stp x23, x24, [sp, #32]\n"
    "  stp x25, x26, [sp, #48]\n"
    "  stp x27, x28, [sp, #64]\n"
    "  stp x29, x30, [sp, #80]\n"
    "  stp d8, d9, [sp, #96]\n"
    "  stp d10, d11, [sp, #112]\n"
    "  stp d12, d13, [sp, #128]\n"
    "  stp d14, d15, [sp, #144]\n"
    "  mov x9, sp\n"
    "  str x9, [x0]\n"
    "  mov sp, x1\n"
    "  ldp x19, x20, [sp, #0]\n"
    "  ldp x21, x22, [sp, #16]\n"
    "  ldp x23, x24, [sp, #32]\n"
    "  ldp x25, x26, [sp, #48]\n"
    "  ldp x27, x28, [sp, #64]\n"
    "  ldp x29, x30, [sp, #80]\n"
    "  ldp d8, d9, [sp, #96]\n"
    "  ldp d10, d11, [sp, #112]\n"
    "  ldp d12, d13, [sp, #128]\n"
    "  ldp d14, d15, [sp, #144]\n"
    "  add sp, sp, #160\n"
    "  ret\n");
#endif

namespace afflux::model {

namespace {

constexpr std::uint64_t kCanary = 0x5ca1ab1e0ddba11ULL;

}  // namespace

void fibre::prepare(entry start) {
  if (!stack_) {
    stack_.reset(new std::byte[kStackSize]);
    std::memcpy(stack_.get(), &kCanary, sizeof kCanary);
  }
#if defined(AFFLUX_MODEL_ASAN)
  // An abandoned execution leaves the red zones of its frames behind.
  __asan_unpoison_memory_region(stack_.get(), kStackSize);
#endif
#if defined(AFFLUX_MODEL_UCONTEXT)
  getcontext(context_.get());
  context_->uc_stack.ss_sp = stack_.get() + 64;
  context_->uc_stack.ss_size = kStackSize - 64;
  context_->uc_link = nullptr;
  makecontext(context_.get(), start, 0);
#else
  auto top = reinterpret_cast<std::uintptr_t>(stack_.get() + kStackSize) & ~std::uintptr_t{63};
#  if defined(__x86_64__)
  // From the top: a null return address, which ends every back-trace and puts
  // the stack where a call would; the start; six registers.
  constexpr std::size_t kWords = 8;
  constexpr std::size_t kStartAt = 6;
#  else
  constexpr std::size_t kWords = 20;
  constexpr std::size_t kStartAt = 11;  // x30, the return address
#  endif
  auto* frame = reinterpret_cast<std::uintptr_t*>(top) - kWords;
  std::memset(frame, 0, kWords * sizeof *frame);
  frame[kStartAt] = reinterpret_cast<std::uintptr_t>(start);
  stack_pointer_ = frame;
#endif
}

void fibre::transfer(fibre& from, fibre& to) {
#if defined(AFFLUX_MODEL_UCONTEXT)
  swapcontext(from.context_.get(), to.context_.get());
#else
  afflux_model_switch(&from.stack_pointer_, to.stack_pointer_);
#endif
}

bool fibre::overflowed() const {
  return stack_ && std::memcmp(stack_.get(), &kCanary, sizeof kCanary) != 0;
}

bool fibre::on_stack(const void* address) const {
  const auto* at = static_cast<const std::byte*>(address);
  return stack_ && !std::less<>{}(at, stack_.get()) && std::less<>{}(at, stack_.get() + kStackSize);
}

}  // namespace afflux::model
