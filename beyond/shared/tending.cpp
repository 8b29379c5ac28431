// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a handle does for the segment: it wakes those who were granted, buries the dead, and looks
// after the line.
#include <climits>

#include "handle.h"
#include "system_host.h"

namespace afflux::shared {
namespace {

// How often the first of those who wait looks after the line, and how much later each other one
// does if it did not; nanoseconds.
constexpr std::int64_t kLookEvery = 10'000'000;
constexpr std::int64_t kTurn = 1'000'000;

}  // namespace

void bell::rung(std::uint32_t place, std::uint64_t request) const noexcept {
  if (request_word::rings_bits::get(request) != 0) {
    auto& word =
        memory_->slot(static_cast<std::uint32_t>(request_word::slot_bits::get(request))).bell;
    // [rung] release; pairs with the load in requests::run().
    word.fetch_add(1, std::memory_order_release);
    futex_wake(word, INT_MAX, futex_shared);
  } else {
    futex_wake(low_half(memory_->place(place)), INT_MAX, futex_shared);
  }
}

// Permits may be free but for the dead, or for requests of those who stand still, whom nobody has
// looked after while nobody waits. False: somebody did just now. The lock is held.
bool handle::looks_after() noexcept {
  auto& asked = memory().common->asked;
  const std::int64_t now = now_ns();
  // relaxed, both: no more than how often depends on it.
  std::uint64_t last = asked.load(std::memory_order_relaxed);
  const auto before = static_cast<std::int64_t>(last);
  if (before <= now && now - before < kLookEvery) return false;
  if (!asked.compare_exchange_strong(last, static_cast<std::uint64_t>(now),
                                     std::memory_order_relaxed))
    return false;
  system_host system;
  const std::uint64_t n = bury_the_dead(*sem_, system);
  if (n != 0) memory().slot(slot_).recovered.fetch_add(n, std::memory_order_relaxed);
  look_after_grants(*sem_, system, seen_.get());
  sem_->serve();
  return true;
}

bool handle::has_other_lives() noexcept {
  bool other = false;
  // Before the look at the slots, each of which was claimed before it was counted.
  opened_seen_.store(memory().common->opened.load(std::memory_order_seq_cst),
                     std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < memory().slot_count; ++i) {
    const std::uint64_t life = memory().slots[i].life.load(std::memory_order_acquire);
    other = other || life != lives_[i];
    lives_[i] = life;
  }
  return other;
}

bool handle::knows_all_lives() const noexcept {
  // [opened] seq_cst; see claim_slot(). relaxed: an earlier number asks for a look too many.
  return memory().common->opened.load(std::memory_order_seq_cst) ==
         opened_seen_.load(std::memory_order_relaxed);
}

// Requests in line of processes with a lower slot: each of those looks before this one does.
std::int64_t handle::turns_before_me() const noexcept {
  constexpr std::int64_t kMost = 30;
  std::int64_t turns = 0;
  const std::uint32_t top = memory().top();
  for (std::uint32_t i = 0; i < top && turns < kMost; ++i) {
    // relaxed, here and below: nothing but the time of the next look depends on it.
    const auto place = place_word::of(memory().places[i].load(std::memory_order_relaxed));
    const std::uint64_t request = memory().record(i).request.load(std::memory_order_relaxed);
    if (place.state == place_state::waiting && request_word::slot_bits::get(request) < slot_)
      ++turns;
  }
  return turns;
}

std::int64_t handle::tend(host& processes, bool deaths) noexcept {
  const turn at(lock_);
  if (deaths) {
    const std::uint64_t n = bury_the_dead(*sem_, processes);
    if (n != 0) memory().slot(slot_).recovered.fetch_add(n, std::memory_order_relaxed);
  }
  auto& looked = memory().common->looked;
  const std::int64_t now = now_ns();
  const std::int64_t my_turn = kLookEvery + turns_before_me() * kTurn;
  const auto last = static_cast<std::int64_t>(looked.load(std::memory_order_relaxed));
  if (!deaths && last <= now && now - last < my_turn) return my_turn - (now - last);
  looked.store(static_cast<std::uint64_t>(now), std::memory_order_relaxed);
  look_after_grants(*sem_, processes, seen_.get());
  sem_->serve();
  return kLookEvery;
}

}  // namespace afflux::shared
