// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Afflux for C++20: ports, where coroutines and requests complete for an event loop. A part of
// afflux.hpp, which includes it and whose chapters hold here, too; afflux.h ("Port") is the manual,
// docs/ports.md shows loops.
//
// One thread is the loop's at a time: the one that calls run_ready(), drain() and close(). Any
// thread may start a wait.
//
// How a frame may be destroyed while the port has its completion (chapter 4, D7). A completion in
// a port is a link in a list that only the loop's thread can take apart, and the link lies in the
// frame. So the destructor cancels, and where that comes too late it takes completions out of the
// port until its own has come, which may mean to wait for the thread that is putting it in. Those
// of other coroutines are kept, in their order, for the next run_ready(), and the port is rung
// anew if the loop could miss them. That is why only the loop's thread may destroy.
#ifndef AFFLUX_PORT_HPP
#define AFFLUX_PORT_HPP

#include <algorithm>
#include <array>
#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <afflux/afflux.hpp>
#include <afflux/event.hpp>
#include <afflux/several.hpp>

// Why: see afflux.hpp.
#if defined(_MSC_VER) && !defined(__clang__)
#  define AFFLUX_HPP_NOINLINE __declspec(noinline)
#else
#  define AFFLUX_HPP_NOINLINE [[gnu::noinline]]
#endif

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

namespace detail {

/// The user_data of what is ours. The ctx is the awaiter then, or the loop itself.
inline constexpr std::uint64_t kOurs = 0xaff1'0c07'0a57'ac1d;

/// A port, and what has been taken out of it and not yet handed on. The loop's thread's.
class port_loop {
 public:
  port_loop(::afflux_port* port, ::afflux_queue* queue) : port_(port), queue_(queue) {
    others_.reserve(kBatch);
  }
  port_loop(const port_loop&) = delete;
  port_loop& operator=(const port_loop&) = delete;
  ~port_loop() {
    while (reminded_) {  // somebody else may have a reference, and drain it
      ::afflux_completions_run();
      if (collect() == 0) std::this_thread::yield();
    }
    ::afflux_queue_unref(queue_);
    ::afflux_port_unref(port_);
  }

  [[nodiscard]] ::afflux_port* port() const noexcept { return port_; }
  [[nodiscard]] ::afflux_queue* queue() const noexcept { return queue_; }

  /// Take some out, kBatch at most: coroutines to turns_, other requests to others_.
  /// @return 0: nothing is ready.
  std::size_t collect(std::size_t most = kBatch) noexcept {
    std::array<::afflux_completion, kBatch> taken;
    const std::size_t count = ::afflux_port_drain(port_, taken.data(), most);
    for (std::size_t i = 0; i < count; ++i) {
      // run_ready() asks for no more than there is room for; destructors and close() may.
      if (!mine(taken[i])) others_.push_back(taken[i]);
    }
    return count;
  }

  std::size_t run_ready(std::size_t max) noexcept {
    std::size_t count = 0;
    while (count < max) {
      if (turns_.run_one()) {
        ++count;
      } else if (collect(std::min(max - count, room())) == 0) {
        break;
      }
    }
    remind();
    return count;
  }

  std::size_t drain(std::span<::afflux_completion> out) noexcept {
    std::size_t count = std::min(out.size(), others());
    std::copy_n(others_.begin() + static_cast<std::ptrdiff_t>(passed_on_), count, out.begin());
    passed_on_ += count;
    if (others() == 0) {
      others_.clear();
      passed_on_ = 0;
    }
    while (count < out.size()) {
      const std::size_t taken = ::afflux_port_drain(port_, &out[count], out.size() - count);
      if (taken == 0) break;
      const auto from = out.begin() + static_cast<std::ptrdiff_t>(count);
      const auto to = from + static_cast<std::ptrdiff_t>(taken);
      const auto rest = std::remove_if(from, to, [this](auto& c) { return mine(c); });
      count += static_cast<std::size_t>(rest - from);
    }
    remind();
    return count;
  }

  status close() noexcept {
    if (reminded_) {
      while (collect() != 0) {
      }
    }
    if (left()) {
      remind();
      return status::busy;
    }
    return static_cast<status>(::afflux_port_close(port_));
  }

  /// What has been taken out and left here may have been what the doorbell had rung for, and a
  /// drain may have silenced it since. A completion of our own rings it again, if it has to be.
  void remind() noexcept {
    if (!left() || reminded_) return;
    ::afflux_request request{};
    request.struct_size = sizeof request;
    request.permits = 1;
    request.priority = AFFLUX_PRIORITY_NORMAL;
    request.timeout_ns = AFFLUX_FOREVER;
    request.ctx = this;
    request.port = port_;
    request.user_data = kOurs;
    reminded_ = ::afflux_queue_add_waiter_if(queue_, nullptr, nullptr, &request, &reminder_) ==
                AFFLUX_PENDING;
    ::afflux_queue_wake_one(queue_);
  }

