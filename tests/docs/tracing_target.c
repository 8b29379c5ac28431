/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Passes each tracepoint as often as tracing_test.py expects. */
#include <afflux/afflux.h>
#include <stddef.h>

static void done(void *ctx, afflux_status status) {
  (void)status;
  ++*(int *)ctx;
}

static afflux_sem *make(uint64_t permits, uint64_t max_waiters, uint32_t overflow) {
  afflux_sem_options options;
  afflux_sem *sem = NULL;
  afflux_sem_options_init(&options);
  options.permits = permits;
  options.max_waiters = max_waiters;
  options.overflow = overflow;
  afflux_sem_create(&options, &sem);
  return sem;
}

static afflux_status start(afflux_sem *sem, uint64_t permits, afflux_waiter *waiter, int *count) {
  afflux_request request;
  afflux_request_init(&request);
  request.permits = permits;
  request.wake = done;
  request.ctx = count;
  return afflux_sem_acquire_async(sem, &request, waiter);
}

int main(void) {
  static afflux_waiter waiters[8];
  int count = 0;
  afflux_sem *sem = make(3, 0, AFFLUX_OVERFLOW_SUSPEND);
  afflux_sem *full = make(1, 1, AFFLUX_OVERFLOW_DROP_NEWEST);
  afflux_sem *dropping = make(1, 1, AFFLUX_OVERFLOW_DROP_OLDEST);

  /* Three queue, two are granted, by a pass and by a hand-over; one is cancelled. */
  afflux_sem_try_acquire(sem, 3);
  start(sem, 2, &waiters[0], &count);
  start(sem, 2, &waiters[1], &count);
  start(sem, 2, &waiters[2], &count);
  afflux_sem_release(sem, 2);
  afflux_waiter_cancel(&waiters[1]);
  afflux_sem_release(sem, 1);
  afflux_sem_release(sem, 2);
  /* One times out, one is closed out. */
  afflux_sem_acquire(sem, 3, 1000000);
  start(sem, 3, &waiters[3], &count);
  afflux_sem_close(sem);
  /* A newcomer is refused, and an old one dropped. */
  afflux_sem_try_acquire(full, 1);
  start(full, 1, &waiters[4], &count);
  start(full, 1, &waiters[5], &count);
  afflux_waiter_cancel(&waiters[4]);
  afflux_sem_try_acquire(dropping, 1);
  start(dropping, 1, &waiters[6], &count);
  start(dropping, 1, &waiters[7], &count);
  afflux_waiter_cancel(&waiters[7]);

  afflux_sem_unref(sem);
  afflux_sem_unref(full);
  afflux_sem_unref(dropping);
  return count == 4 ? 0 : 1;
}
