// SPDX-License-Identifier: MIT OR Apache-2.0
#include <process.h>
#include <windows.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "time/host.h"

namespace afflux::time {
namespace {

unsigned __stdcall enter(void* argument);

// By its name at run time: Windows 10 1607 and later have it.
void set_name(const char* name) noexcept {
  using function = HRESULT(WINAPI*)(HANDLE, PCWSTR);
  const HMODULE kernel = GetModuleHandleW(L"kernel32.dll");
  if (kernel == nullptr) return;
  const auto describe = reinterpret_cast<function>(
      reinterpret_cast<void*>(GetProcAddress(kernel, "SetThreadDescription")));
  if (describe == nullptr) return;
  wchar_t wide[16] = {};
  for (std::size_t i = 0; i + 1 < 16 && name[i] != '\0'; ++i) {
    wide[i] = static_cast<wchar_t>(static_cast<unsigned char>(name[i]));
  }
  describe(GetCurrentThread(), wide);
}

unsigned __stdcall enter(void* argument) {
  const auto* start = static_cast<const thread_start*>(argument);
  set_name(start->name);
  start->body();
  return 0;
}

// The thread stays, so must its code: no FreeLibrary() unloads it from now on. What
// the linker's -z nodelete is elsewhere.
bool pin() noexcept {
  HMODULE self = nullptr;
  return GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                            reinterpret_cast<LPCWSTR>(reinterpret_cast<std::uintptr_t>(&enter)),
                            &self) != 0;
}

}  // namespace

// Windows delivers no signals to a thread of its choice.
int start_detached(const thread_start& start) noexcept {
  if (!pin()) return ENOMEM;
  const int saved = errno;
  const std::uintptr_t thread =
      _beginthreadex(nullptr, 0, enter, const_cast<thread_start*>(&start), 0, nullptr);
  const int error = thread != 0 ? 0 : errno != 0 ? errno : EAGAIN;
  errno = saved;
  if (thread != 0) CloseHandle(reinterpret_cast<HANDLE>(thread));
  return error;
}

no_thread_cancel::no_thread_cancel() noexcept = default;
no_thread_cancel::~no_thread_cancel() = default;

int at_fork(void (*)(), void (*)(), void (*)()) noexcept { return 0; }

}  // namespace afflux::time
