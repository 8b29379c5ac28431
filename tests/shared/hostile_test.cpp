// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A neighbour scribbles into the whole segment while a process calls everything. The answers may be
// wrong and a call may take long; nothing outside the segment is touched (the address sanitizer
// watches). AFFLUX_HOSTILE_ROUNDS says how many victims there are.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "support/audit.h"
#include "support/processes.h"

namespace afflux_test {
namespace {

// Random words, words with all bits, and words that were there, somewhere else.
void scribble(std::uint64_t* words, std::size_t count, std::mt19937_64& random) {
  auto* const at = reinterpret_cast<std::atomic<std::uint64_t>*>(words);
  const std::size_t to = random() % count;
  switch (random() % 4) {
    case 0:
      at[to].store(random(), std::memory_order_relaxed);
      break;
    case 1:
      at[to].store(~0ULL, std::memory_order_relaxed);
      break;
    case 2:
      at[to].store(at[random() % count].load(std::memory_order_relaxed), std::memory_order_relaxed);
      break;
    default:
      at[to].fetch_xor(1ULL << random() % 64, std::memory_order_relaxed);
      break;
  }
}

void call_everything(int fd, std::uint32_t seed, line talk) {
  std::minstd_rand random(seed);
  const opened shared(fd, "victim");
  talk.say(0);
  if (shared.status() != AFFLUX_OK) return;
  for (int turn = 0; turn < 200; ++turn) {
    afflux_shared_try_acquire(shared, 1 + random() % 3);
    afflux_shared_acquire(shared, 1 + random() % 3, 50'000);
    afflux_shared_release(shared, 1 + random() % 3);
    afflux_shared_held(shared);
    afflux_shared_limit(shared);
    stats_of(shared);
    afflux_shared_holder holders[8];
    std::size_t count = 0;
    afflux_shared_holders(shared, holders, 8, &count);
    for (std::size_t i = 0; i < std::min<std::size_t>(count, 8); ++i)
      if (std::string(holders[i].tag).size() >= AFFLUX_SHARED_TAG_SIZE) std::abort();
    if (turn % 8 == 0) afflux_shared_resize(shared, random() % 8);
    if (turn % 16 == 0) {
      const opened another(fd);
      afflux_shared_try_acquire(another, 1);
    }
    if (turn % 32 == 0) {
      afflux_request request;
      afflux_request_init(&request);
      request.wake = [](void*, afflux_status) {};
      request.timeout_ns = 100'000;
      static afflux_waiter waiters[8];
      afflux_shared_acquire_async(shared, &request, &waiters[turn / 32]);
    }
    if (turn == 150) afflux_shared_close(shared);
  }
}

TEST(SharedHostile, ANeighbourCanSpoilTheAnswersOnly) {
  const char* given = std::getenv("AFFLUX_HOSTILE_ROUNDS");
  const int rounds = given == nullptr ? 12 : std::atoi(given);
  int long_ones = 0;
  for (int round = 0; round < rounds; ++round) {
    const auto seed = static_cast<std::uint32_t>(round + 1);
    const opened mine(nullptr, new_segment(3, 8, 8));
    struct stat is {};
    fstat(mine.fd(), &is);
    const auto size = static_cast<std::size_t>(is.st_size);
    void* const base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, mine.fd(), 0);
    ASSERT_NE(base, MAP_FAILED);
    process neighbour([&](line) {
      std::mt19937_64 random(seed);
      for (;;) {
        scribble(static_cast<std::uint64_t*>(base), size / 8, random);
        // In half of the rounds seldom: what it spoils is worked with for a while.
        if (seed % 2 == 0) usleep(50);
      }
    });
    process victim([&](line talk) { call_everything(mine.fd(), seed, talk); });
    EXPECT_EQ(victim.talk().hear(), 0);
    // A call may find no end while it is disturbed; but none dies.
    pollfd ended{victim.talk().fd(), POLLIN, 0};
    const bool is_over = poll(&ended, 1, 300) == 1;
    const int status = is_over ? victim.join() : victim.kill();
    if (is_over) {
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
          << "seed " << seed << ", status " << status;
    } else {
      EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
          << "seed " << seed << ", status " << status;
      ++long_ones;
    }
    neighbour.kill();
    munmap(base, size);
  }
  std::printf("%d victims, %d of them not at their end when they were killed\n", rounds, long_ones);
}

}  // namespace
}  // namespace afflux_test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
