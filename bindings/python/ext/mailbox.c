/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The mailbox of an event loop: where other threads leave completed waits. A release on the loop's
 * own thread does not pass through here (collect_deliver()).
 *
 * The Python object is attached to its loop as a reader of the doorbell. Its core lives as long as
 * a wait refers to it, so that a thread that Python does not know may post at any moment, also when
 * the loop is gone.
 */
#include "afflux_python.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __linux__
#  include <sys/eventfd.h>
#endif

struct mailbox {
  _Atomic(wait *) newest; /* completed waits, the newest first; `closed` at the end */
  atomic_int refs;
  int read_fd, write_fd; /* the doorbell; one eventfd, or the ends of a pipe */
  PyObject *loop;        /* borrowed, of asyncio; NULL: it is gone, or the mailbox is trio's. GIL */
};

typedef struct {
  PyObject_HEAD mailbox *core;
  PyObject *loop_ref; /* weak: tells when the loop goes */
} Mailbox;

static wait closed_mark;
#define CLOSED (&closed_mark)

static PyObject *mailboxes; /* {id(loop): Mailbox}, of asyncio */
#ifndef Py_GIL_DISABLED
static Mailbox *newest_mailbox; /* the one asked for last; borrowed from `mailboxes` */
#endif
static PyObject *get_running_loop, *invalid_state_error; /* of asyncio; NULL: not imported yet */
static PyObject *trio_running, *trio_peek, *trio_future; /* of afflux._trio, likewise */
static PyObject *str_set_result, *str_create_future, *str_asyncio, *str_trio;

/* ---- The core -------------------------------------------------------------------------------- */

mailbox *mailbox_ref(mailbox *box) {
  atomic_fetch_add_explicit(&box->refs, 1, memory_order_relaxed);
  return box;
}

void mailbox_unref(mailbox *box) {
  /* acq_rel: what each owner did comes before the end. */
  if (atomic_fetch_sub_explicit(&box->refs, 1, memory_order_acq_rel) != 1) return;
  close(box->read_fd);
  if (box->write_fd != box->read_fd) close(box->write_fd);
  free(box);
}

