/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Waits of threads, with the GIL released. The request is an asynchronous one, so that it has a
 * priority and can be taken back; the thread sleeps in a lock of Python's, which a signal
 * interrupts: KeyboardInterrupt ends the wait on the main thread.
 */
#include "afflux_python.h"

#include "fastpath.h"

typedef struct {
  afflux_waiter waiter;
  PyThread_type_lock lock; /* taken until the request has completed */
  afflux_status status;
} blocker;

/* Any thread, with the GIL or without: it must not touch Python. */
static void blocker_wake(void *ctx, afflux_status status) {
  blocker *b = ctx;
  b->status = status;
  PyThread_release_lock(b->lock);
}

/* 0: it has completed. -1: a signal handler raised, and nothing is held. */
static int blocker_sleep(blocker *b, PyObject *target, const Terms *terms) {
  for (;;) {
    PyLockStatus got;
    Py_BEGIN_ALLOW_THREADS got = PyThread_acquire_lock_timed(b->lock, -1, 1);
    Py_END_ALLOW_THREADS if (got == PY_LOCK_ACQUIRED) return 0;
    if (PyErr_CheckSignals() == 0) continue;
    afflux_status canceled;
    COLLECTING(canceled = afflux_waiter_cancel(&b->waiter));
    if (canceled != AFFLUX_OK) {
      /* It completes without anybody's doing. */
      Py_BEGIN_ALLOW_THREADS PyThread_acquire_lock(b->lock, WAIT_LOCK);
      Py_END_ALLOW_THREADS if (b->status == AFFLUX_OK) request_undo(target, terms);
    }
    return -1;
  }
}

PyObject *acquire_blocking(PyObject *target, const Terms *terms) {
  if (terms->kind <= REQUEST_PERMIT) {
    Semaphore *sem = (Semaphore *)target;
    if (fast_acquire(sem->sem, sem->fast, terms->permits)) {
      return request_result(target, terms, AFFLUX_OK);
    }
  }
  blocker b;
  b.lock = PyThread_allocate_lock();
  if (b.lock == NULL) return PyErr_NoMemory();
  PyThread_acquire_lock(b.lock, WAIT_LOCK);
  PyObject *result = NULL;
  Py_INCREF(target);    /* while other threads run */
  afflux_status status; /* not b.status: the completion may come before the call returns */
  COLLECTING(status = request_start(target, terms, blocker_wake, &b, &b.waiter));
  if (status != AFFLUX_PENDING) {
    result = request_result(target, terms, status);
  } else if (blocker_sleep(&b, target, terms) == 0) {
    result = request_result(target, terms, b.status);
  }
  Py_DECREF(target);
  PyThread_free_lock(b.lock);
  return result;
}
