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
//   - Cancelling by the associated slot, with any type, ends in asio::error::operation_aborted,
//   with
//     nothing held and the next in the queue served, unless the handler has been posted already.
//   - Destroying the execution context takes back what waits, destroys the handlers, and returns
//     what they held.
// The semaphore or event must live until the operation has completed.
//
// After a fork() the child needs an execution context of its own.
#ifndef AFFLUX_ASIO_HPP
#define AFFLUX_ASIO_HPP

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/associator.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/query.hpp>
#include <asio/strand.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>

#include <afflux/afflux.hpp>

// Why: see afflux.hpp.
#if defined(_MSC_VER) && !defined(__clang__)
#  define AFFLUX_HPP_NOINLINE __declspec(noinline)
#else
#  define AFFLUX_HPP_NOINLINE [[gnu::noinline]]
#endif

// ---------------------------------------------------------------------------------------------
// Error codes
// ---------------------------------------------------------------------------------------------

namespace afflux {

namespace detail {

class status_error_category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "afflux"; }
  [[nodiscard]] std::string message(int value) const override {
    return to_string(static_cast<status>(value));
  }
  [[nodiscard]] std::error_condition default_error_condition(int value) const noexcept override {
    switch (static_cast<status>(value)) {
      case status::again:
        return std::errc::resource_unavailable_try_again;
      case status::timed_out:
        return std::errc::timed_out;
      case status::canceled:
        return std::errc::operation_canceled;
      case status::invalid:
        return std::errc::invalid_argument;
      case status::no_memory:
        return std::errc::not_enough_memory;
      case status::not_supported:
        return std::errc::not_supported;
      default:
        return {value, *this};
    }
  }
};

}  // namespace detail

/// The category of a status as an error code: "afflux". Since: 0.1
[[nodiscard]] inline const std::error_category& status_category() noexcept {
  static const detail::status_error_category category;
  return category;
}

/// A status as an error code: `if (ec == afflux::status::closed)`. ok is no error. Comparable with
/// std::errc, too, where that has a name for it. Since: 0.1
[[nodiscard]] inline std::error_code make_error_code(status s) noexcept {
  if (s == status::ok) return {};  // equal to any other library's success
  return {static_cast<int>(s), status_category()};
}

}  // namespace afflux

template <>
struct std::is_error_code_enum<afflux::status> : std::true_type {};

namespace afflux {

namespace detail {

// ---------------------------------------------------------------------------------------------
// One operation
// ---------------------------------------------------------------------------------------------

class asio_service;
class asio_canceller;

/// What waits, but for its handler. The members below `guarded` are the service's, under its lock.
///
/// An operation is in the service's list until one thread has taken it out to finish it: the one
/// that runs the context, which has its completion; or the one that cancels, if that answers OK,
/// or if the completion has come meanwhile (`arrived`).
class asio_op {
 public:
  asio_op(asio_service& to, const part& wanted) noexcept : service(to), what(wanted) {}
  asio_op(const asio_op&) = delete;
  asio_op& operator=(const asio_op&) = delete;

  /// Post the handler, and free this.
  virtual void finish() = 0;
  /// Free this.
  virtual void destroy() noexcept = 0;

  struct destroyer {
    void operator()(asio_op* op) const noexcept;
  };

  [[nodiscard]] ::afflux_status start(::afflux_port* port) noexcept {
    ::afflux_request request{};
    request.struct_size = sizeof request;
    request.flags = what.terms.flags;
    request.permits = what.terms.permits;
    request.priority = static_cast<std::uint32_t>(what.terms.prio);
    request.cost_bytes = what.terms.cost_bytes;
    request.timeout_ns = what.terms.timeout_ns();
    request.ctx = this;
    request.port = port;
    return what.event == nullptr ? ::afflux_sem_acquire_async(what.from.sem, &request, &waiter)
                                 : ::afflux_event_wait_async(what.event, &request, &waiter);
  }

