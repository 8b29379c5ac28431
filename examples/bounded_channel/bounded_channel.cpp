// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A channel with room for a few values: who pushes waits while it is full, who pops while it is
// empty. So a producer is never further ahead than the channel is long: backpressure.
#include <afflux/afflux.hpp>

#include <cstddef>
#include <cstdio>
#include <deque>
#include <exception>
#include <latch>
#include <mutex>
#include <optional>
#include <thread>

#include "../snippets/nested.h"
#include "../snippets/task.h"

namespace {

template <class T>
class channel {
 public:
  explicit channel(std::size_t capacity) : capacity_(capacity) {}

  /// False: closed.
  nested<bool> push(T value) {
    outcome o = try_push(value);
    while (o == outcome::wait) {
      co_await not_full_.wait_unless([&] { return (o = try_push(value)) != outcome::wait; });
    }
    if (o == outcome::done) not_empty_.wake_one();
    co_return o == outcome::done;
  }

  /// Empty: closed, and nothing is left.
  nested<std::optional<T>> pop() {
    std::optional<T> value;
    outcome o = try_pop(value);
    while (o == outcome::wait) {
      co_await not_empty_.wait_unless([&] { return (o = try_pop(value)) != outcome::wait; });
    }
    if (o == outcome::done) not_full_.wake_one();
    co_return value;
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    not_full_.wake_all();
    not_empty_.wake_all();
  }

  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return values_.size();
  }

 private:
  enum class outcome { done, wait, closed };

  outcome try_push(T& value) {
    const std::lock_guard lock(mutex_);
    if (closed_) return outcome::closed;
    if (values_.size() == capacity_) return outcome::wait;
    values_.push_back(std::move(value));
    return outcome::done;
  }
  outcome try_pop(std::optional<T>& value) {
    const std::lock_guard lock(mutex_);
    if (values_.empty()) return closed_ ? outcome::closed : outcome::wait;
    value = std::move(values_.front());
    values_.pop_front();
    return outcome::done;
  }

  const std::size_t capacity_;
  std::mutex mutex_;
  std::deque<T> values_;  // both guarded by mutex_
  bool closed_ = false;
  afflux::wait_queue not_full_{afflux::queue_strategy::automatic};
  afflux::wait_queue not_empty_{afflux::queue_strategy::automatic};
};

task produce(channel<int>& to, int count, std::latch& done) {
  for (int i = 1; i <= count; ++i) co_await to.push(i);
  done.count_down();
}

task consume(channel<int>& from, long long& sum, std::latch& done) {
  while (const std::optional<int> value = co_await from.pop()) sum += *value;
  done.count_down();
}

}  // namespace

int main() try {
  constexpr int kCount = 1000;
  channel<int> numbers(4);
  std::latch produced(3);
  std::latch consumed(2);
  long long sums[2] = {0, 0};
  produce(numbers, kCount, produced);  // comes back when it has to wait
  if (numbers.size() != 4) return 1;
  std::thread threads[] = {std::thread([&] { produce(numbers, kCount, produced); }),
                           std::thread([&] { produce(numbers, kCount, produced); }),
                           std::thread([&] { consume(numbers, sums[0], consumed); }),
                           std::thread([&] { consume(numbers, sums[1], consumed); })};
  produced.wait();
  numbers.close();
  consumed.wait();
  for (std::thread& t : threads) t.join();
  std::printf("sum %lld\n", sums[0] + sums[1]);
  return sums[0] + sums[1] == 3LL * kCount * (kCount + 1) / 2 ? 0 : 2;
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 9;
}
