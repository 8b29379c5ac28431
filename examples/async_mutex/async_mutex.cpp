// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A mutex for coroutines: an atomic flag, and a queue of those who found it taken.
#include <afflux/afflux.hpp>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <latch>
#include <mutex>
#include <thread>
#include <vector>

#include "../snippets/nested.h"
#include "../snippets/task.h"

namespace {

class async_mutex {
 public:
  using guard = std::unique_lock<async_mutex>;

  /// `const auto guard = co_await mutex.lock();`
  nested<guard> lock() {
    bool mine = try_lock();
    // Asked once more when it has its place in the queue, so that an unlock in between is not
    // missed. A woken coroutine tries again: a newcomer may have been faster.
    while (!mine) co_await waiting_.wait_unless([&] { return mine = try_lock(); });
    co_return guard(*this, std::adopt_lock);
  }

  bool try_lock() { return !taken_.exchange(true, std::memory_order_acquire); }

  void unlock() {
    taken_.store(false, std::memory_order_release);
    waiting_.wake_one();
  }

 private:
  std::atomic<bool> taken_{false};
  afflux::wait_queue waiting_{afflux::queue_strategy::automatic};
};

constexpr std::ptrdiff_t kThreads = 3;
constexpr std::ptrdiff_t kTasks = 4;  // of each thread
constexpr std::ptrdiff_t kTurns = 500;

struct counter {
  async_mutex mutex;
  std::ptrdiff_t value = 0;  // guarded by mutex
  std::latch done{kThreads * kTasks};
};

task count(counter& c) {
  for (std::ptrdiff_t i = 0; i < kTurns; ++i) {
    const auto guard = co_await c.mutex.lock();
    const std::ptrdiff_t seen = c.value;
    std::this_thread::yield();  // others get their chance to be in the way
    c.value = seen + 1;
  }
  c.done.count_down();
}

}  // namespace

int main() try {
  counter c;
  std::vector<std::thread> threads;
  for (std::ptrdiff_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&c] {
      for (std::ptrdiff_t i = 0; i < kTasks; ++i) count(c);
    });
  }
  for (std::thread& t : threads) t.join();
  c.done.wait();
  std::printf("counted to %td\n", c.value);
  return c.value == kThreads * kTasks * kTurns ? 0 : 1;
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 9;
}
