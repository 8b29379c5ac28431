// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A name that a caller gave, for statistics.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

namespace afflux::stats {

using label = std::unique_ptr<char[]>;  // nullptr: none

// False: no memory. nullptr makes none.
inline bool copy_label(const char* from, label& to) {
  if (from == nullptr) return true;
  const std::size_t size = std::strlen(from) + 1;
  to.reset(new (std::nothrow) char[size]);
  if (to == nullptr) return false;
  std::memcpy(to.get(), from, size);
  return true;
}

}  // namespace afflux::stats
