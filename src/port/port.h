// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A port: where requests complete for an event loop. Waiters that are done are linked into its
// ready list, and the loop is rung if it sleeps. The waiters themselves are the list, so nothing
// is allocated and nothing overflows, however many complete at once.
//
// The thread that rings uses the port after the loop may have seen the completion, and dropped its
// reference. So a pending request counts as a reference to the port, and the thread that completes
// it gives that back as its last touch.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "mutants.h"
#include "port/doorbell.h"
#include "port/ready_list.h"

namespace afflux::port {

enum class closing : std::uint8_t { done, before, busy };

// Node: a waiter, with `next`, `user_data`, `context` and `result`.
template <class P, class Node>
class port {  // NOLINT(clang-analyzer-optin.performance.Padding): its parts lie apart on purpose
 public:
  // drains_all: the loop promises to drain until nothing comes before it sleeps.
  port(std::unique_ptr<doorbell> bell, bool drains_all)
      : bell_(std::move(bell)), stays_awake_(drains_all || bell_->shows()) {}

  doorbell& bell() { return *bell_; }
  const doorbell& bell() const { return *bell_; }

  // ---- references

  void ref() { refs_.fetch_add(kUser, std::memory_order_relaxed); }  // the caller has one
  void unref() { drop(kUser); }

  // A request is about to wait for this port, of which the caller has a reference. False: it is
  // closed.
  bool begin() {
    // relaxed, both: the reference keeps it alive, and a number is all that is published.
    std::uint64_t word = refs_.fetch_add(kPending, std::memory_order_relaxed);
    while ((word & kClosing) != 0) {
      P::wait_for_change(refs_, word);
      word = refs_.load(std::memory_order_relaxed);
    }
    if ((word & kClosed) == 0) return true;
    end();
    return false;
  }
  // So many requests are no longer to be completed.
  void end(std::uint64_t count = 1) { drop(count * kPending); }

  // An observation.
  std::uint64_t pending() const { return refs_.load(std::memory_order_relaxed) / kPending; }

  // No more requests; the loop's thread, or while there is none. busy: some are pending, or ready.
  closing close() {
    // acquire, each: what ended the last pending request has been pushed.
    std::uint64_t word = refs_.load(std::memory_order_acquire);
    do {
      if ((word & (kClosed | kClosing)) != 0) return closing::before;
      if (P::kMutant != mutant::closes_while_pending && word >= kPending) return closing::busy;
    } while (!refs_.compare_exchange_strong(word, word | kClosing, std::memory_order_acquire,
                                            std::memory_order_acquire));
    // Now nothing can be put in any more. Before, a request could have begun and completed between
    // a look at the list and the exchange.
    const bool left = taken_ != nullptr || ready_.ready();
    // relaxed: begin() and close() read no more by it than that it is so.
    refs_.fetch_add(left ? -kClosing : kClosed - kClosing, std::memory_order_relaxed);
    return left ? closing::busy : closing::done;
  }

  // ---- completing: any thread

  // A chain by `next`, the latest first. Its begin()s keep the port alive.
  void deliver(Node& first, Node& last) {
    auto newest = reinterpret_cast<std::uintptr_t>(&first);
    if (!ready_.push(first, last)) return;
    for (int left = kRings; !bell_->ring(); --left) {
      if (P::kMutant == mutant::refusal_forgotten || !ready_.refused(newest, left == 1)) return;
    }
  }

  // ---- the loop: one thread at a time

  // Ready, and not drained.
  std::uint64_t undrained() const {
    std::uint64_t n = ready_.count();
    for (const Node* x = taken_; x != nullptr; x = x->next) ++n;
    return n;
  }

