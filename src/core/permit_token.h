// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A permit token: permits with an owner, given back at most once however many
// threads try. A token with permits holds a reference of its semaphore, and of their tenant.
//
// `state` is the count of permits, shifted by one, and a busy bit. The thread that sets the
// bit may read and write the rest; the bit is held for a few instructions, never
// while anything is released or completed.
#pragma once

#include <cstdint>

#include "core/semaphore.h"
#include "core/tenant.h"

namespace afflux::core {

template <class P>
class permit_token {
 public:
  // Takes over `n` permits, and a reference that it adds.
  permit_token(semaphore<P>& sem, std::uint64_t n, std::int64_t acquired_at, const char* tag,
               queue::tenant<P>* tenant = nullptr)
      : state_(n << 1), sem_(&sem), id_(next_id()), acquired_at_(acquired_at), tenant_(tenant) {
    sem.ref();
    if (tenant != nullptr) tenant->ref();
    if (sem.ledger == nullptr) return;
    stats::holder who = {.id = id_, .permits = n, .since = acquired_at};
    stats::copy_tag(tag, who.tag);
    line_ = sem.ledger->open(who);
  }

  status release() {
    return empty(true, [](const semaphore<P>&, std::int64_t) { return status::ok; });
  }
  status forget() {
    return empty(false, [](const semaphore<P>&, std::int64_t) { return status::ok; });
  }
  // before(semaphore, since when they are held) is called with the permits still held, and the
  // token's busy bit; other than ok: that is the answer, and the token keeps them.
  template <class F>
  status release_after(F&& before) {
    return empty(true, before);
  }

  // Moves n permits into a token that is constructed at `storage`.
  status split(std::uint64_t n, void* storage) {
    const std::uint64_t count = lock();
    if (count == 0) return unlock(0), status::already;
    if (n == 0 || n >= count) return unlock(count), status::invalid;
    // While the bit is set this token's own reference keeps the semaphore alive.
    const stats::holder me = line_ == kNoLine ? stats::holder{} : sem_->ledger->read(line_);
    new (storage) permit_token(*sem_, n, acquired_at_, me.tag.data(), tenant_);
    told(count - n);
    unlock(count - n);
    return status::ok;
  }

  // Takes all of the other's permits.
  status merge(permit_token& other) {
    // In the order of addresses, as merge() the other way round may run beside it.
    permit_token& first = this < &other ? *this : other;
    permit_token& second = this < &other ? other : *this;
    first.lock();
    second.lock();
    // relaxed: under the busy bits.
    const std::uint64_t mine = state_.load(std::memory_order_relaxed) >> 1;
    const std::uint64_t theirs = other.state_.load(std::memory_order_relaxed) >> 1;
    status result = status::ok;
    if (mine == 0 || theirs == 0) {
      result = status::already;
    } else if (sem_ != other.sem_ || tenant_ != other.tenant_) {
      result = status::invalid;
    }
    semaphore<P>* const sem = sem_;
    queue::tenant<P>* const tenant = tenant_;
    const bool merged = result == status::ok;
    if (merged) {
      other.told(0);
      told(mine + theirs);
    }
    other.unlock(merged ? 0 : theirs);
    unlock(merged ? mine + theirs : mine);
    if (merged && tenant != nullptr) core::unref(*tenant);
    if (merged) sem->unref();  // never the last, both: this token has one
    return result;
  }

  std::uint64_t count() const {
    return state_.load(std::memory_order_relaxed) >> 1;  // an observation
  }
  std::uint64_t id() const { return count() == 0 ? 0 : id_; }
  std::int64_t held_for() const { return count() == 0 ? 0 : P::now() - acquired_at_; }

 private:
  static constexpr std::uint64_t kBusy = 1;

  static std::uint64_t next_id() {
    static typename P::template atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;  // only has to be unique
  }

  static constexpr std::uint32_t kNoLine = stats::ledger<P>::kNone;

  // Writes into the ledger how many there are now. Under the busy bit.
  void told(std::uint64_t count) {
    if (line_ == kNoLine) return;
    if (count != 0) return sem_->ledger->set_permits(line_, count);
    sem_->ledger->close(line_);
    line_ = kNoLine;
  }

  // The count; an empty token is locked too.
  std::uint64_t lock() {
    std::uint64_t seen = state_.load(std::memory_order_relaxed);
    for (;;) {
      if ((seen & kBusy) != 0) {
        P::wait_for_change(state_, seen);
        seen = state_.load(std::memory_order_relaxed);
      } else if (state_.compare_exchange_strong(seen, seen | kBusy,
                                                // pairs with the release in unlock()
                                                std::memory_order_acquire,
                                                std::memory_order_relaxed)) {
        return seen >> 1;
      }
    }
  }
  // release: what was done under the bit is visible to the next who sets it.
  void unlock(std::uint64_t count) { state_.store(count << 1, std::memory_order_release); }

  template <class F>
  status empty(bool give_back, F&& before) {
    const std::uint64_t count = lock();
    semaphore<P>* const sem = sem_;
    queue::tenant<P>* const tenant = tenant_;
    const std::int64_t acquired_at = acquired_at_;
    if (count == 0) return unlock(0), status::already;
    status result = before(*sem, acquired_at);
    if (result != status::ok) return unlock(count), result;
    told(0);
    unlock(0);
    if (give_back) {
      if (auto* const stats = sem->stats(); stats != nullptr && stats->has_times()) {
        stats->held(P::now() - acquired_at);
      }
      // overflow: what was this token's has been released by hand.
      if (tenant != nullptr) {
        result = sem->release_for(*tenant, count, true);
      } else {
        result = sem->release(count);
        if (result == status::overflow) sem->release_what_is_held(count);
      }
    }
    if (tenant != nullptr) core::unref(*tenant);
    sem->unref();
    return result;
  }

  typename P::template atomic<std::uint64_t> state_;
  semaphore<P>* sem_;
  std::uint64_t id_;
  std::int64_t acquired_at_;
  std::uint32_t line_ = kNoLine;  // in the ledger
  queue::tenant<P>* tenant_;      // nullptr: the permits are no tenant's
};

}  // namespace afflux::core
