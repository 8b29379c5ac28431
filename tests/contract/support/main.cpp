// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The main function of the contract and stress tests: GoogleTest under a watchdog.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "build_kind.h"
#include "watchdog.h"

namespace {

class watched : public testing::EmptyTestEventListener {
 public:
  explicit watched(std::chrono::seconds limit) : dog_(limit) {}

 private:
  void OnTestStart(const testing::TestInfo& test) override {
    dog_.watch(std::string(test.test_suite_name()) + "." + test.name());
  }
  void OnTestEnd(const testing::TestInfo&) override { dog_.watch({}); }

  afflux_test::watchdog dog_;
};

std::chrono::seconds limit() {
  const char* given = std::getenv("AFFLUX_TEST_WATCHDOG_S");
  if (given != nullptr) return std::chrono::seconds(std::atoll(given));
  return std::chrono::seconds(afflux_test::kSanitized ? 600 : 240);
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::UnitTest::GetInstance()->listeners().Append(new watched(limit()));
  return RUN_ALL_TESTS();
}

#if AFFLUX_TEST_TSAN
// Tests of fork() start the timer's thread in a child of a process with threads.
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "die_after_fork=0"; }
#endif
