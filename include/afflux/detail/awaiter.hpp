// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What lies in a coroutine's frame while it waits (afflux.hpp, chapter 4).
#ifndef AFFLUX_DETAIL_AWAITER_HPP
#define AFFLUX_DETAIL_AWAITER_HPP

#include <afflux/detail/config.hpp>

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <thread>
#include <type_traits>
#include <utility>

#include <afflux/afflux.h>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/on_port.hpp>
#include <afflux/detail/resume.hpp>
#include <afflux/detail/terms.hpp>
#include <afflux/detail/turn.hpp>
#include <afflux/executor.hpp>

namespace afflux::detail {

/// What is told of a completion: a wake function, or a port.
struct destination {
  ::afflux_wake_fn wake = nullptr;
  void* ctx = nullptr;
  ::afflux_port* port = nullptr;
  std::uint64_t user_data = 0;
};

/// The part of an awaiter that knows neither what it waits for nor executor nor result.
///
/// I1  The library borrows waiter_ from a PENDING answer until on_completed() begins or a cancel
///     has answered OK.
/// I2 to I4 are those of turn.
class awaiter_base : protected turn {
 protected:
  explicit awaiter_base(const acquire_terms& terms) noexcept : terms_(terms) {}
  ~awaiter_base() = default;

  /// Queue, by source.start(request, waiter); false: there is an answer in result_ already.
  template <class Source>
  AFFLUX_HPP_NOINLINE bool start(Source& source, std::coroutine_handle<> h,
                                 const destination& to) noexcept {
    handle_ = h;
    ::afflux_request request{};
    request.struct_size = sizeof request;
    request.flags = terms_.flags;
    request.permits = terms_.permits;
    request.priority = static_cast<std::uint32_t>(terms_.prio);
    request.cost_bytes = terms_.cost_bytes;
    request.timeout_ns = terms_.timeout_ns();
    request.wake = to.wake;
    request.ctx = to.ctx;
    request.port = to.port;
    request.user_data = to.user_data;
    request.client = terms_.client;
    request.tenant = terms_.tenant;
    // A destructor on another thread may come before it is queued: to be cancelled, though empty.
    if constexpr (requires { source.clear(); }) {
      source.clear();
    } else {
      waiter_ = {};
    }
    // [waiting] release, pairs with take_back(): the empty waiter.
    state_.store(kWaiting, std::memory_order_release);
    const resume_scope scope;  // touches this thread's queue only, never the frame
    const ::afflux_status answer = source.start(request, waiter_);
    if (answer == AFFLUX_PENDING) return true;  // the frame may be gone
    result_ = answer;
    if (!scope.resumes_others()) {
      if (leave(kWaiting, kIdle)) return false;
    } else {
      // The call has completed others. They run before this coroutine goes on, and may destroy it:
      // so it waits for its turn behind them.
      resume_queue& queue = resume_queue::mine();
      queue_ = &queue;
      if (leave(kWaiting, kQueued)) {
        queue.push(*this);
        return true;
      }
    }
    abandon();  // another thread destroys it, and waits
    return true;
  }

  /// The completion of a wait without an executor.
  AFFLUX_HPP_NOINLINE void complete_inline() noexcept {
    resume_queue& queue = resume_queue::mine();
    if (queue.open) {
      queue_ = &queue;
      if (leave(kWaiting, kQueued)) {
        // The destructor, on another thread, may have turned it to kDestroying since; it waits
        // until run() has taken it off here.
        queue.push(*this);
      } else {
        abandon();
      }
      return;
    }
    // No call further up will see to it: this is the outermost one.
    if (!leave(kWaiting, kClaimed)) return abandon();
    const resume_scope scope;
    handle_.resume();
  }

  /// The frame is being destroyed and the wait has not come to its end. Within a resume_scope.
  /// `mine(queue)`: whether this thread may take a turn off that queue. `help()`: what lets a
  /// completion of this thread's own come.
  /// @return kIdle: cancelled; no thread will touch the frame any more, nothing is held
  ///         kAbandoned: no thread will touch the frame any more, result_ tells what is held
  ///         kClaimed, kHandedOver: completed and handed over, result_ tells with what
  template <class Source, class Mine, class Help>
  std::uint32_t take_back(Source& source, Mine mine, Help help) noexcept {
    // acquire, here and below, pairs with [claim]: result_ and queue_; and with [waiting].
    std::uint32_t seen = state_.load(std::memory_order_acquire);
    if (seen == kWaiting) {
      if (cancel(source) == AFFLUX_OK) return kIdle;
      seen = leave(kWaiting, kDestroying) ? std::uint32_t{kDestroying}
                                          : state_.load(std::memory_order_acquire);
    }
    if (seen == kQueued) {
      if (mine(*queue_)) {
        queue_->remove(*this);
        return kAbandoned;
      }
      seen = leave(kQueued, kDestroying) ? std::uint32_t{kDestroying}
                                         : state_.load(std::memory_order_acquire);
    }
    while (seen == kDestroying) {
      help();
      seen = state_.load(std::memory_order_acquire);
      if (seen != kDestroying) break;
      // Where start() had not queued it yet.
      if (cancel(source) == AFFLUX_OK) return kIdle;
      std::this_thread::yield();
    }
    return seen;
  }

