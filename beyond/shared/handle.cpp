// SPDX-License-Identifier: MIT OR Apache-2.0
#include "handle.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <new>

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

// How often the first of those who wait looks after the line, and how much later each other one
// does if it did not; nanoseconds.
constexpr std::int64_t kLookEvery = 10'000'000;
constexpr std::int64_t kTurn = 1'000'000;

class system_host final : public host {
 public:
  bool is_alive(std::uint64_t life) override { return shared::is_alive(life); }
  bool stands_still(std::uint64_t life) override { return shared::stands_still(life); }
};

bool has_cores() noexcept {
  static const bool several = sysconf(_SC_NPROCESSORS_ONLN) > 1;
  return several;
}

void bump(std::atomic<std::uint64_t>& counter) noexcept {
  // relaxed: a number for observers.
  counter.fetch_add(1, std::memory_order_relaxed);
}

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

// ---- Opening and closing ------------------------------------------------------

afflux_status handle::open(const char* name, int fd, const afflux_shared_options& options,
                           handle*& ret_handle) noexcept {
  if (const int error = attendant::prepare(); error != 0) {
    errno = error;
    return AFFLUX_EOS;
  }
  auto* const made = new (std::nothrow) handle;
  if (made == nullptr) return AFFLUX_ENOMEM;
  made->life_ = own_life();
  afflux_status status = made->life_ == 0 ? AFFLUX_ENOTSUP : made->open_file(name, fd, options);
  if (status == AFFLUX_OK) {
    made->seen_.reset(new (std::nothrow) sight[made->memory().place_count]());
    made->lives_.reset(new (std::nothrow) std::uint64_t[made->memory().slot_count]());
    if (made->seen_ == nullptr || made->lives_ == nullptr) status = AFFLUX_ENOMEM;
  }
  if (status == AFFLUX_OK) {
    attendant::lock();
    status = made->claim_slot(options);
    if (status == AFFLUX_OK) {
      made->bury_earlier_images();
      attendant::add(*made);
    }
    attendant::unlock();
  }
  if (status != AFFLUX_OK) {
    const int saved = errno;
    delete made;
    errno = saved;
    return status;
  }
  system_host system;
  {
    const turn at(made->lock_);
    made->memory()
        .slot(made->slot_)
        .recovered.fetch_add(bury_the_dead(*made->sem_, system), std::memory_order_relaxed);
    made->sem_->serve();
  }
  ret_handle = made;
  return AFFLUX_OK;
}

afflux_status handle::open_file(const char* name, int fd,
                                const afflux_shared_options& options) noexcept {
  spaces here;
  if (!read_spaces(here)) return AFFLUX_ENOTSUP;
  const creation is{options.permits, options.mode, options.max_handles, options.max_waiters};
  if (fd >= 0) return file_.open_fd(fd, here);
  if (name == nullptr) return file_.create_unnamed(here, is);
  if (name[0] == '/') ++name;
  // Another may create it, or remove it, between the two looks.
  for (;;) {
    if ((options.flags & AFFLUX_SHARED_EXCLUSIVE) == 0) {
      const afflux_status opened = file_.open_named(name, here);
      const bool absent = opened == AFFLUX_EOS && errno == ENOENT;
      if (!absent || (options.flags & AFFLUX_SHARED_CREATE) == 0) return opened;
    }
    const afflux_status created = file_.create_named(name, here, is);
    if (created != AFFLUX_EALREADY || (options.flags & AFFLUX_SHARED_EXCLUSIVE) != 0)
      return created;
  }
}

// The attendant's lock is held.
afflux_status handle::claim_slot(const afflux_shared_options& options) noexcept {
  const segment<policy>& all = memory();
  bool claimed = false;
  for (std::uint32_t i = 0; i < all.slot_count && !claimed; ++i) {
    std::uint64_t free = 0;
    // acq_rel: whoever freed it has left nothing in it (SH6); observers see whose it is.
    claimed = all.slots[i].life.compare_exchange_strong(free, life_, std::memory_order_acq_rel,
                                                        std::memory_order_relaxed);
    if (claimed) slot_ = i;
  }
  system_host system;
  if (!claimed && !take_over(system)) return AFFLUX_EREJECTED;
  if (sem_ == nullptr) sem_ = new (room_) semaphore<policy, bell>(all, slot_, bell_);
  slot_record<policy>& own = all.slots[slot_];
  own.flags.store((options.flags & AFFLUX_SHARED_KEEP_OVER_EXEC) != 0 ? kKeepOverExec : 0,
                  std::memory_order_relaxed);
  own.opened_ns.store(static_cast<std::uint64_t>(now_ns()), std::memory_order_relaxed);
  char tag[kTagSize] = {};
  if (options.tag != nullptr) {
    std::size_t length = strnlen(options.tag, kTagSize);
    // Cut, it ends with a whole character.
    if (length == kTagSize)
      for (--length; length != 0 && (options.tag[length] & 0xc0) == 0x80;) --length;
    std::memcpy(tag, options.tag, length);
  }
  for (std::size_t i = 0; i < std::size(own.tag); ++i) {
    std::uint64_t part = 0;
    std::memcpy(&part, tag + i * sizeof part, sizeof part);
    own.tag[i].store(part, std::memory_order_relaxed);
  }
  return AFFLUX_OK;
}

