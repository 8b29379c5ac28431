// SPDX-License-Identifier: MIT OR Apache-2.0
#include "loop.h"

namespace checksum_tree {

void loop::turn(std::chrono::milliseconds longest_wait) {
  resume_ready();
  request_queue finished;
  io_->wait(longest_wait, finished);
  // Taken off before it is resumed: the coroutine's frame holds the request.
  while (io_request* request = finished.pop()) request->waiter.resume();
  resume_ready();
}

void loop::resume_ready() {
  while (!ready_.empty()) {
    resuming_.swap(ready_);
    for (const std::coroutine_handle<> waiter : resuming_) waiter.resume();
    resuming_.clear();
  }
}

}  // namespace checksum_tree
