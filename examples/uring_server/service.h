// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the ring threads share: the semaphore that limits the requests in flight, its metrics, and
// the event that ends it all.
#pragma once

#include <afflux/afflux.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "../support/gauge.h"
#include "backend.h"
#include "fleet.h"
#include "options.h"
#include "tenants.h"

namespace uring_server {

struct service {
  explicit service(const options& chosen);

  backend calls;
  std::unique_ptr<fleet> shared_limit;  // null: the limit is this server's
  afflux::semaphore permits;
  afflux::control steering;          // of the limit; empty: it is fixed
  std::optional<tenants> customers;  // empty: nobody tells them apart
  afflux::registry metrics;          // the semaphore's, as Prometheus and afflux-top read them
  afflux::event stop{afflux::reset::manual};
  example::gauge in_flight;

  // For Prometheus.
  std::string metrics_text() const;
  // Null: nobody in particular.
  afflux_tenant* tenant_of(std::string_view name) {
    return customers ? customers->of(name) : nullptr;
  }
  // A permit that `of` has got. The token knows how long it is held: for the statistics, and for a
  // limit that adapts; and whose it is.
  void keep(afflux::permit_token& ret_permit, afflux_tenant* of) const;
  // After the work; `how` is what the limit may learn from it.
  void give_back(afflux::permit_token& permit, afflux::outcome how) const;
};

}  // namespace uring_server
