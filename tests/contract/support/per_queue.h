// SPDX-License-Identifier: MIT OR Apache-2.0
//
// For the primitives that have a queue strategy and nothing else to choose: the
// event, the condition, the waiter queue. Handles that end with their scope, a
// thread that blocks in any call, and requests that every call must refuse.
#pragma once

#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "recorder.h"
#include "sem_guard.h"

namespace afflux_test {

// The fixture of every suite that runs once per strategy.
class per_queue : public testing::TestWithParam<std::uint32_t> {
 protected:
  static afflux_sem_options options(std::uint64_t permits) {
    afflux_sem_options made;
    EXPECT_EQ(afflux_sem_options_init(&made), AFFLUX_OK);
    made.queue = GetParam();
    made.permits = permits;
    return made;
  }
};

inline std::string queue_name(const testing::TestParamInfo<std::uint32_t>& info) {
  constexpr const char* kNames[] = {"Auto", "Intrusive", "Lockfree", "Hybrid", "Mutex"};
  return kNames[info.param];
}

inline auto queues_of(std::initializer_list<std::uint32_t> wanted) {
  std::vector<std::uint32_t> all;
  for (const std::uint32_t queue : wanted) {
    if (built_in(queue)) all.push_back(queue);
  }
  return testing::ValuesIn(all);
}
inline auto all_queues() {
  return queues_of(
      {AFFLUX_QUEUE_INTRUSIVE, AFFLUX_QUEUE_LOCKFREE, AFFLUX_QUEUE_HYBRID, AFFLUX_QUEUE_MUTEX});
}

template <class Handle, void (*Unref)(Handle*)>
class handle_guard {
 public:
  handle_guard(const handle_guard&) = delete;
  handle_guard& operator=(const handle_guard&) = delete;
  ~handle_guard() { Unref(handle_); }

  operator Handle*() const { return handle_; }

  // The reference becomes the caller's.
  Handle* give() { return std::exchange(handle_, nullptr); }

 protected:
  handle_guard() = default;
  void must_be(afflux_status created) {
    EXPECT_EQ(created, AFFLUX_OK);
    // Without its handle a test would only report a hundred NULL answers.
    if (created != AFFLUX_OK) std::abort();
  }
  Handle* handle_ = nullptr;
};

class event_guard : public handle_guard<afflux_event, afflux_event_unref> {
 public:
  event_guard(bool manual_reset, std::uint32_t queue) {
    must_be(afflux_event_create(manual_reset ? 1 : 0, queue, &handle_));
  }
};

class cond_guard : public handle_guard<afflux_cond, afflux_cond_unref> {
 public:
  explicit cond_guard(std::uint32_t queue) { must_be(afflux_cond_create(queue, &handle_)); }
};

class queue_guard : public handle_guard<afflux_queue, afflux_queue_unref> {
 public:
  explicit queue_guard(std::uint32_t queue) { must_be(afflux_queue_create(queue, &handle_)); }
};

inline afflux_status start(afflux_event* event, pending& p) {
  return afflux_event_wait_async(event, &p.request, &p.waiter);
}
inline afflux_status start(afflux_queue* queue, pending& p, afflux_condition_fn condition = nullptr,
                           void* ctx = nullptr) {
  return afflux_queue_add_waiter_if(queue, condition, ctx, &p.request, &p.waiter);
}

// A thread inside a call that answers a status.
class in_thread {
 public:
  template <class Call>
  explicit in_thread(Call call)
      : thread_([this, call] { status_.store(call(), std::memory_order_release); }) {}
  in_thread(const in_thread&) = delete;
  in_thread& operator=(const in_thread&) = delete;
  ~in_thread() {
    if (thread_.joinable()) thread_.join();
  }

  bool returned() const { return status_.load(std::memory_order_acquire) != kNotCompleted; }
  afflux_status join() {
    thread_.join();
    return status_.load(std::memory_order_acquire);
  }

 private:
  std::atomic<afflux_status> status_{kNotCompleted};
  std::thread thread_;
};

// Runs `check(request, expected)` with each kind of request that a wait for one thing must
// refuse, made from `good`, and lastly with those of another size.
template <class Check>
void for_each_bad_wait(const afflux_request& good, Check check) {
  const auto spoilt = [&](afflux_status expected, auto spoil) {
    afflux_request r = good;
    spoil(r);
    check(r, expected);
  };
  for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{2}, kMaxPermits,
                                std::numeric_limits<std::uint64_t>::max()}) {
    spoilt(AFFLUX_EINVAL, [n](afflux_request& r) { r.permits = n; });
  }
  for (const std::int64_t time : {std::int64_t{-2}, std::numeric_limits<std::int64_t>::min()}) {
    spoilt(AFFLUX_EINVAL, [time](afflux_request& r) { r.timeout_ns = time; });
  }
  for (const std::uint32_t bad : {4u, 256u, 0xffffffffu}) {
    spoilt(AFFLUX_EINVAL, [bad](afflux_request& r) { r.priority = bad; });
  }
  // The semaphore's flag has no meaning here, and a note would be in the wake function's place.
  for (const std::uint32_t bad : {std::uint32_t{AFFLUX_WAIT_FOR_RESIZE},
                                  std::uint32_t{AFFLUX_WAIT_FOR_NOTE}, 8u, 0x80000000u}) {
    spoilt(AFFLUX_EINVAL, [bad](afflux_request& r) { r.flags = bad; });
  }
  spoilt(AFFLUX_EINVAL, [](afflux_request& r) { r.reserved = 1; });
  spoilt(AFFLUX_EINVAL, [](afflux_request& r) { r.wake = nullptr; });
  spoilt(AFFLUX_EINVAL, [](afflux_request& r) { r.notify = [](void*, std::uint64_t) {}; });
  for (const std::uint32_t size : {0u, 4u, 7u}) {
    spoilt(AFFLUX_EINVAL, [size](afflux_request& r) { r.struct_size = size; });
  }
  // What a short one lacks takes its default, and no wake function is not enough.
  spoilt(AFFLUX_EINVAL, [](afflux_request& r) { r.struct_size = offsetof(afflux_request, wake); });
  struct {
    afflux_request known;
    std::uint64_t beyond;
  } longer = {good, 1};
  longer.known.struct_size = sizeof longer;
  check(longer.known, AFFLUX_ENOTSUP);
}

// Runs `check(request)` with requests of other sizes that are as good as `good`.
template <class Check>
void for_each_good_size(const afflux_request& good, Check check) {
  afflux_request shorter = good;
  shorter.struct_size = offsetof(afflux_request, port);
  std::memset(&shorter.port, 0xa5, sizeof shorter.port);  // not the caller's to set: not read
  check(shorter);
  struct {
    afflux_request known;
    std::uint64_t beyond;
  } longer = {good, 0};
  longer.known.struct_size = sizeof longer;
  check(longer.known);
}

}  // namespace afflux_test