  // Hands the next completions to out(node), at most `most`; how many there were. The node is
  // its owner's after that.
  template <class Out>
  std::size_t drain(std::size_t most, Out&& out) {
    if (most == 0) return 0;
    std::size_t count = 0;
    bool silenced = false;
    for (;;) {
      if (taken_ == nullptr) taken_ = ready_.take();
      for (; taken_ != nullptr && count < most; ++count) {
        Node& x = *std::exchange(taken_, static_cast<Node*>(taken_->next));
        out(x);
      }
      if (armed_ && !ready_.asleep()) {
        armed_ = false;
        ++rings_;
      }
      if (taken_ != nullptr) {
        if ((silenced || owes_show_) && P::kMutant != mutant::rest_not_shown) show();
        return count;
      }
      // The bell still shows, or the loop has promised to come again: awake it costs no ring.
      if (count != 0 && stays_awake_ && !silenced && !owes_show_) {
        if (count < most && ready_.ready()) continue;  // less than `most` says that this was all
        return count;
      }
      if (bell_->shows() && (rings_ != 0 || bell_->rung_unasked()) && !(armed_ && silenced)) {
        // Before the next look at the list, for what is silenced here may have rung for what is
        // ready now. A ring that is still on its way is silenced another time.
        rings_ -= std::min(rings_, bell_->silence());
        silenced = true;
      }
      if (ready_.ready()) continue;
      if (!armed_) armed_ = ready_.arm();
      if constexpr (P::kMutant == mutant::silences_the_sleeper)
        rings_ -= std::min(rings_, bell_->silence());
      if (armed_) return owes_show_ = false, count;
    }
  }

 private:
  static constexpr std::uint64_t kUser = 1;
  static constexpr std::uint64_t kClosed = std::uint64_t{1} << 31;
  static constexpr std::uint64_t kClosing = std::uint64_t{1} << 30;  // until close() has looked
  static constexpr std::uint64_t kPending = std::uint64_t{1} << 32;

  // How often one completion rings for those that come while its ring is refused.
  static constexpr int kRings = 3;

  // There is more for a loop whose bell has been silenced.
  void show() {
    if (!bell_->shows()) return;
    ++rings_;
    owes_show_ = !bell_->ring();
    if (!owes_show_) return;
    // The loop may sleep now: the next push rings, whether it finds the list empty or not.
    armed_ = ready_.arm();
    std::uintptr_t any = 0;
    if (!armed_) ready_.refused(any, true);
  }

  void drop(std::uint64_t n) {
    // release: what this owner did comes before the end; acquire: for the last one.
    const std::uint64_t left = refs_.fetch_sub(n, std::memory_order_acq_rel) - n;
    if ((left & ~kClosed) == 0) P::destroy(this);
  }

  const std::unique_ptr<doorbell> bell_;
  const bool stays_awake_;
  alignas(64) typename P::template atomic<std::uint64_t> refs_{kUser};
  alignas(64) ready_list<P, Node> ready_;
  // The loop's own.
  alignas(64) typename P::template var<Node*> taken_{nullptr};
  bool armed_ = true;       // asleep, as far as the loop knows
  bool owes_show_ = false;  // the bell has been silenced, and refused to show again
  // That have not been silenced. Some may be on their way, or have been refused: too many cost a
  // silence() now and then, one too few would leave the bell showing for nothing.
  std::uint64_t rings_ = 0;
};

// Completions on their way to ports: those that go to the same one are pushed together.
template <class P, class Node>
class outbox {
 public:
  using port_type = port<P, Node>;

  outbox() = default;
  outbox(const outbox&) = delete;
  outbox& operator=(const outbox&) = delete;
  ~outbox() { close(); }

  void send(Node& x) {
    port_type* const to = x.destination();
    if (to != to_) {
      close();
      to_ = to;
      // The first one by itself: the loop wakes up while the others follow.
      x.next = nullptr;
      ++sent_;
      if constexpr (P::kMutant == mutant::rings_without_reference) to->end(sent_--);
      to->deliver(x, x);
      return;
    }
    x.next = latest_;
    if (latest_ == nullptr) earliest_ = &x;
    latest_ = &x;
    if (++held_back_ == kTogether) flush();
  }

 private:
  static constexpr std::uint32_t kTogether = 32;

  void flush() {
    if (latest_ == nullptr) return;
    to_->deliver(*latest_, *earliest_);
    sent_ += held_back_;
    held_back_ = 0;
    latest_ = earliest_ = nullptr;
  }

  void close() {
    if (to_ == nullptr) return;
    flush();
    to_->end(sent_);
    to_ = nullptr;
    sent_ = 0;
  }

  port_type* to_ = nullptr;
  Node* latest_ = nullptr;  // not yet pushed, by `next` ...
  Node* earliest_ = nullptr;
  std::uint32_t held_back_ = 0;  // ... and how many
  std::uint64_t sent_ = 0;
};

}  // namespace afflux::port
