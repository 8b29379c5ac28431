// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the sides tell the host, and the promises that are found broken. Its atomics, and those of
// the files beside it, are sequentially consistent: this checks, and what it counts is compared.
#pragma once

#include <afflux/afflux.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "one_queue.h"
#include "picture.h"

namespace one_queue {

constexpr std::uint32_t kLimit = 8;
constexpr std::chrono::seconds kPatience(30);  // then something hangs
constexpr std::array<const char*, ONE_QUEUE_SIDES> kNames = {"c++", "rust", "go", "python"};

// --------------------------------------------------------------------------------------------
// Promises
// --------------------------------------------------------------------------------------------

extern std::atomic<std::uint64_t> broken;

void fail(const char* what);
void expect(bool kept, const std::string& what);
// There is no way on: threads of four languages wait for what does not come.
[[noreturn]] void give_up(const afflux::semaphore& sem, const char* what);

using by_tag = std::map<std::string, std::uint64_t, std::less<>>;  // permits
by_tag ledger(const afflux::semaphore& sem, std::uint64_t& ret_untold);

// --------------------------------------------------------------------------------------------
// The load
// --------------------------------------------------------------------------------------------

struct tally {
  std::atomic<std::uint64_t> requests = 0;
  std::atomic<std::uint64_t> permits = 0;
  std::atomic<std::uint64_t> given_up = 0;
};
extern std::array<tally, ONE_QUEUE_SIDES> tallies;
extern std::atomic<bool> is_over;

// Permits held by each side, all at one moment; and the most of all together so far.
shares in_flight();
std::uint64_t most_in_flight();

// --------------------------------------------------------------------------------------------
// The baton
// --------------------------------------------------------------------------------------------

// The tickets that were granted and that the baton has not seen yet, in the order of their grants.
class grants {
 public:
  void add(std::uint32_t ticket);
  // false: none came.
  bool next(std::uint32_t& ret_ticket);

 private:
  std::mutex lock_;
  std::condition_variable some_;
  std::deque<std::uint32_t> tickets_;
};
extern grants granted;

// The table for the sides. The semaphore must live until they have ended.
one_queue_host make_host(const afflux::semaphore& sem);

}  // namespace one_queue
