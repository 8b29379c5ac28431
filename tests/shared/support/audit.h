// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The invariants of a segment at rest, read by the internals: SH1, SH2, SH6 of semaphore.h and
// tend.h.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "shared/process.h"
#include "shared/segment_file.h"

namespace afflux_test {

namespace sh = afflux::shared;

// A look at the segment in a file, beside any handle. Throws nothing; `memory` is empty if the file
// is no segment.
class segment_view {
 public:
  explicit segment_view(int fd) {
    sh::spaces here;
    if (sh::read_spaces(here)) is_open_ = file_.open_fd(fd, here) == AFFLUX_OK;
  }
  bool is_open() const { return is_open_; }
  const sh::segment<sh::policy>& memory() const { return file_.memory(); }

  sh::head_word head() const { return sh::head_word::of(memory().common->head.load()); }

  std::uint64_t held(std::uint32_t slot) const {
    const std::uint64_t own = memory().slots[slot].own.load();
    const sh::head_word last = head();
    const bool named = last.own && last.slot == slot && sh::own_word::is_for(own, last.number);
    const std::uint64_t value = named ? sh::own_word::of(own).after : sh::own_word::of(own).value();
    return (value + sh::count_word::of(memory().slots[slot].given.load()).count) & sh::kMostPermits;
  }

  std::uint64_t life(std::uint32_t slot) const { return memory().slots[slot].life.load(); }
  sh::place_word place(std::uint32_t index) const {
    return sh::place_word::of(memory().places[index].load());
  }
  std::uint64_t owner(std::uint32_t index) const { return memory().records[index].owner.load(); }

  // Empty, or what is wrong. Nobody uses the segment meanwhile, the last transaction is settled,
  // and the dead are buried.
  std::string audit() const {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < memory().slot_count; ++i) {
      sum += held(i);
      const std::string slot = "slot " + std::to_string(i);
      if (life(i) == 0 && held(i) != 0)
        return "SH6: " + slot + " is free and holds " + std::to_string(held(i));
      if (life(i) != 0 && sh::life_word::as_alive(life(i)) != life(i))
        return "SH5: " + slot + " is marked as dead";
    }
    if (sum != head().used)
      return "SH1: used " + std::to_string(head().used) + ", held " + std::to_string(sum);
    bool waiting = false;
    for (std::uint32_t i = 0; i < memory().place_count; ++i) {
      const sh::place_word is = place(i);
      const std::string name = "place " + std::to_string(i);
      waiting = waiting || is.state == sh::place_state::waiting;
      if (owner(i) == 0 && is.state != sh::place_state::idle)
        return "SH6: " + name + " is free and not idle";
      if (owner(i) != 0 && !sh::is_alive(owner(i))) return "SH5: " + name + " is of the dead";
      if (is.state == sh::place_state::waiting && is.ticket >= memory().common->ticket.load())
        return name + " has a ticket that was not drawn";
    }
    if (waiting != head().waiting) return "SH2: waiting is " + std::to_string(head().waiting);
    return {};
  }

 private:
  sh::segment_file file_;
  bool is_open_ = false;
};

}  // namespace afflux_test
