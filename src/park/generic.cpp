// SPDX-License-Identifier: MIT OR Apache-2.0
//
// park::generic: a fixed table of {mutex, condition variable}; an address sleeps
// in the bucket that it hashes to. Strangers may share a bucket, which costs them
// wake-ups without cause and nothing else.
//
// No wake-up is lost: the sleeper compares and falls asleep under the bucket's
// mutex; the waker, having changed the word, passes through that mutex before it
// notifies. So the sleeper has either seen the new value, or sleeps already.
//
// The mutexes guard no data, which makes fork() simple: the child builds the
// table anew. Threads that slept or held a bucket in the parent do not exist there.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <new>

#include "park/park.h"
#include "time/clock.h"
#include "time/host.h"

namespace afflux::park {
namespace {

constexpr std::size_t kBuckets = 64;

struct alignas(64) bucket {
  std::mutex mutex;
  std::condition_variable changed;
};

alignas(bucket) std::byte g_storage[kBuckets * sizeof(bucket)];

bucket* build() noexcept {
  // Through void*: it is aligned as the buckets are, which not every compiler sees.
  bucket* table = static_cast<bucket*>(static_cast<void*>(g_storage));
  for (std::size_t i = 0; i < kBuckets; ++i) new (table + i) bucket;
  return std::launder(table);
}

void rebuild() noexcept { build(); }

// Built at the first use, from whatever static initialiser that comes, and never
// destroyed: threads may still sleep here while the process exits.
bucket* table() noexcept {
  static bucket* const built = [] {
    // A failure (no memory) leaves a child of fork() with the parent's buckets,
    // which are good unless a thread was between two instructions of one of them.
    (void)time::at_fork(nullptr, nullptr, rebuild);
    return build();
  }();
  return built;
}

// Normally built before there are threads, so that none meets it half-built in
// the child of a fork().
[[maybe_unused]] bucket* const g_early = table();

bucket& bucket_of(const void* address) noexcept {
  // Fibonacci hashing: words of neighbouring nodes differ in few middle bits.
  const auto key = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(address));
  return table()[(key * 0x9E3779B97F4A7C15u) >> 58];
}
static_assert(kBuckets == std::size_t{1} << (64 - 58));

// relaxed, both: the bucket's mutex orders them against the waker's store, see above; what the
// value publishes is for the caller's own acquire load.
bool still(const std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
  return word.load(std::memory_order_relaxed) == expected;
}
bool low_half_still(const std::atomic<std::uint64_t>& word, std::uint64_t expected) noexcept {
  return static_cast<std::uint32_t>(word.load(std::memory_order_relaxed)) ==
         static_cast<std::uint32_t>(expected);
}

}  // namespace

bool generic::wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                   std::int64_t deadline) noexcept {
  const time::no_thread_cancel whole;  // waiting for a condition variable is a cancellation point
  bucket& here = bucket_of(&word);
  std::unique_lock lock(here.mutex);
  if (!still(word, expected)) return true;
  if (deadline == time::kNever) {
    here.changed.wait(lock);
    return true;
  }
  // A longer sleep ends early, and without cause: a C++ library that cannot wait on
  // this clock adds what is left to the time of day, which would overflow.
  constexpr std::int64_t kLongest = 86'400'000'000'000;
  const std::int64_t now = time::now_ns();
  if (deadline <= now) return false;
  const std::int64_t until = std::min(deadline, now + kLongest);
  here.changed.wait_until(lock,
                          std::chrono::steady_clock::time_point{std::chrono::nanoseconds{until}});
  // The clock decides, whatever the wait answered: a wake at the last moment may
  // be reported as either.
  return time::now_ns() < deadline;
}

void generic::wake(const void* address) noexcept {
  bucket& here = bucket_of(address);
  { std::lock_guard pass(here.mutex); }
  here.changed.notify_all();
}

void generic::wait_on(const std::atomic<std::uint64_t>& word, std::uint64_t expected) noexcept {
  const time::no_thread_cancel whole;
  bucket& here = bucket_of(&word);
  std::unique_lock lock(here.mutex);
  if (low_half_still(word, expected)) here.changed.wait(lock);
}

// By the address of the whole word, whichever half of it is compared.
void generic::wake_on(const void* word) noexcept { wake(word); }

}  // namespace afflux::park
