// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program that runs until SIGINT or SIGTERM, or for a time.
#pragma once

#include <csignal>

namespace example {

// To be made before any thread: it blocks both signals in all of them.
class ending {
 public:
  ending();

  // duration_s: 0 for however long it takes.
  void wait(unsigned duration_s) const;

 private:
  sigset_t signals_{};
};

}  // namespace example
