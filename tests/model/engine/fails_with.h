// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "explorer.h"

namespace afflux::model {

// EXPECT_TRUE(fails_with(explore(...), "data race")): the exploration found that.
inline ::testing::AssertionResult fails_with(const result& found, const std::string& text) {
  if (!found.passed() && found.failure.find(text) != std::string::npos) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure() << "wanted \"" << text << "\", got: " << found;
}

}  // namespace afflux::model
