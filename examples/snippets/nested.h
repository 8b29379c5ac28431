// SPDX-License-Identifier: MIT OR Apache-2.0
//
// For the examples: the least that a coroutine needs which another one awaits for a
// value. It begins at the co_await, and its end resumes the coroutine that awaits it. A real
// program has its own, with errors.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

template <class T>
class [[nodiscard]] nested {
 public:
  struct promise_type {
    struct resume_awaiting {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> h) noexcept {
        return h.promise().awaiting;
      }
      void await_resume() noexcept {}
    };

    nested get_return_object() {
      return nested(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    resume_awaiting final_suspend() noexcept { return {}; }
    void return_value(T v) { value.emplace(std::move(v)); }
    void unhandled_exception() { std::terminate(); }

    std::optional<T> value;
    std::coroutine_handle<> awaiting;
  };

  nested(nested&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  nested& operator=(nested&&) = delete;
  ~nested() {
    if (handle_) handle_.destroy();  // one that waits takes its request back
  }

  bool await_ready() noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> h) noexcept {
    handle_.promise().awaiting = h;
    return handle_;
  }
  T await_resume() { return std::move(*handle_.promise().value); }

 private:
  explicit nested(std::coroutine_handle<promise_type> h) noexcept : handle_(h) {}
  std::coroutine_handle<promise_type> handle_;
};
