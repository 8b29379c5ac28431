// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Text of unknown origin as UTF-8.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace afflux::fleet {

// The bytes of the character at the beginning of `text`, which is not empty; 0: it is not valid.
inline std::size_t character_size(std::string_view text) {
  const auto at = [text](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const std::size_t size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  // Too long for what it stands for, a surrogate, or beyond U+10FFFF.
  if ((first == 0xE0 && at(1) < 0xA0) || (first == 0xED && at(1) > 0x9F) ||
      (first == 0xF0 && at(1) < 0x90) || (first == 0xF4 && at(1) > 0x8F)) {
    return 0;
  }
  for (std::size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  return size;
}

// With U+FFFD in the place of each byte that belongs to no character.
inline std::string to_utf8(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    const std::size_t n = character_size(text);
    valid += n != 0 ? text.substr(0, n) : "\xEF\xBF\xBD";
    text.remove_prefix(std::max<std::size_t>(n, 1));
  }
  return valid;
}

inline bool is_utf8(std::string_view text) { return to_utf8(text) == text; }

}  // namespace afflux::fleet
