// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Coroutines that wait through a port: they are resumed on their loop's thread, when the loop
// drains the port, whichever thread completes the wait.
#pragma once

#include <afflux/afflux.h>

#include <array>
#include <coroutine>
#include <cstddef>

namespace example {

// Lives in the frame of the coroutine that awaits; nothing is allocated.
struct port_waiter {
  afflux_waiter waiter{};
  std::coroutine_handle<> coroutine;
  afflux_status status = AFFLUX_PENDING;
};

// `co_await` it: the status of the answer, or of the completion.
// Begin: afflux_status(afflux_request&, afflux_waiter&); it may add to the request.
template <class Begin>
class port_wait : port_waiter {
 public:
  port_wait(afflux_port* port, Begin begin) : port_(port), begin_(begin) {}
  port_wait(const port_wait&) = delete;
  port_wait& operator=(const port_wait&) = delete;

  bool await_ready() const noexcept { return false; }
  // Goes on at once when it need not wait. A completion cannot come before this returns: it is
  // drained by this very thread.
  bool await_suspend(std::coroutine_handle<> awaiting) noexcept {
    afflux_request request;
    afflux_request_init(&request);
    request.port = port_;
    request.ctx = static_cast<port_waiter*>(this);
    coroutine = awaiting;
    status = begin_(request, waiter);
    return status == AFFLUX_PENDING;
  }
  afflux_status await_resume() const noexcept { return status; }

 private:
  afflux_port* port_;
  Begin begin_;
};

// One permit of `sem`, for the tenant `of` unless that is null; with AFFLUX_OK it is to be
// released.
inline auto acquire(afflux_sem* sem, afflux_port* port, afflux_tenant* of = nullptr) {
  return port_wait(port, [sem, of](afflux_request& request, afflux_waiter& waiter) {
    request.tenant = of;
    return afflux_sem_acquire_async(sem, &request, &waiter);
  });
}

inline auto wait_for(afflux_event* event, afflux_port* port) {
  return port_wait(port, [event](const afflux_request& request, afflux_waiter& waiter) {
    return afflux_event_wait_async(event, &request, &waiter);
  });
}

// Resumes until nothing comes: what AFFLUX_PORT_DRAINS_ALL promises for each sleep.
inline void resume_completed(afflux_port* port) {
  std::array<afflux_completion, 64> done;
  while (const std::size_t count = afflux_port_drain(port, done.data(), done.size())) {
    for (std::size_t i = 0; i < count; ++i) {
      auto* const ended = static_cast<port_waiter*>(done[i].ctx);
      ended->status = done[i].status;
      ended->coroutine.resume();
    }
  }
}

}  // namespace example
