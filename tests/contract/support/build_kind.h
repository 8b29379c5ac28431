// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Whether a sanitizer watches this build: it owns malloc then, and everything
// is some ten times slower, so that the large tests take smaller numbers.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#  define AFFLUX_TEST_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#  define AFFLUX_TEST_TSAN 1
#endif
#if defined(__has_feature)
#  if __has_feature(address_sanitizer)
#    define AFFLUX_TEST_ASAN 1
#  endif
#  if __has_feature(thread_sanitizer)
#    define AFFLUX_TEST_TSAN 1
#  endif
#endif
#ifndef AFFLUX_TEST_ASAN
#  define AFFLUX_TEST_ASAN 0
#endif
#ifndef AFFLUX_TEST_TSAN
#  define AFFLUX_TEST_TSAN 0
#endif

namespace afflux_test {
inline constexpr bool kSanitized = AFFLUX_TEST_ASAN != 0 || AFFLUX_TEST_TSAN != 0;
}
