// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Processes that compete for permits, and one that is killed while it holds one.
#pragma once

#include <benchmark/benchmark.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "shared_ways.h"

namespace afflux::bench {

constexpr unsigned kMostProcesses = 8;
constexpr double kCompeteSeconds = 0.2;

inline double seconds_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// The witness lies in memory of all processes, beside what is measured.
struct witness {
  std::atomic<unsigned> ready{0};
  std::atomic<bool> begin{false};
  std::atomic<bool> over{false};
  std::atomic<unsigned> inside{0};
  std::atomic<unsigned> most{0};
  struct alignas(128) count {
    std::atomic<std::uint64_t> turns{0};
  } counts[kMostProcesses];
};

struct competition {
  double seconds = 0;
  std::uint64_t turns = 0;
  double least_share = 0;
  unsigned most_at_once = 0;
};

inline void pause_ms(long ms) {
  const timespec time{ms / 1000, ms % 1000 * 1'000'000};
  nanosleep(&time, nullptr);
}

// A short hold: some 100 additions, with the witness.
inline void hold(witness& all) {
  const unsigned inside = all.inside.fetch_add(1, std::memory_order_relaxed) + 1;
  if (inside > all.most.load(std::memory_order_relaxed))
    all.most.store(inside, std::memory_order_relaxed);
  for (int i = 0; i < 100; ++i) benchmark::DoNotOptimize(i);
  all.inside.fetch_sub(1, std::memory_order_relaxed);
}

template <class Way>
competition run_processes(const typename Way::place& place, unsigned processes) {
  const auto all = common_memory<witness>();
  std::vector<pid_t> children;
  for (unsigned i = 0; i < processes; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      {
        Way way(place);
        all->ready.fetch_add(1);
        while (!all->begin.load()) pause_ms(1);
        std::uint64_t turns = 0;
        while (!all->over.load(std::memory_order_relaxed)) {
          way.acquire();
          hold(*all);
          way.release();
          ++turns;
        }
        all->counts[i].turns.store(turns);
      }
      _exit(0);
    }
    children.push_back(child);
  }
  while (all->ready.load() != processes) pause_ms(1);
  const double from = seconds_now();
  all->begin.store(true);
  pause_ms(static_cast<long>(kCompeteSeconds * 1000));
  all->over.store(true);
  competition result;
  for (const pid_t child : children) waitpid(child, nullptr, 0);
  result.seconds = seconds_now() - from;
  std::uint64_t least = ~0ULL;
  for (unsigned i = 0; i < processes; ++i) {
    const std::uint64_t turns = all->counts[i].turns.load();
    result.turns += turns;
    least = std::min(least, turns);
  }
  if (result.turns != 0)
    result.least_share = static_cast<double>(least) * processes / static_cast<double>(result.turns);
  result.most_at_once = all->most.load();
  return result;
}

struct handover {
  std::atomic<int> held{0};
  std::atomic<int> waits{0};
  std::atomic<double> granted{0};
};

// From the kill() of the holder to the waiter's return, in seconds. −1: it does not come.
template <class Way>
double time_to_grant(const typename Way::place& place) {
  const auto all = common_memory<handover>();
  const pid_t holder = fork();
  if (holder == 0) {
    Way way(place);
    way.acquire();
    all->held.store(1);
    for (;;) pause();
  }
  while (all->held.load() == 0) pause_ms(1);
  const pid_t waiter = fork();
  if (waiter == 0) {
    {
      Way way(place);
      all->waits.store(1);
      way.acquire();
      all->granted.store(seconds_now());
      way.release();
    }
    _exit(0);
  }
  while (all->waits.load() == 0) pause_ms(1);
  pause_ms(20);  // it sleeps by now
  const double from = seconds_now();
  kill(holder, SIGKILL);
  for (int turn = 0; turn < 2000 && all->granted.load() == 0; ++turn) pause_ms(1);
  const double until = all->granted.load();
  if (until == 0) kill(waiter, SIGKILL);
  waitpid(holder, nullptr, 0);
  waitpid(waiter, nullptr, 0);
  return until == 0 ? -1 : until - from;
}

}  // namespace afflux::bench
