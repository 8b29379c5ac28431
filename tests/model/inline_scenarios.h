// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Permits taken and given back by callers' own exchanges, as afflux.h, "Inline fast path", says for
// layout 3, beside the library's calls.
#pragma once

#include "world.h"

namespace afflux::model::scenarios {

// A caller that knows the block alone. Where that sends it into a call it makes the call.
template <class W>
struct inline_caller {
  static constexpr std::uint64_t kFull = std::uint64_t{1} << 19;

  W& w;

  auto& block() const { return w.sem->block(); }

  // False: the block sends it into a call.
  bool take(std::uint64_t n) {
    std::uint64_t seen = block().word.load(std::memory_order_acquire);
    std::uint64_t wanted = 0;
    do {
      if ((seen & queue::kFlags) != 0 || !queue::fits(seen, n)) return false;
      wanted = seen - queue::permits(n);
      wanted =
          (seen & kFull) == 0 ? wanted + (1u << queue::kInlineShift) : wanted & ~queue::kInline;
    } while (!block().word.compare_exchange_strong(seen, wanted, std::memory_order_acquire,
                                                   std::memory_order_acquire));
    w.enter(n);
    if ((seen & kFull) != 0) {
      block().taken.fetch_add(queue::taken_inline(seen) + 1, std::memory_order_release);
    }
    if (n > 1) block().beyond.fetch_add(n - 1, std::memory_order_relaxed);
    const std::uint64_t held = queue::held(wanted, block().limit.load(std::memory_order_relaxed));
    if (held > block().peak.load(std::memory_order_relaxed)) w.sem->note_peak(wanted);
    return true;
  }
  bool give(std::uint64_t n) {
    std::uint64_t seen = block().word.load(std::memory_order_acquire);
    do {
      const std::uint64_t limit = block().limit.load(std::memory_order_relaxed);
      if ((seen & queue::kFlags) != 0 || n > queue::held(seen, limit)) return false;
      w.leave(n);  // from the exchange on another may enter
      if (block().word.compare_exchange_strong(seen, seen + queue::permits(n),
                                               std::memory_order_release,
                                               std::memory_order_acquire)) {
        return true;
      }
      w.enter(n);
      w.out -= n;
    } while (true);
  }
  void pass(std::uint64_t n) {
    if (!take(n)) check(w.acquire(n) == status::ok, "acquire");
    if (!give(n)) w.release(n);
  }
};

template <class W>
afflux_sem_stats read_numbers(const W& w) {
  afflux_sem_stats now = {};
  w.sem->stats()->read(now, w.sem->block(), [&w] { return w.sem->held_now(); });
  return now;
}

// The count of the word as if so many had been taken inline already.
template <class W>
void count_stands_at(W& w, std::uint64_t n) {
  w.sem->word().fetch_add(n << queue::kInlineShift, std::memory_order_relaxed);
}

// Inline and by calls, for one permit: none is lost, and the totals are exact.
template <class W>
void inline_beside_calls(explorer& run) {
  W w(run, 1);
  for (int i = 0; i < 2; ++i) run.spawn([&w] { inline_caller<W>{w}.pass(1); });
  run.spawn([&w] { w.pass(1, true); });
  run.join();
  const afflux_sem_stats now = read_numbers(w);
  check(now.requests_fast + now.granted == 3 && now.released == 3, "K1: not each is counted once");
  check(now.peak_held == 1, "K3: the peak");
  w.at_rest(0);
}

// The count moves from the word to the block beside a reader: no total goes back or runs ahead.
template <class W>
void inline_count_moves_beside_a_reader(explorer& run) {
  constexpr std::uint64_t kBefore = 31;
  W w(run, 3);
  count_stands_at(w, kBefore);
  for (int i = 0; i < 2; ++i) {
    run.spawn([&w, i] { check(inline_caller<W>{w}.take(i == 0 ? 1 : 2), "take"); });
  }
  run.spawn([&w] {
    const auto first = read_numbers(w);
    const auto second = read_numbers(w);
    check(second.requests_fast >= first.requests_fast, "K1: a total has gone back");
    check(second.acquired_fast >= first.acquired_fast, "K1: a total has gone back");
    check(second.requests_fast <= kBefore + 2, "K1: counted too early");
  });
  run.join();
  const afflux_sem_stats now = read_numbers(w);
  check(now.requests_fast == kBefore + 2, "K1: not each is counted once");
  check(now.acquired_fast == kBefore + 3, "K1: not each permit is counted once");
  check(now.peak_held == 3, "K3: the peak");
  w.at_rest(3);
}

// A resize under an acquire's hands: more than could be held is never told.
template <class W>
void inline_peak_beside_resizes(explorer& run) {
  W w(run, 2);
  w.bound = 3;
  run.spawn([&w] { check(inline_caller<W>{w}.take(1) || w.acquire(1) == status::ok, "take"); });
  run.spawn([&w] {
    check(core::resize(*w.sem, 3) == status::ok, "resize");
    check(core::resize(*w.sem, 1) == status::ok, "resize");
  });
  run.join();
  const afflux_sem_stats now = read_numbers(w);
  check(now.held == 1 && now.acquired_fast + now.acquired_after_wait == 1, "K1: one is held");
  check(now.peak_held <= 1, "K3: more than was ever held");
  w.at_rest(1);
}

}  // namespace afflux::model::scenarios
