// SPDX-License-Identifier: MIT OR Apache-2.0
#include "interrupt.h"

#include <atomic>
#include <csignal>

namespace checksum_tree {
namespace {

std::atomic<int> signal_seen{0};
static_assert(std::atomic<int>::is_always_lock_free, "written by a signal handler");

// relaxed: nothing but the number is passed on.
void remember(int number) { signal_seen.store(number, std::memory_order_relaxed); }

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = remember;
  // Without SA_RESTART: the loop's wait shall end.
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int interrupted() { return signal_seen.load(std::memory_order_relaxed); }

}  // namespace checksum_tree
