// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Fifty processes take permits, wait, give up, are stopped and are killed at random. A witness
// apart from the segment: each writes what it holds into a page of its own, after it has taken it
// and until it gives it back. What the living hold is never above the limit, and at the end nothing
// is.
//
// AFFLUX_CROWD_MS says how long (default 1500), AFFLUX_CROWD_SEED how.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "support/audit.h"
#include "support/processes.h"

namespace afflux_test {
namespace {

constexpr std::size_t kCrowd = 50;
constexpr std::uint64_t kLimit = 7;

std::uint32_t number_of(const char* name, std::uint32_t otherwise) {
  const char* given = std::getenv(name);
  return given == nullptr ? otherwise : static_cast<std::uint32_t>(std::atoll(given));
}

// Written by the member alone; read by the witness.
struct alignas(64) cell {
  std::atomic<std::uint64_t> holds;
  std::atomic<std::uint64_t> turns;
};

// Lives until it is killed, or told to end by `over`.
void live(int fd, cell& own, const std::atomic<bool>& over, std::uint32_t seed) {
  std::minstd_rand random(seed);
  const opened shared(fd, "crowd");
  if (shared.status() != AFFLUX_OK) _exit(3);
  while (!over.load()) {
    const std::uint64_t n = random() % 8 == 0 ? kLimit : 1 + random() % 3;
    const std::int64_t patience = random() % 4 == 0 ? 300'000 : 50'000'000;
    const afflux_status status = random() % 5 == 0 ? afflux_shared_try_acquire(shared, n)
                                                   : afflux_shared_acquire(shared, n, patience);
    if (status == AFFLUX_OK) {
      own.holds.store(n);
      if (random() % 4 == 0) usleep(static_cast<useconds_t>(random() % 300));
      own.holds.store(0);
      if (afflux_shared_release(shared, n) != AFFLUX_OK) _exit(4);
      own.turns.fetch_add(1);
    } else if (status != AFFLUX_EAGAIN && status != AFFLUX_ETIMEDOUT) {
      _exit(5);
    }
  }
}

struct book {
  std::atomic<bool> over;
  cell cells[kCrowd];
};

TEST(SharedCrowd, NeverHoldsMoreThanTheLimitAndLosesNothing) {
  const auto length = std::chrono::milliseconds(number_of("AFFLUX_CROWD_MS", 1500));
  const std::uint32_t seed = number_of("AFFLUX_CROWD_SEED", std::random_device{}());
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  void* const page =
      mmap(nullptr, sizeof(book), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  book& witness = *static_cast<book*>(page);
  const opened mine(nullptr, new_segment(kLimit, kCrowd + 4, kCrowd));

  std::vector<std::unique_ptr<process>> crowd(kCrowd);
  const auto begin_one = [&](std::size_t i) {
    const std::uint32_t own_seed = static_cast<std::uint32_t>(random());
    crowd[i] = std::make_unique<process>(
        [&, i, own_seed](line) { live(mine.fd(), witness.cells[i], witness.over, own_seed); });
  };
  for (std::size_t i = 0; i < kCrowd; ++i) begin_one(i);

  std::uint64_t kills = 0, stops = 0, looks = 0, most = 0;
  const auto end = std::chrono::steady_clock::now() + length;
  while (std::chrono::steady_clock::now() < end) {
    const std::size_t i = random() % kCrowd;
    if (random() % 2 == 0) {
      const int status = crowd[i]->kill();
      ASSERT_TRUE(WIFSIGNALED(status)) << "a member ended by itself: " << WEXITSTATUS(status);
      // Dead: what it held may be another's now, and is not counted.
      witness.cells[i].holds.store(0);
      begin_one(i);
      ++kills;
    } else {
      crowd[i]->stop();
      usleep(static_cast<useconds_t>(random() % 20'000));
      crowd[i]->go_on();
      ++stops;
    }
    for (int turn = 0; turn < 50; ++turn) {
      // Each cell is cleared before its permits are given back: no cell is counted that is not
      // held, if the same cells say the same afterwards.
      std::uint64_t before[kCrowd], turns[kCrowd];
      for (std::size_t c = 0; c < kCrowd; ++c) {
        turns[c] = witness.cells[c].turns.load();
        before[c] = witness.cells[c].holds.load();
      }
      std::uint64_t sum = 0;
      for (std::size_t c = 0; c < kCrowd; ++c)
        if (witness.cells[c].holds.load() == before[c] && witness.cells[c].turns.load() == turns[c])
          sum += before[c];
      ASSERT_LE(sum, kLimit);
      most = std::max(most, sum);
      ++looks;
    }
  }
  witness.over.store(true);
  std::uint64_t turns = 0;
  for (const auto& each : crowd) {
    const int status = each->join();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  for (const cell& each : witness.cells) turns += each.turns.load();
  const opened probe(mine.fd());
  EXPECT_EQ(segment_view(mine.fd()).audit(), "");
  const afflux_shared_stats stats = stats_of(mine);
  EXPECT_EQ(stats.held, 0U);
  EXPECT_EQ(stats.waiters, 0U);
  EXPECT_EQ(stats.handles, 2U);
  EXPECT_EQ(afflux_shared_try_acquire(probe, kLimit), AFFLUX_OK);
  std::printf(
      "%llu pairs (%llu waited), %llu kills (%llu permits recovered), %llu stops, %llu "
      "looks, at most %llu of %llu held\n",
      static_cast<unsigned long long>(turns), static_cast<unsigned long long>(stats.waited),
      static_cast<unsigned long long>(kills), static_cast<unsigned long long>(stats.recovered),
      static_cast<unsigned long long>(stops), static_cast<unsigned long long>(looks),
      static_cast<unsigned long long>(most), static_cast<unsigned long long>(kLimit));
  EXPECT_GT(turns, 0U);
  EXPECT_GT(most, 0U);
  munmap(page, sizeof(book));
}

}  // namespace
}  // namespace afflux_test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
