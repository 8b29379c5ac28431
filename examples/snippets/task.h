// SPDX-License-Identifier: MIT OR Apache-2.0
//
// For the README's example: the least that a coroutine type needs. It starts at
// once and frees itself. A real program has its own, with results and errors.
#pragma once

#include <coroutine>
#include <exception>

struct task {
  struct promise_type {
    task get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};
