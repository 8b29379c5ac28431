// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Afflux for C++20: owners, chrono and coroutines over the C ABI of afflux.h, which is the manual.
// Header-only; link with -lafflux. Each class has a header of its own; this one includes all but
// error_code.hpp and asio.hpp. They need C++20, exceptions included.
//
// 1. Ownership
// ------------
// A semaphore owns one reference of its handle. A permit owns permits and borrows the semaphore, or
// the tenant, that they are of: some owner must live until the permit is released. A permit_token
// keeps its semaphore and its tenant alive.
//
// Constructing an owner (semaphore, event, wait_queue, port, client, registry, control, tenant)
// creates its object, or throws. An owner is empty only after it has been moved from, where
// create() has failed, and where from_handle() was given null. An empty owner may be moved,
// swapped, assigned to, destroyed, shared (which makes another empty one), converted to bool and
// asked for its handle(). Every other use of it is an error of the program; chapter 2 says how that
// shows. An empty permit or permit_token is no error: an acquire that fails answers one.
//
// 2. Errors
// ---------
// These throw: constructors that create something, the variants that take afflux::throws,
// acquire(n).or_throw(), and calls whose comment says so. Every other call answers a status, or a
// permit that is empty and tells why (permit::status).
//
// Using an empty owner fails an assertion: AFFLUX_ASSERT(condition), which is assert() unless the
// program defines it, alike in all its files, before it includes these headers. Without assertions
// (NDEBUG) such a call does nothing. It then answers status::invalid, an empty permit with that
// status, or the number 0; where it may throw it throws error(status::invalid).
//
// 3. Cost
// -------
// Uncontended acquires and releases are one compare-and-swap inline (afflux.h, "Inline fast path");
// everything else is a call into the library.
//
// 4. Coroutines
// -------------
// `co_await sem.acquire(n)` never allocates: what the wait needs lies in the coroutine's frame. The
// same holds for `co_await event.wait()`, `co_await queue.wait_unless(condition)`,
// `co_await sem.wait_idle()`, and `co_await any(...)` and `co_await all(...)`; and so does what
// follows. Each of the last two is one wait: it is resumed once, when none of its requests is left
// in a queue, and destroying it takes all of them back and returns whatever it held.
//
// Where it resumes. Without resume_on(), on the thread that completes it: inside a call on the
// semaphore (release, close, resize, a permit's destructor ...) or on the timer's thread. A call
// made through this header first finishes its own work, then resumes those that it completed, one
// after the other, and only the outermost such call of a thread does so: a chain in which every
// coroutine releases what the next one waits for runs at constant stack depth. So a nested
// release returns before the coroutines that it completed have run; they run when the coroutine
// that released suspends or ends. acquire_blocking() and acquire_token() run them before they
// block. A coroutine that blocks its thread by other means delays them. With resume_on(port), see
// port.hpp, in port::run_ready(), on the thread of an event loop.
//
// Cancelled by destruction. Destroying a coroutine that waits (coroutine_handle::destroy()) takes
// its request back: it holds no permits afterwards, and nothing touches its frame any more. The
// one rule is C++'s own: a coroutine must not be destroyed while it runs, and it runs from the
// moment at which its resumption has begun. Where permits are returned below, the notification of
// an auto-reset event, or the wake of a queue, is passed on. In detail:
//   D1  A wait that has not completed: any thread may destroy.
//   D2  Its completion is under way on another thread, but has not come to the coroutine: the
//       destructor wins; it waits until that thread has let go of the frame and returns the
//       permits that were granted. It may have to wait for the callbacks that run on that thread
//       before. That thread must therefore not wait for this one.
//   D3  It is completed and waits on this thread for its turn to be resumed (see above): it is
//       taken off, its permits are returned.
//   D4  Its resumption has begun on another thread: the program is wrong, as with any coroutine.
//       So where other threads may complete the wait, destruction is safe on the thread that
//       resumes it too. That is what an executor is for.
//   D5  resume_on(executor), completed and handed to the executor: the frame may be destroyed if
//       the executor will never resume that handle. An executor with a member `discard(handle)`
//       is told by the destructor, after the hand-over has ended, to drop it: then a coroutine may
//       be destroyed at any time on the thread that runs the executor's handles, whatever completes
//       the wait meanwhile.
//   D6  Its completion is under way on this very thread, which has resumed the coroutine that
//       destroys it from the same list (the timer's thread; a C caller's release): the destructor
//       wins here too. It runs the rest of that list first, so callbacks set by way of the C API
//       may run inside destroy(). Not from within a slow_wait function (afflux.h).
//   D7  resume_on(port): the thread that calls run_ready() may destroy at any time, whatever
//       completes the wait meanwhile; another thread only while no thread uses the port.
//
// A coroutine resumed without an executor must not let exceptions leave resume().
#ifndef AFFLUX_HPP
#define AFFLUX_HPP

#include <afflux/detail/config.hpp>

#include <afflux/afflux.h>
#include <afflux/acquire.hpp>
#include <afflux/client.hpp>
#include <afflux/condition.hpp>
#include <afflux/control.hpp>
#include <afflux/event.hpp>
#include <afflux/executor.hpp>
#include <afflux/options.hpp>
#include <afflux/permit.hpp>
#include <afflux/permit_token.hpp>
#include <afflux/port.hpp>
#include <afflux/registry.hpp>
#include <afflux/semaphore.hpp>
#include <afflux/several.hpp>
#include <afflux/stats.hpp>
#include <afflux/status.hpp>
#include <afflux/tenant.hpp>
#include <afflux/timers.hpp>
#include <afflux/wait.hpp>
#include <afflux/wait_queue.hpp>

#endif  // AFFLUX_HPP
