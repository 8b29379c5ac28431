// SPDX-License-Identifier: MIT OR Apache-2.0
#include "faults.h"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

#include "build_kind.h"

namespace afflux_test {
namespace {

// relaxed throughout: counters; the tests order their reads by joining or by being one thread.
std::atomic<std::uint64_t> counted{0};
std::atomic<std::int64_t> live{0};
std::atomic<int> thread_error{0};

// A thread of its own, so that GoogleTest's or the watchdog's are not hit.
thread_local std::uint64_t fail_at = 0;
thread_local bool failed = false;

bool must_fail() {
  if (fail_at == 0) return false;
  if (fail_at != kEvery && --fail_at != 0) return false;
  failed = true;
  return true;
}

void* allocate(std::size_t size, std::size_t align) noexcept {
  if (must_fail()) return nullptr;
  if (size == 0) size = 1;
  void* memory = nullptr;
  if (align <= alignof(std::max_align_t)) {
    memory = std::malloc(size);
  } else if (posix_memalign(&memory, align, size) != 0) {
    memory = nullptr;
  }
  if (memory == nullptr) return nullptr;
  live.fetch_add(1, std::memory_order_relaxed);
  // With a malloc of its own below the call is counted there.
  if (kSanitized) counted.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void* allocate_or_throw(std::size_t size, std::size_t align) {
  void* memory = allocate(size, align);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  live.fetch_sub(1, std::memory_order_relaxed);
  std::free(memory);
}

}  // namespace

void count_allocations() { counted.store(0, std::memory_order_relaxed); }
std::uint64_t allocations_counted() { return counted.load(std::memory_order_relaxed); }
void fail_allocation(std::uint64_t n) {
  fail_at = n;
  failed = false;
}
bool allocation_failed() { return failed; }
std::int64_t live_allocations() { return live.load(std::memory_order_relaxed); }
void fail_threads(int error) { thread_error.store(error, std::memory_order_relaxed); }

}  // namespace afflux_test

using afflux_test::allocate;
using afflux_test::allocate_or_throw;

constexpr std::size_t kPlain = alignof(std::max_align_t);

void* operator new(std::size_t size) { return allocate_or_throw(size, kPlain); }
void* operator new[](std::size_t size) { return allocate_or_throw(size, kPlain); }
void* operator new(std::size_t size, std::align_val_t align) {
  return allocate_or_throw(size, static_cast<std::size_t>(align));
}
void* operator new[](std::size_t size, std::align_val_t align) {
  return allocate_or_throw(size, static_cast<std::size_t>(align));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size, kPlain);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size, kPlain);
}
void* operator new(std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return allocate(size, static_cast<std::size_t>(align));
}
void* operator new[](std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return allocate(size, static_cast<std::size_t>(align));
}
void operator delete(void* memory) noexcept { afflux_test::release(memory); }
void operator delete[](void* memory) noexcept { afflux_test::release(memory); }
void operator delete(void* memory, std::size_t) noexcept { afflux_test::release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { afflux_test::release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { afflux_test::release(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { afflux_test::release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  afflux_test::release(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  afflux_test::release(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept { afflux_test::release(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  afflux_test::release(memory);
}
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  afflux_test::release(memory);
}
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  afflux_test::release(memory);
}

// The sanitizers own these: under them only operator new counts.
#if !AFFLUX_TEST_ASAN && !AFFLUX_TEST_TSAN && defined(__GLIBC__)

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t align, std::size_t size);

void* malloc(std::size_t size) {
  afflux_test::counted.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  afflux_test::counted.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  afflux_test::counted.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(memory, size);
}
void* aligned_alloc(std::size_t align, std::size_t size) {
  afflux_test::counted.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(align, size);
}
int posix_memalign(void** memory, std::size_t align, std::size_t size) {
  afflux_test::counted.fetch_add(1, std::memory_order_relaxed);
  *memory = __libc_memalign(align, size);
  return *memory == nullptr ? ENOMEM : 0;
}
}

#endif

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                              void* (*start)(void*), void* argument) {
  const int error = afflux_test::thread_error.load(std::memory_order_relaxed);
  if (error != 0) return error;
  using function = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto real = reinterpret_cast<function>(dlsym(RTLD_NEXT, "pthread_create"));
  return real(thread, attributes, start, argument);
}
