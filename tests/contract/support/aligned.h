// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Litmus rounds: some threads, on a CPU each as far as there are enough, wait for the same
// reading of a clock that all CPUs share, and each acts at an offset from it. Chance alone would
// seldom bring two short calls that near to each other.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#if defined(__linux__)
#  include <pthread.h>
#  include <sched.h>
#endif
#if defined(__x86_64__)
#  include <x86intrin.h>
#endif

namespace afflux_test {

// The time stamp counter, where the processor has one that counts alike on all CPUs.
inline std::uint64_t stamp() {
#if defined(__x86_64__)
  return __rdtsc();
#elif defined(__aarch64__)
  std::uint64_t count;
  asm volatile("isb; mrs %0, cntvct_el0" : "=r"(count));
  return count;
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch() /
                                    std::chrono::nanoseconds(1));
#endif
}

// Counts of stamp() in a nanosecond.
inline double stamps_per_ns() {
  static const double rate = [] {
    const auto began = std::chrono::steady_clock::now();
    const std::uint64_t first = stamp();
    while (std::chrono::steady_clock::now() - began < std::chrono::milliseconds(5)) {
    }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
    return static_cast<double>(stamp() - first) / took.count();
  }();
  return rate;
}

inline std::uint64_t stamps_of(std::int64_t ns) {
  return static_cast<std::uint64_t>(static_cast<double>(ns) * stamps_per_ns());
}

inline void wait_for_stamp(std::uint64_t when) {
  while (stamp() < when) {
  }
}

#if defined(__linux__)

using cpus = cpu_set_t;

inline cpus usable_cpus() {
  cpus all;
  CPU_ZERO(&all);
  pthread_getaffinity_np(pthread_self(), sizeof all, &all);
  return all;
}

inline void bind_thread(const cpus& to) { pthread_setaffinity_np(pthread_self(), sizeof to, &to); }

// The one of them with this index, and from the first again behind the last.
inline cpus one_of(const cpus& all, std::size_t index) {
  cpus one;
  CPU_ZERO(&one);
  const auto count = static_cast<std::size_t>(CPU_COUNT(&all));
  if (count == 0) return all;
  std::size_t left = index % count;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &all) || left-- != 0) continue;
    CPU_SET(cpu, &one);
    return one;
  }
  return all;
}

#else

// Left to the scheduler.
struct cpus {};
inline cpus usable_cpus() { return {}; }
inline void bind_thread(const cpus&) {}
inline cpus one_of(const cpus& all, std::size_t) { return all; }

#endif

// Spins, and lets others run where that takes long.
template <class Condition>
void spin_until(Condition condition) {
  for (unsigned turns = 0; !condition(); ++turns) {
    if (turns >= 10'000) std::this_thread::yield();
  }
}

// Threads that act in rounds; the first of them is the one that made this. Between rounds the
// others touch nothing: what they did is then visible to the first.
class aligned_sides {
 public:
  using act = std::function<void()>;

  explicit aligned_sides(std::vector<act> acts) : acts_(std::move(acts)), offsets_(acts_.size()) {
    stamps_per_ns();
    bind_thread(one_of(cpus_, 0));
    for (std::size_t side = 1; side < acts_.size(); ++side) {
      threads_.emplace_back([this, side] { run(side); });
    }
  }
  ~aligned_sides() {
    over_ = true;
    turn_.fetch_add(1, std::memory_order_release);
    for (std::thread& thread : threads_) thread.join();
    bind_thread(cpus_);
  }
  aligned_sides(const aligned_sides&) = delete;
  aligned_sides& operator=(const aligned_sides&) = delete;

  // Side i acts offset(i) stamps after the moment that all wait for.
  template <class Offset>
  void round(Offset offset) {
    for (std::size_t side = 0; side < offsets_.size(); ++side) offsets_[side] = offset(side);
    finished_.store(0, std::memory_order_relaxed);
    start_ = stamp() + stamps_of(kLead);
    turn_.fetch_add(1, std::memory_order_release);
    act_at(0);
    spin_until([&] { return finished_.load(std::memory_order_acquire) == threads_.size(); });
  }

 private:
  static constexpr std::int64_t kLead = 500;  // ns, in which the others see that a round begins

  void act_at(std::size_t side) {
    wait_for_stamp(start_ + offsets_[side]);
    acts_[side]();
  }

  void run(std::size_t side) {
    bind_thread(one_of(cpus_, side));
    for (unsigned seen = 0;; ++seen) {
      spin_until([&] { return turn_.load(std::memory_order_acquire) != seen; });
      if (over_) return;
      act_at(side);
      finished_.fetch_add(1, std::memory_order_acq_rel);
    }
  }

  const cpus cpus_ = usable_cpus();  // of the thread that made this
  const std::vector<act> acts_;
  std::vector<std::uint64_t> offsets_;  // this and the next two: written between rounds
  std::uint64_t start_ = 0;
  bool over_ = false;
  alignas(128) std::atomic<unsigned> turn_{0};
  alignas(128) std::atomic<std::size_t> finished_{0};
  std::vector<std::thread> threads_;  // last: they use all of the above
};

}  // namespace afflux_test

// Threads that share one CPU do not meet.
#define AFFLUX_NEEDS_TWO_CPUS() \
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "needs two CPUs"
