// SPDX-License-Identifier: MIT OR Apache-2.0

// Package foreign is another language in the process, for the tests: it uses semaphores from C
// threads that Go knows nothing of.
package foreign

// #cgo LDFLAGS: -lpthread
// #include <stdint.h>
// #include <stdlib.h>
// #include <pthread.h>
// #include <afflux/afflux.h>
//
// typedef struct task {
//   afflux_sem *sem;
//   afflux_event *event;
//   afflux_control *control;
//   uint64_t n;
//   uint64_t times;
//   int32_t status;
//   pthread_t thread;
// } task;
//
// static void *release_all(void *argument) {
//   task *t = argument;
//   for (uint64_t i = 0; i < t->times && t->status == AFFLUX_OK; ++i)
//     t->status = afflux_sem_release(t->sem, t->n);
//   return NULL;
// }
// static void *take_turns(void *argument) {
//   task *t = argument;
//   for (uint64_t i = 0; i < t->times && t->status == AFFLUX_OK; ++i) {
//     t->status = afflux_sem_acquire(t->sem, t->n, AFFLUX_FOREVER);
//     if (t->status == AFFLUX_OK) t->status = afflux_sem_release(t->sem, t->n);
//   }
//   return NULL;
// }
// static void *acquire(void *argument) {
//   task *t = argument;
//   t->status = afflux_sem_acquire(t->sem, t->n, AFFLUX_FOREVER);
//   return NULL;
// }
// static void *notify(void *argument) {
//   task *t = argument;
//   t->status = afflux_event_notify_one(t->event);
//   return NULL;
// }
// static void *sample(void *argument) {
//   task *t = argument;
//   for (uint64_t i = 0; i < t->times && t->status == AFFLUX_OK; ++i)
//     t->status = afflux_control_sample(t->control, 1000000, (uint32_t)t->n);
//   return NULL;
// }
//
// static task *start(int what, uintptr_t object, uint64_t n, uint64_t times) {
//   task *t = calloc(1, sizeof *t);
//   t->sem = (afflux_sem *)object;
//   t->event = (afflux_event *)object;
//   t->control = (afflux_control *)object;
//   t->n = n;
//   t->times = times;
//   void *(*const run[])(void *) = {release_all, take_turns, acquire, notify, sample};
//   if (pthread_create(&t->thread, NULL, run[what], t) != 0) abort();
//   return t;
// }
// static int32_t join(task *t) {
//   pthread_join(t->thread, NULL);
//   const int32_t status = t->status;
//   free(t);
//   return status;
// }
import "C"

import "unsafe"

// Thread is a C thread at work.
type Thread struct{ task *C.task }

func start(what C.int, object unsafe.Pointer, n, times uint64) Thread {
	return Thread{C.start(what, C.uintptr_t(uintptr(object)), C.uint64_t(n), C.uint64_t(times))}
}

// Release starts a thread that releases n permits, so many times.
func Release(sem unsafe.Pointer, n, times uint64) Thread { return start(0, sem, n, times) }

// TakeTurns starts a thread that acquires n permits, blocking, and releases them, so many times.
func TakeTurns(sem unsafe.Pointer, n, times uint64) Thread { return start(1, sem, n, times) }

// Acquire starts a thread that acquires n permits, blocking.
func Acquire(sem unsafe.Pointer, n uint64) Thread { return start(2, sem, n, 1) }

// Notify starts a thread that notifies an event.
func Notify(event unsafe.Pointer) Thread { return start(3, event, 0, 1) }

// Sample starts a thread that tells a control of requests of 1 ms with that outcome, so many times.
func Sample(control unsafe.Pointer, outcome, times uint64) Thread {
	return start(4, control, outcome, times)
}

// Join waits for the end of the thread, and answers the status of its last call. It blocks a thread.
func (t Thread) Join() int { return int(C.join(t.task)) }
