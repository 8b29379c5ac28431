// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A latch: those that wait go on when it has been counted down to zero. An atomic counter, and an
// event that stays set. Threads and coroutines wait for it alike.
#include <afflux/afflux.hpp>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <thread>
#include <vector>

#include "../snippets/task.h"

namespace {

class latch {
 public:
  explicit latch(std::int64_t count) : left_(count) {
    if (count == 0) (void)zero_.notify_all();
  }

  void count_down(std::int64_t n = 1) {
    // acq_rel: the thread that comes to zero passes on what the others did before they counted.
    if (left_.fetch_sub(n, std::memory_order_acq_rel) == n) (void)zero_.notify_all();
  }

  void wait() {
    // Nothing but being set ends it while the latch lives.
    (void)zero_.wait_blocking();
  }

  /// `co_await latch.reached();`
  auto reached() { return zero_.wait(); }

 private:
  std::atomic<std::int64_t> left_;
  const afflux::event zero_{afflux::reset::manual};
};

task add_up(latch& ready, const std::vector<int>& parts, latch& done, int& sum) {
  co_await ready.reached();
  for (const int part : parts) sum += part;
  done.count_down();
}

}  // namespace

int main() try {
  constexpr int kParts = 4;
  std::vector<int> parts(kParts);
  latch ready(kParts);
  latch done(1);
  int sum = 0;
  add_up(ready, parts, done, sum);  // comes back: it waits

  std::vector<std::thread> threads;
  threads.reserve(kParts);
  for (int i = 0; i < kParts; ++i) {
    threads.emplace_back([&, i] {
      parts[static_cast<std::size_t>(i)] = i + 1;
      ready.count_down();
    });
  }
  ready.wait();
  done.wait();
  for (std::thread& t : threads) t.join();
  std::printf("sum %d\n", sum);
  return sum == 10 ? 0 : 1;
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 9;
}
