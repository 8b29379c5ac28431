// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ports as a test sees them: what rings, how often it has, and a loop's sleep, alike for every
// kind that needs no io_uring; requests that complete there.
#pragma once

#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#if __has_include(<poll.h>)
#  include "listener_posix.h"
#else
#  include "listener_windows.h"
#endif
#include "recorder.h"
#include "sem_guard.h"

namespace afflux_test {

// Builds and platforms have different ones.
inline bool offered(std::uint32_t kind) {
  afflux_port_options options;
  afflux_port_options_init(&options);
  options.kind = kind;
  const listener ear;
  ear.prepare(options);
  if (kind == AFFLUX_PORT_CALLBACK) options.doorbell = [](void*) {};
  afflux_port* port = nullptr;
  const bool answer = afflux_port_create(&options, &port) == AFFLUX_OK;
  afflux_port_unref(port);
  return answer;
}
// Those that a loop hears by its system; never none.
inline std::vector<std::uint32_t> loop_kinds() {
  std::vector<std::uint32_t> all;
  for (const std::uint32_t kind : listener::kKinds) {
    if (offered(kind)) all.push_back(kind);
  }
  return all;
}

class port_guard {
 public:
  explicit port_guard(std::uint32_t kind, std::uint32_t flags = 0) : kind_(kind) {
    afflux_port_options options;
    afflux_port_options_init(&options);
    options.kind = kind;
    options.flags = flags;
    if (calls_back()) {
      options.doorbell = &port_guard::rung;
      options.ctx = this;
    } else {
      ear_.prepare(options);
    }
    const afflux_status status = afflux_port_create(&options, &port_);
    EXPECT_EQ(status, AFFLUX_OK);
    // Without its port a test would only report a hundred NULL answers.
    if (status != AFFLUX_OK) std::abort();
    ear_.listen(port_);
  }
  // The ringing thread may still be at it, in this object.
  ~port_guard() {
    await([this] { return afflux_port_pending(port_) == 0; });
    afflux_port_unref(port_);
  }
  port_guard(const port_guard&) = delete;
  port_guard& operator=(const port_guard&) = delete;

  operator afflux_port*() const { return port_; }
  afflux_port* give() { return std::exchange(port_, nullptr); }

  std::uint32_t kind() const { return kind_; }
  std::intptr_t handle() const { return afflux_port_handle(port_); }
  bool calls_back() const { return kind_ == AFFLUX_PORT_CALLBACK; }
  // Polled by level: what has rung shows until a drain has silenced it.
  bool by_level() const { return listener::kByLevel && !calls_back(); }

  // By level: the rings that show; the others: all so far.
  std::uint64_t rings() {
    return calls_back() ? calls_.load(std::memory_order_acquire) : ear_.rings();
  }
  // Whether a sleep would end at once.
  bool shows() {
    if (!calls_back()) return ear_.shows();
    const std::lock_guard lock(mutex_);
    return signal_;
  }
  // Whether the system's part of the doorbell is there, also after give().
  bool bell_is_open() const { return !calls_back() && ear_.bell_is_open(); }

  // A loop's sleep: until it is rung. It must have drained what the kind asks for.
  void sleep() {
    if (!calls_back()) return ear_.sleep();
    // Not std::atomic's wait(), which may lose a wake with MinGW's libstdc++ 12.
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return signal_; });
    signal_ = false;
  }

  std::vector<afflux_completion> drain(std::size_t most) {
    std::vector<afflux_completion> out(most);
    out.resize(afflux_port_drain(port_, out.data(), most));
    return out;
  }
  // Until nothing comes.
  std::vector<afflux_completion> drain_all() {
    std::vector<afflux_completion> all;
    for (;;) {
      const std::vector<afflux_completion> some = drain(16);
      if (some.empty()) return all;
      all.insert(all.end(), some.begin(), some.end());
    }
  }
  // Sleeps until so many are there.
  std::vector<afflux_completion> collect(std::size_t count) {
    std::vector<afflux_completion> all = drain_all();
    while (all.size() < count) {
      sleep();
      const std::vector<afflux_completion> some = drain_all();
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }

  std::function<void()> on_ring;  // CALLBACK only; set before the first request

 private:
  static void rung(void* context) {
    auto* const self = static_cast<port_guard*>(context);
    self->calls_.fetch_add(1, std::memory_order_acq_rel);
    if (self->on_ring) self->on_ring();
    {
      const std::lock_guard lock(self->mutex_);
      self->signal_ = true;
    }
    self->changed_.notify_one();
  }

  const std::uint32_t kind_;
  listener ear_;
  afflux_port* port_ = nullptr;
  // CALLBACK's:
  std::atomic<std::uint64_t> calls_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool signal_ = false;
};

