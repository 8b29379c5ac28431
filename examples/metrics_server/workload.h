// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Threads that use the service, more than it has room for.
#pragma once

#include <thread>
#include <vector>

#include "handles.h"
#include "service.h"

namespace metrics_server {

// One kind of work: how many threads do it, where, and for whom.
struct job {
  afflux_sem* sem;
  afflux_client* client;
  unsigned threads;
  std::uint64_t most_permits;  // 1 … that many at a time
  std::uint64_t cost_bytes;    // while it waits
  double mean_work_ms;
  double mean_pause_ms;               // from one to the next
  afflux_control* control = nullptr;  // told of each; nullptr: none
};

class workload {
 public:
  explicit workload(const service& measured);
  workload(const workload&) = delete;
  workload& operator=(const workload&) = delete;
  ~workload();

  // From stall() to resume() nothing that has been begun ends: permits stay held, queues grow.
  void stall() { afflux_event_clear(running_.get()); }
  void resume() { afflux_event_notify_all(running_.get()); }

 private:
  void work(const job& what, unsigned seed) const;
  void one_piece(const job& what, std::uint64_t permits, std::int64_t work_ns) const;
  bool stopped_within(std::int64_t time_ns) const;

  event_handle running_;
  event_handle stopped_;
  std::vector<std::jthread> threads_;
};

}  // namespace metrics_server