  asio_service& service;
  const part what;
  ::afflux_waiter waiter;

  // guarded
  ::afflux_status result = AFFLUX_PENDING;
  bool canceling = false;  // a thread is inside afflux_waiter_cancel()
  bool aborted = false;    // the answer is operation_aborted, whatever the result
  bool arrived = false;    // its completion has come while it was being cancelled
  asio_canceller* canceller = nullptr;
  asio_op* prev = nullptr;
  asio_op* next = nullptr;

 protected:
  ~asio_op() = default;

  /// Nothing is held afterwards, unless there is no error.
  [[nodiscard]] asio::error_code outcome() const noexcept {
    if (!aborted) return make_error_code(static_cast<status>(result));
    if (result == AFFLUX_OK) what.give_back();
    return asio::error::operation_aborted;
  }
};

class asio_ops {
 public:
  void push(asio_op& op) noexcept {
    op.prev = last_;
    op.next = nullptr;
    (last_ != nullptr ? last_->next : first_) = &op;
    last_ = &op;
  }
  void remove(asio_op& op) noexcept {
    (op.prev != nullptr ? op.prev->next : first_) = op.next;
    (op.next != nullptr ? op.next->prev : last_) = op.prev;
  }
  [[nodiscard]] asio_op* pop() noexcept {
    asio_op* const op = first_;
    if (op != nullptr) remove(*op);
    return op;
  }
  [[nodiscard]] asio_op* first() const noexcept { return first_; }
  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

 private:
  asio_op* first_ = nullptr;
  asio_op* last_ = nullptr;
};

/// What lies in a cancellation slot. It may outlive the operation, and the service.
class asio_canceller {
 public:
  asio_canceller(std::shared_ptr<std::mutex> lock, asio_op& op)
      : mutex_(std::move(lock)), op_(&op) {
    const std::lock_guard guard(*mutex_);
    op.canceller = this;
  }
  asio_canceller(const asio_canceller&) = delete;
  asio_canceller& operator=(const asio_canceller&) = delete;
  ~asio_canceller() {
    const std::lock_guard guard(*mutex_);
    if (op_ != nullptr) op_->canceller = nullptr;
  }

  void operator()(asio::cancellation_type_t type);

  /// The operation ends. Under the lock.
  void forget() noexcept { op_ = nullptr; }

 private:
  const std::shared_ptr<std::mutex> mutex_;
  asio_op* op_;
};

// ---------------------------------------------------------------------------------------------
// The service
// ---------------------------------------------------------------------------------------------

/// A port, and what waits for it. Nothing of the library is called under the lock, since callbacks
/// may run in it.
class asio_service final : public asio::execution_context::service {
 public:
  inline static asio::execution_context::id id;
  using key_type = asio_service;

  explicit asio_service(asio::execution_context& context)
      : asio::execution_context::service(context), mutex_(std::make_shared<std::mutex>()) {
    ::afflux_port_options options;
    (void)::afflux_port_options_init(&options);
    const auto made = static_cast<status>(::afflux_port_create(&options, &port_));
    if (made != status::ok) throw error(made, "afflux: create");
  }
  ~asio_service() override { ::afflux_port_unref(port_); }

  [[nodiscard]] const std::shared_ptr<std::mutex>& lock() const noexcept { return mutex_; }

  /// Queue, or finish at once.
  AFFLUX_HPP_NOINLINE void begin(std::unique_ptr<asio_op, asio_op::destroyer> mine,
                                 const asio::any_io_executor& watcher) {
    const resume_scope scope;
    {
      const std::lock_guard guard(*mutex_);
      if (!descriptor_) descriptor_.emplace(watcher, static_cast<int>(::afflux_port_handle(port_)));
      watch();
      ops_.push(*mine);
    }
    asio_op& op = *mine.release();
    const ::afflux_status answer = op.start(port_);
    if (answer == AFFLUX_PENDING) return;  // it may be gone
    {
      const std::lock_guard guard(*mutex_);
      op.result = answer;
      take(op);
      stop_watching();
    }
    op.finish();
  }

