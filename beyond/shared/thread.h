// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A thread of the library's own: named, and with all signals blocked, which are the program's, but
// for those that tell of a fault in what it runs, a wake function of the program's, say.
#pragma once

#include <pthread.h>
#include <signal.h>

namespace afflux::shared {

// 0, or an errno value.
inline int start_thread(void* (*run)(void*), void* with, pthread_t& ret_thread) noexcept {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT})
    sigdelset(&all, fault);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(&ret_thread, nullptr, run, with);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
#if defined(__GLIBC__)
  if (error == 0) pthread_setname_np(ret_thread, "afflux-shared");
#endif
  return error;
}

}  // namespace afflux::shared
