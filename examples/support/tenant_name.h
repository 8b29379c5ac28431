// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How a request tells whose it is: by a header.
#pragma once

#include <cstddef>
#include <string_view>

namespace example {

inline constexpr std::string_view kTenantHeader = "X-Tenant";
inline constexpr std::size_t kLongestTenantName = 64;

// Letters, digits, and ". - _": what needs no quoting anywhere.
inline bool is_tenant_name(std::string_view text) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  return !text.empty() && text.size() <= kLongestTenantName &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

}  // namespace example
