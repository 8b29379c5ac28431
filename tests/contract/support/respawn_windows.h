// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Instead of fork(), for what must begin in a fresh process: this test once more,
// alone, in a process of its own.
#pragma once

#include <gtest/gtest.h>
#include <process.h>
#include <windows.h>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace afflux_test {

inline constexpr const char* kRespawned = "AFFLUX_TEST_RESPAWNED";

// Whether this is that process.
inline bool respawned() { return std::getenv(kRespawned) != nullptr; }

// Its exit status; -1 when it could not be started.
inline std::intptr_t run_this_test_again() {
  const testing::TestInfo& test = *testing::UnitTest::GetInstance()->current_test_info();
  const std::string only =
      std::string("--gtest_filter=") + test.test_suite_name() + "." + test.name();
  char path[4096];
  const DWORD length = GetModuleFileNameA(nullptr, path, sizeof(path));
  if (length == 0 || length >= sizeof(path)) return -1;
  const std::string quoted = "\"" + std::string(path) + "\"";
  _putenv_s(kRespawned, "1");
  const std::intptr_t status =
      _spawnl(_P_WAIT, path, quoted.c_str(), only.c_str(), static_cast<const char*>(nullptr));
  _putenv_s(kRespawned, "");  // gone again
  return status;
}

}  // namespace afflux_test
