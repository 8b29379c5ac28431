// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The waiter queue's calls, and the condition's, which is one: validate, convert, call.
#include "core/wait_queue.h"
#include "handles.h"

using namespace afflux;
using namespace afflux::capi;

namespace {

// A semaphore without a free permit.
template <class Handle>
afflux_status create(uint32_t queue, Handle** ret_handle) {
  if (ret_handle == nullptr) return AFFLUX_EINVAL;
  queue::settings settings;
  if (const status s = to_strategy(queue, settings.strategy); s != status::ok) return to_c(s);
  semaphore* const made = core::create_wait_queue(
      settings, [](const queue::settings& s) { return core::create_semaphore(s, nullptr); });
  if (made == nullptr) return AFFLUX_ENOMEM;
  *ret_handle = reinterpret_cast<Handle*>(made);
  return AFFLUX_OK;
}

template <class Handle>
uint64_t waiters(const Handle* handle) {
  return handle == nullptr ? 0 : from(handle)->waiting();
}

}  // namespace

extern "C" {

// ---- the queue

afflux_status afflux_queue_create(uint32_t strategy, afflux_queue** ret_queue) {
  return create(strategy, ret_queue);
}

afflux_queue* afflux_queue_ref(afflux_queue* queue) {
  if (queue != nullptr) from(queue)->ref();
  return queue;
}

void afflux_queue_unref(afflux_queue* queue) {
  if (queue != nullptr) from(queue)->unref();
}

afflux_status afflux_queue_add_waiter_if(afflux_queue* queue, afflux_condition_fn condition,
                                         void* condition_ctx, const afflux_request* request,
                                         afflux_waiter* waiter) {
  if (queue == nullptr || request == nullptr || waiter == nullptr) return AFFLUX_EINVAL;
  afflux_request known;
  core::demand want;
  queue::destination<policy> to;
  if (const status s = read_wait(request, known, want, to, AFFLUX_WAIT_FOR_NOTE); s != status::ok)
    return to_c(s);
  const auto holds = [&] { return condition != nullptr && condition(condition_ctx) != 0; };
  if (known.timeout_ns == 0) return holds() ? AFFLUX_OK : AFFLUX_EAGAIN;
  int error = 0;
  const status s =
      core::add_unless(*from(queue), holds, want, known.timeout_ns, to, *from(waiter), error);
  if (error != 0) set_last_os_error(error);
  return to_c(s);
}

afflux_status afflux_queue_wake_one(afflux_queue* queue) {
  if (queue == nullptr) return AFFLUX_EINVAL;
  return from(queue)->wake(1) == 1 ? AFFLUX_OK : AFFLUX_EAGAIN;
}

afflux_status afflux_queue_wake_n(afflux_queue* queue, uint64_t n, uint64_t* ret_woken) {
  if (queue == nullptr || n == 0) return AFFLUX_EINVAL;
  const uint64_t woken = from(queue)->wake(n);
  if (ret_woken != nullptr) *ret_woken = woken;
  return AFFLUX_OK;
}

afflux_status afflux_queue_wake_all(afflux_queue* queue) {
  if (queue == nullptr) return AFFLUX_EINVAL;
  from(queue)->wake(UINT64_MAX);
  return AFFLUX_OK;
}

uint64_t afflux_queue_waiters(const afflux_queue* queue) { return waiters(queue); }

// ---- the condition

afflux_status afflux_cond_create(uint32_t queue, afflux_cond** ret_cond) {
  return create(queue, ret_cond);
}

afflux_cond* afflux_cond_ref(afflux_cond* cond) {
  if (cond != nullptr) from(cond)->ref();
  return cond;
}

void afflux_cond_unref(afflux_cond* cond) {
  if (cond != nullptr) from(cond)->unref();
}

afflux_status afflux_cond_wait(afflux_cond* cond, afflux_lock_fn lock, afflux_lock_fn unlock,
                               void* lock_ctx, int64_t timeout_ns) {
  if (cond == nullptr || lock == nullptr || unlock == nullptr || timeout_ns < AFFLUX_FOREVER) {
    return AFFLUX_EINVAL;
  }
  if (timeout_ns == 0) return AFFLUX_ETIMEDOUT;
  bool unlocked = false;
  const status s = core::wait_in(*from(cond), core::demand{}, timeout_ns, [&] {
    unlocked = true;
    unlock(lock_ctx);
  });
  if (unlocked) lock(lock_ctx);
  return to_c(s);
}

afflux_status afflux_cond_notify_one(afflux_cond* cond) {
  if (cond == nullptr) return AFFLUX_EINVAL;
  from(cond)->wake(1);
  return AFFLUX_OK;
}

afflux_status afflux_cond_notify_all(afflux_cond* cond) {
  if (cond == nullptr) return AFFLUX_EINVAL;
  from(cond)->wake(UINT64_MAX);
  return AFFLUX_OK;
}

uint64_t afflux_cond_waiters(const afflux_cond* cond) { return waiters(cond); }

}  // extern "C"
