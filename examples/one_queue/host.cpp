// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host.h"

#include <cstdio>
#include <cstdlib>

namespace one_queue {

std::atomic<std::uint64_t> broken = 0;
std::array<tally, ONE_QUEUE_SIDES> tallies;
std::atomic<bool> is_over = false;
grants granted;

namespace {

// 16 bits for each side, so that one look sees all of them at one moment.
std::atomic<std::uint64_t> held_now = 0;
std::atomic<std::uint64_t> most = 0;

constexpr std::uint64_t in_word(std::uint32_t side, std::uint64_t permits) {
  return permits << (16 * side);
}

constexpr std::uint64_t of_side(std::uint64_t word, std::uint32_t side) {
  return (word >> (16 * side)) & 0xffff;
}

void enter(std::uint32_t side, std::uint32_t permits) {
  const std::uint64_t add = in_word(side, permits);
  const std::uint64_t word = held_now.fetch_add(add) + add;
  std::uint64_t all = 0;
  for (std::uint32_t i = 0; i < ONE_QUEUE_SIDES; ++i) all += of_side(word, i);
  if (all > kLimit) fail("more permits are held than the limit");
  std::uint64_t seen = most.load();
  while (seen < all && !most.compare_exchange_weak(seen, all)) {
  }
  tallies[side].requests.fetch_add(1);
  tallies[side].permits.fetch_add(permits);
}

void leave(std::uint32_t side, std::uint32_t permits) {
  held_now.fetch_sub(in_word(side, permits));
}

}  // namespace

void fail(const char* what) {
  constexpr std::uint64_t kTold = 20;
  if (broken.fetch_add(1) < kTold) std::fprintf(stderr, "\nBROKEN: %s\n", what);
}

void expect(bool kept, const std::string& what) {
  if (!kept) fail(what.c_str());
}

void give_up(const afflux::semaphore& sem, const char* what) {
  fail(what);
  std::fprintf(stderr, "held %llu, waiting %llu; the ledger:\n%s",
               static_cast<unsigned long long>(sem.held()),
               static_cast<unsigned long long>(sem.waiters()), sem.dump_holders().c_str());
  std::_Exit(1);
}

by_tag ledger(const afflux::semaphore& sem, std::uint64_t& ret_untold) {
  by_tag held;
  const afflux::status told = sem.visit_holders(
      [&held](const afflux::holder& h) { held[std::string(h.tag)] += h.permits; }, ret_untold);
  expect(told == afflux::status::ok, "the ledger could not be read");
  return held;
}

shares in_flight() {
  const std::uint64_t word = held_now.load();
  shares held{};
  for (std::uint32_t side = 0; side < ONE_QUEUE_SIDES; ++side) {
    held[side] = static_cast<double>(of_side(word, side));
  }
  return held;
}

std::uint64_t most_in_flight() { return most.load(); }

void grants::add(std::uint32_t ticket) {
  const std::lock_guard hold(lock_);
  tickets_.push_back(ticket);
  some_.notify_one();
}

bool grants::next(std::uint32_t& ret_ticket) {
  std::unique_lock hold(lock_);
  if (!some_.wait_for(hold, kPatience, [this] { return !tickets_.empty(); })) return false;
  ret_ticket = tickets_.front();
  tickets_.pop_front();
  return true;
}

one_queue_host make_host(const afflux::semaphore& sem) {
  return {
      .sem = sem.handle(),
      .granted = [](std::uint32_t ticket) { granted.add(ticket); },
      .enter = enter,
      .leave = leave,
      .gave_up = [](std::uint32_t side) { tallies[side].given_up.fetch_add(1); },
      .is_over = [] { return std::int32_t{is_over ? 1 : 0}; },
      .fail = fail,
  };
}

}  // namespace one_queue
