// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/allocations.h"

#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

// The sanitizers own malloc; other C libraries have no second name for it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#  define AFFLUX_BENCH_SANITIZED 1
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#    define AFFLUX_BENCH_SANITIZED 1
#  endif
#endif
#if defined(__GLIBC__) && !defined(AFFLUX_BENCH_SANITIZED)
#  define AFFLUX_BENCH_REPLACES_MALLOC 1
#else
#  define AFFLUX_BENCH_REPLACES_MALLOC 0
#endif

namespace afflux::bench {
namespace {

// relaxed throughout: counters, read while no thread allocates, or as an estimate.
std::atomic<std::uint64_t> counted{0};
std::atomic<std::int64_t> live{0};
std::atomic<std::uint64_t> bytes{0};

}  // namespace

bool counts_allocations() noexcept { return AFFLUX_BENCH_REPLACES_MALLOC != 0; }
std::uint64_t allocations() noexcept { return counted.load(std::memory_order_relaxed); }
std::int64_t live_bytes() noexcept { return live.load(std::memory_order_relaxed); }
std::uint64_t allocated_bytes() noexcept { return bytes.load(std::memory_order_relaxed); }

#if AFFLUX_BENCH_REPLACES_MALLOC

namespace {

std::int64_t usable(void* memory) { return static_cast<std::int64_t>(malloc_usable_size(memory)); }

void* count(void* memory) {
  if (memory == nullptr) return memory;
  counted.fetch_add(1, std::memory_order_relaxed);
  const std::int64_t size = usable(memory);
  live.fetch_add(size, std::memory_order_relaxed);
  bytes.fetch_add(static_cast<std::uint64_t>(size), std::memory_order_relaxed);
  return memory;
}

void uncount(void* memory) {
  if (memory != nullptr) live.fetch_sub(usable(memory), std::memory_order_relaxed);
}

}  // namespace
}  // namespace afflux::bench

using afflux::bench::count;
using afflux::bench::live;
using afflux::bench::uncount;
using afflux::bench::usable;

// operator new of the C++ runtime ends here, too.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t number, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t align, std::size_t size);
void __libc_free(void* memory);

void* malloc(std::size_t size) { return count(__libc_malloc(size)); }
void* calloc(std::size_t number, std::size_t size) { return count(__libc_calloc(number, size)); }
void* aligned_alloc(std::size_t align, std::size_t size) {
  return count(__libc_memalign(align, size));
}
void* memalign(std::size_t align, std::size_t size) { return count(__libc_memalign(align, size)); }
int posix_memalign(void** memory, std::size_t align, std::size_t size) {
  *memory = count(__libc_memalign(align, size));
  return *memory == nullptr ? ENOMEM : 0;
}
void* realloc(void* memory, std::size_t size) {
  const std::int64_t before = memory == nullptr ? 0 : usable(memory);
  void* const moved = __libc_realloc(memory, size);
  if (moved == nullptr && size != 0) return moved;  // the old one is as it was
  live.fetch_sub(before, std::memory_order_relaxed);
  return count(moved);
}
void free(void* memory) {
  uncount(memory);
  __libc_free(memory);
}
}

#else

}  // namespace afflux::bench

#endif
