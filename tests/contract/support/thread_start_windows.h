// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stands between this program's starts of threads and the C runtime: the
// program's own import of _beginthreadex(). To be included in one source file of a
// program that is linked statically.
#pragma once

#include <windows.h>

#include <cerrno>
#include <cstdint>

namespace afflux_test {

// Asked before each start of a thread; the errno value with which it is to fail, or 0.
inline int (*g_before_thread)() = nullptr;

using thread_body = unsigned(__stdcall*)(void*);
using begin_thread = std::uintptr_t(__cdecl*)(void*, unsigned, thread_body, void*, unsigned,
                                              unsigned*);

inline std::uintptr_t __cdecl watched_begin_thread(void* security, unsigned stack_size,
                                                   thread_body body, void* argument, unsigned flags,
                                                   unsigned* id) {
  if (g_before_thread != nullptr) {
    if (const int error = g_before_thread()) {
      errno = error;
      return 0;
    }
  }
  HMODULE runtime = GetModuleHandleW(L"msvcrt.dll");
  if (runtime == nullptr) runtime = GetModuleHandleW(L"ucrtbase.dll");
  const auto next = reinterpret_cast<begin_thread>(
      reinterpret_cast<void*>(GetProcAddress(runtime, "_beginthreadex")));
  return next(security, stack_size, body, argument, flags, id);
}

}  // namespace afflux_test

// The linker takes this one before it looks into the import library.
extern "C" {
afflux_test::begin_thread afflux_test_import __asm__("__imp__beginthreadex") =
    &afflux_test::watched_begin_thread;
}
