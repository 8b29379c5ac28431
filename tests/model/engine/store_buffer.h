// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The store buffers of an execution (total store order, as on x86): a plain
// store of an atomic waits in the fibre's own queue, the fibre reads it from
// there, and the others see it when it drains. Source: Owens, Sarkar and Sewell,
// A Better x86 Memory Model: x86-TSO (TPHOLs 2009).
//
//   SB1  The stores of one fibre drain in their order.
//   SB2  Every relaxed or release store is delayed. Whether it has drained is
//        decided only where it makes a difference: when another fibre reaches for
//        the same word, or the fibre itself while others have stores to it under
//        way. Nothing else can tell when it drained, so every behaviour of TSO is
//        among those that are left; tso_test.cpp compares.
//   SB3  To look past a store that could have drained is what the budget counts
//        (options::delayed_stores), once for each store. With none left, the
//        execution is sequentially consistent again.
//
// The memory of a word holds the newest store from the start, and its cell holds
// what the other fibres see. So nothing is written late into memory that may
// serve another purpose by then; see drain() for the one exception.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "clock.h"

namespace afflux::model {

class store_buffers {
 public:
  using mask = std::uint32_t;

  // Where an atomic keeps its value, and the clock that an acquire of it takes.
  struct place {
    void* value;
    std::size_t size;
    vector_clock* published;
  };
  struct content {
    std::uint64_t bits;
    vector_clock clock;
  };

  void reset();
  // For fibre `fibre`, whose newest store this is.
  void push(int fibre, const place& where, const content& what);
  // The oldest store of the fibre, which has one, becomes visible. Answers its word.
  const void* drain(int fibre);
  // The word is constructed anew or gone: what was on its way there is void.
  void forget(const void* begin, std::size_t size);

  bool empty() const { return pending_.empty(); }
  int count(int fibre) const;
  const void* oldest_address(int fibre) const;
  content oldest(int fibre) const;
  // Fibres other than `self` that have a store to that word under way.
  mask owners(const void* address, int self) const;
  // The owner whose store to that word was made first.
  int first_owner(const void* address, int self) const;
  // How many stores of owners() no fibre has looked past yet, and that some fibre does.
  int not_overlooked(const void* address, int self) const;
  void overlook(const void* address, int self);

  // The fibre's own newest store to that word; nullptr: none under way.
  const content* own_newest(int fibre, const void* address) const;
  // What the others see of a word with stores under way; nullptr: what memory holds.
  const content* visible(const void* address) const;
  // Whether a store under way would leave something else than `bits` there.
  bool will_differ(const void* address, std::uint64_t bits) const;

  // Around a read-modify-write: memory holds what is visible.
  void expose(const place& where);
  void conceal(const place& where);

 private:
  struct store {
    const void* address;
    std::uint64_t number;
    int fibre;
    bool overlooked;
    content what;
  };
  struct cell {
    place where;
    content visible;
    content newest;               // what memory holds
    std::uint64_t newest_number;  // of the store that left it there
    int pending;
  };

  cell* find(const void* address);

  std::vector<store> pending_;  // of all fibres, in the order in which they were made
  std::vector<cell> cells_;     // one for each word with stores under way
  std::uint64_t made_ = 0;
};

}  // namespace afflux::model
