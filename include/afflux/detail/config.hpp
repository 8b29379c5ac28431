// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every C++ header needs of the compiler. Each of them includes this one first, so that a
// compiler without it says so once, instead of stumbling over the rest.
#ifndef AFFLUX_DETAIL_CONFIG_HPP
#define AFFLUX_DETAIL_CONFIG_HPP

// g++ 10 has a number of its own for C++20, 201709; MSVC has the language in _MSVC_LANG.
#if defined(_MSVC_LANG)
#  define AFFLUX_HPP_LANGUAGE _MSVC_LANG
#else
#  define AFFLUX_HPP_LANGUAGE __cplusplus
#endif

#if AFFLUX_HPP_LANGUAGE <= 201703L
#  error \
      "Afflux's C++ headers need C++20: compile with -std=c++20. For older C++ there is afflux.h."
#  define AFFLUX_HPP_REFUSED
#elif !defined(__cpp_exceptions) && !defined(_CPPUNWIND)
#  error "Afflux's C++ headers need exceptions: leave out -fno-exceptions, or use afflux.h."
#  define AFFLUX_HPP_REFUSED
#endif

// A compiler goes on after #error, but not after a missing file: nothing else is reported.
#ifdef AFFLUX_HPP_REFUSED
#  include "(the reason stands above)"
#endif

#undef AFFLUX_HPP_LANGUAGE

#endif  // AFFLUX_DETAIL_CONFIG_HPP
