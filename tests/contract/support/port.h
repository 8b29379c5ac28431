// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ports as a test sees them: what rings, how often it has, and a loop's sleep, alike for every
// kind that needs no ring; requests that complete there.
#pragma once

#include <afflux/afflux.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "recorder.h"
#include "sem_guard.h"

namespace afflux_test {

inline bool offered(std::uint32_t kind) {
  afflux_port_options options;
  afflux_port_options_init(&options);
  options.kind = kind;
  if (kind == AFFLUX_PORT_CALLBACK) options.doorbell = [](void*) {};
  afflux_port* port = nullptr;
  const bool answer = afflux_port_create(&options, &port) == AFFLUX_OK;
  afflux_port_unref(port);
  return answer;
}

// Whether the descriptor is readable now.
inline bool readable(std::intptr_t handle) {
  pollfd entry{static_cast<int>(handle), POLLIN, 0};
  return poll(&entry, 1, 0) == 1;
}

// What stands in an eventfd's counter, which reading it would change. Source: man 5 proc.
inline std::uint64_t eventfd_count(std::intptr_t handle) {
  const std::string path = "/proc/self/fdinfo/" + std::to_string(handle);
  std::FILE* const file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return ~std::uint64_t{0};
  char line[128];
  unsigned long long count = ~0ULL;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    if (std::sscanf(line, "eventfd-count: %llx", &count) == 1) break;
  }
  std::fclose(file);
  return count;
}

class port_guard {
 public:
  explicit port_guard(std::uint32_t kind, std::uint32_t flags = 0) : kind_(kind) {
    afflux_port_options options;
    afflux_port_options_init(&options);
    options.kind = kind;
    options.flags = flags;
    if (kind == AFFLUX_PORT_CALLBACK) {
      options.doorbell = &port_guard::rung;
      options.ctx = this;
    }
    const afflux_status status = afflux_port_create(&options, &port_);
    EXPECT_EQ(status, AFFLUX_OK);
    // Without its port a test would only report a hundred NULL answers.
    if (status != AFFLUX_OK) std::abort();
  }
  // Whoever rings may still be at it, in this object.
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
  bool by_level() const { return kind_ != AFFLUX_PORT_CALLBACK; }

  // CALLBACK: all rings so far; the others: those that show.
  std::uint64_t rings() const {
    if (kind_ == AFFLUX_PORT_CALLBACK) return calls_.load(std::memory_order_acquire);
    if (kind_ == AFFLUX_PORT_EVENTFD) return eventfd_count(handle());
    int bytes = -1;
    EXPECT_EQ(ioctl(static_cast<int>(handle()), FIONREAD, &bytes), 0);
    return static_cast<std::uint64_t>(bytes);
  }

  // A loop's sleep: until it is rung. It must have drained what the kind asks for.
  void sleep() {
    if (kind_ == AFFLUX_PORT_CALLBACK) {
      signal_.wait(0, std::memory_order_acquire);
      signal_.exchange(0, std::memory_order_acquire);
      return;
    }
    pollfd entry{static_cast<int>(handle()), POLLIN, 0};
    while (poll(&entry, 1, -1) < 0) {
      if (errno != EINTR) std::abort();
    }
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
    self->signal_.store(1, std::memory_order_release);
    self->signal_.notify_one();
  }

  const std::uint32_t kind_;
  afflux_port* port_ = nullptr;
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<std::uint32_t> signal_{0};
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
  std::vector<port_variant> all;
  for (const std::uint32_t kind : {AFFLUX_PORT_EVENTFD, AFFLUX_PORT_PIPE, AFFLUX_PORT_CALLBACK}) {
    if (!offered(kind)) continue;
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
    EXPECT_EQ(afflux_sem_try_acquire(sem, afflux_sem_permits(sem)), AFFLUX_OK);
    return sem;
  }
};

}  // namespace afflux_test
