// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How a broken precondition is reported (afflux.hpp, chapter 2).
#ifndef AFFLUX_DETAIL_EXPECT_HPP
#define AFFLUX_DETAIL_EXPECT_HPP

#include <afflux/detail/config.hpp>

// A program may define it, alike in all its files, before it includes any of these headers. What
// follows a condition that is false must be harmless: the call goes on to answer status::invalid.
#ifndef AFFLUX_ASSERT
#  include <cassert>
#  define AFFLUX_ASSERT(condition) assert(condition)
#endif

#endif  // AFFLUX_DETAIL_EXPECT_HPP
