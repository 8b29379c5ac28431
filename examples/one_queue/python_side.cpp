// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Starts CPython in this process, and has python_side.py fill the table.
#include <Python.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "one_queue.h"

namespace {

PyThreadState* main_state;
void (*stop_threads)();

void check(bool ok, const char* what) {
  if (ok) return;
  if (PyErr_Occurred() != nullptr) PyErr_Print();
  std::fprintf(stderr, "one_queue: python: %s\n", what);
  std::_Exit(1);
}

void stop() {
  stop_threads();
  PyEval_RestoreThread(main_state);
  check(Py_FinalizeEx() == 0, "it does not end");
}

}  // namespace

// ONE_QUEUE_PYTHON is an interpreter that has the package afflux, ONE_QUEUE_FOLDER where
// python_side.py is.
void one_queue_python(const one_queue_host* host, one_queue_side* ret_side) {
  PyConfig config;
  PyConfig_InitPythonConfig(&config);
  config.install_signal_handlers = 0;
  config.write_bytecode = 0;  // not into the source tree
  const char* const program = std::getenv("ONE_QUEUE_PYTHON");
  const char* const folder = std::getenv("ONE_QUEUE_FOLDER");
  check(program != nullptr && folder != nullptr, "run.sh tells where it is");
  check(PyStatus_Exception(PyConfig_SetBytesString(&config, &config.program_name, program)) == 0,
        "its path");
  check(PyStatus_Exception(Py_InitializeFromConfig(&config)) == 0, "it does not start");
  PyConfig_Clear(&config);

  PyObject* const path = PySys_GetObject("path");  // borrowed
  PyObject* const here = PyUnicode_DecodeFSDefault(folder);
  check(here != nullptr && PyList_Insert(path, 0, here) == 0, "its path");
  Py_DECREF(here);
  PyObject* const module = PyImport_ImportModule("python_side");
  check(module != nullptr, "python_side.py");
  PyObject* const done = PyObject_CallMethod(
      module, "begin", "KK",
      static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(host)),
      static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(ret_side)));
  check(done != nullptr, "begin()");
  Py_DECREF(done);
  Py_DECREF(module);
  stop_threads = ret_side->stop;
  ret_side->stop = stop;
  main_state = PyEval_SaveThread();  // from now on each call takes the GIL for itself
}
