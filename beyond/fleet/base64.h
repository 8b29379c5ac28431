// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Base64 with padding, as JSON has bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace afflux::fleet {

inline constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

inline std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (; !bytes.empty(); bytes.remove_prefix(bytes.size() < 3 ? bytes.size() : 3)) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += i <= bytes.size() ? kBase64[group >> (18 - 6 * i) & 63] : '=';
    }
  }
  return text;
}

// False: it is none.
inline bool from_base64(std::string_view text, std::string& ret) {
  std::string bytes;
  if (text.size() % 4 != 0) return false;
  for (int i = 0; i < 2; ++i) {
    if (text.ends_with('=')) text.remove_suffix(1);
  }
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const std::size_t value = kBase64.find(c);
    if (value == kBase64.npos) return false;
    group = group << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(group >> bits & 0xff);
  }
  ret = std::move(bytes);
  return true;
}

}  // namespace afflux::fleet
