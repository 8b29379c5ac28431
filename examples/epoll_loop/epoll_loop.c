/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Ten thousand requests in an epoll loop, eight of them in flight. Granted requests are worked on
 * by a pool of threads, whose releases grant the next ones, into the loop: they arrive in the same
 * epoll_wait() as everything else, and no callback runs on the workers' threads. An event that
 * completes into the same port tells the loop when all is done. */
#define _POSIX_C_SOURCE 200809L /* more than C99 has */

#include <afflux/afflux.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { kRequests = 10000, kLimit = 8, kWorkers = 2, kBatch = 64 };

/* user_data: what has completed. */
enum { kGranted, kAllDone };

struct request {
  afflux_waiter waiter; /* borrowed while it waits */
  struct request *next;
  unsigned number;
};

static afflux_sem *in_flight;
static afflux_event *all_done;

/* ---- the workers */

static struct {
  pthread_mutex_t mutex;
  pthread_cond_t more;
  struct request *first; /* handed out, not yet taken by a worker */
  int stop;
  unsigned flying, peak, done;
  unsigned long long sum;
} pool = {.mutex = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

static void hand_out(struct request *r) {
  pthread_mutex_lock(&pool.mutex);
  r->next = pool.first;
  pool.first = r;
  if (++pool.flying > pool.peak) pool.peak = pool.flying;
  pthread_cond_signal(&pool.more);
  pthread_mutex_unlock(&pool.mutex);
}

static void *work(void *unused) {
  pthread_mutex_lock(&pool.mutex);
  for (;;) {
    while (pool.first == NULL && !pool.stop) pthread_cond_wait(&pool.more, &pool.mutex);
    if (pool.first == NULL) break;
    struct request *const r = pool.first;
    pool.first = r->next;
    pool.sum += r->number;
    --pool.flying;
    const int last = ++pool.done == kRequests;
    pthread_mutex_unlock(&pool.mutex);
    afflux_sem_release(in_flight, 1); /* the next one completes into the loop */
    if (last) afflux_event_notify_one(all_done);
    pthread_mutex_lock(&pool.mutex);
  }
  pthread_mutex_unlock(&pool.mutex);
  return unused;
}

static void stop_workers(pthread_t *threads, int count) {
  pthread_mutex_lock(&pool.mutex);
  pool.stop = 1;
  pthread_cond_broadcast(&pool.more);
  pthread_mutex_unlock(&pool.mutex);
  for (int i = 0; i < count; ++i) pthread_join(threads[i], NULL);
}

/* ---- the loop */

/* All requests at once: those that find no permit wait, without a thread. */
static int begin(struct request *requests, afflux_port *port) {
  afflux_request terms;
  afflux_request_init(&terms);
  terms.port = port;
  for (unsigned i = 0; i < kRequests; ++i) {
    struct request *const r = &requests[i];
    r->number = i;
    terms.user_data = kGranted;
    terms.ctx = r;
    const afflux_status s = afflux_sem_acquire_async(in_flight, &terms, &r->waiter);
    if (s == AFFLUX_OK) {
      hand_out(r);
    } else if (s != AFFLUX_PENDING) {
      fprintf(stderr, "request %u: %s\n", i, afflux_strerror(s));
      return 0;
    }
  }
  return 1;
}

/* 1: all is done; 0: go on; negative: an error. */
static int drain(afflux_port *port) {
  afflux_completion ready[kBatch];
  int result = 0;
  size_t count;
  while ((count = afflux_port_drain(port, ready, kBatch)) != 0) {
    for (size_t i = 0; i < count; ++i) {
      if (ready[i].status != AFFLUX_OK) return -1;
      if (ready[i].user_data == kAllDone) {
        result = 1;
      } else {
        hand_out(ready[i].ctx);
      }
    }
  }
  return result;
}

static int loop(int epoll, afflux_port *port) {
  for (;;) {
    struct epoll_event event;
    const int ready = epoll_wait(epoll, &event, 1, -1);
    if (ready < 0 && errno != EINTR) return -1;
    if (ready <= 0 || event.data.ptr != port) continue;
    const int result = drain(port);
    if (result != 0) return result;
  }
}

static int watch(int epoll, afflux_port *port) {
  struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = port}};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, (int)afflux_port_handle(port), &event) == 0;
}

static int run(struct request *requests, int epoll, afflux_port *port) {
  afflux_request terms;
  afflux_waiter end;
  afflux_request_init(&terms);
  terms.port = port;
  terms.user_data = kAllDone;
  if (afflux_event_wait_async(all_done, &terms, &end) != AFFLUX_PENDING) return 2;

  pthread_t threads[kWorkers];
  for (int i = 0; i < kWorkers; ++i) {
    if (pthread_create(&threads[i], NULL, work, NULL) != 0) return 3;
  }
  const int ended = begin(requests, port) ? loop(epoll, port) : -1;
  stop_workers(threads, kWorkers);
  if (ended != 1) return 4;
  /* Nothing is pending, nothing is left to drain: */
  if (afflux_port_close(port) != AFFLUX_OK) return 5;
  printf("%u requests, at most %u in flight\n", pool.done, pool.peak);
  const unsigned long long n = kRequests;
  return pool.peak <= kLimit && pool.sum == n * (n - 1) / 2 ? 0 : 6;
}

int main(void) {
  afflux_sem_options limit;
  afflux_port_options kind;
  afflux_port *port = NULL;
  afflux_sem_options_init(&limit);
  limit.permits = kLimit;
  afflux_port_options_init(&kind);
  kind.kind = AFFLUX_PORT_EVENTFD;
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct request *const requests = calloc(kRequests, sizeof *requests);
  int answer = 1;
  if (epoll >= 0 && requests != NULL && afflux_sem_create(&limit, &in_flight) == AFFLUX_OK &&
      afflux_event_create(0, AFFLUX_QUEUE_AUTO, &all_done) == AFFLUX_OK &&
      afflux_port_create(&kind, &port) == AFFLUX_OK && watch(epoll, port)) {
    answer = run(requests, epoll, port);
  }
  afflux_port_unref(port);
  afflux_event_unref(all_done);
  afflux_sem_unref(in_flight);
  free(requests);
  if (epoll >= 0) close(epoll);
  return answer;
}
