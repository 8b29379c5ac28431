// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A coroutine that nobody waits for: its frame goes when its body ends.
#pragma once

#include <coroutine>
#include <exception>

namespace example {

struct detached {
  struct promise_type {
    static detached get_return_object_on_allocation_failure() noexcept { return {false}; }
    detached get_return_object() noexcept { return {true}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    // Nothing in it throws; one that got lost would keep its permit.
    void unhandled_exception() noexcept { std::terminate(); }
  };
  bool begun;  // false: no memory for the frame
};

}  // namespace example
