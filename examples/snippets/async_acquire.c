// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/afflux.h>

static afflux_waiter waiter; /* lives until granted() begins */
static afflux_status result = AFFLUX_PENDING;

static void granted(void *sem, afflux_status status) {
  result = status;
  if (status == AFFLUX_OK) afflux_sem_release(sem, 1); /* first the work, then this */
}

int main(void) {
  afflux_sem *sem;
  afflux_sem_options options;
  afflux_sem_options_init(&options); /* one permit */
  if (afflux_sem_create(&options, &sem) || afflux_sem_try_acquire(sem, 1)) return 1;
  afflux_request request;
  afflux_request_init(&request); /* asks for one */
  request.wake = granted;
  request.ctx = sem;
  if (afflux_sem_acquire_async(sem, &request, &waiter) != AFFLUX_PENDING) return 1;
  afflux_sem_release(sem, 1); /* calls granted() */
  afflux_sem_unref(sem);
  return result; /* AFFLUX_OK is 0 */
}
