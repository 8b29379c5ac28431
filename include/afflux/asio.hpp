// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Afflux for Asio (standalone, 1.22 or later; POSIX): acquires and waits as asynchronous
// operations, with any completion token. Not included by afflux.hpp.
//
//   afflux::permit p = co_await afflux::async_acquire(io, sem, 1, asio::use_awaitable);
//
// Each execution context has one port, an Asio service, whose descriptor its reactor watches while
// operations wait: completions arrive through it, however many, and no handler runs on a thread
// that releases. An operation with free permits does not touch it.
//
// As with Asio's own operations:
//   - The handler runs by its associated executor, by default the one that was given, and never
//     within the initiating function. What waits is allocated by its associated allocator.
//   - An operation counts as work: run() does not return while one is pending.
//   - Cancelling by the associated slot, with any type, ends in asio::error::operation_aborted:
//     nothing is held and the next in the queue is served, unless the handler is posted already.
//   - Destroying the execution context takes back what waits, destroys the handlers, and returns
//     what they held.
// The semaphore or event must live until the operation has completed.
//
// After a fork() the child needs an execution context of its own.
#ifndef AFFLUX_ASIO_HPP
#define AFFLUX_ASIO_HPP

#include <afflux/detail/config.hpp>

#include <asio/async_result.hpp>
#include <asio/error.hpp>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <afflux/afflux.hpp>
#include <afflux/detail/asio_operation.hpp>
#include <afflux/error_code.hpp>

namespace afflux {

/// Acquire, with options: `async_acquire(io, sem.acquire(2).within(50ms), token)`.
///
/// @param where  An executor, or what has one: an io_context, a socket.
/// @param token  For void(asio::error_code, afflux::permit): a handler, asio::use_awaitable, ....
///               Without an error the permit holds what was asked for. With one it is empty;
///               beside operation_aborted the codes are those of afflux::status: again
///               (within(0)), timed_out, closed, rejected, too_big, invalid, no_memory,
///               os_error.
/// @return what the token makes of it.
/// Throws what the initiation cannot do without: std::bad_alloc, afflux::error where no port can
/// be made.
/// Since: 0.1
template <class Where, class Token>
auto async_acquire(Where&& where, const acquire_operation<>& operation, Token&& token) {
  const auto executor = detail::executor_of(where);
  using initiation = detail::asio_initiation<std::remove_const_t<decltype(executor)>, true>;
  return asio::async_initiate<Token, void(asio::error_code, permit)>(
      initiation(executor), token, detail::part_access::part_of(operation));
}

/// Acquire `n` permits: `async_acquire(io, sem, n, token)`. Since: 0.1
template <class Where, class Token>
auto async_acquire(Where&& where, const semaphore& sem, std::uint64_t n, Token&& token) {
  return async_acquire(std::forward<Where>(where), sem.acquire(n), std::forward<Token>(token));
}

/// Wait for an event: `async_wait(io, ev.wait().within(50ms), token)`.
///
/// @param token  For void(asio::error_code): as for async_acquire(), without rejected.
/// A notification of an auto-reset event that comes to an operation which is being cancelled is
/// passed on.
/// Since: 0.1
template <class Where, class Token>
auto async_wait(Where&& where, const wait_operation<detail::event_source>& operation,
                Token&& token) {
  const auto executor = detail::executor_of(where);
  using initiation = detail::asio_initiation<std::remove_const_t<decltype(executor)>, false>;
  return asio::async_initiate<Token, void(asio::error_code)>(
      initiation(executor), token, detail::part_access::part_of(operation));
}

/// `async_wait(io, ev, token)`. Since: 0.1
template <class Where, class Token>
auto async_wait(Where&& where, const event& ev, Token&& token) {
  return async_wait(std::forward<Where>(where), ev.wait(), std::forward<Token>(token));
}

}  // namespace afflux

#endif  // AFFLUX_ASIO_HPP
