// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Items to wait for, and groups of them that remember what became of them.
#pragma once

#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <utility>
#include <vector>

#include "recorder.h"

namespace afflux_test {

inline constexpr std::size_t kNoIndex = 999;

class event_handle {
 public:
  explicit event_handle(bool manual_reset) {
    EXPECT_EQ(afflux_event_create(manual_reset ? 1 : 0, AFFLUX_QUEUE_AUTO, &event_), AFFLUX_OK);
  }
  ~event_handle() { afflux_event_unref(event_); }
  event_handle(const event_handle&) = delete;
  event_handle& operator=(const event_handle&) = delete;
  operator afflux_event*() const { return event_; }

 private:
  afflux_event* event_ = nullptr;
};

inline afflux_wait_item of(afflux_sem* sem, std::uint64_t permits = 1) {
  afflux_wait_item item;
  item.sem = sem;
  item.event = nullptr;
  item.permits = permits;
  return item;
}
inline afflux_wait_item of(afflux_event* event) {
  afflux_wait_item item;
  item.sem = nullptr;
  item.event = event;
  item.permits = 1;
  return item;
}

// A group that remembers what became of it.
class group {
 public:
  explicit group(std::vector<afflux_wait_item> all) : items(std::move(all)) {
    afflux_request_init(&request);
    request.wake = &group::wake;
    request.ctx = this;
  }
  group(const group&) = delete;
  group& operator=(const group&) = delete;

  afflux_status any() {
    return afflux_acquire_any_async(&storage, items.data(), items.size(), &request, &index);
  }
  afflux_status all() {
    return afflux_acquire_all_async(&storage, items.data(), items.size(), &request);
  }
  afflux_status cancel() { return afflux_wait_group_cancel(&storage); }
  std::size_t winner() const { return afflux_wait_group_index(&storage); }

  // What became of it, when this was the answer; waits for its completion.
  afflux_status ends(afflux_status answer) const {
    if (answer != AFFLUX_PENDING) return answer;
    await([this] { return completions() == 1; });
    return status_;
  }

  int completions() const { return completions_.load(std::memory_order_acquire); }
  bool completed_once_with(afflux_status expected) const {
    return completions() == 1 && status_ == expected;
  }

  std::function<void(afflux_status)> then;
  afflux_request request;
  afflux_wait_group storage{};
  std::vector<afflux_wait_item> items;
  std::size_t index = kNoIndex;

 private:
  static void wake(void* context, afflux_status status) {
    auto* const self = static_cast<group*>(context);
    auto then = std::move(self->then);
    self->status_ = status;
    self->completions_.fetch_add(1, std::memory_order_acq_rel);
    if (then) then(status);
  }

  std::atomic<int> completions_{0};
  afflux_status status_ = kNotCompleted;
};

inline void hold(afflux_sem* sem, std::uint64_t n) {
  ASSERT_EQ(afflux_sem_try_acquire(sem, n), AFFLUX_OK);
}

inline void expect_held(std::initializer_list<std::pair<afflux_sem*, std::uint64_t>> all) {
  for (const auto& [sem, n] : all) {
    EXPECT_EQ(afflux_sem_held(sem), n);
    EXPECT_EQ(afflux_sem_waiters(sem), 0u);
  }
}

}  // namespace afflux_test
