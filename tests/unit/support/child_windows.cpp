// SPDX-License-Identifier: MIT OR Apache-2.0
#include "child.h"

#include <windows.h>
// After windows.h.
#include <tlhelp32.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "../../contract/support/respawn_windows.h"
#include "../../contract/support/thread_start_windows.h"

namespace afflux_test {

std::string in_child(std::string (*body)(), bool orderly_exit) {
  if (!respawned()) {
    const std::intptr_t status = run_this_test_again();
    return status == 0 ? kFine : "see what the child said (status " + std::to_string(status) + ")";
  }
  g_before_thread = [] {
    if (const int error = g_create_error.load()) return error;
    g_created.fetch_add(1);
    return 0;
  };
  const std::string answer = body();
  const int status = answer == kFine ? 0 : 1;
  if (status != 0) std::fprintf(stderr, "in the child: %s\n", answer.c_str());
  if (orderly_exit) std::exit(status);
  _exit(status);
}

int threads_named(const std::string& name) {
  using function = HRESULT(WINAPI*)(HANDLE, PWSTR*);
  const auto description = reinterpret_cast<function>(reinterpret_cast<void*>(
      GetProcAddress(GetModuleHandleW(L"kernel32.dll"), "GetThreadDescription")));
  if (description == nullptr) return -1;
  int count = 0;
  const HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
  THREADENTRY32 each{};
  each.dwSize = sizeof(each);
  for (BOOL more = Thread32First(all, &each); more != 0; more = Thread32Next(all, &each)) {
    if (each.th32OwnerProcessID != GetCurrentProcessId()) continue;
    const HANDLE thread = OpenThread(THREAD_QUERY_LIMITED_INFORMATION, FALSE, each.th32ThreadID);
    if (thread == nullptr) continue;
    PWSTR wide = nullptr;
    if (description(thread, &wide) >= 0 && wide != nullptr) {
      std::string narrow;
      for (const wchar_t* at = wide; *at != 0; ++at) narrow += static_cast<char>(*at);
      if (narrow == name) ++count;
      LocalFree(wide);
    }
    CloseHandle(thread);
  }
  CloseHandle(all);
  return count;
}

}  // namespace afflux_test
