// SPDX-License-Identifier: MIT OR Apache-2.0
#include "ending.h"

#include <pthread.h>

#include <ctime>

namespace example {

ending::ending() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

void ending::wait(unsigned duration_s) const {
  if (duration_s == 0) {
    int signal = 0;
    sigwait(&signals_, &signal);
    return;
  }
  const timespec time{static_cast<time_t>(duration_s), 0};
  sigtimedwait(&signals_, nullptr, &time);
}

}  // namespace example