  AFFLUX_HPP_NOINLINE void cancel(asio_op& op) {
    const resume_scope scope;
    const ::afflux_status answer = ::afflux_waiter_cancel(&op.waiter);
    {
      const std::lock_guard guard(*mutex_);
      op.canceling = false;
      if (answer == AFFLUX_OK) {
        op.result = AFFLUX_ECANCELED;
      } else if (!op.arrived) {
        return;  // whoever gets its completion sees that it is aborted
      }
      take(op);
      stop_watching();
    }
    op.finish();
  }

 private:
  static constexpr std::size_t kBatch = 64;

  /// Under the lock. One wait at a time, and so one thread at a time that drains. Asio counts it as
  /// work: there is none while nothing waits.
  void watch() {
    if (watching_) return;
    descriptor_->async_wait(asio::posix::stream_descriptor::wait_read,
                            [this](const asio::error_code&) { drain(); });
    watching_ = true;
  }

  /// Under the lock: this thread finishes it.
  void take(asio_op& op) {
    ops_.remove(op);
    if (op.canceller != nullptr) op.canceller->forget();
  }

  /// Under the lock. While a drain() runs there is no wait to cancel, and its end looks.
  void stop_watching() {
    if (ops_.empty() && watching_) descriptor_->cancel();
  }

  AFFLUX_HPP_NOINLINE void drain() {
    asio_ops finished;
    std::array<::afflux_completion, kBatch> taken;
    // Down to nothing: the reactor is edge-triggered, and only then does the next one ring.
    while (const std::size_t count = ::afflux_port_drain(port_, taken.data(), kBatch)) {
      const std::lock_guard guard(*mutex_);
      for (std::size_t i = 0; i < count; ++i) {
        auto& op = *static_cast<asio_op*>(taken[i].ctx);
        op.result = taken[i].status;
        if (op.canceling) {
          op.arrived = true;
        } else {
          take(op);
          finished.push(op);
        }
      }
    }
    std::exception_ptr failure;  // of a post(), for want of memory; the others must not suffer
    while (asio_op* const op = finished.pop()) {
      try {
        op->finish();
      } catch (...) {
        failure = std::current_exception();
      }
    }
    {
      const std::lock_guard guard(*mutex_);
      watching_ = false;
      if (!ops_.empty()) watch();
    }
    if (failure) std::rethrow_exception(failure);
  }

  /// The context ends; no thread runs it or starts anything on it.
  void shutdown() override {
    const resume_scope scope;
    asio_ops dead;
    asio_ops completing;
    while (asio_op* const op = ops_.pop()) {
      if (op->canceller != nullptr) {
        const std::lock_guard guard(*mutex_);
        op->canceller->forget();
      }
      const bool canceled = op->arrived || ::afflux_waiter_cancel(&op->waiter) == AFFLUX_OK;
      (canceled ? dead : completing).push(*op);
    }
    while (!completing.empty()) {
      ::afflux_completions_run();
      ::afflux_completion done;
      if (::afflux_port_drain(port_, &done, 1) == 0) {
        std::this_thread::yield();
        continue;
      }
      auto& op = *static_cast<asio_op*>(done.ctx);
      completing.remove(op);
      if (done.status == AFFLUX_OK) op.what.give_back();
      dead.push(op);
    }
    while (asio_op* const op = dead.pop()) op->destroy();
    // The descriptor is the port's to close.
    if (descriptor_) descriptor_->release();
    descriptor_.reset();
  }

