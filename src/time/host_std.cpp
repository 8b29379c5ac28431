// SPDX-License-Identifier: MIT OR Apache-2.0
#include <cerrno>
#include <new>
#include <system_error>
#include <thread>

#include "time/host.h"

namespace afflux::time {

int start_detached(const thread_start& start) noexcept {
  try {
    std::thread(start.body).detach();
    return 0;
  } catch (const std::system_error& error) {
    return error.code().value() != 0 ? error.code().value() : EAGAIN;
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }
}

int at_fork(void (*)(), void (*)(), void (*)()) noexcept { return 0; }

}  // namespace afflux::time
