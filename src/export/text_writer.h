// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Text into a sink, piece by piece, without allocating and whatever the locale is.
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "afflux/afflux.h"
#include "export/utf8.h"

namespace afflux::exporting {

class text_writer {
 public:
  text_writer(afflux_sink_fn sink, void* context) : sink_(sink), context_(context) {}
  text_writer(const text_writer&) = delete;
  text_writer& operator=(const text_writer&) = delete;

  // The sink wants no more: nothing is written any longer.
  bool stopped() const { return stopped_; }

  void put(std::string_view text) {
    while (text.size() > room()) {
      const std::size_t part = room();
      append(text.substr(0, part));
      text.remove_prefix(part);
      flush();
    }
    append(text);
  }

  template <std::integral Number>
  void put(Number n) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
    put(std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }

  // As short as it can be to be read back as the same number.
  void put(double number) {
    if (std::isnan(number)) return put(std::string_view("NaN"));
    if (std::isinf(number)) return put(std::string_view(number > 0 ? "+Inf" : "-Inf"));
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    put(std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }

  // Exactly: a decimal fraction without zeros at its end.
  void put_seconds(std::int64_t ns) {
    constexpr std::uint64_t kSecond = 1'000'000'000;
    auto left = static_cast<std::uint64_t>(ns);
    if (ns < 0) {
      put(std::string_view("-"));
      left = 0 - left;
    }
    put(left / kSecond);
    std::uint64_t fraction = left % kSecond;
    if (fraction == 0) return;
    char digits[10] = ".";
    std::size_t used = 1;
    for (std::uint64_t unit = kSecond / 10; fraction != 0; fraction %= unit, unit /= 10) {
      digits[used++] = static_cast<char>('0' + fraction / unit);
    }
    put(std::string_view(digits, used));
  }

  // Not negative; with all nine places, so that columns of them can be compared by eye.
  void put_nine_places(std::int64_t ns) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    put(ns / kSecond);
    put(std::string_view("."));
    char digits[9];
    std::int64_t fraction = ns % kSecond;
    for (std::size_t place = sizeof digits; place-- != 0; fraction /= 10) {
      digits[place] = static_cast<char>('0' + fraction % 10);
    }
    put(std::string_view(digits, sizeof digits));
  }

  // Within quotes; backslash, quote and newline escaped. Ends with a 0.
  void put_escaped(const char* text) {
    for (utf8_part part = utf8_next(text); part.size != 0; part = utf8_next(text)) {
      if (!part.valid) {
        put(kReplacement);
      } else if (*text == '\n') {
        put(std::string_view("\\n"));
      } else {
        if (*text == '\\' || *text == '"') put(std::string_view("\\"));
        put(std::string_view(text, part.size));
      }
      text += part.size;
    }
  }

  void flush() {
    if (used_ == 0) return;
    if (!stopped_) stopped_ = sink_(context_, buffer_, used_) != 0;
    used_ = 0;
  }

 private:
  std::size_t room() const { return sizeof buffer_ - used_; }
  void append(std::string_view text) {
    if (text.empty()) return;  // there may be nothing where it points
    std::memcpy(buffer_ + used_, text.data(), text.size());
    used_ += text.size();
  }

  const afflux_sink_fn sink_;
  void* const context_;
  bool stopped_ = false;
  std::size_t used_ = 0;
  char buffer_[2048];
};

}  // namespace afflux::exporting