// A request that completes in a port. Its context is itself.
struct ported {
  explicit ported(afflux_port* port, std::uint64_t user_data = 0, std::uint64_t permits = 1) {
    afflux_request_init(&request);
    request.permits = permits;
    request.port = port;
    request.user_data = user_data;
    request.ctx = this;
  }
  ported(const ported&) = delete;
  ported& operator=(const ported&) = delete;

  afflux_status start(afflux_sem* sem) { return afflux_sem_acquire_async(sem, &request, &waiter); }
  afflux_status cancel() { return afflux_waiter_cancel(&waiter); }

  afflux_request request;
  alignas(64) afflux_waiter waiter{};
};

// So many requests that wait: user_data 0, 1, 2 …
inline void queue_up(std::deque<ported>& all, afflux_sem* sem, afflux_port* port,
                     std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    ASSERT_EQ(all.emplace_back(port, i).start(sem), AFFLUX_PENDING);
  }
}

inline std::vector<std::uint64_t> user_data_of(const std::vector<afflux_completion>& all) {
  std::vector<std::uint64_t> numbers;
  for (const afflux_completion& each : all) numbers.push_back(each.user_data);
  return numbers;
}
inline std::vector<std::uint64_t> numbers_to(std::uint64_t count, std::uint64_t from = 0) {
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t i = from; i < count; ++i) numbers.push_back(i);
  return numbers;
}
inline bool all_are(const std::vector<afflux_completion>& all, afflux_status status) {
  for (const afflux_completion& each : all) {
    if (each.status != status) return false;
  }
  return true;
}

// What a suite runs over: a kind of port, and how the semaphore queues.
struct port_variant {
  std::uint32_t kind;
  std::uint32_t queue;
};

inline std::string kind_name(std::uint32_t kind) {
  constexpr const char* kNames[] = {"Auto", "Eventfd",  "Uring", "Kqueue",
                                    "Iocp", "Callback", "Pipe"};
  return kNames[kind];
}
inline std::string port_variant_name(const testing::TestParamInfo<port_variant>& info) {
  const std::string queue = name_of({info.param.queue, AFFLUX_FAIR});
  return kind_name(info.param.kind) + queue.substr(0, queue.size() - 4);
}

inline auto port_variants(std::initializer_list<std::uint32_t> queues) {
  std::vector<std::uint32_t> kinds = loop_kinds();
  kinds.push_back(AFFLUX_PORT_CALLBACK);
  std::vector<port_variant> all;
  for (const std::uint32_t kind : kinds) {
    for (const std::uint32_t queue : queues) {
      if (built_in(queue)) all.push_back({kind, queue});
    }
  }
  return testing::ValuesIn(all);
}
inline auto all_port_variants() {
  return port_variants(
      {AFFLUX_QUEUE_INTRUSIVE, AFFLUX_QUEUE_LOCKFREE, AFFLUX_QUEUE_HYBRID, AFFLUX_QUEUE_MUTEX});
}
// Where the queue does not matter.
inline auto port_kinds() { return port_variants({AFFLUX_QUEUE_INTRUSIVE}); }

class per_port : public testing::TestWithParam<port_variant> {
 protected:
  static std::uint32_t kind() { return GetParam().kind; }
  static std::uint32_t queue() { return GetParam().queue; }
  static afflux_sem_options options(std::uint64_t permits) {
    afflux_sem_options made;
    EXPECT_EQ(afflux_sem_options_init(&made), AFFLUX_OK);
    made.queue = queue();
    made.permits = permits;
    return made;
  }
  // All permits held.
  static afflux_sem* full(const sem_guard& sem) {
    EXPECT_EQ(afflux_sem_try_acquire(sem, afflux_sem_limit(sem)), AFFLUX_OK);
    return sem;
  }
};

}  // namespace afflux_test
