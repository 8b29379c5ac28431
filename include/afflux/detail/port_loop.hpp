// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A port's loop, and coroutines that go on in it (afflux.hpp, chapter 4, D7).
//
// How a frame may be destroyed while the port has its completion (chapter 4, D7). A completion in
// a port is a link in a list that only the loop's thread can take apart, and the link lies in the
// frame. So the destructor cancels, and where that comes too late it takes completions out of the
// port until its own has come, which may mean to wait for the thread that is putting it in. Those
// of other coroutines are kept, in their order, for the next run_ready(), and the port is rung
// anew if the loop could miss them. That is why only the loop's thread may destroy.
#ifndef AFFLUX_DETAIL_PORT_LOOP_HPP
#define AFFLUX_DETAIL_PORT_LOOP_HPP

#include <afflux/detail/config.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <afflux/afflux.h>
#include <afflux/detail/awaiter.hpp>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/on_port.hpp>
#include <afflux/detail/resume.hpp>
#include <afflux/detail/terms.hpp>
#include <afflux/status.hpp>

namespace afflux::detail {

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
    while (reminded_) {  // another owner may have a reference, and drain it
      ::afflux_completions_run();
      if (collect() == 0) std::this_thread::yield();
    }
    ::afflux_queue_unref(queue_);
    ::afflux_port_unref(port_);
  }

  [[nodiscard]] ::afflux_port* port() const noexcept { return port_; }
  [[nodiscard]] ::afflux_queue* queue() const noexcept { return queue_; }
  [[nodiscard]] bool resumes_from(const resume_queue& turns) const noexcept {
    return &turns == &turns_;
  }

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
/// with these differences: kQueued is to be in the port's turns_, or where start() had an answer on
/// that thread's queue; kDestroying is left by the completion on the destructor's own thread, which
/// takes it out of the port, or by start().
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

  /// As awaiter_base::take_back(). It may be in the port, or on its way there: on another thread,
  /// or on this one, which has run a callback that destroys.
  template <class Source>
  std::uint32_t take_back(Source& source) noexcept {
    bool collected = false;
    const std::uint32_t seen = awaiter_base::take_back(
        source,
        [this](const resume_queue& queue) {
          return &queue == &resume_queue::mine() ||
                 (loop_ != nullptr && loop_->resumes_from(queue));
        },
        [&] {
          ::afflux_completions_run();
          if (loop_ == nullptr) return;
          loop_->collect();
          collected = true;
        });
    if (collected) loop_->remind();
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
    state_.store(kIdle, std::memory_order_relaxed);  // only the destructor reads it now
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

}  // namespace afflux::detail

#endif  // AFFLUX_DETAIL_PORT_LOOP_HPP
