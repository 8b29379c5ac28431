// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One line on a terminal, renewed a few times per second; nothing elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "meter.h"

namespace checksum_tree {

class progress {
 public:
  explicit progress(bool wanted);

  // Whether it is time for a new line.
  bool due();

  void show_walk(std::size_t found);
  void show(const meter& measured, std::size_t files, std::uint64_t waiting);

  // Makes room for other output.
  void erase();

 private:
  void put(const std::string& line);

  bool shown_;
  bool on_screen_ = false;
  clock::time_point next_;
  clock::time_point began_;
};

}  // namespace checksum_tree
