// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Instead of a workload: a little of everything once, after which the numbers stand still.
#pragma once

#include <deque>

#include "handles.h"
#include "service.h"

namespace metrics_server {

class still_life {
 public:
  explicit still_life(const service& measured);
  still_life(const still_life&) = delete;
  still_life& operator=(const still_life&) = delete;
  ~still_life();

 private:
  void at_the_database(afflux_sem* sem, afflux_client* client);
  void at_the_disk(afflux_sem* sem, afflux_client* client);
  void at_the_uploads(afflux_sem* sem);
  void clients_alone(const service& measured);
  afflux_status ask(afflux_sem* sem, afflux_client* client, std::uint64_t permits,
                    std::uint64_t cost_bytes);

  std::deque<afflux_waiter> waiters_;  // does not move what it has
};

}  // namespace metrics_server
