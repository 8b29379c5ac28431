// SPDX-License-Identifier: MIT OR Apache-2.0
#include <malloc.h>

#include <cstddef>

#include "faults_host.h"
#include "thread_start_windows.h"

namespace afflux_test {

const bool kCountsMalloc = false;

void* host_allocate(std::size_t size, std::size_t align) noexcept {
  return _aligned_malloc(size, align);
}

void host_free(void* memory) noexcept { _aligned_free(memory); }

namespace {
[[maybe_unused]] const bool g_stands_between = [] {
  g_before_thread = error_of_thread_start;
  return true;
}();
}  // namespace

}  // namespace afflux_test
