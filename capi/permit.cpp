// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Permit tokens: validate, convert, call.
#include <new>

#include "handles.h"

using namespace afflux;
using namespace afflux::capi;

extern "C" {

afflux_status afflux_sem_acquire_permit(afflux_sem* sem, const afflux_request* request,
                                        int64_t timeout_ns, afflux_permit_token* ret_permit) {
  if (sem == nullptr || ret_permit == nullptr || timeout_ns < AFFLUX_FOREVER) return AFFLUX_EINVAL;
  afflux_request known;
  afflux_request_init(&known);
  if (request != nullptr) {
    const status s = read_request(request, known);
    if (s != status::ok) return to_c(s);
  }
  core::demand want;
  if (const status s = to_demand(known, want); s != status::ok) return to_c(s);
  if (const status s = to_tenant(sem, known, want); s != status::ok) return to_c(s);
  const status s = core::acquire(*from(sem), want, timeout_ns);
  if (s == status::ok) {
    new (ret_permit) token(*from(sem), want.permits, policy::now(), known.tag, from(known.tenant));
  }
  return to_c(s);
}

afflux_status afflux_permit_adopt(afflux_sem* sem, uint64_t n, afflux_permit_token* ret_permit) {
  return afflux_permit_adopt_tagged(sem, n, nullptr, ret_permit);
}

afflux_status afflux_permit_adopt_tagged(afflux_sem* sem, uint64_t n, const char* tag,
                                         afflux_permit_token* ret_permit) {
  if (sem == nullptr || n == 0 || ret_permit == nullptr) return AFFLUX_EINVAL;
  // Resizes may spoil what held() sees: one that is under way makes it too little.
  if (n > core::held(*from(sem)) && n > from(sem)->held_exactly()) return AFFLUX_EOVERFLOW;
  // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDelete): the caller's reference keeps it
  new (ret_permit) token(*from(sem), n, policy::now(), tag);
  return AFFLUX_OK;
}

afflux_status afflux_permit_release(afflux_permit_token* permit) {
  return permit == nullptr ? AFFLUX_EINVAL : to_c(from(permit)->release());
}

afflux_status afflux_permit_forget(afflux_permit_token* permit) {
  return permit == nullptr ? AFFLUX_EINVAL : to_c(from(permit)->forget());
}

afflux_status afflux_permit_split(afflux_permit_token* permit, uint64_t n,
                                  afflux_permit_token* ret_other) {
  if (permit == nullptr || ret_other == nullptr || permit == ret_other) return AFFLUX_EINVAL;
  return to_c(from(permit)->split(n, ret_other));
}

afflux_status afflux_permit_merge(afflux_permit_token* permit, afflux_permit_token* other) {
  if (permit == nullptr || other == nullptr || permit == other) return AFFLUX_EINVAL;
  return to_c(from(permit)->merge(*from(other)));
}

uint64_t afflux_permit_count(const afflux_permit_token* permit) {
  return permit == nullptr ? 0 : from(permit)->count();
}

uint64_t afflux_permit_id(const afflux_permit_token* permit) {
  return permit == nullptr ? 0 : from(permit)->id();
}

int64_t afflux_permit_held_ns(const afflux_permit_token* permit) {
  return permit == nullptr ? 0 : from(permit)->held_for();
}

}  // extern "C"
