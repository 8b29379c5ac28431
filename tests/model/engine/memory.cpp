// SPDX-License-Identifier: MIT OR Apache-2.0
#include "memory.h"

#include <cstring>

namespace afflux::model {

namespace {

const std::byte* bytes(const void* address) { return static_cast<const std::byte*>(address); }

}  // namespace

memory::memory() : arena_(new std::byte[kArenaSize]) {
  dead_.reserve(64);
  blocks_.reserve(64);
}

void memory::reset() {
  used_ = 0;
  failing_call_ = 0;
  dead_.clear();
  blocks_.clear();
  released_.clear();
}

void* memory::allocate(std::size_t size, std::size_t alignment, int fibre, std::size_t events) {
  if (failing_call_ != 0 && --failing_call_ == 0) return nullptr;
  if (block* again = reuse_ ? released(size, alignment) : nullptr) {
    const std::size_t offset = static_cast<std::size_t>(again->begin - arena_.get());
    revive(again->begin, size);
    std::memset(arena_.get() + offset, 0xa5, size);
    *again = {again->begin, size, fibre, true, events};
    return arena_.get() + offset;
  }
  const auto base = reinterpret_cast<std::uintptr_t>(arena_.get());
  const auto at = (base + used_ + alignment - 1) & ~(std::uintptr_t{alignment} - 1);
  const std::size_t offset = at - base;
  if (offset + size > kArenaSize) return nullptr;
  constexpr std::size_t kGap = 64;  // an overrun of one block does not reach the next
  used_ = offset + size + kGap;
  // The same garbage in every execution: a read of it must not depend on history.
  std::memset(arena_.get() + offset, 0xa5, size);
  blocks_.push_back({arena_.get() + offset, size, fibre, true, events});
  return arena_.get() + offset;
}

bool memory::release(const void* address) {
  for (block& candidate : blocks_) {
    if (candidate.begin != address || !candidate.live) continue;
    candidate.live = false;
    if (reuse_) released_.push_back(static_cast<std::size_t>(&candidate - blocks_.data()));
    bury(address, candidate.size, death::destroyed);
    return true;
  }
  return false;
}

// The block of that size that was released last, no longer in released_.
memory::block* memory::released(std::size_t size, std::size_t alignment) {
  for (std::size_t i = released_.size(); i-- > 0;) {
    block& candidate = blocks_[released_[i]];
    const auto address = reinterpret_cast<std::uintptr_t>(candidate.begin);
    if (candidate.size != size || address % alignment != 0) continue;
    released_.erase(released_.begin() + static_cast<std::ptrdiff_t>(i));
    return &candidate;
  }
  return nullptr;
}

void memory::bury(const void* address, std::size_t size, death how) {
  dead_.push_back({bytes(address), bytes(address) + size, how});
}

bool memory::revive(const void* address, std::size_t size) {
  const std::byte* begin = bytes(address);
  const std::byte* end = begin + size;
  bool any = false;
  for (std::size_t i = 0; i < dead_.size();) {
    const range old = dead_[i];
    if (end <= old.begin || old.end <= begin) {
      ++i;
      continue;
    }
    any = true;
    dead_[i] = dead_.back();
    dead_.pop_back();
    if (old.begin < begin) dead_.push_back({old.begin, begin, old.how});
    if (end < old.end) dead_.push_back({end, old.end, old.how});
  }
  return any;
}

memory::death memory::find_dead(const void* address, std::size_t size) const {
  const std::byte* begin = bytes(address);
  for (const range& candidate : dead_) {
    if (begin < candidate.end && candidate.begin < begin + size) return candidate.how;
  }
  return death::none;
}

const memory::block* memory::first_leak() const {
  for (const block& candidate : blocks_) {
    if (candidate.live) return &candidate;
  }
  return nullptr;
}

const memory::block* memory::containing(const void* address, std::size_t& index) const {
  for (index = 0; index < blocks_.size(); ++index) {
    const block& candidate = blocks_[index];
    if (bytes(address) >= candidate.begin && bytes(address) < candidate.begin + candidate.size) {
      return &candidate;
    }
  }
  return nullptr;
}

}  // namespace afflux::model
