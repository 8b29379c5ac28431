// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which tenants of a semaphore are exported one by one, and what all others are together: the
// number of series is what Prometheus can bear least, and there may be 100,000 tenants.
//
// First are those with most permits held and requests waiting, added up. What differs by less than
// a factor of two, or is below kNoticed, is ordered by the permit-seconds used so far, which change
// slowly: small tenants that take turns would otherwise be other ones in each text, and each of
// them a new series. Last, the older comes first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "afflux/afflux.h"
#include "core/strategies.h"
#include "status.h"

namespace afflux::exporting {

struct shown_tenant {
  std::unique_ptr<char[]> name;  // nullptr: none
  std::uint64_t number = 0;      // of its creation in the semaphore, from 1
  afflux_tenant_stats now = {};
};

// What tenants have together, of what can be told of them together. There is no total in it: it
// would fall when one of them is shown by itself.
struct together {
  std::uint64_t held = 0;
  std::uint64_t waiting = 0;
  std::uint64_t weight = 0;
  std::uint64_t guaranteed = 0;
};

// One semaphore's.
struct top_tenants {
  top_tenants(const char* name, std::uint64_t id) : sem_name(name), sem_id(id) {}

  const char* const sem_name;
  const std::uint64_t sem_id;

  std::uint64_t count = 0;  // of all tenants
  std::unique_ptr<shown_tenant[]> shown;
  std::size_t shown_count = 0;
  together others;
  together usual;  // the requests that name none
  std::unique_ptr<top_tenants> next;
};

// At most so many, 1 or more. ok, no_memory. While it reads no tenant of the semaphore comes or
// goes; grants go on.
status read_tenants(const core::native_semaphore& sem, std::uint32_t most, top_tenants& to);

}  // namespace afflux::exporting
