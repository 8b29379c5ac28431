// SPDX-License-Identifier: MIT OR Apache-2.0
#include "loop.h"

#include "../support/port_wait.h"

namespace checksum_tree {

void loop::turn(std::chrono::milliseconds longest_wait) {
  example::resume_completed(completions());
  request_queue finished;
  io_->wait(longest_wait, finished);
  // Taken off before it is resumed: the coroutine's frame holds the request.
  while (io_request* request = finished.pop()) request->waiter.resume();
}

}  // namespace checksum_tree
