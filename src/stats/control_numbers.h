// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the controls of a semaphore (control/steering.h) have counted, one after the other. It is
// the semaphore's, so that a registry may read it whatever becomes of the control. Only the control
// writes, by one thread at a time.
#pragma once

#include <cstdint>

namespace afflux::stats {

template <class P>
struct control_numbers {
  template <class T>
  using gauge = typename P::template gauge<T>;

  // Totals.
  gauge<std::uint64_t> served, dropped, ignored;  // samples
  gauge<std::uint64_t> windows, raised, lowered;

  // Of the control that there is, or was last: its last window, 0 before.
  gauge<std::uint64_t> window_served, window_dropped;
  gauge<std::int64_t> time;  // ns; that it lasted
  gauge<double> latency;     // ns; mean
  gauge<double> in_flight;   // mean
};

}  // namespace afflux::stats
