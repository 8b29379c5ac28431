// SPDX-License-Identifier: MIT OR Apache-2.0
//
// INTRUSIVE: the waiters themselves are the queue; no lock, no allocation.
#pragma once

#include "queue/role.h"
#include "queue/stack_inbox.h"

namespace afflux::queue {

template <class P>
class intrusive_queue final : public role_queue<P, stack_inbox<P>> {
 public:
  using role_queue<P, stack_inbox<P>>::role_queue;
};

}  // namespace afflux::queue
