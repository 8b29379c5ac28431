// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Memory that the driver, the holders and the witness share: 64-bit words only, so that holders in
// other languages have it by offsets.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <ctime>

namespace afflux_proof {

inline constexpr std::int64_t kMs = 1'000'000;
inline constexpr int kMaxHolders = 512;
inline constexpr int kMaxWorkers = 8;

using word = std::atomic<std::uint64_t>;

// "I hold n since t." Set after the acquire, cleared before the release.
struct mark {
  word n;
  word begun;  // ns of CLOCK_BOOTTIME
  word until;  // the end of the lease, as the holder was told
  word stops;  // holder_page::stops before the acquire
  word later[2];
};

struct holder_page {
  word alive;    // cleared by the driver before it kills
  word stops;    // counted by the driver before it stops the process
  word permits;  // what it may use
  word held;     // of these
  word leased;   // that the engine has for it
  word lapses;
  word epochs;
  word acquired;  // pieces of work begun
  word late;      // acquired, but its lease was over when the worker ran: given back unused
  word refused;   // by the resource
  word exchanges;
  word fast;  // acquires that did not wait
  word later[4];
  mark marks[kMaxWorkers];
};
static_assert(sizeof(holder_page) == 64 * 8);

struct world {
  word quits;  // not 0: give everything back and end
  word limit;
  word workers;  // of each holder
  word lease_ns, refresh_ns, margin_ns, max_hold_ns;
  word work_least_ns, work_most_ns;
  word pause_ns;  // between two pieces of work
  word later[54];
  holder_page pages[kMaxHolders];
};

inline world* map_world(const char* path) {
  const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, sizeof(world)) != 0) return nullptr;
  void* const at = mmap(nullptr, sizeof(world), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return at == MAP_FAILED ? nullptr : static_cast<world*>(at);
}

inline std::int64_t now_ns() {
  std::timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

inline void pause_for(std::int64_t ns) {
  const std::timespec t{ns / 1'000'000'000, ns % 1'000'000'000};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &t, nullptr);
}

// A step at the resource.
struct step {
  std::uint64_t holder, worker;
  std::uint64_t begins;  // 0: it ends
  std::uint64_t n;
  std::uint64_t token, floor;  // 0, 0: the holder has none, and the resource asks for none
};

}  // namespace afflux_proof
