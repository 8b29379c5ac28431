// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A semaphore that ends with its scope, what can be seen of one at a moment,
// and the variants of one over which a suite runs.
#pragma once

#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>

#include <initializer_list>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace afflux_test {

inline constexpr std::uint64_t kMaxPermits = (std::uint64_t{1} << 42) - 1;
inline constexpr std::int64_t kMillisecond = 1000 * 1000;

struct variant {
  std::uint32_t queue;
  std::uint32_t fairness;
};

inline std::string name_of(const variant& v) {
  constexpr const char* kNames[] = {"Auto", "Intrusive", "Lockfree", "Hybrid", "Mutex"};
  static_assert(AFFLUX_QUEUE_AUTO == 0 && AFFLUX_QUEUE_INTRUSIVE == 1 &&
                AFFLUX_QUEUE_LOCKFREE == 2 && AFFLUX_QUEUE_HYBRID == 3 && AFFLUX_QUEUE_MUTEX == 4);
  return std::string(kNames[v.queue]) + (v.fairness == AFFLUX_FAIR ? "Fair" : "Throughput");
}

inline void PrintTo(const variant& v, std::ostream* out) { *out << name_of(v); }

inline std::string variant_name(const testing::TestParamInfo<variant>& info) {
  return name_of(info.param);
}

// The fixture of every suite that runs once per variant.
class per_variant : public testing::TestWithParam<variant> {
 protected:
  static afflux_sem_options options(std::uint64_t permits) {
    afflux_sem_options made;
    EXPECT_EQ(afflux_sem_options_init(&made), AFFLUX_OK);
    made.queue = GetParam().queue;
    made.fairness = GetParam().fairness;
    made.permits = permits;
    return made;
  }
};

// Builds may leave strategies out.
inline bool built_in(std::uint32_t queue) {
  afflux_sem_options options;
  afflux_sem_options_init(&options);
  options.queue = queue;
  afflux_sem* sem = nullptr;
  const bool answer = afflux_sem_create(&options, &sem) != AFFLUX_ENOTSUP;
  afflux_sem_unref(sem);
  return answer;
}

// The promises of order differ between FAIR and THROUGHPUT, all others do not.
inline std::vector<variant> variants_of(std::initializer_list<std::uint32_t> fairness,
                                        std::initializer_list<std::uint32_t> queues = {
                                            AFFLUX_QUEUE_INTRUSIVE, AFFLUX_QUEUE_LOCKFREE,
                                            AFFLUX_QUEUE_HYBRID, AFFLUX_QUEUE_MUTEX}) {
  std::vector<variant> all;
  for (const std::uint32_t each : fairness) {
    for (const std::uint32_t queue : queues) {
      if (built_in(queue)) all.push_back({queue, each});
    }
  }
  return all;
}
inline auto fair_variants() { return testing::ValuesIn(variants_of({AFFLUX_FAIR})); }
inline auto throughput_variants() { return testing::ValuesIn(variants_of({AFFLUX_THROUGHPUT})); }
inline auto all_variants() {
  return testing::ValuesIn(variants_of({AFFLUX_FAIR, AFFLUX_THROUGHPUT}));
}
// LOCKFREE's queue allocates; all others never do (S14).
inline auto never_allocating_variants() {
  return testing::ValuesIn(
      variants_of({AFFLUX_FAIR, AFFLUX_THROUGHPUT},
                  {AFFLUX_QUEUE_INTRUSIVE, AFFLUX_QUEUE_HYBRID, AFFLUX_QUEUE_MUTEX}));
}

class sem_guard {
 public:
  explicit sem_guard(const afflux_sem_options& options) {
    const afflux_status status = afflux_sem_create(&options, &sem_);
    EXPECT_EQ(status, AFFLUX_OK);
    // Without its semaphore a test would only report a hundred NULL answers.
    if (status != AFFLUX_OK) std::abort();
  }
  ~sem_guard() { afflux_sem_unref(sem_); }
  sem_guard(const sem_guard&) = delete;
  sem_guard& operator=(const sem_guard&) = delete;

  operator afflux_sem*() const { return sem_; }

  // The reference becomes the caller's.
  afflux_sem* give() { return std::exchange(sem_, nullptr); }

 private:
  afflux_sem* sem_ = nullptr;
};

// All that a stranger can see of a semaphore, to show that a refused call changed nothing.
struct sem_state {
  std::uint64_t limit;
  std::uint64_t available;
  std::uint64_t held;
  std::uint64_t waiters;

  bool operator==(const sem_state&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const sem_state& s) {
  return out << "{limit " << s.limit << ", available " << s.available << ", held " << s.held
             << ", waiters " << s.waiters << "}";
}

inline sem_state state_of(const afflux_sem* sem) {
  return {afflux_sem_limit(sem), afflux_sem_available(sem), afflux_sem_held(sem),
          afflux_sem_waiters(sem)};
}

// At rest what a semaphore has counted agrees, unless it counts nothing.
inline void expect_conserved(const afflux_sem* sem) {
  afflux_sem_stats now;
  afflux_sem_stats_init(&now);
  ASSERT_EQ(afflux_sem_get_stats(sem, &now), AFFLUX_OK);
  if (now.statistics == AFFLUX_STATS_OFF) return;
  EXPECT_EQ(now.acquired_fast + now.acquired_after_wait, now.released + now.held);
  EXPECT_EQ(now.queued, now.waiters + now.granted + now.canceled + now.timed_out + now.dropped +
                            now.closed_out + now.impossible);
  EXPECT_EQ(now.waiters, afflux_sem_waiters(sem));
  if (now.statistics == AFFLUX_STATS_FULL) {
    EXPECT_EQ(now.wait_count, now.granted);
  }
  if (now.waiters == 0) {
    EXPECT_EQ(now.queue_bytes, 0u);
    EXPECT_EQ(now.oldest_wait_ns, 0);
  }
}

// S2 with nothing held.
inline void expect_all_free(const afflux_sem* sem, std::uint64_t limit) {
  EXPECT_EQ(state_of(sem), (sem_state{limit, limit, 0, 0}));
  expect_conserved(sem);
}

}  // namespace afflux_test

// A call that fails changes nothing.
#define EXPECT_REFUSED(sem, expected, call)                               \
  do {                                                                    \
    const ::afflux_test::sem_state before = ::afflux_test::state_of(sem); \
    EXPECT_EQ(call, expected);                                            \
    EXPECT_EQ(::afflux_test::state_of(sem), before);                      \
  } while (false)
