// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What tests drive coroutines with.
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

namespace afflux_test {

/// Runs at once; its owner destroys it, waiting or finished.
class owned {
 public:
  struct promise_type {
    owned get_return_object() noexcept {
      return owned(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };

  owned() noexcept = default;
  owned(owned&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  owned& operator=(owned&& other) noexcept {
    destroy();
    handle_ = std::exchange(other.handle_, {});
    return *this;
  }
  ~owned() { destroy(); }

  void destroy() noexcept {
    if (handle_) std::exchange(handle_, {}).destroy();
  }
  [[nodiscard]] bool done() const noexcept { return handle_ && handle_.done(); }

 private:
  explicit owned(std::coroutine_handle<promise_type> h) noexcept : handle_(h) {}
  std::coroutine_handle<promise_type> handle_;
};

/// Runs at once, destroys itself at its end: for those that end on another thread, which no owner
/// could destroy at a moment known to be safe.
struct fire_and_forget {
  struct promise_type {
    fire_and_forget get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

}  // namespace afflux_test
