// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What waits in an execution context of Asio, and its port (asio.hpp).
#ifndef AFFLUX_DETAIL_ASIO_SERVICE_HPP
#define AFFLUX_DETAIL_ASIO_SERVICE_HPP

#include <afflux/detail/config.hpp>

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>
#include <asio/execution_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <afflux/afflux.h>
#include <afflux/detail/list.hpp>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/part.hpp>
#include <afflux/detail/resume.hpp>
#include <afflux/error_code.hpp>
#include <afflux/port.hpp>
#include <afflux/status.hpp>

namespace afflux::detail {

class asio_service;
class asio_canceller;

/// What waits, but for its handler. The members below `guarded` are the service's, under its lock.
///
/// An operation is in the service's list until one thread has taken it out to finish it: the one
/// that runs the context, which has its completion; or the one that cancels, if that answers OK,
/// or if the completion has come meanwhile (`arrived`).
class asio_op : public list_node<asio_op> {
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
    request.client = what.terms.client;
    request.tenant = what.terms.tenant;
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

 protected:
  ~asio_op() = default;

  /// Nothing is held afterwards, unless there is no error.
  [[nodiscard]] asio::error_code outcome() const noexcept {
    if (!aborted) return make_error_code(static_cast<status>(result));
    if (result == AFFLUX_OK) what.give_back();
    return asio::error::operation_aborted;
  }
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
        return;  // the thread that gets its completion sees that it is aborted
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
    list<asio_op> finished;
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
    list<asio_op> dead;
    list<asio_op> completing;
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
  list<asio_op> ops_;
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
    op->canceling = true;  // no thread finishes it until cancel() has looked
    op->aborted = true;
  }
  op->service.cancel(*op);
}

}  // namespace afflux::detail

#endif  // AFFLUX_DETAIL_ASIO_SERVICE_HPP
