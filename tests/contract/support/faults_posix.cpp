// SPDX-License-Identifier: MIT OR Apache-2.0
#include <dlfcn.h>
#include <pthread.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>

#include "build_kind.h"
#include "faults_host.h"

// The sanitizers own malloc: under them, and with another C library, only operator new
// counts.
#if !AFFLUX_TEST_ASAN && !AFFLUX_TEST_TSAN && defined(__GLIBC__)
#  define AFFLUX_TEST_OWN_MALLOC 1
#else
#  define AFFLUX_TEST_OWN_MALLOC 0
#endif

namespace afflux_test {

const bool kCountsMalloc = AFFLUX_TEST_OWN_MALLOC != 0;

void* host_allocate(std::size_t size, std::size_t align) noexcept {
  if (align <= alignof(std::max_align_t)) return std::malloc(size);
  void* memory = nullptr;
  return posix_memalign(&memory, align, size) == 0 ? memory : nullptr;
}

void host_free(void* memory) noexcept { std::free(memory); }

}  // namespace afflux_test

#if AFFLUX_TEST_OWN_MALLOC

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t align, std::size_t size);

void* malloc(std::size_t size) {
  afflux_test::count_one();
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  afflux_test::count_one();
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  afflux_test::count_one();
  return __libc_realloc(memory, size);
}
void* aligned_alloc(std::size_t align, std::size_t size) {
  afflux_test::count_one();
  return __libc_memalign(align, size);
}
int posix_memalign(void** memory, std::size_t align, std::size_t size) {
  afflux_test::count_one();
  *memory = __libc_memalign(align, size);
  return *memory == nullptr ? ENOMEM : 0;
}
}

#endif

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                              void* (*start)(void*), void* argument) {
  if (const int error = afflux_test::error_of_thread_start(); error != 0) return error;
  using function = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto real = reinterpret_cast<function>(dlsym(RTLD_NEXT, "pthread_create"));
  return real(thread, attributes, start, argument);
}
