// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The doorbell of a kqueue. Where there is none, over as much of one as support/kqueue has: that
// shows the doorbell's logic, not the system's.
#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>
// After the types that it needs.
#include <sys/event.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "port/doorbell.h"

namespace afflux::port {
namespace {

constexpr std::uint64_t kData = 0x1234'5678'9abc;

std::unique_ptr<doorbell> make(int queue, std::uint64_t user_data = kData) {
  int error = 0;
  wanted w;
  w.what = kind::kqueue;
  w.handle = queue;
  w.user_data = user_data;
  auto bell = make_kqueue(w, error);
  EXPECT_NE(bell, nullptr) << error;
  return bell;
}

// The user data of the events that show now; waits for the first one with `forever`.
std::vector<std::uint64_t> events(int queue, bool forever = false) {
  struct kevent found[8];
  const timespec now{};
  const int count = kevent(queue, nullptr, 0, found, 8, forever ? nullptr : &now);
  std::vector<std::uint64_t> all;
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(found[i].filter, EVFILT_USER);
    all.push_back(reinterpret_cast<std::uintptr_t>(found[i].udata));
  }
  return all;
}

using list = std::vector<std::uint64_t>;

TEST(KqueueBell, RingsOnceForManyAndAgain) {
  const int queue = kqueue();
  const auto bell = make(queue);
  EXPECT_EQ(bell->what(), kind::kqueue);
  EXPECT_EQ(bell->handle(), -1);
  EXPECT_FALSE(bell->shows());
  EXPECT_EQ(events(queue), list{});
  bell->ring();
  bell->ring();
  EXPECT_EQ(events(queue), list{kData});
  EXPECT_EQ(events(queue), list{});
  bell->ring();
  EXPECT_EQ(events(queue), list{kData});
  close(queue);
}

TEST(KqueueBell, ManyLiveInOneQueue) {
  const int queue = kqueue();
  const auto a = make(queue, 1);
  auto b = make(queue, 1 + 1);
  b->ring();
  EXPECT_EQ(events(queue), list{2});
  b->ring();
  b.reset();  // takes its event with it
  EXPECT_EQ(events(queue), list{});
  a->ring();
  EXPECT_EQ(events(queue), list{1});
  close(queue);
}

TEST(KqueueBell, WakesALoopThatSleeps) {
  const int queue = kqueue();
  const auto bell = make(queue);
  constexpr int kRounds = 1'000;
  std::atomic<int> seen{0};
  std::thread loop([&] {
    for (int i = 0; i < kRounds; ++i) {
      EXPECT_EQ(events(queue, true), list{kData});
      seen.fetch_add(1);
      seen.notify_one();
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    bell->ring();
    seen.wait(i);
  }
  loop.join();
  close(queue);
}

TEST(KqueueBell, OutlivesTheCallersDescriptor) {
  const int queue = kqueue();
  const auto bell = make(queue);
  close(queue);
  errno = 0;
  bell->ring();
  EXPECT_EQ(errno, 0);
}

TEST(KqueueBell, NeedsAKqueue) {
  for (const int handle : {-1, 1'000'000}) {
    int error = 0;
    wanted w;
    w.what = kind::kqueue;
    w.handle = handle;
    EXPECT_EQ(make_kqueue(w, error), nullptr);
    EXPECT_EQ(error, handle == -1 ? kInvalid : EBADF);
  }
}

}  // namespace
}  // namespace afflux::port
