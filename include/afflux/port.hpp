// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ports, where coroutines and requests complete for an event loop. A part of afflux.hpp, whose
// chapters hold here, too; afflux.h ("Port") is the manual, docs/ports.md shows loops.
//
// One thread is the loop's at a time: the one that calls run_ready(), drain() and close(). Any
// thread may start a wait.
#ifndef AFFLUX_PORT_HPP
#define AFFLUX_PORT_HPP

#include <afflux/detail/config.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <utility>

#include <afflux/afflux.h>
#include <afflux/detail/expect.hpp>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/on_port.hpp>
#include <afflux/detail/port_loop.hpp>
#include <afflux/detail/terms.hpp>
#include <afflux/status.hpp>
#include <afflux/wait.hpp>

namespace afflux {

/// What rings; see AFFLUX_PORT_.... Since: 0.1
enum class port_kind : std::uint32_t {
  automatic = AFFLUX_PORT_AUTO,
  eventfd = AFFLUX_PORT_EVENTFD,
  uring = AFFLUX_PORT_URING,
  kqueue = AFFLUX_PORT_KQUEUE,
  iocp = AFFLUX_PORT_IOCP,
  callback = AFFLUX_PORT_CALLBACK,
  pipe = AFFLUX_PORT_PIPE
};

/// How to create a port. Since: 0.1
struct port_options {
  port_kind kind = port_kind::automatic;
  bool drains_all = false;      ///< AFFLUX_PORT_DRAINS_ALL
  bool msg_ring = false;        ///< AFFLUX_PORT_MSG_RING
  std::intptr_t handle = -1;    ///< the loop's own: ring (msg_ring), kqueue, completion port
  std::uint64_t user_data = 0;  ///< uring, kqueue, iocp: of the doorbell's own event
  void (*doorbell)(void* ctx) = nullptr;  ///< callback: what rings
  void* ctx = nullptr;                    ///< passed to doorbell

  /// The same for the C API.
  [[nodiscard]] explicit operator ::afflux_port_options() const noexcept {
    ::afflux_port_options c{};
    c.struct_size = sizeof c;
    c.kind = static_cast<std::uint32_t>(kind);
    c.flags = (drains_all ? std::uint32_t{AFFLUX_PORT_DRAINS_ALL} : 0U) |
              (msg_ring ? std::uint32_t{AFFLUX_PORT_MSG_RING} : 0U);
    c.handle = handle;
    c.user_data = user_data;
    c.doorbell = doorbell;
    c.ctx = ctx;
    return c;
  }
};

/// An owner of a port: where waits complete for an event loop (docs/ports.md). Move-only.
///
///   permit p = co_await sem.acquire().within(50ms).resume_on(loop);
///
/// goes on in loop.run_ready(). So do `co_await event.wait().resume_on(loop)` and the waits of a
/// wait_queue. Where a wait need not wait the coroutine just goes on: co_await enter() first, if it
/// may be on another thread.
///
/// An owner is empty after it was moved from, and where create() or from_handle() failed; chapter 1
/// says what an empty one may be used for. With NDEBUG its native_handle() is −1, and a wait that
/// would have to complete there answers status::invalid.
///
/// The destructor is the loop's thread's, or comes after it. No coroutine may be waiting on the
/// port then, neither suspended nor ready.
/// Threads: kind(), native_handle(), pending(), handle() and waits on it from any thread; the
///          rest from one thread at a time, the loop's.
/// Since: 0.1
class port {
 public:
  /// Of the platform's own kind, for loops that poll native_handle().
  /// Throws error (not_supported: Windows has no such kind; os_error), std::bad_alloc.
  port() : port(port_kind::automatic) {}

  /// Throws error (not_supported: not a kind of this platform; os_error; invalid), std::bad_alloc.
  explicit port(port_kind kind) : port(of_kind(kind)) {}
  explicit port(const port_options& o) {
    status made = status::ok;
    *this = create(o, made);
    detail::throw_unless_made(made);
  }

  /// The same without exceptions: empty, and ret_status tells why, on failure.
  [[nodiscard]] AFFLUX_HPP_NOINLINE static port create(const port_options& o,
                                                       status& ret_status) noexcept {
    const auto c = static_cast<::afflux_port_options>(o);
    ::afflux_port* made = nullptr;
    ret_status = static_cast<status>(::afflux_port_create(&c, &made));
    return ret_status == status::ok ? from_handle(made, ret_status) : port(no_loop{});
  }

  /// Own a reference that the caller has, also after a failure (no_memory; invalid: null).
  [[nodiscard]] static port from_handle(::afflux_port* handle, status& ret_status) noexcept {
    port p(no_loop{});
    ::afflux_queue* queue = nullptr;
    ret_status = handle == nullptr
                     ? status::invalid
                     : static_cast<status>(::afflux_queue_create(AFFLUX_QUEUE_AUTO, &queue));
    if (ret_status == status::ok) {
      try {
        p.loop_ = std::make_unique<detail::port_loop>(handle, queue);
        return p;
      } catch (const std::bad_alloc&) {
        ret_status = status::no_memory;
      }
    }
    ::afflux_queue_unref(queue);
    ::afflux_port_unref(handle);
    return p;
  }

