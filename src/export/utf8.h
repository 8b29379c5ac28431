// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Text of unknown origin as UTF-8: what is not valid is taken for the replacement character, one
// for each maximal part that could have begun a character (Unicode, 3.9, "U+FFFD Substitution").
#pragma once

#include <cstddef>
#include <string_view>

namespace afflux::exporting {

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// A character, or what is to be replaced, at the beginning of a text that ends with a 0.
struct utf8_part {
  std::size_t size;  // 0: the end
  bool valid;
};

inline utf8_part utf8_next(const char* text) {
  const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = at(0);
  if (first == 0) return {0, true};
  if (first < 0x80) return {1, true};
  const std::size_t size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (first < 0xC2 || first > 0xF4) return {1, false};
  // The second byte's range rules out what would be too long, a surrogate or beyond U+10FFFF.
  unsigned low = 0x80;
  unsigned high = 0xBF;
  if (first == 0xE0) low = 0xA0;
  if (first == 0xED) high = 0x9F;
  if (first == 0xF0) low = 0x90;
  if (first == 0xF4) high = 0x8F;
  for (std::size_t i = 1; i < size; ++i) {
    if (at(i) < low || at(i) > high) return {i, false};  // the final 0 is below
    low = 0x80;
    high = 0xBF;
  }
  return {size, true};
}

// Whether two texts look alike when they are replaced so.
inline bool same_text(const char* a, const char* b) {
  for (;;) {
    const utf8_part x = utf8_next(a);
    const utf8_part y = utf8_next(b);
    const std::string_view of_a = x.valid ? std::string_view(a, x.size) : kReplacement;
    const std::string_view of_b = y.valid ? std::string_view(b, y.size) : kReplacement;
    if (of_a != of_b) return false;
    if (x.size == 0) return true;
    a += x.size;
    b += y.size;
  }
}

}  // namespace afflux::exporting
