// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The buffers themselves, and when the explorer drains them.
#include "store_buffer.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "explorer.h"

namespace afflux::model {

namespace {

store_buffers::content read_memory(const store_buffers::place& where) {
  store_buffers::content what{0, *where.published};
  std::memcpy(&what.bits, where.value, where.size);
  return what;
}

void write_memory(const store_buffers::place& where, const store_buffers::content& what) {
  std::memcpy(where.value, &what.bits, where.size);
  *where.published = what.clock;
}

}  // namespace

void store_buffers::reset() {
  pending_.clear();
  cells_.clear();
  made_ = 0;
}

store_buffers::cell* store_buffers::find(const void* address) {
  for (cell& candidate : cells_) {
    if (candidate.where.value == address) return &candidate;
  }
  return nullptr;
}

void store_buffers::push(int fibre, const place& where, const content& what) {
  cell* word = find(where.value);
  if (word == nullptr) {
    cells_.push_back({where, read_memory(where), {}, 0, 0});
    word = &cells_.back();
  }
  ++word->pending;
  word->newest = what;
  word->newest_number = ++made_;
  pending_.push_back({where.value, made_, fibre, false, what});
  write_memory(where, what);
}

const void* store_buffers::drain(int fibre) {
  const auto oldest = std::find_if(pending_.begin(), pending_.end(),
                                   [=](const store& each) { return each.fibre == fibre; });
  const store done = *oldest;
  pending_.erase(oldest);
  cell* word = find(done.address);
  word->visible = done.what;
  if (--word->pending == 0) {
    // Two fibres stored to the word, and the one that was later in making its
    // store was earlier in draining it. Only then memory holds the wrong one.
    if (word->newest_number != done.number) write_memory(word->where, word->visible);
    *word = cells_.back();
    cells_.pop_back();
  }
  return done.address;
}

void store_buffers::forget(const void* begin, std::size_t size) {
  const auto within = [=](const void* address) {
    const auto* at = static_cast<const std::byte*>(address);
    const auto* from = static_cast<const std::byte*>(begin);
    return at >= from && at < from + size;
  };
  std::erase_if(pending_, [&](const store& each) { return within(each.address); });
  std::erase_if(cells_, [&](const cell& each) { return within(each.where.value); });
}

int store_buffers::count(int fibre) const {
  return static_cast<int>(std::count_if(pending_.begin(), pending_.end(),
                                        [=](const store& each) { return each.fibre == fibre; }));
}

const void* store_buffers::oldest_address(int fibre) const {
  for (const store& each : pending_) {
    if (each.fibre == fibre) return each.address;
  }
  return nullptr;
}

store_buffers::content store_buffers::oldest(int fibre) const {
  for (const store& each : pending_) {
    if (each.fibre == fibre) return each.what;
  }
  return {};
}

store_buffers::mask store_buffers::owners(const void* address, int self) const {
  mask all = 0;
  for (const store& each : pending_) {
    if (each.address == address && each.fibre != self) all |= mask{1} << each.fibre;
  }
  return all;
}

int store_buffers::first_owner(const void* address, int self) const {
  for (const store& each : pending_) {
    if (each.address == address && each.fibre != self) return each.fibre;
  }
  return -1;
}

int store_buffers::not_overlooked(const void* address, int self) const {
  int count = 0;
  for (const store& each : pending_) {
    if (each.address == address && each.fibre != self && !each.overlooked) ++count;
  }
  return count;
}

void store_buffers::overlook(const void* address, int self) {
  for (store& each : pending_) {
    if (each.address == address && each.fibre != self) each.overlooked = true;
  }
}

const store_buffers::content* store_buffers::own_newest(int fibre, const void* address) const {
  for (auto each = pending_.rbegin(); each != pending_.rend(); ++each) {
    if (each->fibre == fibre && each->address == address) return &each->what;
  }
  return nullptr;
}

const store_buffers::content* store_buffers::visible(const void* address) const {
  for (const cell& candidate : cells_) {
    if (candidate.where.value == address) return &candidate.visible;
  }
  return nullptr;
}

bool store_buffers::will_differ(const void* address, std::uint64_t bits) const {
  return std::any_of(pending_.begin(), pending_.end(), [=](const store& each) {
    return each.address == address && each.what.bits != bits;
  });
}

void store_buffers::expose(const place& where) {
  if (const cell* word = find(where.value)) write_memory(where, word->visible);
}

void store_buffers::conceal(const place& where) {
  if (cell* word = find(where.value)) {
    word->visible = read_memory(where);
    write_memory(where, word->newest);
  }
}

// ---- when they drain

// One store of the fibre. Another fibre's store to the same word may drain just
// before; it was looked past already, or made later, so neither order costs anything.
// `behind`: fibres whose next store is to drain after this one.
void explorer::drain_one(int fibre, mask behind) {
  const void* address = buffers_.oldest_address(fibre);
  while (const mask others = buffers_.owners(address, fibre) & ~behind) {
    const int taken = choose_among(others | bit(kNobody), kNobody);
    if (taken == kNobody) break;
    drain_to(taken, address, behind | bit(fibre));
  }
  record(op::drained, address, 0, buffers_.oldest(fibre).bits);
  events_[event_count_ - 1].fibre = static_cast<std::int8_t>(fibre);
  buffers_.drain(fibre);
}

// The fibre's oldest store to that word, and what it stored before (SB1).
void explorer::drain_to(int fibre, const void* address, mask behind) {
  bool reached = false;
  while (!reached) {
    reached = buffers_.oldest_address(fibre) == address;
    drain_one(fibre, behind);
  }
}

void explorer::drain_all(int fibre) {
  while (buffers_.count(fibre) != 0) drain_one(fibre);
}

void explorer::drain_own() {
  if (!buffers_.empty()) drain_all(current_);
}

void explorer::settle(const void* address) {
  while (const mask owners = buffers_.owners(address, current_)) {
    const int cost = buffers_.not_overlooked(address, current_);
    const mask options = cost <= delays_left_ ? owners | bit(kNobody) : owners;
    const int taken = choose_among(options, buffers_.first_owner(address, current_));
    if (taken == kNobody) {
      delays_left_ -= cost;
      const int owner = buffers_.first_owner(address, current_);
      record(op::overlooked, address, 0, static_cast<std::uint64_t>(owner));
      buffers_.overlook(address, current_);
      return;
    }
    drain_to(taken, address);
  }
}

std::uint64_t explorer::settle_until_differs(const store_buffers::place& where,
                                             std::uint64_t seen) {
  if (buffers_.own_newest(current_, where.value) != nullptr) drain_all(current_);
  while (const store_buffers::content* now = buffers_.visible(where.value)) {
    if (now->bits != seen) return now->bits;
    const mask owners = buffers_.owners(where.value, current_);
    drain_to(choose_among(owners, buffers_.first_owner(where.value, current_)), where.value);
  }
  return read_memory(where).bits;
}

store_buffers::content explorer::look(const store_buffers::place& where) {
  const void* address = where.value;
  if (const auto* own = buffers_.own_newest(current_, address)) {
    // Only what others have under way can have taken the place of its own.
    if (buffers_.owners(address, current_) == 0) return *own;
    if (choose_among(bit(current_) | bit(kNobody), kNobody) == kNobody) return *own;
    while (buffers_.own_newest(current_, address) != nullptr) drain_to(current_, address);
  }
  settle(address);
  if (const auto* seen = buffers_.visible(address)) return *seen;
  return read_memory(where);
}

bool explorer::may_differ(const void* address, std::uint64_t in_memory, std::uint64_t seen) const {
  const store_buffers::content* now = buffers_.visible(address);
  if (now == nullptr) return in_memory != seen;
  return now->bits != seen || buffers_.will_differ(address, seen);
}

void explorer::delay(const store_buffers::place& where, const store_buffers::content& what) {
  buffers_.push(current_, where, what);
  if (buffers_.count(current_) > options_.store_buffers) drain_one(current_);
}

void explorer::begin_update(const store_buffers::place& where) {
  drain_own();
  settle(where.value);
  buffers_.expose(where);
}

}  // namespace afflux::model