  /// The C handle, borrowed, for requests of the C API, whose user_data may be any but the
  /// coroutines' own, 0xaff10c070a57ac1d; null when empty.
  [[nodiscard]] ::afflux_port* handle() const noexcept {
    return loop_ == nullptr ? nullptr : loop_->port();
  }
  [[nodiscard]] explicit operator bool() const noexcept { return loop_ != nullptr; }
  friend void swap(port& a, port& b) noexcept { std::swap(a.loop_, b.loop_); }

  /// What it really is, never automatic.
  [[nodiscard]] port_kind kind() const noexcept {
    return static_cast<port_kind>(::afflux_port_kind(used()));
  }
  /// The descriptor to poll for reading, which the library reads; −1: there is none.
  [[nodiscard]] std::intptr_t native_handle() const noexcept {
    return ::afflux_port_handle(used());
  }
  /// Requests that wait, or whose completion is just being put in; an observation.
  [[nodiscard]] std::uint64_t pending() const noexcept { return ::afflux_port_pending(used()); }

  // ------------------------------------------------------------------------------------------
  // The loop
  // ------------------------------------------------------------------------------------------

  /// Resume coroutines that are ready, `max` at most, those included that become ready meanwhile.
  /// When the handle is readable, the doorbell has rung: `while (loop.run_ready(64) != 0) {}`.
  /// @return how many were resumed; less than `max`: that was all. A loop that is edge-triggered
  ///         (EPOLLET, and any kind without a handle) goes on until then before it sleeps.
  /// Threads: the loop's. Not from within a coroutine that it has resumed.
  ///          A coroutine must not let exceptions leave resume().
  /// Order:   what led to a completion happens before the resumption.
  std::size_t run_ready(std::size_t max) noexcept {
    return used() == nullptr ? 0 : loop_->run_ready(max);
  }

  /// Take out the completions of requests that were made by the C API for handle(). Coroutines are
  /// left to run_ready(): who has both calls both until both answer 0.
  /// @return how many were written to `out`; less than out.size(): that was all.
  /// Threads: the loop's. Owns: the caller owes the permits of each completion with AFFLUX_OK.
  [[nodiscard]] std::size_t drain(std::span<::afflux_completion> out) noexcept {
    return used() == nullptr ? 0 : loop_->drain(out);
  }

  /// Refuse new waits, if nothing is on its way: those that would have to wait get status::closed.
  /// @return ok; busy: nothing changed, some wait, or are ready; already; invalid.
  /// Threads: the loop's.
  status close() noexcept { return used() == nullptr ? status::invalid : loop_->close(); }

  /// io_uring: as afflux_port_prep_uring(). @return ok; already; not_supported; invalid.
  status prep_uring(::io_uring_sqe* sqe) noexcept {
    return static_cast<status>(::afflux_port_prep_uring(used(), sqe));
  }
  /// io_uring: as afflux_port_check_uring().
  /// @return ok: it is the doorbell; again: it is, and prep_uring() again; invalid: another's.
  [[nodiscard]] status check_uring(const ::io_uring_cqe* cqe) noexcept {
    return static_cast<status>(::afflux_port_check_uring(used(), cqe));
  }

  // ------------------------------------------------------------------------------------------
  // Coroutines
  // ------------------------------------------------------------------------------------------

  /// To be awaited: `co_await loop.enter();` goes on in run_ready(), whichever thread it came from.
  /// co_await answers ok; closed, and then it has gone on where it was.
  [[nodiscard]] wait_operation<detail::turn_source, detail::on_port> enter() const noexcept;

 private:
  friend detail::on_port detail::resume_in(const port& p) noexcept;

  struct no_loop {};
  explicit port(no_loop) noexcept {}

  [[nodiscard]] ::afflux_port* used() const noexcept {
    AFFLUX_ASSERT(loop_ != nullptr && "afflux::port: empty");
    return handle();
  }

  [[nodiscard]] static port_options of_kind(port_kind kind) noexcept {
    port_options o;
    o.kind = kind;
    return o;
  }

  std::unique_ptr<detail::port_loop> loop_;
};

inline detail::on_port detail::resume_in(const port& p) noexcept {
  (void)p.used();
  return {p.loop_.get()};
}

inline wait_operation<detail::turn_source, detail::on_port> port::enter() const noexcept {
  return {{loop_ == nullptr ? nullptr : loop_->queue()},
          detail::acquire_terms{},
          detail::resume_in(*this)};
}

}  // namespace afflux

#endif  // AFFLUX_PORT_HPP
