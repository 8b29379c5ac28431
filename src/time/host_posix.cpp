// SPDX-License-Identifier: MIT OR Apache-2.0
#include <pthread.h>
#include <signal.h>

#include <initializer_list>

#include "time/host.h"

namespace afflux::time {
namespace {

void set_name(const char* name) noexcept {
#if defined(__linux__)
  (void)pthread_setname_np(pthread_self(), name);
#elif defined(__APPLE__)
  (void)pthread_setname_np(name);
#else
  (void)name;
#endif
}

void* enter(void* argument) noexcept {
  const auto* start = static_cast<const thread_start*>(argument);
  set_name(start->name);
  start->body();
  return nullptr;
}

}  // namespace

int start_detached(const thread_start& start) noexcept {
  pthread_attr_t attributes;
  if (const int error = pthread_attr_init(&attributes); error != 0) return error;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  // The new thread inherits the mask: no handler of the application's runs on a
  // thread that it does not know of. Faults stay open: they strike the thread that
  // caused them, and blocked they would end the process without its crash handler.
  sigset_t blocked;
  sigset_t before;
  sigfillset(&blocked);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) {
    sigdelset(&blocked, fault);
  }
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, enter, const_cast<thread_start*>(&start));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return error;
}

#ifdef PTHREAD_CANCEL_DISABLE
no_thread_cancel::no_thread_cancel() noexcept {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_);
}
// Turning it on again is no cancellation point either.
no_thread_cancel::~no_thread_cancel() { pthread_setcancelstate(before_, nullptr); }
#else  // a C library without pthread_cancel()
no_thread_cancel::no_thread_cancel() noexcept = default;
no_thread_cancel::~no_thread_cancel() = default;
#endif

int at_fork(void (*before)(), void (*parent)(), void (*child)()) noexcept {
  return pthread_atfork(before, parent, child);
}

}  // namespace afflux::time
