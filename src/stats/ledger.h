// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who holds permits by a token, since when, and under which tag: to hunt leaks.
//
// A table of a fixed size. A token has a line of its own in it, if one was free when it was made,
// until it is emptied.
//
//   LG1  A line is written by its token's holder of the moment only (permit_token's busy bit), or
//        by the thread that makes it.
//   LG2  Readers copy a line between two looks at its version, and once more if it has changed:
//        it is odd while the line is being written. Writers never wait.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "stats/free_list.h"

namespace afflux::stats {

struct holder {
  std::uint64_t id = 0;  // 0: no holder
  std::uint64_t permits = 0;
  std::int64_t since = 0;
  std::array<char, 48> tag{};  // 0-terminated
};

// As much of a tag as a line takes: no character is cut through (UTF-8).
inline void copy_tag(const char* tag, std::array<char, 48>& to) {
  if (tag == nullptr) return;
  std::size_t size = 0;
  while (size < to.size() - 1 && tag[size] != '\0') ++size;
  if (tag[size] != '\0') {
    while (size > 0 && (static_cast<unsigned char>(tag[size]) & 0xc0) == 0x80) --size;
  }
  // What would make another line of a dump, or a terminal do something.
  std::transform(tag, tag + size, to.begin(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  });
}

template <class P>
class ledger {
 public:
  static constexpr std::uint32_t kNone = free_list<P>::kNone;

  // nullptr: no memory. `lines` is not 0.
  static std::unique_ptr<ledger> make(std::uint32_t lines) {
    std::unique_ptr<ledger> made(new (std::nothrow) ledger(lines));
    return made != nullptr && made->lines_ != nullptr ? std::move(made) : nullptr;
  }

  // kNone: it is full.
  std::uint32_t open(const holder& who) {
    const std::uint32_t at =
        free_.pop([this](std::uint32_t free) -> auto& { return lines_[free].next_free; });
    if (at == kNone) return kNone;
    write(at, who);
    return at;
  }

  void set_permits(std::uint32_t at, std::uint64_t permits) {
    if (at == kNone) return;
    holder who = copy(at);
    who.permits = permits;
    write(at, who);
  }

  void close(std::uint32_t at) {
    if (at == kNone) return;
    write(at, {});
    free_.push(at, lines_[at].next_free);
  }

  std::uint32_t size() const { return size_; }

  // A line as it was at a moment.
  holder read(std::uint32_t at) const {
    const line& l = lines_[at];
    for (;;) {
      // acquire, pairs with [written]: what is in the line now is at least that new.
      const std::uint64_t before = l.version.load(std::memory_order_acquire);
      if (before % 2 != 0) {
        P::wait_for_change(l.version, before);
        continue;
      }
      const holder who = copy(at);
      // relaxed: it stays behind those loads, which acquire. Whatever they have seen of a later
      // writing came after that one's odd version: [line].
      if (l.version.load(std::memory_order_relaxed) == before) return who;
    }
  }

 private:
  template <class T>
  using atomic = typename P::template atomic<T>;

  struct alignas(128) line {
    atomic<std::uint64_t> version{0};
    atomic<std::uint64_t> id{0};
    atomic<std::uint64_t> permits{0};
    atomic<std::int64_t> since{0};
    std::array<atomic<std::uint64_t>, 6> tag{};
    typename free_list<P>::link next_free{kNone};
  };
  static_assert(sizeof(holder::tag) == 6 * sizeof(std::uint64_t));

  explicit ledger(std::uint32_t lines) : lines_(new (std::nothrow) line[lines]), size_(lines) {
    if (lines_ == nullptr) return;
    // relaxed: no other thread has it yet.
    for (std::uint32_t i = 0; i + 1 < lines; ++i) {
      lines_[i].next_free.store(i + 1, std::memory_order_relaxed);
    }
  }

  void write(std::uint32_t at, const holder& who) {
    line& l = lines_[at];
    // relaxed, both: no other thread writes it, and the next stores release.
    const std::uint64_t version = l.version.load(std::memory_order_relaxed);
    l.version.store(version + 1, std::memory_order_relaxed);
    // [line] release, each, pairs with copy(): with any of these comes the odd version.
    l.id.store(who.id, std::memory_order_release);
    l.permits.store(who.permits, std::memory_order_release);
    l.since.store(who.since, std::memory_order_release);
    for (std::size_t i = 0; i < l.tag.size(); ++i) {
      std::uint64_t word = 0;
      std::memcpy(&word, who.tag.data() + i * sizeof word, sizeof word);
      l.tag[i].store(word, std::memory_order_release);
    }
    // [written] release, pairs with read().
    l.version.store(version + 2, std::memory_order_release);
  }

  holder copy(std::uint32_t at) const {
    const line& l = lines_[at];
    holder who;
    // acquire, each, pairs with [line].
    who.id = l.id.load(std::memory_order_acquire);
    who.permits = l.permits.load(std::memory_order_acquire);
    who.since = l.since.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < l.tag.size(); ++i) {
      const std::uint64_t word = l.tag[i].load(std::memory_order_acquire);
      std::memcpy(who.tag.data() + i * sizeof word, &word, sizeof word);
    }
    who.tag.back() = '\0';
    return who;
  }

  const std::unique_ptr<line[]> lines_;
  const std::uint32_t size_;
  free_list<P> free_{0};
};

}  // namespace afflux::stats
