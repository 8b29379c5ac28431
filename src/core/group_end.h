// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where the end of a group is told: to a callback, or to a port, which gets the waiter of the
// group's first item; that is the group's until it has been drained.
#pragma once

#include <cstdint>

#include "core/semaphore.h"
#include "queue/completion.h"

namespace afflux::core {

template <class P>
struct group_end {
  void tell(status result) const {
    if (to.loop == nullptr) return to.wake(to.context, static_cast<std::int32_t>(result));
    fill_in<P>(node, {}, to);
    node.result = result;
    queue::complete(node);
  }

  queue::destination<P> to;
  queue::waiter<P>& node;
};

}  // namespace afflux::core
