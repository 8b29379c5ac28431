/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A ring's wait on a request that begins before the process has had a thread, which the time limit
 * of another request then starts. Linux 6.18 loses such a wait if it is on a private futex. Answers
 * 77, skipped, where the kernel cannot wait for a ring.
 */
#include <afflux/afflux.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      return 1;                                                                 \
    }                                                                           \
  } while (0)

static void on_wake(void *ctx, afflux_status status) {
  (void)ctx;
  (void)status;
}

int main(void) {
  if ((afflux_uring_features() & AFFLUX_URING_FUTEX) == 0) return 77;
  struct io_uring ring;
  CHECK(io_uring_queue_init(4, &ring, 0) == 0);
  afflux_sem *sem = NULL;
  afflux_sem_options options;
  afflux_sem_options_init(&options);
  CHECK(afflux_sem_create(&options, &sem) == AFFLUX_OK);
  CHECK(afflux_sem_try_acquire(sem, 1) == AFFLUX_OK);

  afflux_waiter waits, limited;
  memset(&waits, 0, sizeof waits);
  memset(&limited, 0, sizeof limited);
  afflux_request request;
  afflux_request_init(&request);
  request.flags = AFFLUX_WAIT_FOR_URING;
  CHECK(afflux_sem_acquire_async(sem, &request, &waits) == AFFLUX_PENDING);
  struct io_uring_sqe *entry = io_uring_get_sqe(&ring);
  entry->user_data = 42;
  CHECK(afflux_waiter_prep_uring(&waits, entry) == AFFLUX_OK);
  CHECK(io_uring_submit(&ring) == 1);

  afflux_request_init(&request);
  request.wake = on_wake;
  request.timeout_ns = INT64_C(3600000000000);
  CHECK(afflux_sem_acquire_async(sem, &request, &limited) == AFFLUX_PENDING);

  CHECK(afflux_sem_release(sem, 1) == AFFLUX_OK);
  CHECK(afflux_waiter_status(&waits) == AFFLUX_OK);
  struct io_uring_cqe *event = NULL;
  CHECK(io_uring_wait_cqe(&ring, &event) == 0); /* a lost one: the test's time runs out */
  CHECK(event->user_data == 42);
  io_uring_cqe_seen(&ring, event);

  CHECK(afflux_waiter_cancel(&limited) == AFFLUX_OK);
  CHECK(afflux_sem_release(sem, 1) == AFFLUX_OK);
  afflux_sem_unref(sem);
  io_uring_queue_exit(&ring);
  return 0;
}
