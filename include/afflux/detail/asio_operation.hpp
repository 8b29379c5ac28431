// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An operation with its handler (asio.hpp).
#ifndef AFFLUX_DETAIL_ASIO_OPERATION_HPP
#define AFFLUX_DETAIL_ASIO_OPERATION_HPP

#include <afflux/detail/config.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/associator.hpp>
#include <asio/error.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/query.hpp>
#include <asio/strand.hpp>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include <afflux/afflux.h>
#include <afflux/acquire.hpp>
#include <afflux/detail/asio_service.hpp>
#include <afflux/detail/part.hpp>
#include <afflux/detail/terms.hpp>
#include <afflux/error_code.hpp>
#include <afflux/event.hpp>
#include <afflux/permit.hpp>
#include <afflux/semaphore.hpp>
#include <afflux/status.hpp>
#include <afflux/wait.hpp>

namespace afflux::detail {

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
    permit p = ec ? part_access::failed(ours ? ec.value() : AFFLUX_ECANCELED) : what.taken();
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
    // Only a request accounts, or names a tenant.
    if (what.terms.client != nullptr || what.terms.tenant != nullptr) return false;
    return fast_acquire(what.from, what.terms.permits) ||
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

}  // namespace afflux::detail

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

#endif  // AFFLUX_DETAIL_ASIO_OPERATION_HPP
