// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The event's calls: validate, convert, call.
#include "core/event.h"

#include "handles.h"

using namespace afflux;
using namespace afflux::capi;

extern "C" {

afflux_status afflux_event_create(int32_t manual_reset, uint32_t queue, afflux_event** ret_event) {
  if (ret_event == nullptr || (manual_reset != 0 && manual_reset != 1)) return AFFLUX_EINVAL;
  uint32_t strategy = 0;
  if (const status s = to_strategy(queue, strategy); s != status::ok) return to_c(s);
  semaphore* const made =
      core::create_semaphore(core::event_settings(manual_reset == 1, strategy), nullptr);
  if (made == nullptr) return AFFLUX_ENOMEM;
  core::reset(*made);
  *ret_event = reinterpret_cast<afflux_event*>(made);
  return AFFLUX_OK;
}

afflux_event* afflux_event_ref(afflux_event* event) {
  if (event != nullptr) from(event)->ref();
  return event;
}

void afflux_event_unref(afflux_event* event) {
  if (event != nullptr) from(event)->unref();
}

afflux_status afflux_event_wait(afflux_event* event, int64_t timeout_ns) {
  if (event == nullptr || timeout_ns < AFFLUX_FOREVER) return AFFLUX_EINVAL;
  return to_c(core::acquire(*from(event), core::demand{}, timeout_ns));
}

afflux_status afflux_event_wait_async(afflux_event* event, const afflux_request* request,
                                      afflux_waiter* waiter) {
  if (event == nullptr || request == nullptr || waiter == nullptr) return AFFLUX_EINVAL;
  afflux_request known;
  core::demand want;
  queue::destination<policy> to;
  if (const status s =
          read_wait(request, known, want, to, AFFLUX_WAIT_FOR_URING | AFFLUX_WAIT_FOR_NOTE);
      s != status::ok)
    return to_c(s);
  int error = 0;
  const status s =
      core::acquire_async(*from(event), want, known.timeout_ns, to, *from(waiter), error);
  if (error != 0) set_last_os_error(error);
  return to_c(s);
}

afflux_status afflux_event_notify_one(afflux_event* event) {
  if (event == nullptr) return AFFLUX_EINVAL;
  core::notify_one(*from(event));
  return AFFLUX_OK;
}

afflux_status afflux_event_notify_all(afflux_event* event) {
  if (event == nullptr) return AFFLUX_EINVAL;
  core::notify_all(*from(event));
  return AFFLUX_OK;
}

afflux_status afflux_event_pulse(afflux_event* event) {
  if (event == nullptr) return AFFLUX_EINVAL;
  from(event)->wake(UINT64_MAX);
  return AFFLUX_OK;
}

afflux_status afflux_event_clear(afflux_event* event) {
  if (event == nullptr) return AFFLUX_EINVAL;
  core::reset(*from(event));
  return AFFLUX_OK;
}

int32_t afflux_event_is_set(const afflux_event* event) {
  return event != nullptr && core::is_set(*from(event)) ? 1 : 0;
}

uint64_t afflux_event_waiters(const afflux_event* event) {
  return event == nullptr ? 0 : from(event)->waiting();
}

}  // extern "C"