  template <class Source>
  ::afflux_status cancel(Source& source) noexcept {
    if constexpr (requires { source.cancel(); }) {
      return source.cancel();
    } else {
      return ::afflux_waiter_cancel(&waiter_);
    }
  }

  acquire_terms terms_;
  ::afflux_waiter waiter_;  // initialised when it is needed: start()
  resume_queue* queue_ = nullptr;
};

/// The awaiter but for its result. What it waits for is the business of a Source, which has
///   afflux_status start(const afflux_request&, afflux_waiter&)   as afflux_sem_acquire_async
///   void give_back(const acquire_terms&)   return what a completion with AFFLUX_OK gave to a
///                                          coroutine that will not see it
///   afflux_status cancel()                 optional: where there is more to it than the waiter
///   void clear()                           with it: what cancel() may come after
/// none of which throws.
template <class Source, class Executor>
class awaiter : private awaiter_base {
 public:
  awaiter(Source source, const acquire_terms& terms, Executor executor)
      : awaiter_base(terms), source_(std::move(source)), executor_(std::move(executor)) {}

  awaiter(const awaiter&) = delete;
  awaiter& operator=(const awaiter&) = delete;

  bool await_suspend(std::coroutine_handle<> h) noexcept {
    return start(source_, h, {.wake = &on_completed, .ctx = this});
  }

 protected:
  ~awaiter() {
    // relaxed: after a wait that ended in await_resume this thread wrote it itself.
    if (state_.load(std::memory_order_relaxed) != kIdle) destroyed_while_waiting();
  }

  /// For await_resume: the wait is over; with what?
  [[nodiscard]] ::afflux_status finish() noexcept {
    if constexpr (discarding_executor<Executor>) await_other(kClaimed);
    state_.store(kIdle, std::memory_order_relaxed);  // only the destructor reads it now
    return result_;
  }

  [[nodiscard]] const Source& source() const noexcept { return source_; }
  [[nodiscard]] const acquire_terms& terms() const noexcept { return terms_; }

 private:
  static void on_completed(void* ctx, ::afflux_status result) noexcept {
    auto* self = static_cast<awaiter*>(ctx);
    self->result_ = result;
    if constexpr (std::is_same_v<Executor, resume_inline>) {
      self->complete_inline();
    } else {
      self->hand_over();
    }
  }

  void hand_over() noexcept {
    // Off the frame first: from the claim on it may go at any moment.
    Executor executor = take_executor();
    const std::coroutine_handle<> h = handle_;
    if (!leave(kWaiting, kClaimed)) return abandon();
    executor(h);
    if constexpr (discarding_executor<Executor>) {
      // [handed over] release; pairs with await_other() in finish() and in the destructor,
      // one of which waits for it. The last touch.
      state_.store(kHandedOver, std::memory_order_release);
    }
  }

  [[nodiscard]] Executor take_executor() noexcept {
    if constexpr (discarding_executor<Executor>) {
      return executor_;  // the destructor needs it, too
    } else {
      return std::move(executor_);
    }
  }

  AFFLUX_HPP_NOINLINE void destroyed_while_waiting() noexcept {
    // Others may be completed by the cancel or by what is given back; they are resumed at the
    // very end.
    const resume_scope scope;
    // The completion may be next in a batch that we were resumed from.
    const std::uint32_t seen = take_back(
        source_, [](const resume_queue& queue) { return &queue == &resume_queue::mine(); },
        [] { ::afflux_completions_run(); });
    if (seen == kIdle) return;
    if constexpr (discarding_executor<Executor>) {
      if (seen != kAbandoned) {
        await_other(kClaimed);
        static_cast<std::unwrap_reference_t<Executor>&>(executor_).discard(handle_);
      }
    }
    if (result_ == AFFLUX_OK) source_.give_back(terms_);
  }

  Source source_;
  [[no_unique_address]] Executor executor_;
};

/// One on a port: port_loop.hpp.
template <class Source>
class awaiter<Source, on_port>;

}  // namespace afflux::detail

#endif  // AFFLUX_DETAIL_AWAITER_HPP
