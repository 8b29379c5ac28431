/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Waits of threads, with the GIL released. The request is an asynchronous one, so that it has a
 * priority and can be taken back; the thread sleeps in a lock of Python's, which a signal
 * interrupts: KeyboardInterrupt ends the wait on the main thread.
 */
#include "afflux_python.h"

#include "fastpath.h"

/*
 * On the heap: a daemon thread that wakes while the interpreter ends is ended by Python inside of
 * Py_END_ALLOW_THREADS, and its request may still be queued. What it leaves behind is a leak.
 */
typedef struct {
  request_memory memory;
  PyThread_type_lock lock; /* taken until the request has completed */
  afflux_status status;
} blocker;

/* Any thread, with the GIL or without: it must not touch Python. */
static void blocker_wake(void *ctx, afflux_status status) {
  blocker *b = ctx;
  b->status = status;
  PyThread_release_lock(b->lock);
}

static blocker *blocker_new(PyObject *target, const Terms *terms) {
  blocker *b = PyMem_RawMalloc(sizeof *b);
  PyThread_type_lock lock = b == NULL ? NULL : PyThread_allocate_lock();
  if (lock == NULL || request_prepare(&b->memory, target, terms) < 0) {
    if (lock != NULL) PyThread_free_lock(lock);
    PyMem_RawFree(b);
    return PyErr_Occurred() ? NULL : (blocker *)PyErr_NoMemory();
  }
  b->lock = lock;
  PyThread_acquire_lock(lock, WAIT_LOCK);
  return b;
}

static void blocker_free(blocker *b) {
  request_free(&b->memory);
  PyThread_free_lock(b->lock);
  PyMem_RawFree(b);
}

/* Within a wake function of another language: those that were completed before it, or wait behind
   it on this thread (afflux.h, chapter 8), may be what this wait is for, or its own. */
static void run_others(void) {
  COLLECTING(afflux_completions_run());
  collect_flush();
}

/* 0: it has completed. -1: a signal handler raised, and nothing is held. */
static int blocker_sleep(blocker *b, PyObject *target, const Terms *terms) {
  for (;;) {
    run_others(); /* each time: a signal handler may have released */
    PyLockStatus got;
    Py_BEGIN_ALLOW_THREADS got = PyThread_acquire_lock_timed(b->lock, -1, 1);
    Py_END_ALLOW_THREADS if (got == PY_LOCK_ACQUIRED) return 0;
    if (PyErr_CheckSignals() == 0) continue;
    afflux_status canceled;
    COLLECTING(canceled = request_cancel(&b->memory));
    if (canceled != AFFLUX_OK) {
      /* It completes without anybody's doing. */
      run_others();
      Py_BEGIN_ALLOW_THREADS PyThread_acquire_lock(b->lock, WAIT_LOCK);
      Py_END_ALLOW_THREADS if (b->status == AFFLUX_OK) request_undo(target, terms, &b->memory);
    }
    return -1;
  }
}

/* `with sem` needs no look at signals: Python enters the block without one. */
static PyObject *answer(PyObject *target, const Terms *terms, const request_memory *memory,
                        afflux_status status) {
  PyObject *result = request_result(target, terms, memory, status);
  const bool is_held = terms->kind == REQUEST_PERMIT || terms->kind >= REQUEST_ANY;
  return is_held ? held_unless_interrupted(result) : result;
}

PyObject *acquire_blocking(PyObject *target, const Terms *terms) {
  if (terms->kind <= REQUEST_PERMIT && terms->client == NULL && terms->tenant == NULL) {
    Semaphore *sem = (Semaphore *)target;
    if (fast_acquire(sem->sem, sem->fast, terms->permits)) {
      return answer(target, terms, NULL, AFFLUX_OK);
    }
  }
  blocker *b = blocker_new(target, terms);
  if (b == NULL) return NULL;
  PyObject *result = NULL;
  Py_INCREF(target);    /* while other threads run */
  afflux_status status; /* not b->status: the completion may come before the call returns */
  COLLECTING(status = request_start(target, terms, blocker_wake, b, &b->memory));
  if (status != AFFLUX_PENDING) {
    result = answer(target, terms, &b->memory, status);
  } else if (blocker_sleep(b, target, terms) == 0) {
    result = answer(target, terms, &b->memory, b->status);
  }
  Py_DECREF(target);
  blocker_free(b);
  return result;
}
