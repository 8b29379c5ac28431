// SPDX-License-Identifier: MIT OR Apache-2.0
//
// With assertions, and no AFFLUX_ASSERT of the program's own, using an empty owner ends the process
// (afflux.hpp, chapter 2).
#undef NDEBUG
#include <afflux/event.hpp>

#include <gtest/gtest.h>

#include <utility>

namespace {

TEST(CppAssertDeathTest, AnEmptyOwnerThatIsUsedEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  afflux::event from;
  const afflux::event to(std::move(from));
  EXPECT_EQ(to.notify_one(), afflux::status::ok);
  EXPECT_DEATH((void)from.notify_one(), "afflux::event: empty");
}

}  // namespace