static int doorbell_open(int fds[2]) {
#ifdef __linux__
  fds[0] = fds[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return fds[0] < 0 ? -1 : 0;
#else
  if (pipe(fds) < 0) return -1;
  for (int i = 0; i < 2; ++i) {
    fcntl(fds[i], F_SETFD, FD_CLOEXEC);
    fcntl(fds[i], F_SETFL, O_NONBLOCK);
  }
  return 0;
#endif
}

void mailbox_post(mailbox *box, wait *w) {
  const int saved = errno; /* the caller may be any code */
  mailbox_ref(box);        /* once posted, the wait may be freed, and its reference with it */
  /* relaxed: only the exchange counts. release: publishes the wait to the one who takes it. */
  wait *newest = atomic_load_explicit(&box->newest, memory_order_relaxed);
  do {
    if (newest == CLOSED) break;
    w->next = newest;
  } while (!atomic_compare_exchange_weak_explicit(&box->newest, &newest, w, memory_order_release,
                                                  memory_order_relaxed));
  if (newest == CLOSED) wait_unref(w);
  if (newest == NULL) {
    /* An eventfd and a pipe take the same 8 bytes. Full, it shows all the same. */
    const uint64_t one = 1;
    while (write(box->write_fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
  }
  mailbox_unref(box);
  errno = saved;
}

static void mailbox_close(mailbox *box) {
  box->loop = NULL;
  /* acquire: pairs with the release in mailbox_post(). */
  wait *w = atomic_exchange_explicit(&box->newest, CLOSED, memory_order_acquire);
  while (w != NULL && w != CLOSED) {
    wait *next = w->next;
    wait_unref(w); /* its task, when it goes, gives back what it has got */
    w = next;
  }
}

static void forget_newest(Mailbox *box) {
#ifndef Py_GIL_DISABLED
  if (newest_mailbox == box) newest_mailbox = NULL;
#endif
}

/* ---- The Python object ------------------------------------------------------------------------
 */

static PyObject *mailbox_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  mailbox *core = malloc(sizeof *core);
  if (core == NULL) return PyErr_NoMemory();
  int fds[2];
  if (doorbell_open(fds) < 0) {
    free(core);
    return PyErr_SetFromErrno(PyExc_OSError);
  }
  atomic_init(&core->newest, NULL);
  atomic_init(&core->refs, 1);
  core->read_fd = fds[0];
  core->write_fd = fds[1];
  core->loop = NULL;
  Mailbox *self = (Mailbox *)type->tp_alloc(type, 0);
  if (self == NULL) {
    mailbox_unref(core);
    return NULL;
  }
  self->core = core;
  return (PyObject *)self;
}

static void mailbox_dealloc(PyObject *op) {
  Mailbox *self = (Mailbox *)op;
  forget_newest(self);
  Py_CLEAR(self->loop_ref);
  mailbox_close(self->core);
  mailbox_unref(self->core);
  Py_TYPE(op)->tp_free(op);
}

static PyObject *mailbox_fileno(PyObject *op, PyObject *unused) {
  return PyLong_FromLong(((Mailbox *)op)->core->read_fd);
}

/* The loop calls this on its thread when the doorbell has rung. */
static PyObject *mailbox_drain(PyObject *op, PyObject *unused) {
  mailbox *box = mailbox_ref(((Mailbox *)op)->core);
  uint64_t rung[8];
  while (read(box->read_fd, rung, sizeof rung) < 0 && errno == EINTR) {
  }
  /* relaxed: only the exchange counts. acquire: pairs with the release in mailbox_post(). */
  wait *newest = atomic_load_explicit(&box->newest, memory_order_relaxed);
  while (newest != CLOSED &&
         !atomic_compare_exchange_weak_explicit(&box->newest, &newest, NULL, memory_order_acquire,
                                                memory_order_relaxed)) {
  }
  wait *oldest = NULL;
  while (newest != NULL && newest != CLOSED) {
    wait *next = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = next;
  }
  while (oldest != NULL) {
    wait *next = oldest->next;
    wait_resume(oldest);
    oldest = next;
  }
  mailbox_unref(box);
  Py_RETURN_NONE;
}

static PyObject *mailbox_close_method(PyObject *op, PyObject *unused) {
  mailbox_close(((Mailbox *)op)->core);
  Py_RETURN_NONE;
}

/* The weak reference's callback. */
static PyObject *mailbox_loop_gone(PyObject *op, PyObject *ref) {
  Mailbox *self = (Mailbox *)op;
  Py_INCREF(self);
  PyObject *key = PyLong_FromVoidPtr(self->core->loop);
  forget_newest(self);
  mailbox_close(self->core);
  if (key == NULL || PyDict_DelItem(mailboxes, key) < 0) PyErr_Clear();
  Py_XDECREF(key);
  Py_CLEAR(self->loop_ref);
  Py_DECREF(self);
  Py_RETURN_NONE;
}

static PyMethodDef mailbox_methods[] = {
    {"fileno", mailbox_fileno, METH_NOARGS, NULL},
    {"drain", mailbox_drain, METH_NOARGS, NULL},
    {"close", mailbox_close_method, METH_NOARGS, NULL},
    {"_loop_gone", mailbox_loop_gone, METH_O, NULL},
    {NULL},
};

PyTypeObject Mailbox_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "afflux._afflux._Mailbox",
    .tp_basicsize = sizeof(Mailbox),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = mailbox_new,
    .tp_dealloc = mailbox_dealloc,
    .tp_methods = mailbox_methods,
};

mailbox *mailbox_core(PyObject *box) { return ((Mailbox *)box)->core; }

/* ---- Which loop runs here ---------------------------------------------------------------------
 */

/* Whether the module was imported by the program: loads nothing. */
static bool is_imported(PyObject *name) {
  PyObject *modules = PyImport_GetModuleDict(); /* borrowed */
  return PyDict_GetItemWithError(modules, name) != NULL;
}

/* The objects below are loaded once, perhaps by several threads at once, which get the same. The
   one that is asked for is stored last. acquire and release: then the others are there, too. */
static PyObject *loaded(PyObject *const *place) { return __atomic_load_n(place, __ATOMIC_ACQUIRE); }

static void store(PyObject **place, PyObject *object) {
  __atomic_store_n(place, object, __ATOMIC_RELEASE);
}

static int load_asyncio(void) {
  PyObject *module = PyImport_ImportModule("asyncio");
  if (module == NULL) return -1;
  PyObject *invalid = PyObject_GetAttrString(module, "InvalidStateError");
  PyObject *get = invalid == NULL ? NULL : PyObject_GetAttrString(module, "_get_running_loop");
  Py_DECREF(module);
  if (get == NULL) {
    Py_XDECREF(invalid);
    return -1;
  }
  store(&invalid_state_error, invalid);
  store(&get_running_loop, get);
  return 0;
}

static int load_trio(void) {
  PyObject *module = PyImport_ImportModule("afflux._trio");
  if (module == NULL) return -1;
  PyObject *peek = PyObject_GetAttrString(module, "peek");
  PyObject *future = peek == NULL ? NULL : PyObject_GetAttrString(module, "Future");
  PyObject *running = future == NULL ? NULL : PyObject_GetAttrString(module, "running");
  Py_DECREF(module);
  if (running == NULL) {
    Py_XDECREF(future);
    Py_XDECREF(peek);
    return -1;
  }
  store(&trio_peek, peek);
  store(&trio_future, future);
  store(&trio_running, running);
  return 0;
}

/* The loop of asyncio that runs on this thread: borrowed, for it runs; NULL: none, or with an
   exception. */
static PyObject *asyncio_loop(void) {
  if (loaded(&get_running_loop) == NULL && (!is_imported(str_asyncio) || load_asyncio() < 0)) {
    return NULL;
  }
  PyObject *loop = PyObject_CallNoArgs(loaded(&get_running_loop));
  if (loop == NULL) return NULL;
  Py_DECREF(loop);
  return loop == Py_None ? NULL : loop;
}

/* The mailbox of the run of trio whose task this thread runs: a new reference; NULL: none, or with
   an exception. */
static PyObject *trio_mailbox(bool create) {
  if (loaded(&trio_running) == NULL && (!is_imported(str_trio) || load_trio() < 0)) return NULL;
  PyObject *box = PyObject_CallNoArgs(loaded(create ? &trio_running : &trio_peek));
  if (box == Py_None) Py_CLEAR(box);
  return box;
}

/* The mailbox of a loop that runs on this thread: a new reference, or NULL. */
static Mailbox *find(PyObject *loop) {
#ifndef Py_GIL_DISABLED
  if (newest_mailbox != NULL && newest_mailbox->core->loop == loop) {
    return (Mailbox *)Py_NewRef((PyObject *)newest_mailbox);
  }
#endif
  PyObject *key = PyLong_FromVoidPtr(loop);
  if (key == NULL) return NULL;
  PyObject *box;
#if PY_VERSION_HEX >= 0x030d0000
  PyDict_GetItemRef(mailboxes, key, &box); /* NULL on failure, too */
#else
  box = Py_XNewRef(PyDict_GetItemWithError(mailboxes, key));
#endif
  Py_DECREF(key);
#ifndef Py_GIL_DISABLED
  if (box != NULL) newest_mailbox = (Mailbox *)box;
#endif
  return (Mailbox *)box;
}

/* A mailbox that is a reader of `loop`, in `mailboxes`. A new reference. */
static PyObject *attach(PyObject *loop) {
  PyObject *result = NULL, *key = NULL, *done = NULL, *drain = NULL, *gone = NULL;
  Mailbox *self = (Mailbox *)PyObject_CallNoArgs((PyObject *)&Mailbox_Type);
  if (self == NULL) return NULL;
  drain = PyObject_GetAttrString((PyObject *)self, "drain");
  gone = PyObject_GetAttrString((PyObject *)self, "_loop_gone");
  key = PyLong_FromVoidPtr(loop);
  if (drain == NULL || gone == NULL || key == NULL) goto end;
  self->loop_ref = PyWeakref_NewRef(loop, gone);
  if (self->loop_ref == NULL) goto end;
  done = PyObject_CallMethod(loop, "add_reader", "iO", self->core->read_fd, drain);
  if (done == NULL || PyDict_SetItem(mailboxes, key, (PyObject *)self) < 0) {
    Py_CLEAR(self->loop_ref); /* it and this object hold each other */
    goto end;
  }
  self->core->loop = loop;
  result = Py_NewRef((PyObject *)self);
end:
  Py_XDECREF(done);
  Py_XDECREF(key);
  Py_XDECREF(gone);
  Py_XDECREF(drain);
  Py_DECREF(self);
  return result;
}

PyObject *mailbox_of_running_loop(void) {
  PyObject *box = trio_mailbox(true); /* first: trio may be a guest in asyncio's loop */
  if (box != NULL || PyErr_Occurred()) return box;
  PyObject *loop = asyncio_loop();
  if (loop == NULL) {
    if (!PyErr_Occurred()) {
      PyErr_SetString(PyExc_RuntimeError,
                      "no running event loop: await this within asyncio, uvloop or trio");
    }
    return NULL;
  }
  box = (PyObject *)find(loop);
  return box != NULL || PyErr_Occurred() ? box : attach(loop);
}

mailbox *mailbox_here(void) {
  mailbox *here = NULL;
  Mailbox *box = (Mailbox *)trio_mailbox(false);
  if (box != NULL) {
    here = box->core; /* the run of trio keeps it */
  } else if (!PyErr_Occurred()) {
    PyObject *loop = asyncio_loop();
    if (loop != NULL && (box = find(loop)) != NULL) here = box->core; /* kept by `mailboxes` */
  }
  Py_XDECREF((PyObject *)box);
  if (PyErr_Occurred()) PyErr_WriteUnraisable(NULL);
  return here;
}

PyObject *mailbox_create_future(PyObject *op) {
  PyObject *loop = ((Mailbox *)op)->core->loop; /* it runs on this thread */
  return loop != NULL ? PyObject_CallMethodNoArgs(loop, str_create_future)
                      : PyObject_CallNoArgs(trio_future);
}

/* A task could not be resumed: the exception that is set has come out of its future or its loop. */
static void resume_failed(PyObject *future) {
  PyObject *invalid = loaded(&invalid_state_error);
  if (invalid != NULL && PyErr_ExceptionMatches(invalid)) {
    /* The future is cancelled: its task is about to be told, and gives back what it has got. */
    PyErr_Clear();
  } else {
    callback_failed(future);
  }
}

void wait_resume(wait *w) {
  /* acq_rel: as in drop_future(). */
  PyObject *future = atomic_exchange_explicit(&w->future, NULL, memory_order_acq_rel);
  if (future != NULL) {
    PyObject *done = PyObject_CallMethodOneArg(future, str_set_result, Py_None);
    if (done == NULL) resume_failed(future);
    Py_XDECREF(done);
    Py_DECREF(future);
  }
  wait_unref(w);
}

int mailbox_init(void) {
  str_set_result = PyUnicode_InternFromString("set_result");
  str_create_future = PyUnicode_InternFromString("create_future");
  str_asyncio = PyUnicode_InternFromString("asyncio");
  str_trio = PyUnicode_InternFromString("trio");
  mailboxes = PyDict_New();
  return str_set_result == NULL || str_create_future == NULL || str_asyncio == NULL ||
                 str_trio == NULL || mailboxes == NULL
             ? -1
             : 0;
}
