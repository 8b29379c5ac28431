// SPDX-License-Identifier: MIT OR Apache-2.0
#include "faults.h"

#include <atomic>
#include <cstddef>
#include <new>

#include "faults_host.h"

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
  void* const memory = host_allocate(size, align);
  if (memory == nullptr) return nullptr;
  live.fetch_add(1, std::memory_order_relaxed);
  if (!kCountsMalloc) count_one();
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
  host_free(memory);
}

}  // namespace

void count_one() { counted.fetch_add(1, std::memory_order_relaxed); }
int error_of_thread_start() { return thread_error.load(std::memory_order_relaxed); }

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
