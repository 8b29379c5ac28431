/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A libuv loop that keeps its own thread pool from being flooded: two thousand jobs are begun at
 * once, and uv_queue_work() gets to see no more than three of them at a time. The port is one
 * uv_poll_t. */
#define _POSIX_C_SOURCE 200809L /* uv.h needs more than C99 has */

#include <afflux/afflux.h>

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum { kJobs = 2000, kLimit = 3, kBatch = 64 };

struct job {
  uv_work_t work;
  afflux_waiter waiter; /* borrowed while it waits */
  unsigned number;
  unsigned long long result;
};

/* All of it is the loop's thread's. */
static uv_loop_t *loop;
static uv_poll_t doorbell;
static afflux_port *port;
static afflux_sem *in_flight;
static unsigned begun, done, peak, failed;
static unsigned long long sum;

/* On a thread of the pool. */
static void compute(uv_work_t *work) {
  struct job *const j = work->data;
  j->result = 0;
  for (unsigned i = 1; i <= j->number; ++i) j->result += i;
}

/* In the loop again. */
static void computed(uv_work_t *work, int status) {
  const struct job *const j = work->data;
  if (status != 0) ++failed;
  sum += j->result;
  --begun;
  afflux_sem_release(in_flight, 1); /* any thread may; the next one completes into the port */
  if (++done == kJobs) {
    uv_poll_stop(&doorbell); /* nothing else keeps the loop running now */
    uv_close((uv_handle_t *)&doorbell, NULL);
  }
}

static void start(struct job *j) {
  if (++begun > peak) peak = begun;
  j->work.data = j;
  if (uv_queue_work(loop, &j->work, compute, computed) != 0) abort(); /* wrong arguments only */
}

static void ring(uv_poll_t *handle, int status, int events) {
  (void)handle, (void)events;
  if (status != 0) ++failed;
  afflux_completion ready[kBatch];
  size_t count;
  while ((count = afflux_port_drain(port, ready, kBatch)) != 0) {
    for (size_t i = 0; i < count; ++i) {
      if (ready[i].status == AFFLUX_OK) {
        start(ready[i].ctx);
      } else {
        ++failed;
      }
    }
  }
}

static int run(struct job *jobs) {
  if (uv_poll_init(loop, &doorbell, (int)afflux_port_handle(port)) != 0) return 2;
  uv_poll_start(&doorbell, UV_READABLE, ring);
  afflux_request terms;
  afflux_request_init(&terms);
  terms.port = port;
  for (unsigned i = 0; i < kJobs; ++i) {
    jobs[i].number = i;
    terms.ctx = &jobs[i];
    const afflux_status s = afflux_sem_acquire_async(in_flight, &terms, &jobs[i].waiter);
    if (s == AFFLUX_OK) start(&jobs[i]);
    if (s < 0) return 3;
  }
  if (uv_run(loop, UV_RUN_DEFAULT) != 0) return 4;
  if (uv_loop_close(loop) != 0) return 5;
  /* Nothing is pending, nothing is left to drain: */
  if (afflux_port_close(port) != AFFLUX_OK) return 6;
  printf("%u jobs, at most %u in the pool\n", done, peak);
  const unsigned long long n = kJobs; /* the sum of the first n triangular numbers, from 0 */
  return failed == 0 && peak <= kLimit && sum == (n - 1) * n * (n + 1) / 6 ? 0 : 7;
}

int main(void) {
  afflux_sem_options limit;
  afflux_port_options kind;
  afflux_sem_options_init(&limit);
  limit.permits = kLimit;
  afflux_port_options_init(&kind); /* AUTO: EVENTFD or PIPE, both can be polled */
  loop = uv_default_loop();
  struct job *const jobs = calloc(kJobs, sizeof *jobs);
  int answer = 1;
  if (loop != NULL && jobs != NULL && afflux_sem_create(&limit, &in_flight) == AFFLUX_OK &&
      afflux_port_create(&kind, &port) == AFFLUX_OK) {
    answer = run(jobs);
  }
  afflux_port_unref(port);
  afflux_sem_unref(in_flight);
  free(jobs);
  return answer;
}
