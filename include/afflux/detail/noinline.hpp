// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Slow paths stay out of line: the fast path inlines well, a thread-local address is never kept
// across a suspension, and no local of await_suspend is moved into a frame that may be gone
// (llvm issue 56301).
#ifndef AFFLUX_DETAIL_NOINLINE_HPP
#define AFFLUX_DETAIL_NOINLINE_HPP

#include <afflux/detail/config.hpp>

#if defined(_MSC_VER) && !defined(__clang__)
#  define AFFLUX_HPP_NOINLINE __declspec(noinline)
#else
#  define AFFLUX_HPP_NOINLINE [[gnu::noinline]]
#endif

#endif  // AFFLUX_DETAIL_NOINLINE_HPP
