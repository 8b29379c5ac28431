// SPDX-License-Identifier: MIT OR Apache-2.0
//
// For code of others that writes to sockets and blocks: no SIGPIPE reaches the program, and no
// pthread_cancel() takes effect inside.
#pragma once

#include <pthread.h>

#include <csignal>
#include <ctime>

namespace afflux::fleet {

class quiet {
 public:
  quiet() {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &before_);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_);
  }
  quiet(const quiet&) = delete;
  quiet& operator=(const quiet&) = delete;
  ~quiet() {
    if (!was_pending_) {
      sigset_t pipe;
      sigemptyset(&pipe);
      sigaddset(&pipe, SIGPIPE);
      const std::timespec none{};
      sigtimedwait(&pipe, nullptr, &none);
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    pthread_setcancelstate(cancel_, nullptr);
  }

 private:
  sigset_t before_{};
  bool was_pending_ = false;
  int cancel_ = 0;
};

}  // namespace afflux::fleet
