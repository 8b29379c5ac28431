// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who resumes a coroutine. A part of afflux.hpp, whose chapters hold here, too.
#ifndef AFFLUX_EXECUTOR_HPP
#define AFFLUX_EXECUTOR_HPP

#include <afflux/detail/config.hpp>

#include <concepts>
#include <coroutine>
#include <functional>
#include <type_traits>

namespace afflux {

/// What resume_on() takes: called once with the handle, on the completing thread; it resumes the
/// handle some time, or never. It must not throw. It is stored by value and moved to the completing
/// thread's stack before the call, so that it may resume the handle (and so end the coroutine) at
/// once; pass std::ref(pool) to store a reference. Since: 0.1
template <class E>
concept executor = std::move_constructible<E> && std::invocable<E&, std::coroutine_handle<>>;

/// An executor that can drop a handle handed to it and not yet resumed (chapter 4, D5).
/// `discard(handle)` is called on the thread that destroys the coroutine. Such an executor only
/// posts: its call neither resumes the handle itself nor waits until another thread has.
/// It is copied before each hand-over. Since: 0.1
template <class E>
concept discarding_executor = executor<E> && std::copy_constructible<E> &&
    requires(std::unwrap_reference_t<E>& e, std::coroutine_handle<> h) {
  e.discard(h);
};

/// The default: the completing thread resumes. Since: 0.1
struct resume_inline {
  void operator()(std::coroutine_handle<> h) const { h.resume(); }
};

}  // namespace afflux

#endif  // AFFLUX_EXECUTOR_HPP
