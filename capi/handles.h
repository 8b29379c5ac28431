// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Between the handles of afflux.h and the objects of the core.
#pragma once

#include <algorithm>

#include "afflux/afflux.h"
#include "core/idle.h"
#include "core/permit_token.h"
#include "core/strategies.h"
#include "queue/waiter.h"
#include "stats/client.h"

namespace afflux::capi {

using policy = native_policy;
using semaphore = core::native_semaphore;
using waiter = queue::waiter<policy>;
using token = core::permit_token<policy>;
using loop_port = afflux::port::port<policy, waiter>;

inline semaphore* from(afflux_sem* sem) { return reinterpret_cast<semaphore*>(sem); }
inline const semaphore* from(const afflux_sem* sem) {
  return reinterpret_cast<const semaphore*>(sem);
}
// An event, a condition and a queue are semaphores of a kind (core/event.h, core/wait_queue.h).
inline semaphore* from(afflux_event* event) { return reinterpret_cast<semaphore*>(event); }
inline const semaphore* from(const afflux_event* event) {
  return reinterpret_cast<const semaphore*>(event);
}
inline semaphore* from(afflux_cond* cond) { return reinterpret_cast<semaphore*>(cond); }
inline const semaphore* from(const afflux_cond* cond) {
  return reinterpret_cast<const semaphore*>(cond);
}
inline semaphore* from(afflux_queue* queue) { return reinterpret_cast<semaphore*>(queue); }
inline const semaphore* from(const afflux_queue* queue) {
  return reinterpret_cast<const semaphore*>(queue);
}
inline loop_port* from(afflux_port* handle) { return reinterpret_cast<loop_port*>(handle); }
inline const loop_port* from(const afflux_port* handle) {
  return reinterpret_cast<const loop_port*>(handle);
}
inline stats::client* from(afflux_client* handle) {
  return reinterpret_cast<stats::client*>(handle);
}
inline const stats::client* from(const afflux_client* handle) {
  return reinterpret_cast<const stats::client*>(handle);
}
inline queue::tenant<policy>* from(afflux_tenant* handle) {
  return reinterpret_cast<queue::tenant<policy>*>(handle);
}
inline const queue::tenant<policy>* from(const afflux_tenant* handle) {
  return reinterpret_cast<const queue::tenant<policy>*>(handle);
}
inline afflux_sem* to_handle(semaphore* sem) { return reinterpret_cast<afflux_sem*>(sem); }
inline waiter* from(afflux_waiter* storage) { return reinterpret_cast<waiter*>(storage); }
inline token* from(afflux_permit_token* storage) { return reinterpret_cast<token*>(storage); }
inline const token* from(const afflux_permit_token* storage) {
  return reinterpret_cast<const token*>(storage);
}
constexpr afflux_status to_c(status s) { return static_cast<afflux_status>(s); }

// NOLINTBEGIN(misc-redundant-expression): they need not be the same
static_assert(sizeof(waiter) <= sizeof(afflux_waiter) && alignof(waiter) <= alignof(afflux_waiter));
// The timer's entry comes last.
static_assert(sizeof(waiter) - sizeof(queue::timer<policy>) <= AFFLUX_WAITER_UNTIMED_SIZE);
static_assert(sizeof(token) <= sizeof(afflux_permit_token) &&
              alignof(token) <= alignof(afflux_permit_token));
// NOLINTEND(misc-redundant-expression)
static_assert(sizeof(queue::fastpath<policy>) == sizeof(afflux_fastpath));
static_assert(queue::kPriorities == AFFLUX_PRIORITY_CRITICAL + 1);

// Notes the operating system's error behind an AFFLUX_EOS of this thread.
void set_last_os_error(int error);

// What is asked for, within what the word can count: one more than any limit stands for the rest.
inline std::uint64_t askable(std::uint64_t permits) {
  return std::min(permits, queue::kMaxPermits + 1);
}

// A caller's request of whatever size.
status read_request(const afflux_request* given, afflux_request& known);

// Where it completes. ok, invalid, unsupported.
status to_destination(const afflux_request& request, queue::destination<policy>& to);

// A request that is queued with nothing to hold afterwards: one permit, and of the flags only
// `flags`.
status read_wait(const afflux_request* given, afflux_request& known, core::demand& want,
                 queue::destination<policy>& to, uint32_t flags);

// A strategy by the name it has in afflux.h, as it is built in. ok, invalid, unsupported.
status to_strategy(uint32_t queue, uint32_t& strategy);

// A request as the core takes it, with no flags but those; what it leaves out is where it
// completes, and the time.
status to_demand(const afflux_request& request, core::demand& want,
                 uint32_t flags = AFFLUX_WAIT_FOR_RESIZE);

// Its tenant, for a request to `sem`: of that, and without a client. ok, invalid.
status to_tenant(const afflux_sem* sem, const afflux_request& request, core::demand& want);

}  // namespace afflux::capi