 private:
  static constexpr std::size_t kBatch = 64;

  [[nodiscard]] bool mine(const ::afflux_completion& c) noexcept;
  [[nodiscard]] bool left() const noexcept { return !turns_.empty() || others() != 0; }
  [[nodiscard]] std::size_t others() const noexcept { return others_.size() - passed_on_; }
  [[nodiscard]] std::size_t room() const noexcept {
    return others_.size() < kBatch ? kBatch - others_.size() : 0;
  }

  ::afflux_port* const port_;
  ::afflux_queue* const queue_;
  resume_queue turns_;
  std::vector<::afflux_completion> others_;  // those before passed_on_ are gone
  std::size_t passed_on_ = 0;
  bool reminded_ = false;  // reminder_ is in the port
  ::afflux_waiter reminder_;
};

/// The part of an awaiter on a port that does not know what it waits for. awaiter_base's states,
/// with these differences: kQueued is to be in the port's turns_, kDestroying is left by the
/// completion on the destructor's own thread, which takes it out of the port, or by start().
class port_awaiter : protected awaiter_base {
 public:
  /// Its completion has been taken out of the port.
  void arrive(::afflux_status result, resume_queue& turns) noexcept {
    result_ = result;
    queue_ = &turns;
    if (leave(kWaiting, kQueued)) {
      turns.push(*this);
    } else {
      abandon();
    }
  }

 protected:
  port_awaiter(const acquire_terms& terms, on_port where) noexcept
      : awaiter_base(terms), loop_(where.loop) {}
  ~port_awaiter() = default;

  [[nodiscard]] destination here() noexcept {
    // Neither wake function nor port: the library answers AFFLUX_EINVAL, if it has to wait.
    if (loop_ == nullptr) return {};
    return {.ctx = this, .port = loop_->port(), .user_data = kOurs};
  }

  /// As awaiter_base::take_back().
  template <class Source>
  AFFLUX_HPP_NOINLINE std::uint32_t take_back(Source& source) noexcept {
    if (state_.load(std::memory_order_acquire) == kQueued) {
      queue_->remove(*this);
      return kAbandoned;
    }
    if (cancel(source) == AFFLUX_OK) return kIdle;
    // It is in the port, or on its way there: on another thread, or on this one, which has run a
    // callback that destroys. Or start() is about to answer: it will find this.
    if (!leave(kWaiting, kDestroying)) return state_.load(std::memory_order_acquire);
    std::uint32_t seen = kDestroying;
    for (;;) {
      ::afflux_completions_run();
      loop_->collect();
      seen = state_.load(std::memory_order_acquire);
      if (seen != kDestroying) break;
      // Where start() had not queued it yet.
      if (cancel(source) == AFFLUX_OK) {
        seen = kIdle;
        break;
      }
      std::this_thread::yield();
    }
    loop_->remind();
    return seen;
  }

 private:
  port_loop* const loop_;
};

inline bool port_loop::mine(const ::afflux_completion& c) noexcept {
  if (c.user_data != kOurs) return false;
  if (c.ctx == this) {
    reminded_ = false;
  } else {
    static_cast<port_awaiter*>(c.ctx)->arrive(c.status, turns_);
  }
  return true;
}

template <class Source>
class awaiter<Source, on_port> : private port_awaiter {
 public:
  awaiter(Source source, const acquire_terms& terms, on_port where)
      : port_awaiter(terms, where), source_(std::move(source)) {}

  bool await_suspend(std::coroutine_handle<> h) noexcept { return start(source_, h, here()); }

 protected:
  ~awaiter() {
    // relaxed: after a wait that ended in await_resume this thread wrote it itself.
    if (state_.load(std::memory_order_relaxed) != kIdle) destroyed_while_waiting();
  }

  [[nodiscard]] ::afflux_status finish() noexcept {
    state_.store(kIdle, std::memory_order_relaxed);
    return result_;
  }
  [[nodiscard]] const Source& source() const noexcept { return source_; }
  [[nodiscard]] const acquire_terms& terms() const noexcept { return terms_; }

 private:
  AFFLUX_HPP_NOINLINE void destroyed_while_waiting() noexcept {
    const resume_scope scope;  // as the primary template
    if (take_back(source_) == kAbandoned && result_ == AFFLUX_OK) source_.give_back(terms_);
  }

  Source source_;
};

/// A place in the port's own queue, and the wake that ends it.
struct turn_source {
  ::afflux_queue* queue;

