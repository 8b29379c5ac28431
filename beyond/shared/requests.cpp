// SPDX-License-Identifier: MIT OR Apache-2.0
#include "requests.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <new>

#include "attendant.h"
#include "handle.h"
#include "thread.h"

namespace afflux::shared {
namespace {

// Requests that afflux_waiter_cancel() took back leave the line at a look: no event tells.
constexpr std::int64_t kLookEvery = 10'000'000;  // ns

}  // namespace

afflux_status requests::add(const afflux_request& request, afflux_waiter* waiter) noexcept {
  auto* const one = new (std::nothrow) pending{};
  if (one == nullptr) return AFFLUX_ENOMEM;
  one->n = request.permits;
  one->deadline = deadline_after(request.timeout_ns);
  afflux_status status = afflux_queue_create(AFFLUX_QUEUE_INTRUSIVE, &one->queue);
  if (status == AFFLUX_OK) status = handle_.claim_place(one->n, true, one->place);
  if (status == AFFLUX_EREJECTED) {
    // Some of these may have ended, and keep their places until a look.
    look();
    status = handle_.claim_place(one->n, true, one->place);
  }
  if (status != AFFLUX_OK) {
    afflux_queue_unref(one->queue);
    delete one;
    return status;
  }
  const auto give_up = [&](afflux_status why) {
    handle_.free_place(one->place);
    afflux_queue_unref(one->queue);
    delete one;
    return why;
  };
  status = start();
  if (status != AFFLUX_OK) return give_up(status);
  status = handle_.begin_wait();
  if (status != AFFLUX_OK) return give_up(status);
  afflux_request at_queue = request;
  at_queue.permits = 1;
  status = afflux_queue_add_waiter_if(one->queue, nullptr, nullptr, &at_queue, waiter);
  if (status != AFFLUX_PENDING) {
    handle_.end_wait();
    return give_up(status);
  }
  const answer begun = handle_.take_or_enqueue(one->n, one->place);
  if (begun == answer::queued) {
    {
      const std::lock_guard guard(mutex_);
      one->next = first_;
      first_ = one;
    }
    // It may have been granted before it was in the list.
    auto& bell = handle_.own_bell();
    bell.fetch_add(1, std::memory_order_release);
    futex_wake(bell, INT_MAX, futex_shared);
    return AFFLUX_PENDING;
  }
  handle_.end_wait();
  // Nothing to wait for. Unless its time has run out meanwhile, and its completion comes.
  const bool unwaited = afflux_waiter_cancel(waiter) == AFFLUX_OK;
  if (!unwaited && begun == answer::done) handle_.give_back(one->n);
  status = begun == answer::done     ? AFFLUX_OK
           : begun == answer::closed ? AFFLUX_ECLOSED
                                     : AFFLUX_E2BIG;
  return give_up(unwaited ? status : AFFLUX_PENDING);
}

afflux_status requests::start() noexcept {
  const std::lock_guard guard(mutex_);
  if (running_) return AFFLUX_OK;
  const int error = start_thread(
      [](void* self) -> void* {
        static_cast<requests*>(self)->run();
        return nullptr;
      },
      this, thread_);
  if (error != 0) {
    errno = error;
    return AFFLUX_EOS;
  }
  running_ = true;
  return AFFLUX_OK;
}

void requests::run() noexcept {
  auto& bell = handle_.own_bell();
  // [ended] acquire; pairs with end().
  while (!ending_.load(std::memory_order_acquire)) {
    // [rung] acquire; pairs with bell::rung(): what is granted from here on moves it.
    const std::uint32_t heard = bell.load(std::memory_order_acquire);
    look();
    if (ending_.load(std::memory_order_acquire)) break;
    futex_wait(bell, heard, next_look(), futex_shared);
  }
  void (*then)(handle&) = nullptr;
  {
    const std::lock_guard guard(mutex_);
    then = then_;
  }
  if (then == nullptr) return;
  drop(first_);
  then(handle_);  // *this is gone
}

// Soon after a request's time has run out, and in a while for those that are cancelled.
std::int64_t requests::next_look() noexcept {
  const std::lock_guard guard(mutex_);
  if (first_ == nullptr) return kForever;
  const std::int64_t now = now_ns();
  std::int64_t next = now + kLookEvery;
  for (const pending* each = first_; each != nullptr; each = each->next)
    if (each->deadline != kForever)
      next = std::min(next, std::max(each->deadline, now) + std::int64_t{AFFLUX_TIMER_TICK_NS});
  return next;
}

// Completions run without the mutex.
void requests::look() noexcept {
  pending* ended = nullptr;
  {
    const std::lock_guard guard(mutex_);
    for (pending** at = &first_; *at != nullptr;) {
      pending* const one = *at;
      if (!has_ended(*one)) {
        at = &one->next;
        continue;
      }
      *at = one->next;
      one->next = ended;
      ended = one;
      // Here: who finds no place and looks, finds this one.
      handle_.free_place(one->place);
      handle_.end_wait();
    }
  }
  while (ended != nullptr) {
    pending* const one = ended;
    ended = one->next;
    std::uint64_t woken = 0;
    if (one->granted) {
      afflux_queue_wake_n(one->queue, 1, &woken);
      // Its time had run out, or it was cancelled.
      if (woken == 0) handle_.give_back(one->n);
    }
    afflux_queue_unref(one->queue);  // one that still waits is told AFFLUX_ECLOSED
    delete one;
  }
}

bool requests::has_ended(pending& one) noexcept {
  switch (handle_.state_of(one.place)) {
    case place_state::granted:
      one.granted = handle_.accept(one.place);
      return one.granted;
    case place_state::parked:
      handle_.unpark(one.place);
      return false;
    case place_state::idle:
      return true;
    case place_state::waiting:
      break;
  }
  return afflux_queue_waiters(one.queue) == 0 && handle_.leave(one.place);
}

bool requests::end(void (*then)(handle&)) noexcept {
  pthread_t thread{};
  {
    const std::lock_guard guard(mutex_);
    if (!running_) return false;
    thread = thread_;
    if (pthread_equal(thread, pthread_self()) != 0) then_ = then;
  }
  // [ended] release; publishes then_.
  ending_.store(true, std::memory_order_release);
  auto& bell = handle_.own_bell();
  bell.fetch_add(1, std::memory_order_release);
  futex_wake(bell, INT_MAX, futex_shared);
  if (pthread_equal(thread, pthread_self()) != 0) {
    pthread_detach(thread);
    return true;
  }
  pthread_join(thread, nullptr);
  drop(first_);
  first_ = nullptr;
  return false;
}

// Ends requests whose handle ends. What they were granted goes with what the handle holds.
void requests::drop(pending* one) noexcept {
  while (one != nullptr) {
    pending* const next = one->next;
    while (handle_.state_of(one->place) != place_state::idle)
      if (!handle_.leave(one->place)) handle_.accept(one->place);
    handle_.free_place(one->place);
    handle_.end_wait();
    afflux_queue_unref(one->queue);
    delete one;
    one = next;
  }
}

}  // namespace afflux::shared