// All slots are in use. One of the dead becomes this process' own as it is, and is emptied then.
bool handle::take_over(host& processes) noexcept {
  const segment<policy>& all = memory();
  for (std::uint32_t i = 0; i < all.slot_count; ++i) {
    std::uint64_t life = all.slots[i].life.load(std::memory_order_acquire);
    if (life == 0 || processes.is_alive(life)) continue;
    if (!all.slots[i].life.compare_exchange_strong(life, life_, std::memory_order_acq_rel,
                                                   std::memory_order_relaxed))
      continue;
    slot_ = i;
    sem_ = new (room_) semaphore<policy, bell>(all, slot_, bell_);
    const turn at(lock_);
    clear_places(*sem_, slot_, life_, life_word::as_alive(life));
    const std::uint64_t n = sem_->recover(slot_, life_);
    all.slots[i].recovered.fetch_add(n, std::memory_order_relaxed);
    sem_->serve();
    return true;
  }
  return false;
}

// What this process has here and does not know of: from before an exec(). The attendant's lock is
// held.
void handle::bury_earlier_images() noexcept {
  const segment<policy>& all = memory();
  for (std::uint32_t i = 0; i < all.slot_count; ++i) {
    if (i == slot_ || all.slots[i].life.load(std::memory_order_acquire) != life_) continue;
    if ((all.slots[i].flags.load(std::memory_order_relaxed) & kKeepOverExec) != 0) continue;
    bool known = false;
    for (const handle* each = attendant::first(); each != nullptr; each = each->next)
      known = known || (each->slot_ == i && each->is_same_segment(*this));
    if (known) continue;
    // Not marked as dead: others would help, and this process is alive, and may claim the slot
    // again.
    const turn at(lock_);
    clear_places(*sem_, i, life_, 0);
    sem_->recover(i, life_);
    std::uint64_t left = life_;
    // [freed] acq_rel; pairs with the claim.
    all.slots[i].life.compare_exchange_strong(left, 0, std::memory_order_acq_rel,
                                              std::memory_order_relaxed);
    sem_->serve();
  }
}

void handle::ref() noexcept {
  // relaxed: the caller has one.
  refs_.fetch_add(1, std::memory_order_relaxed);
}

void handle::unref() noexcept {
  // acq_rel: the last one happens after all that the others did.
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (!is_foreign() && requests_.end([](handle& of) {
        of.detach();
        delete &of;
      }))
    return;
  detach();
  delete this;
}

void handle::detach() noexcept {
  attendant::remove(*this);
  if (is_foreign()) return;
  const turn at(lock_);
  auto& life = memory().slot(slot_).life;
  sem_->recover(slot_, life_);
  sem_->serve();
  // The last: from here on the slot may be another's, and with it the words of its transactions
  // (J2). [freed] acq_rel; pairs with the claim.
  std::uint64_t expected = life_;
  life.compare_exchange_strong(expected, 0, std::memory_order_acq_rel, std::memory_order_relaxed);
}

handle::~handle() {
  if (sem_ != nullptr) sem_->~semaphore();
}

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

// Permits may be free but for the dead, or for requests of those who stand still, whom nobody has
// looked after while nobody waits. False: somebody did just now. The lock is held.
[[gnu::noinline]] answer handle::take_after_a_look(std::uint64_t n) noexcept {
  return looks_after() ? sem_->try_take(n) : answer::would_wait;
}

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
  look_after_grants(*sem_, bell_, system, seen_.get());
  sem_->serve();
  return true;
}

afflux_status handle::release(std::uint64_t n) noexcept {
  if (is_foreign()) return AFFLUX_ECLOSED;
  const turn at(lock_);
  return outcome(sem_->give(n));
}

bool handle::is_same_segment(const handle& other) const noexcept {
  return file_.is_same(other.file_);
}

// True: `ret_status` is the answer.
bool handle::spin(std::uint64_t n, afflux_status& ret_status) noexcept {
  std::uint32_t number = 0;
  for (int turns = 0, without = 0; turns < kSpinsWithProgress && without < kSpinsWithout;) {
    // relaxed, both: hints; try_acquire() decides.
    const head_word head = head_word::of(memory().common->head.load(std::memory_order_relaxed));
    const count_word limit = count_word::of(memory().common->limit.load(std::memory_order_relaxed));
    if (!head.waiting && head.used + n <= limit.count) {
      ret_status = try_acquire(n);
      if (ret_status != AFFLUX_EAGAIN) return true;
    }
    without = head.number == number ? without + 1 : 0;
    number = head.number;
    if (head.waiting) {
      sched_yield();
      turns += kSpinsOfYield;
    } else {
      pause();
      ++turns;
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
  if (has_cores() && spin(n, status)) return status;
  const std::int64_t deadline = deadline_after(timeout_ns);
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
  const turn at(lock_);
  const answer begun = sem_->take_or_enqueue(n, place);
  if (begun == answer::done) count_grant();
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

bool handle::has_other_lives() noexcept {
  bool other = false;
  for (std::uint32_t i = 0; i < memory().slot_count; ++i) {
    const std::uint64_t life = memory().slots[i].life.load(std::memory_order_acquire);
    other = other || life != lives_[i];
    lives_[i] = life;
  }
  return other;
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
  look_after_grants(*sem_, bell_, processes, seen_.get());
  sem_->serve();
  return kLookEvery;
}

}  // namespace afflux::shared