  [[nodiscard]] ::afflux_status start(const ::afflux_request& request,
                                      ::afflux_waiter& waiter) const noexcept {
    // The coroutine may go on, and end the port, as soon as it has been woken, by whomever.
    ::afflux_queue* const q = ::afflux_queue_ref(queue);
    const ::afflux_status s = ::afflux_queue_add_waiter_if(q, nullptr, nullptr, &request, &waiter);
    if (s == AFFLUX_PENDING) ::afflux_queue_wake_one(q);
    ::afflux_queue_unref(q);
    return s;
  }
  void give_back(const acquire_terms&) const noexcept {}
};

}  // namespace detail

/// An owner of a port: where waits complete for an event loop (docs/ports.md). Move-only.
///
///   permit p = co_await sem.acquire().within(50ms).resume_on(loop);
///
/// goes on in loop.run_ready(). So do `co_await event.wait().resume_on(loop)` and the waits of a
/// wait_queue. Where a wait need not wait the coroutine just goes on: co_await enter() first, if it
/// may be on another thread.
///
/// An empty owner (default-made, moved from) answers status::invalid, 0 and −1; so does what would
/// have to wait on it. The destructor is the loop's thread's, or comes after it. No coroutine may
/// be waiting on the port then, neither suspended nor ready. Threads: kind(), native_handle(),
/// pending(), handle() and waits on it from any thread; the
///          rest from one thread at a time, the loop's.
/// Since: 0.1
class port {
 public:
  /// Empty.
  port() noexcept = default;

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
    return ret_status == status::ok ? from_handle(made, ret_status) : port();
  }

  /// Own a reference that the caller has, also after a failure (no_memory; invalid: null).
  [[nodiscard]] static port from_handle(::afflux_port* handle, status& ret_status) noexcept {
    port p;
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
    return static_cast<port_kind>(::afflux_port_kind(handle()));
  }
  /// The descriptor to poll for reading, which the library reads; −1: there is none.
  [[nodiscard]] std::intptr_t native_handle() const noexcept {
    return ::afflux_port_handle(handle());
  }
  /// Requests that wait, or whose completion is just being put in; an observation.
  [[nodiscard]] std::uint64_t pending() const noexcept { return ::afflux_port_pending(handle()); }

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
    return loop_ == nullptr ? 0 : loop_->run_ready(max);
  }

  /// Take out the completions of requests that were made by the C API for handle(). Coroutines are
  /// left to run_ready(): who has both calls both until both answer 0.
  /// @return how many were written to `out`; less than out.size(): that was all.
  /// Threads: the loop's. Owns: the caller owes the permits of each completion with AFFLUX_OK.
  [[nodiscard]] std::size_t drain(std::span<::afflux_completion> out) noexcept {
    return loop_ == nullptr ? 0 : loop_->drain(out);
  }

  /// Refuse new waits, if nothing is on its way: those that would have to wait get status::closed.
  /// @return ok; busy: nothing changed, some wait, or are ready; already; invalid.
  /// Threads: the loop's.
  status close() noexcept { return loop_ == nullptr ? status::invalid : loop_->close(); }

  /// io_uring: as afflux_port_prep_uring(). @return ok; already; not_supported; invalid.
  status prep_uring(::io_uring_sqe* sqe) noexcept {
    return static_cast<status>(::afflux_port_prep_uring(handle(), sqe));
  }
  /// io_uring: as afflux_port_check_uring().
  /// @return ok: it is the doorbell; again: it is, and prep_uring() again; invalid: another's.
  [[nodiscard]] status check_uring(const ::io_uring_cqe* cqe) noexcept {
    return static_cast<status>(::afflux_port_check_uring(handle(), cqe));
  }

  // ------------------------------------------------------------------------------------------
  // Coroutines
  // ------------------------------------------------------------------------------------------

  /// To be awaited: `co_await loop.enter();` goes on in run_ready(), whichever thread it came from.
  /// co_await answers ok; closed, and then it has gone on where it was.
  [[nodiscard]] wait_operation<detail::turn_source, detail::on_port> enter() const noexcept;

 private:
  friend detail::on_port detail::resume_in(const port& p) noexcept;

  [[nodiscard]] static port_options of_kind(port_kind kind) noexcept {
    port_options o;
    o.kind = kind;
    return o;
  }

  std::unique_ptr<detail::port_loop> loop_;
};

inline detail::on_port detail::resume_in(const port& p) noexcept { return {p.loop_.get()}; }

inline wait_operation<detail::turn_source, detail::on_port> port::enter() const noexcept {
  return {{loop_ == nullptr ? nullptr : loop_->queue()},
          detail::acquire_terms{},
          detail::resume_in(*this)};
}

}  // namespace afflux

#undef AFFLUX_HPP_NOINLINE

#endif  // AFFLUX_PORT_HPP
