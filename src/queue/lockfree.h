// SPDX-License-Identifier: MIT OR Apache-2.0
//
// LOCKFREE: the inbox is a lock-free queue of pointers (the policy's `producer_queue`; in the
// library moodycamel::ConcurrentQueue).
//
// That queue keeps the order of one thread's arrivals only. Each arrival draws a
// ticket, and those that are taken together are put in the order of their tickets:
// of two requests from different threads the one whose call had returned before the
// other's began goes first; two that arrive at the same moment may change places.
// It allocates blocks; who finds no memory waits for the lock.
//
// No producer tokens: a token belongs to one thread and one queue. It would have to
// lie in thread-local storage, one for each semaphore, and be found there by a look-up
// much like the one that the queue itself makes without a token.
#pragma once

#include <cstddef>
#include <cstdint>

#include "park/producer_queue.h"
#include "queue/queue.h"

namespace afflux::queue {

template <class P>
class lockfree_queue final : public waiter_queue<P> {
 public:
  explicit lockfree_queue(const queue::settings& s) : waiter_queue<P>(s, true) {}

  bool post(waiter<P>& x) override {
    // relaxed: only the number matters. It lies in `prev` until x is collected.
    const std::uint64_t ticket = tickets_.fetch_add(1, std::memory_order_relaxed);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a number, never an address
    x.prev = reinterpret_cast<waiter<P>*>(static_cast<std::uintptr_t>(ticket));
    return arrivals_.enqueue(&x);
  }

  waiter<P>* collect() override {
    waiter<P>* newest = nullptr;
    bool in_order = true;
    // Until a pass finds nothing: one that came behind the pass may have an earlier ticket than
    // one that came before it.
    waiter<P>* some[kBulk];
    for (std::size_t count = 1; (count = arrivals_.try_dequeue_bulk(some, kBulk)) != 0;) {
      for (std::size_t i = 0; i < count; ++i) {
        waiter<P>* const x = some[i];
        if (newest != nullptr && ticket(*newest) > ticket(*x)) in_order = false;
        x->next = newest;
        newest = x;
      }
    }
    // By `next` as long as `prev` is the ticket.
    if (!in_order) newest = sorted(newest);
    for (waiter<P>* x = newest; x != nullptr; x = x->prev) x->prev = x->next;
    return newest;
  }

 private:
  static constexpr std::size_t kBulk = 32;

  static std::uint64_t ticket(const waiter<P>& x) {
    return reinterpret_cast<std::uintptr_t>(static_cast<waiter<P>*>(x.prev));
  }

  // A chain by `next`, the highest ticket first: merges runs of 1, 2, 4 ... from the bottom.
  static waiter<P>* sorted(waiter<P>* chain) {
    waiter<P>* runs[64] = {};  // runs[i]: nothing, or a sorted run of 2^i
    while (chain != nullptr) {
      waiter<P>* run = chain;
      chain = chain->next;
      run->next = nullptr;
      int i = 0;
      for (; runs[i] != nullptr; ++i) {
        run = merged(runs[i], run);
        runs[i] = nullptr;
      }
      runs[i] = run;
    }
    waiter<P>* all = nullptr;
    for (waiter<P>* run : runs) all = merged(run, all);
    return all;
  }

  static waiter<P>* merged(waiter<P>* a, waiter<P>* b) {
    waiter<P>* first = nullptr;
    waiter<P>* last = nullptr;
    while (a != nullptr || b != nullptr) {
      waiter<P>*& from = b == nullptr || (a != nullptr && ticket(*a) > ticket(*b)) ? a : b;
      waiter<P>* const x = from;
      from = x->next;
      if (last != nullptr) {
        last->next = x;
      } else {
        first = x;
      }
      last = x;
    }
    if (last != nullptr) last->next = nullptr;
    return first;
  }

  alignas(128) typename P::template atomic<std::uint64_t> tickets_{0};
  typename P::template producer_queue<waiter<P>*> arrivals_;
};

}  // namespace afflux::queue
