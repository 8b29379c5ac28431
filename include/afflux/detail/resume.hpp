// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Coroutines that wait for their turn on this thread (afflux.hpp, chapter 4).
#ifndef AFFLUX_DETAIL_RESUME_HPP
#define AFFLUX_DETAIL_RESUME_HPP

#include <afflux/detail/config.hpp>

#include <afflux/detail/list.hpp>
#include <afflux/detail/turn.hpp>

namespace afflux::detail {

/// This thread's completed coroutines, and whether a call further up the stack will resume them.
class resume_queue {
 public:
  [[nodiscard]] static resume_queue& mine() noexcept {
    static constinit thread_local resume_queue queue;
    return queue;
  }

  constexpr resume_queue() noexcept = default;
  resume_queue(const resume_queue&) = delete;
  resume_queue& operator=(const resume_queue&) = delete;

  void push(turn& t) noexcept { turns_.push(t); }
  void remove(turn& t) noexcept { turns_.remove(t); }
  /// Resume the first. False: there is none.
  bool run_one() noexcept {
    turn* const first = turns_.pop();
    if (first == nullptr) return false;
    if (first->leave(turn::kQueued, turn::kHandedOver)) {
      first->handle_.resume();
    } else {
      first->abandon();
    }
    return true;
  }
  void run() noexcept {
    while (run_one()) {
    }
  }
  [[nodiscard]] bool empty() const noexcept { return turns_.empty(); }

  bool open = false;

 private:
  list<turn> turns_;
};

/// Around a call that may complete others: the outermost one resumes them when the call is over.
/// Only in functions that are never inlined into a coroutine, whose thread may change.
class resume_scope {
 public:
  resume_scope() noexcept : queue_(resume_queue::mine()), outermost_(!queue_.open) {
    queue_.open = true;
  }
  resume_scope(const resume_scope&) = delete;
  resume_scope& operator=(const resume_scope&) = delete;
  ~resume_scope() {
    if (!outermost_) return;
    queue_.run();
    queue_.open = false;
  }
  /// Whether others run at the end of this scope.
  [[nodiscard]] bool resumes_others() const noexcept { return outermost_ && !queue_.empty(); }

 private:
  resume_queue& queue_;
  bool outermost_;
};

/// Around a call that may block: a coroutine that it completes is resumed at once, and those who
/// wait for their turn are resumed before, for this thread may be about to wait for them.
class blocking_scope {
 public:
  blocking_scope() noexcept : queue_(resume_queue::mine()), was_open_(queue_.open) {
    if (was_open_) queue_.run();
    queue_.open = false;
  }
  blocking_scope(const blocking_scope&) = delete;
  blocking_scope& operator=(const blocking_scope&) = delete;
  ~blocking_scope() { queue_.open = was_open_; }

 private:
  resume_queue& queue_;
  bool was_open_;
};

}  // namespace afflux::detail

#endif  // AFFLUX_DETAIL_RESUME_HPP
