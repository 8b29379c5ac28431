// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Structs that grow: chapter 5 of afflux.h.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>

#include "status.h"

namespace afflux::capi {

// Copies a caller's struct, whatever its size, over `known`, which holds the defaults.
// `fields` are the offsets of the fields, from the second field after struct_size on: a
// struct that ends within a field lacks it.
template <class T>
status read_sized(const T* given, T& known, std::initializer_list<std::size_t> fields) {
  std::uint32_t size = 0;
  std::memcpy(&size, given, sizeof size);
  if (size < *fields.begin()) return status::invalid;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(given);
  std::size_t whole = sizeof(T);
  if (size > sizeof(T)) {
    const auto is_zero = [](unsigned char b) { return b == 0; };
    if (!std::all_of(bytes + sizeof(T), bytes + size, is_zero)) return status::unsupported;
  } else if (size < sizeof(T)) {
    whole = *std::prev(std::upper_bound(fields.begin(), fields.end(), std::size_t{size}));
  }
  std::memcpy(&known, bytes, whole);
  known.struct_size = sizeof(T);
  return status::ok;
}

// A struct that is written as a whole: no version of it has been shorter than this one.
template <class T>
bool valid_out(const T& to) {
  return to.struct_size == 0 || to.struct_size >= sizeof(T);
}

// Likewise one that has grown, whose size in version 0.1 was `first`: how many bytes of it the
// caller has; 0: too few.
template <class T>
std::size_t writable(const T& to, std::size_t first) {
  if (to.struct_size >= sizeof(T)) return sizeof(T);
  return to.struct_size == 0 || to.struct_size >= first ? first : 0;
}

}  // namespace afflux::capi
