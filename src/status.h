// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The statuses of afflux.h under the names that the C++ code uses.
#pragma once

#include <cstdint>

#include "afflux/afflux.h"

namespace afflux {
// Not the afflux::status of afflux.hpp, which a program with the static library has, too.
inline namespace internal {

// One byte: it is kept in each waiter.
enum class status : std::int8_t {
  ok = AFFLUX_OK,
  pending = AFFLUX_PENDING,
  again = AFFLUX_EAGAIN,
  timed_out = AFFLUX_ETIMEDOUT,
  canceled = AFFLUX_ECANCELED,
  closed = AFFLUX_ECLOSED,
  rejected = AFFLUX_EREJECTED,
  already = AFFLUX_EALREADY,
  invalid = AFFLUX_EINVAL,
  overflow = AFFLUX_EOVERFLOW,
  busy = AFFLUX_EBUSY,
  no_memory = AFFLUX_ENOMEM,
  unsupported = AFFLUX_ENOTSUP,
  os_error = AFFLUX_EOS,
  too_big = AFFLUX_E2BIG,
};

}  // namespace internal
}  // namespace afflux
