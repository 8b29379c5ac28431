// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A tenant's life. Each of its handles is a reference; it keeps its semaphore alive. The last one
// closes it; what it holds then is the usual tenant's.
#pragma once

#include <cstdint>
#include <utility>

#include "core/semaphore.h"
#include "stats/label.h"

namespace afflux::core {

// Neither THROUGHPUT nor shedding knows of more lines than one.
template <class P>
bool may_have_tenants(const semaphore<P>& sem) {
  return !sem.settings().throughput && !sem.settings().shed.on();
}

// One reference; written with ok only.
template <class P>
status create_tenant(semaphore<P>& sem, const queue::share& is, const char* name,
                     queue::tenant<P>*& ret_tenant) {
  if (!may_have_tenants(sem)) return status::unsupported;
  if (sem.closed()) return status::closed;
  stats::label copy;
  if (!stats::copy_label(name, copy)) return status::no_memory;
  if (!sem.make_tenants()) return status::no_memory;
  queue::tenant<P>* const made = P::template create<queue::tenant<P>>(sem, is);
  if (made == nullptr) return status::no_memory;
  made->name = std::move(copy);
  const status s = sem.join(*made);
  if (s != status::ok) {
    P::destroy(made);
    return s;
  }
  sem.ref();
  ret_tenant = made;
  return s;
}

template <class P>
void unref(queue::tenant<P>& t) {
  // release: what this owner did comes before the end; acquire: for the last one.
  if (t.refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  semaphore<P>& sem = t.of;
  sem.close(t, true);  // it may be gone
  sem.unref();
}

template <class P>
status set_default_weight(semaphore<P>& sem, std::uint32_t weight) {
  if (!may_have_tenants(sem)) return status::unsupported;
  if (sem.closed()) return status::closed;
  return sem.make_tenants() ? sem.set_usual_weight(weight) : status::no_memory;
}

template <class P>
status try_acquire(queue::tenant<P>& t, std::uint64_t n) {
  return counted(t.of, t.of.take_for(t, n), n, true);
}

}  // namespace afflux::core
