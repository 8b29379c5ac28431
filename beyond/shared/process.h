// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Processes of this machine: who this one is, who is alive, who stands still.
//
// A process is its id and its start time (life_word). An id alone is used again; a pidfd, while it
// is open, belongs to one process for good.
#pragma once

#include <cstdint>

namespace afflux::shared {

struct spaces {
  std::uint64_t pid;   // the namespace in which process ids are meant
  std::uint64_t time;  // likewise start times; 0: the kernel has none
  unsigned char boot_id[16];
};

// Of this process. False: /proc does not tell, errno why.
bool read_spaces(spaces& ret_spaces) noexcept;

// The life word of this process; 0: /proc does not tell, errno why.
std::uint64_t own_life() noexcept;

// A descriptor that becomes readable when the process has ended, all its threads. −1 with ESRCH:
// it has ended; with another errno: none can be had.
int open_life(std::uint64_t life) noexcept;

// Whether the process goes on, its threads stopped or not. Where that can't be told, yes.
bool is_alive(std::uint64_t life) noexcept;

// Whether the process is stopped by a signal or a debugger, or frozen.
bool stands_still(std::uint64_t life) noexcept;

}  // namespace afflux::shared
