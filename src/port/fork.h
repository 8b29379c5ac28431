// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A doorbell belongs to the process that made it: what one does when it finds itself in the child
// of a fork().
#pragma once

namespace afflux::port {

// Before the first one is made. 0 or an errno value.
int watch_forks() noexcept;

class forked {
 public:
  forked(const forked&) = delete;
  forked& operator=(const forked&) = delete;

  // In the child, on its only thread, before fork() returns there.
  virtual void begin_anew() noexcept = 0;

 protected:
  forked() noexcept = default;
  ~forked() = default;

  // When it is whole, and while it is: another thread may fork at any moment.
  void enlist() noexcept;
  void delist() noexcept;

 private:
  friend void for_each_forked(void (*)(forked&)) noexcept;
  forked* prev_ = nullptr;
  forked* next_ = nullptr;
};

}  // namespace afflux::port