  const std::shared_ptr<std::mutex> mutex_;
  ::afflux_port* port_ = nullptr;
  std::optional<asio::posix::stream_descriptor> descriptor_;
  asio_ops ops_;
  bool watching_ = false;
};

inline void asio_op::destroyer::operator()(asio_op* op) const noexcept {
  {
    const std::lock_guard guard(*op->service.lock());
    if (op->canceller != nullptr) op->canceller->forget();
  }
  op->destroy();
}

inline void asio_canceller::operator()(asio::cancellation_type_t type) {
  constexpr auto kAny = asio::cancellation_type::terminal | asio::cancellation_type::partial |
                        asio::cancellation_type::total;
  if ((type & kAny) == asio::cancellation_type::none) return;
  asio_op* op = nullptr;
  {
    const std::lock_guard guard(*mutex_);
    op = op_;
    if (op == nullptr || op->aborted) return;
    op->canceling = true;  // nobody finishes it until cancel() has looked
    op->aborted = true;
  }
  op->service.cancel(*op);
}

// ---------------------------------------------------------------------------------------------
// With its handler
// ---------------------------------------------------------------------------------------------

/// What is posted in the end. Destroyed without being called it returns the permits.
template <class Handler, class... Results>
struct asio_completion {
  Handler handler;
  std::tuple<Results...> results;

  void operator()() { std::apply(std::move(handler), std::move(results)); }
};

template <bool HasPermit, class Handler>
[[nodiscard]] auto complete_with(Handler handler, const part& what, asio::error_code ec) {
  if constexpr (HasPermit) {
    const bool ours = ec.category() == status_category();
    permit p = ec ? several_access::failed(ours ? ec.value() : AFFLUX_ECANCELED) : what.taken();
    return asio_completion<Handler, asio::error_code, permit>{std::move(handler),
                                                              {ec, std::move(p)}};
  } else {
    return asio_completion<Handler, asio::error_code>{std::move(handler), {ec}};
  }
}

template <class Handler, class Executor, bool HasPermit>
class asio_op_of final : public asio_op {
  using allocator = typename std::allocator_traits<
      asio::associated_allocator_t<Handler>>::template rebind_alloc<asio_op_of>;
  using traits = std::allocator_traits<allocator>;

 public:
  template <class H>
  static asio_op_of* make(H&& handler, const Executor& executor, asio_service& to,
                          const part& wanted) {
    allocator memory(asio::get_associated_allocator(handler));
    asio_op_of* const op = traits::allocate(memory, 1);
    // The types that Asio takes for handlers and executors do not throw when they are moved.
    return new (op) asio_op_of(std::forward<H>(handler), executor, to, wanted);
  }

  void finish() override {
    allocator memory(asio::get_associated_allocator(handler_));
    const asio::error_code ec = outcome();
    auto done = complete_with<HasPermit>(std::move(handler_), what, ec);
    const auto work = std::move(work_);
    const auto context_work = std::move(context_work_);
    // Before the post, as Asio does: the allocator may have room for one at a time.
    free(memory);
    asio::post(work.get_executor(), std::move(done));
  }

  void destroy() noexcept override {
    allocator memory(asio::get_associated_allocator(handler_));
    free(memory);
  }

 private:
  template <class H>
  asio_op_of(H&& handler, const Executor& executor, asio_service& to, const part& wanted)
      : asio_op(to, wanted),
        handler_(std::forward<H>(handler)),
        work_(asio::make_work_guard(handler_, executor)),
        context_work_(executor) {}
  ~asio_op_of() = default;

  void free(allocator& memory) noexcept {
    this->~asio_op_of();
    traits::deallocate(memory, this, 1);
  }

  Handler handler_;
  asio::executor_work_guard<asio::associated_executor_t<Handler, Executor>> work_;
  asio::executor_work_guard<Executor> context_work_;
};

template <class T>
[[nodiscard]] const T& without_strand(const T& executor) noexcept {
  return executor;
}
template <class T>
[[nodiscard]] auto without_strand(const asio::strand<T>& strand) noexcept {
  return strand.get_inner_executor();
}

/// What async_initiate() calls.
template <class Executor, bool HasPermit>
class asio_initiation {
 public:
  using executor_type = Executor;

