// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An acquire and its release, by every way that is compared: take() and give()
// answer whether they succeeded.
#pragma once

#include <afflux/afflux.h>
#include <semaphore.h>

#include <afflux/afflux.hpp>
#include <cstdint>
#include <mutex>

#include "baseline/bare_pair.h"
#include "baseline/fifo_reference.h"
#include "baseline/raw_pair.h"
#include "support/afflux_handle.h"

namespace afflux::bench {

inline constexpr std::uint64_t kPermits = 1000;

template <class State>
struct raw_calls {
  bool take() noexcept { return baseline::call_acquire(&state, 1); }
  bool give() noexcept { return baseline::call_release(&state, 1); }
  State state{.held = 0, .limit = kPermits};
};

struct raw_calls_add {
  bool take() noexcept { return baseline::call_acquire(&state, 1); }
  bool give() noexcept { return baseline::call_release_add(&state, 1); }
  baseline::limit_beside state{.held = 0, .limit = kPermits};
};

template <class State>
struct raw_inline {
  bool take() noexcept { return baseline::raw_acquire(state, 1); }
  bool give() noexcept { return baseline::raw_release(state, 1); }
  State state{.held = 0, .limit = kPermits};
};

struct raw_inline_add {
  bool take() noexcept { return baseline::raw_acquire(state, 1); }
  bool give() noexcept { return baseline::raw_release_add(state, 1); }
  baseline::limit_beside state{.held = 0, .limit = kPermits};
};

// From a library of these two calls alone.
struct bare_calls {
  bool take() noexcept { return bare_acquire(&state, 1) == 0; }
  bool give() noexcept { return bare_release(&state, 1) == 0; }
  bare_pair state = {kPermits};
};

struct mutex_count {
  bool take() noexcept {
    std::lock_guard guard(mutex);
    if (held == kPermits) return false;
    ++held;
    return true;
  }
  bool give() noexcept {
    std::lock_guard guard(mutex);
    if (held == 0) return false;
    --held;
    return true;
  }
  std::mutex mutex;
  std::uint64_t held = 0;
};

struct posix_semaphore {
  posix_semaphore() { sem_init(&sem, 0, kPermits); }
  ~posix_semaphore() { sem_destroy(&sem); }
  posix_semaphore(const posix_semaphore&) = delete;
  posix_semaphore& operator=(const posix_semaphore&) = delete;
  bool take() noexcept { return sem_trywait(&sem) == 0; }
  bool give() noexcept { return sem_post(&sem) == 0; }
  sem_t sem;
};

template <std::uint32_t kQueue>
struct c_abi {
  bool take() noexcept { return afflux_sem_try_acquire(sem.get(), 1) == AFFLUX_OK; }
  bool give() noexcept { return afflux_sem_release(sem.get(), 1) == AFFLUX_OK; }
  handle sem = make(kPermits, kQueue);
};

// One permit, for which a thread blocks.
template <std::uint32_t kQueue>
struct c_abi_blocking {
  bool take() noexcept { return afflux_sem_acquire(sem.get(), 1, AFFLUX_FOREVER) == AFFLUX_OK; }
  bool give() noexcept { return afflux_sem_release(sem.get(), 1) == AFFLUX_OK; }
  handle sem = make(1, kQueue);
};

struct fifo_blocking {
  bool take() noexcept {
    sem.acquire();
    return true;
  }
  bool give() noexcept {
    sem.release();
    return true;
  }
  baseline::fifo_reference sem{1};
};

// An event without waiters: set and cleared.
struct c_event {
  c_event() { afflux_event_create(0, AFFLUX_QUEUE_AUTO, &event); }
  c_event(const c_event&) = delete;
  c_event& operator=(const c_event&) = delete;
  ~c_event() { afflux_event_unref(event); }
  bool take() noexcept { return afflux_event_notify_one(event) == AFFLUX_OK; }
  bool give() noexcept { return afflux_event_clear(event) == AFFLUX_OK; }
  afflux_event* event = nullptr;
};

template <std::uint32_t kQueue>
struct c_abi_async {
  c_abi_async() {
    afflux_request_init(&request);
    request.wake = [](void*, afflux_status) {};
  }
  bool take() noexcept {
    return afflux_sem_acquire_async(sem.get(), &request, &waiter) == AFFLUX_OK;
  }
  bool give() noexcept { return afflux_sem_release(sem.get(), 1) == AFFLUX_OK; }
  handle sem = make(kPermits, kQueue);
  afflux_request request;
  alignas(64) afflux_waiter waiter{};
};

// Through the C++ header, whose free path is inline.
template <statistics_level kLevel>
struct cpp_inline {
  bool take() noexcept { return sem.try_acquire_raw() == status::ok; }
  bool give() noexcept { return sem.release() == status::ok; }
  semaphore sem{options{.permits = kPermits, .statistics = kLevel}};
};
using cpp_counted = cpp_inline<statistics_level::counters>;
using cpp_uncounted = cpp_inline<statistics_level::off>;

// The same as a permit that releases itself, in one call of take().
struct cpp_permit {
  bool take() noexcept { return static_cast<bool>(sem.try_acquire()); }
  bool give() noexcept { return true; }
  semaphore sem{kPermits};
};

}  // namespace afflux::bench
