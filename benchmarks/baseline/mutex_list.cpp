// SPDX-License-Identifier: MIT OR Apache-2.0
#include "baseline/mutex_list.h"

namespace afflux::baseline {
namespace {

void wake_all(list_waiter* waiter) noexcept {
  while (waiter != nullptr) {
    list_waiter* next = waiter->next;  // before its memory is its owner's again
    waiter->wake(waiter->context);
    waiter = next;
  }
}

}  // namespace

bool mutex_list::try_acquire(std::uint64_t n) noexcept {
  std::lock_guard guard(mutex_);
  if (first_ != nullptr || held_ + n > limit_) return false;
  held_ += n;
  return true;
}

bool mutex_list::acquire(std::uint64_t n, list_waiter& waiter) noexcept {
  std::lock_guard guard(mutex_);
  if (first_ == nullptr && held_ + n <= limit_) {
    held_ += n;
    return true;
  }
  waiter.permits = n;
  waiter.next = nullptr;
  waiter.prev = last_;
  (last_ != nullptr ? last_->next : first_) = &waiter;
  last_ = &waiter;
  return false;
}

bool mutex_list::release(std::uint64_t n) noexcept {
  list_waiter* woken = nullptr;
  {
    std::lock_guard guard(mutex_);
    if (held_ < n) return false;
    held_ -= n;
    woken = take_those_who_fit();
  }
  wake_all(woken);
  return true;
}

bool mutex_list::cancel(list_waiter& waiter) noexcept {
  list_waiter* woken = nullptr;
  {
    std::lock_guard guard(mutex_);
    if (waiter.permits == 0) return false;
    const bool was_first = first_ == &waiter;
    unlink(waiter);
    if (was_first) woken = take_those_who_fit();
  }
  wake_all(woken);
  return true;
}

// A prefix of the list, linked by `next`.
list_waiter* mutex_list::take_those_who_fit() noexcept {
  list_waiter* const taken = first_;
  list_waiter* end = nullptr;
  while (first_ != nullptr && held_ + first_->permits <= limit_) {
    held_ += first_->permits;
    first_->permits = 0;
    end = first_;
    first_ = first_->next;
  }
  if (end == nullptr) return nullptr;
  end->next = nullptr;
  (first_ != nullptr ? first_->prev : last_) = nullptr;
  return taken;
}

void mutex_list::unlink(list_waiter& waiter) noexcept {
  (waiter.prev != nullptr ? waiter.prev->next : first_) = waiter.next;
  (waiter.next != nullptr ? waiter.next->prev : last_) = waiter.prev;
  waiter.permits = 0;
}

}  // namespace afflux::baseline