  explicit asio_initiation(const Executor& executor) noexcept : executor_(executor) {}
  [[nodiscard]] executor_type get_executor() const noexcept { return executor_; }

  template <class Handler>
  void operator()(Handler&& handler, const part& what) const {
    using handler_type = std::decay_t<Handler>;
    if constexpr (HasPermit) {
      if (take_now(what)) {
        auto done = complete_with<true, handler_type>(std::forward<Handler>(handler), what, {});
        const auto by = asio::get_associated_executor(done.handler, executor_);
        asio::post(by, std::move(done));
        return;
      }
    }
    asio::execution_context& context = asio::query(executor_, asio::execution::context);
    auto& service = asio::use_service<asio_service>(context);
    auto slot = asio::get_associated_cancellation_slot(handler);
    std::unique_ptr<asio_op, asio_op::destroyer> op(
        asio_op_of<handler_type, Executor, HasPermit>::make(std::forward<Handler>(handler),
                                                            executor_, service, what));
    if (slot.is_connected()) slot.template emplace<asio_canceller>(service.lock(), *op);
    service.begin(std::move(op), asio::any_io_executor(without_strand(executor_)));
  }

 private:
  [[nodiscard]] static bool take_now(const part& what) noexcept {
    return fast_acquire(what.from.fast, what.terms.permits) ||
           ::afflux_sem_try_acquire(what.from.sem, what.terms.permits) == AFFLUX_OK;
  }

  Executor executor_;
};

/// An executor, or the one of an execution context or I/O object.
template <class Where>
[[nodiscard]] auto executor_of(Where&& where) noexcept {
  if constexpr (requires { where.get_executor(); }) {
    return where.get_executor();
  } else {
    return std::decay_t<Where>(where);
  }
}

}  // namespace detail

}  // namespace afflux

template <template <class, class> class Associator, class Handler, class... Results, class Default>
struct asio::associator<Associator, afflux::detail::asio_completion<Handler, Results...>, Default>
    : Associator<Handler, Default> {
  using completion = afflux::detail::asio_completion<Handler, Results...>;

  static auto get(const completion& c) noexcept {
    return Associator<Handler, Default>::get(c.handler);
  }
  static auto get(const completion& c, const Default& d) noexcept {
    return Associator<Handler, Default>::get(c.handler, d);
  }
};

namespace afflux {

/// Acquire, with options: `async_acquire(io, sem.acquire(2).within(50ms), token)`.
///
/// @param where  An executor, or what has one: an io_context, a socket.
/// @param token  For void(asio::error_code, afflux::permit): a handler, asio::use_awaitable, ....
///               Without an error the permit holds what was asked for. With one it is empty;
///               beside operation_aborted the codes are those of afflux::status: again
///               (within(0)), timed_out, closed, rejected, invalid, no_memory, os_error.
/// @return what the token makes of it.
/// Throws what the initiation cannot do without: std::bad_alloc, afflux::error where no port can
/// be made.
/// Since: 0.1
template <class Where, class Token>
auto async_acquire(Where&& where, const acquire_operation<>& operation, Token&& token) {
  const auto executor = detail::executor_of(where);
  using initiation = detail::asio_initiation<std::remove_const_t<decltype(executor)>, true>;
  return asio::async_initiate<Token, void(asio::error_code, permit)>(
      initiation(executor), token, detail::several_access::part_of(operation));
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
      initiation(executor), token, detail::several_access::part_of(operation));
}

/// `async_wait(io, ev, token)`. Since: 0.1
template <class Where, class Token>
auto async_wait(Where&& where, const event& ev, Token&& token) {
  return async_wait(std::forward<Where>(where), ev.wait(), std::forward<Token>(token));
}

}  // namespace afflux

#undef AFFLUX_HPP_NOINLINE

#endif  // AFFLUX_ASIO_HPP
