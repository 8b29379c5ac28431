// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Taking permits and giving them back, and waiting for them.
#include "handle.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "attendant.h"

namespace afflux::shared {
namespace {

// Before a thread gets in line it spins: as long as it sees transactions, for then permits change
// hands faster than a sleeping thread wakes, at most so many turns; without one, some microseconds.
// A line of sleepers hands permits on at the speed of context switches. While there is one, those
// who come give way to those who wake, so that it ends.
constexpr int kSpinsWithProgress = 20'000;
constexpr int kSpinsWithout = 200;
constexpr int kSpinsOfYield = 20;  // what giving way counts
constexpr int kMostPauses = 256;   // between two looks

bool has_cores() noexcept {
  static const bool several = sysconf(_SC_NPROCESSORS_ONLN) > 1;
  return several;
}

void bump(std::atomic<std::uint64_t>& counter) noexcept {
  // relaxed: a number for observers.
  counter.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

// ---- Permits ------------------------------------------------------------------

afflux_status handle::outcome(answer from) const noexcept {
  switch (from) {
    case answer::done:
      return AFFLUX_OK;
    case answer::would_wait:
      return AFFLUX_EAGAIN;
    case answer::queued:
      return AFFLUX_PENDING;
    case answer::closed:
      return AFFLUX_ECLOSED;
    case answer::too_large:
      return AFFLUX_E2BIG;
    case answer::not_held:
      break;
  }
  return AFFLUX_EOVERFLOW;
}

afflux_status handle::try_acquire(std::uint64_t n) noexcept {
  if (is_foreign()) return AFFLUX_ECLOSED;
  answer result;
  {
    const turn at(lock_);
    result = sem_->try_take(n);
    if (result == answer::would_wait) result = take_after_a_look(n);
    if (result == answer::done) count_grant();
  }
  return outcome(result);
}

[[gnu::noinline]] answer handle::take_after_a_look(std::uint64_t n) noexcept {
  return looks_after() ? sem_->try_take(n) : answer::would_wait;
}

afflux_status handle::release(std::uint64_t n) noexcept {
  if (is_foreign()) return AFFLUX_ECLOSED;
  const turn at(lock_);
  return outcome(sem_->give(n));
}

// True: `ret_status` is the answer.
bool handle::spin(std::uint64_t n, std::int64_t deadline, afflux_status& ret_status) noexcept {
  std::uint32_t number = 0;
  int pauses = 1;
  for (int turns = 0, without = 0; turns < kSpinsWithProgress && without < kSpinsWithout;) {
    // relaxed, both: hints; try_acquire() decides.
    const head_word head = head_word::of(memory().common->head.load(std::memory_order_relaxed));
    const count_word limit = count_word::of(memory().common->limit.load(std::memory_order_relaxed));
    if (!head.waiting && head.used + n <= limit.count) {
      ret_status = try_acquire(n);
      if (ret_status != AFFLUX_EAGAIN) return true;
    }
    // The more others do meanwhile, the longer until the next look, which takes the line from them.
    if (head.number == number) {
      without += pauses;
    } else {
      without = 0;
      pauses = std::min(2 * pauses, kMostPauses);
    }
    number = head.number;
    if (deadline != kForever && now_ns() >= deadline) return false;
    if (head.waiting) {
      sched_yield();
      turns += kSpinsOfYield;
    } else {
      for (int i = 0; i < pauses; ++i) pause();
      turns += pauses;
    }
  }
  return false;
}

afflux_status handle::acquire(std::uint64_t n, std::int64_t timeout_ns) noexcept {
  afflux_status status = try_acquire(n);
  if (status != AFFLUX_EAGAIN) return status;
  if (timeout_ns == 0) {
    count_timeout();
    return AFFLUX_ETIMEDOUT;
  }
  const std::int64_t deadline = deadline_after(timeout_ns);
  if (has_cores() && spin(n, deadline, status)) return status;
  std::uint32_t place = 0;
  status = claim_place(n, false, place);
  if (status != AFFLUX_OK) return status;
  status = begin_wait();
  if (status == AFFLUX_OK) {
    status = wait_in_line(n, place, deadline);
    end_wait();
  }
  free_place(place);
  return status;
}

afflux_status handle::wait_in_line(std::uint64_t n, std::uint32_t place,
                                   std::int64_t deadline) noexcept {
  const answer begun = take_or_enqueue(n, place);
  if (begun != answer::queued) return outcome(begun);
  const auto& word = memory().place(place);
  for (;;) {
    // [settled] acquire; pairs with the settling of the grant.
    const std::uint64_t seen = word.load(std::memory_order_acquire);
    switch (state_of(place)) {
      case place_state::granted:
        if (!accept(place)) break;
        return AFFLUX_OK;
      case place_state::parked:
        unpark(place);
        break;
      case place_state::idle:
        // Taken out by whoever served the line.
        return is_closed() ? AFFLUX_ECLOSED : AFFLUX_E2BIG;
      case place_state::waiting:
        if (futex_wait(low_half(word), static_cast<std::uint32_t>(seen), deadline, futex_shared))
          break;
        if (!leave(place)) break;
        count_timeout();
        return AFFLUX_ETIMEDOUT;
    }
  }
}

afflux_status handle::acquire_async(const afflux_request& request, afflux_waiter* waiter) noexcept {
  const afflux_status status = try_acquire(request.permits);
  if (status != AFFLUX_EAGAIN) return status;
  if (request.timeout_ns == 0) return AFFLUX_EAGAIN;
  return requests_.add(request, waiter);
}

afflux_status handle::cancel(afflux_waiter* waiter) noexcept {
  const afflux_status status = afflux_waiter_cancel(waiter);
  if (status == AFFLUX_OK && !is_foreign()) requests_.look();
  return status;
}

afflux_status handle::resize(std::uint64_t permits) noexcept {
  if (is_foreign()) return AFFLUX_ECLOSED;
  const turn at(lock_);
  return outcome(sem_->resize(permits));
}

afflux_status handle::close() noexcept {
  if (is_foreign()) return AFFLUX_ECLOSED;
  const turn at(lock_);
  return sem_->close() ? AFFLUX_OK : AFFLUX_EALREADY;
}

// ---- Waiting ------------------------------------------------------------------

afflux_status handle::claim_place(std::uint64_t n, bool rings, std::uint32_t& ret_place) noexcept {
  const segment<policy>& all = memory();
  for (std::uint32_t i = 0; i < all.place_count; ++i) {
    auto& owner = all.records[i].owner;
    if (owner.load(std::memory_order_relaxed) != 0) continue;
    // Before the claim: what lies above the top is not searched for what the dead have left. Nobody
    // lowers it. relaxed: the claim below publishes it.
    std::uint32_t top = all.common->top.load(std::memory_order_relaxed);
    while (top < i + 1 &&
           !all.common->top.compare_exchange_weak(top, i + 1, std::memory_order_relaxed)) {
    }
    std::uint64_t free = 0;
    // [freed] acq_rel; the place is idle.
    if (!owner.compare_exchange_strong(free, life_, std::memory_order_acq_rel,
                                       std::memory_order_relaxed))
      continue;
    // relaxed: the exchange of the head that puts the place in line publishes it.
    all.records[i].request.store(request_word::of(n, slot_, rings), std::memory_order_relaxed);
    ret_place = i;
    return AFFLUX_OK;
  }
  return AFFLUX_EREJECTED;
}

void handle::free_place(std::uint32_t place) noexcept {
  // [freed] release; pairs with the claim.
  memory().record(place).owner.store(0, std::memory_order_release);
}

place_state handle::state_of(std::uint32_t place) const noexcept {
  // relaxed: it is this process that has written it.
  if (memory().record(place).owner.load(std::memory_order_relaxed) != life_)
    return place_state::idle;
  return place_word::of(memory().place(place).load(std::memory_order_acquire)).state;
}

answer handle::take_or_enqueue(std::uint64_t n, std::uint32_t place) noexcept {
  answer begun;
  {
    const turn at(lock_);
    begun = sem_->take_or_enqueue(n, place);
    if (begun == answer::done) count_grant();
  }
  // After it is in line: who opened before that may be before it.
  if (begun == answer::queued) attendant::look_for_newcomers(*this);
  return begun;
}

bool handle::accept(std::uint32_t place) noexcept {
  const turn at(lock_);
  if (!sem_->accept(place, life_)) return false;
  count_grant();
  bump(memory().slot(slot_).waited);
  return true;
}

bool handle::leave(std::uint32_t place) noexcept {
  const turn at(lock_);
  return sem_->leave(place, life_);
}

void handle::unpark(std::uint32_t place) noexcept {
  const turn at(lock_);
  sem_->unpark(place);
}

void handle::give_back(std::uint64_t n) noexcept {
  const turn at(lock_);
  sem_->give(n);
}

bool handle::is_closed() const noexcept {
  return count_word::of(memory().common->limit.load(std::memory_order_acquire)).closed;
}

// The lock is held: one writer.
void handle::count_grant() noexcept {
  auto& counter = memory().slot(slot_).acquired;
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void handle::count_timeout() noexcept { bump(memory().slot(slot_).timed_out); }

afflux_status handle::begin_wait() noexcept {
  // [waits] seq_cst; with the load in the attendant: one of the two sees the other.
  waits_.fetch_add(1, std::memory_order_seq_cst);
  const afflux_status status = attendant::attend(*this);
  if (status != AFFLUX_OK) end_wait();
  return status;
}

void handle::end_wait() noexcept { waits_.fetch_sub(1, std::memory_order_seq_cst); }

}  // namespace afflux::shared
