// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What lies in a segment, and how this process looks at it.
//
// A policy `P` gives the atomics and a seeded bug, as for the core (src/policy.h): the model tests
// explore the code that the library runs.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "words.h"

namespace afflux::shared {

constexpr std::uint64_t kMagic = 0x31'4d'48'53'58'4c'46'41;  // "AFLXSHM1", little-endian
constexpr std::uint32_t kLayout = 1;                         // other layouts are refused
constexpr std::size_t kTagSize = 32;                         // bytes, with the final zero
constexpr std::size_t kLine = 64;                            // a cache line

// What does not change: written before the segment has a name, checked by each process that opens
// it.
struct header {
  std::uint64_t magic;
  std::uint32_t layout;
  std::uint32_t slots;
  std::uint32_t places;
  std::uint32_t reserved;
  std::uint64_t size;       // of the whole segment, in bytes
  std::uint64_t pid_space;  // the namespaces in which process ids and start times are meant
  std::uint64_t time_space;
  unsigned char boot_id[16];  // which run of the system
};

// What one handle writes, and those who help it or bury it.
template <class P>
struct alignas(kLine) slot_record {
  template <class T>
  using atomic = typename P::template atomic<T>;

  atomic<std::uint64_t> life;   // life_word; 0: free
  atomic<std::uint64_t> own;    // own_word
  atomic<std::uint64_t> given;  // count_word
  atomic<std::uint64_t> order;  // order_word
  atomic<std::uint32_t> bell;   // moves on with a grant to an asynchronous request
  atomic<std::uint32_t> flags;  // kKeepOverExec
  // Told to observers, and never reset: what earlier owners did counts, too.
  atomic<std::uint64_t> acquired;                  // grants
  atomic<std::uint64_t> waited;                    // of these, after a wait
  alignas(kLine) atomic<std::uint64_t> timed_out;  // requests
  atomic<std::uint64_t> recovered;                 // permits of the dead that this one gave back
  atomic<std::uint64_t> opened_ns;                 // CLOCK_MONOTONIC
  atomic<std::uint64_t> tag[kTagSize / sizeof(std::uint64_t)];
};

constexpr std::uint32_t kKeepOverExec = 1;

// What the owner of a place tells of its request, before it is in line.
template <class P>
struct place_record {
  template <class T>
  using atomic = typename P::template atomic<T>;

  atomic<std::uint64_t> owner;    // life_word; 0: free
  atomic<std::uint64_t> request;  // request_word
};

struct request_word {
  using n_bits = field<0, kCountBits>;
  using slot_bits = field<22, kSlotBits>;
  using rings_bits = field<32, 1>;  // a grant rings the slot's bell
  static constexpr std::uint64_t of(std::uint64_t n, std::uint32_t slot, bool rings) noexcept {
    return n_bits::put(n) | slot_bits::put(slot) | rings_bits::put(rings ? 1 : 0);
  }
};

// The words that all processes write, each on a line of its own.
template <class P>
struct common_words {
  template <class T>
  using atomic = typename P::template atomic<T>;

  alignas(kLine) atomic<std::uint64_t> head;    // head_word
  alignas(kLine) atomic<std::uint64_t> limit;   // count_word
  alignas(kLine) atomic<std::uint64_t> ticket;  // the next one
  alignas(kLine) atomic<std::uint32_t> top;     // no place from here on was ever in use
  // When somebody looked after the line, and for the dead: CLOCK_MONOTONIC, ns (handle.cpp).
  atomic<std::uint64_t> looked;
  atomic<std::uint64_t> asked;
  atomic<std::uint32_t> opened;  // counts handles
};

// A mapped segment. The counts are this process' own copies, which no neighbour can change.
template <class P>
struct segment {
  template <class T>
  using atomic = typename P::template atomic<T>;

  common_words<P>* common = nullptr;
  slot_record<P>* slots = nullptr;
  place_record<P>* records = nullptr;
  atomic<std::uint64_t>* places = nullptr;  // place_word, side by side: they are searched
  std::uint32_t slot_count = 0;
  std::uint32_t place_count = 0;

  std::uint32_t top() const noexcept {
    // relaxed: whoever put a place in line had raised it before, and the head has shown that.
    const std::uint32_t top = common->top.load(std::memory_order_relaxed);
    return top < place_count ? top : place_count;
  }

  // For indexes that come out of the segment: whatever they say, they point into it.
  slot_record<P>& slot(std::uint32_t index) const noexcept {
    return slots[index < slot_count ? index : 0];
  }
  atomic<std::uint64_t>& place(std::uint32_t index) const noexcept {
    return places[index < place_count ? index : 0];
  }
  place_record<P>& record(std::uint32_t index) const noexcept {
    return records[index < place_count ? index : 0];
  }
};

// Where the parts lie, in bytes from the segment's beginning.
struct geometry {
  std::size_t common, slots, records, places, size;

  template <class P>
  static constexpr geometry of(std::uint32_t slot_count, std::uint32_t place_count) noexcept {
    constexpr auto up = [](std::size_t bytes) { return (bytes + kLine - 1) / kLine * kLine; };
    geometry g{};
    g.common = up(sizeof(header));
    g.slots = g.common + sizeof(common_words<P>);
    g.records = g.slots + slot_count * sizeof(slot_record<P>);
    g.places = up(g.records + place_count * sizeof(place_record<P>));
    g.size = up(g.places + place_count * sizeof(std::uint64_t));
    return g;
  }
};

}  // namespace afflux::shared
