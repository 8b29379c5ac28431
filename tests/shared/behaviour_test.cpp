// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A shared semaphore among processes: order, standstill, death, fork, exec, full tables, and what
// is refused.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <list>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/audit.h"
#include "support/processes.h"

extern char** environ;

namespace afflux_test {
namespace {

using clock = std::chrono::steady_clock;

std::int64_t ns_since(clock::time_point begin) { return (clock::now() - begin).count(); }

// Holds n permits until it is told a value.
auto holding(int fd, std::uint64_t n) {
  return [fd, n](line talk) {
    const opened shared(fd);
    talk.say(afflux_shared_try_acquire(shared, n));
    talk.hear();
  };
}

// A name that no other run of this test has.
std::string own_name(const char* what) {
  return "afflux-test-" + std::to_string(getpid()) + "-" + what;
}

TEST(SharedOrder, GrantsFollowArrivalAcrossProcesses) {
  const opened mine(nullptr, new_segment(1));
  ASSERT_EQ(afflux_shared_try_acquire(mine, 1), AFFLUX_OK);
  std::vector<std::unique_ptr<process>> line_up;
  for (std::uint64_t i = 0; i < 4; ++i) {
    line_up.push_back(std::make_unique<process>(waiting_for(mine.fd(), 1)));
    ASSERT_TRUE(in_line(mine, i + 1));
  }
  EXPECT_EQ(afflux_shared_try_acquire(mine, 1), AFFLUX_EAGAIN);
  afflux_shared_release(mine, 1);
  for (std::size_t i = 0; i < line_up.size(); ++i) {
    EXPECT_EQ(line_up[i]->talk().hear(), AFFLUX_OK);
    EXPECT_EQ(stats_of(mine).waiters, line_up.size() - 1 - i);
    line_up[i]->talk().say(0);
  }
  for (const auto& each : line_up) EXPECT_EQ(each->join(), 0);
  EXPECT_EQ(stats_of(mine).held, 0U);
  EXPECT_EQ(stats_of(mine).acquired, 5U);
  EXPECT_EQ(stats_of(mine).waited, 4U);
}

TEST(SharedOrder, ALargeRequestHoldsBackThoseBehindIt) {
  const opened mine(nullptr, new_segment(3));
  ASSERT_EQ(afflux_shared_try_acquire(mine, 2), AFFLUX_OK);
  const process large(waiting_for(mine.fd(), 3));
  ASSERT_TRUE(in_line(mine, 1));
  const process small(waiting_for(mine.fd(), 1));
  ASSERT_TRUE(in_line(mine, 2));
  EXPECT_EQ(afflux_shared_try_acquire(mine, 1), AFFLUX_EAGAIN);
  afflux_shared_release(mine, 2);
  EXPECT_EQ(large.talk().hear(), AFFLUX_OK);
  EXPECT_EQ(stats_of(mine).waiters, 1U);
  large.talk().say(0);
  EXPECT_EQ(small.talk().hear(), AFFLUX_OK);
  small.talk().say(0);
}

std::uint32_t parked_in(const segment_view& view) {
  std::uint32_t parked = 0;
  for (std::uint32_t i = 0; i < view.memory().place_count; ++i)
    parked += view.place(i).state == sh::place_state::parked ? 1U : 0U;
  return parked;
}

TEST(SharedStandstill, AStoppedWaiterIsPassedOverAndIsTheNextWhenItGoesOn) {
  const opened mine(nullptr, new_segment(1));
  ASSERT_EQ(afflux_shared_try_acquire(mine, 1), AFFLUX_OK);
  const process stopped(waiting_for(mine.fd(), 1));
  ASSERT_TRUE(in_line(mine, 1));
  const process second(waiting_for(mine.fd(), 1));
  ASSERT_TRUE(in_line(mine, 2));
  const process third(waiting_for(mine.fd(), 1));
  ASSERT_TRUE(in_line(mine, 3));
  stopped.stop();
  const auto begin = clock::now();
  afflux_shared_release(mine, 1);
  EXPECT_EQ(second.talk().hear(), AFFLUX_OK);
  std::printf("a stopped waiter was passed over within %.1f ms\n",
              static_cast<double>(ns_since(begin)) / 1e6);
  EXPECT_EQ(stats_of(mine).waiters, 2U);
  stopped.go_on();
  const segment_view view(mine.fd());
  ASSERT_TRUE(comes_about([&] { return parked_in(view) == 0; }));
  second.talk().say(0);
  EXPECT_EQ(stopped.talk().hear(), AFFLUX_OK);
  EXPECT_EQ(stats_of(mine).waiters, 1U);
  stopped.talk().say(0);
  EXPECT_EQ(third.talk().hear(), AFFLUX_OK);
  third.talk().say(0);
}

TEST(SharedStandstill, ManyStoppedOnesArePassedOver) {
  const opened mine(nullptr, new_segment(1));
  ASSERT_EQ(afflux_shared_try_acquire(mine, 1), AFFLUX_OK);
  std::list<process> stopped;
  for (std::uint32_t i = 0; i < 8; ++i) {
    stopped.emplace_back(waiting_for(mine.fd(), 1));
    ASSERT_TRUE(in_line(mine, i + 1));
    stopped.back().stop();
  }
  const process last(waiting_for(mine.fd(), 1));
  ASSERT_TRUE(in_line(mine, 9));
  const segment_view view(mine.fd());
  afflux_shared_release(mine, 1);
  EXPECT_EQ(last.talk().hear(), AFFLUX_OK);
  // While the last one holds the permit all others are passed over, not only the first.
  EXPECT_EQ(parked_in(view), 8U);
  last.talk().say(0);
}

TEST(SharedStandstill, AStoppedHolderKeepsItsPermitsAndOthersGoOn) {
  const opened mine(nullptr, new_segment(2));
  process holder(holding(mine.fd(), 1));
  ASSERT_EQ(holder.talk().hear(), AFFLUX_OK);
  holder.stop();
  EXPECT_EQ(afflux_shared_try_acquire(mine, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_shared_try_acquire(mine, 1), AFFLUX_EAGAIN);
  afflux_shared_release(mine, 1);
  EXPECT_EQ(stats_of(mine).held, 1U);
  holder.go_on();
  holder.talk().say(0);
  EXPECT_EQ(holder.join(), 0);
  EXPECT_EQ(stats_of(mine).held, 0U);
}

TEST(SharedDeath, GivesBackWhileSomebodyWaits) {
  const opened mine(nullptr, new_segment(2));
  std::int64_t slowest = 0;
  for (int turn = 0; turn < 5; ++turn) {
    process holder(holding(mine.fd(), 2));
    ASSERT_EQ(holder.talk().hear(), AFFLUX_OK);
    process waiter(waiting_for(mine.fd(), 2));
    ASSERT_TRUE(in_line(mine, 1));
    const auto begin = clock::now();
    holder.signal(SIGKILL);
    EXPECT_EQ(waiter.talk().hear(), AFFLUX_OK);
    slowest = std::max(slowest, ns_since(begin));
    waiter.talk().say(0);
    EXPECT_EQ(waiter.join(), 0);
  }
  std::printf("slowest of 5: %.2f ms from SIGKILL to the grant in another process\n",
              static_cast<double>(slowest) / 1e6);
  EXPECT_EQ(stats_of(mine).held, 0U);
  EXPECT_EQ(stats_of(mine).recovered, 10U);
  EXPECT_EQ(segment_view(mine.fd()).audit(), "");
}

TEST(SharedDeath, OfOneInLineLetsTheNextGoOn) {
  const opened mine(nullptr, new_segment(2));
  ASSERT_EQ(afflux_shared_try_acquire(mine, 1), AFFLUX_OK);
  process first(waiting_for(mine.fd(), 2));
  ASSERT_TRUE(in_line(mine, 1));
  const process second(waiting_for(mine.fd(), 1));
  ASSERT_TRUE(in_line(mine, 2));
  first.kill();
  EXPECT_EQ(second.talk().hear(), AFFLUX_OK);
  second.talk().say(0);
}

TEST(SharedDeath, WhereNobodyWaitsTheNextOpeningGivesBack) {
  const opened mine(nullptr, new_segment(1));
  process holder(holding(mine.fd(), 1));
  ASSERT_EQ(holder.talk().hear(), AFFLUX_OK);
  holder.kill();
  EXPECT_EQ(stats_of(mine).held, 1U);
  const opened next(mine.fd());
  EXPECT_EQ(stats_of(mine).held, 0U);
  EXPECT_EQ(stats_of(mine).recovered, 1U);
}

// The slot's life word names a process with this one's id that started at another time.
// Nobody waits, and nobody opens: who tries finds them.
TEST(SharedDeath, WhereNobodyWaitsATryGivesBack) {
  const opened mine(nullptr, new_segment(1));
  {
    process holder(holding(mine.fd(), 1));
    ASSERT_EQ(holder.talk().hear(), AFFLUX_OK);
    holder.kill();
  }
  EXPECT_TRUE(comes_about([&] { return afflux_shared_try_acquire(mine, 1) == AFFLUX_OK; }));
  process waiter(waiting_for(mine.fd(), 1));
  ASSERT_TRUE(in_line(mine, 1));
  waiter.kill();
  EXPECT_EQ(afflux_shared_release(mine, 1), AFFLUX_OK);
  EXPECT_TRUE(comes_about([&] { return afflux_shared_try_acquire(mine, 1) == AFFLUX_OK; }));
  EXPECT_EQ(afflux_shared_release(mine, 1), AFFLUX_OK);
}

TEST(SharedStandstill, WhereNobodyWaitsATryPassesOverAStoppedOne) {
  const opened mine(nullptr, new_segment(1));
  ASSERT_EQ(afflux_shared_try_acquire(mine, 1), AFFLUX_OK);
  const process stopped(waiting_for(mine.fd(), 1));
  ASSERT_TRUE(in_line(mine, 1));
  stopped.stop();
  EXPECT_EQ(afflux_shared_release(mine, 1), AFFLUX_OK);
  EXPECT_TRUE(comes_about([&] { return afflux_shared_try_acquire(mine, 1) == AFFLUX_OK; }));
  stopped.go_on();
  EXPECT_EQ(afflux_shared_release(mine, 1), AFFLUX_OK);
  EXPECT_EQ(stopped.talk().hear(), AFFLUX_OK);
  stopped.talk().say(0);
}

TEST(SharedDeath, APidUsedAgainIsToldApart) {
  const opened mine(nullptr, new_segment(1));
  segment_view view(mine.fd());
  process holder(holding(mine.fd(), 1));
  ASSERT_EQ(holder.talk().hear(), AFFLUX_OK);
  std::uint32_t slot = 0;
  while (sh::life_word::pid(view.life(slot)) != static_cast<std::uint32_t>(holder.pid())) ++slot;
  const std::uint64_t own = sh::own_life();
  view.memory().slots[slot].life.store(
      sh::life_word::of(sh::life_word::pid(own), sh::life_word::started(own) - 1));
  const opened next(mine.fd());
  EXPECT_EQ(stats_of(mine).held, 0U);
  EXPECT_EQ(view.life(slot) == 0 || view.life(slot) == own, true);
}

TEST(SharedFork, TheChildHasNoPermitsAndAClosedHandle) {
  const opened mine(nullptr, new_segment(2));
  ASSERT_EQ(afflux_shared_try_acquire(mine, 2), AFFLUX_OK);
  process child([&](line talk) {
    talk.say(afflux_shared_try_acquire(mine, 1));
    talk.say(afflux_shared_acquire(mine, 1, AFFLUX_FOREVER));
    talk.say(afflux_shared_release(mine, 1));
    talk.say(afflux_shared_resize(mine, 1));
    talk.say(afflux_shared_close(mine));
    talk.say(static_cast<std::int64_t>(afflux_shared_held(mine)));
    const opened own(mine.fd());
    talk.say(own.status());
    talk.say(static_cast<std::int64_t>(afflux_shared_held(own)));
    talk.say(afflux_shared_try_acquire(own, 1));
  });
  for (int call = 0; call < 5; ++call) EXPECT_EQ(child.talk().hear(), AFFLUX_ECLOSED) << call;
  EXPECT_EQ(child.talk().hear(), 0);
  EXPECT_EQ(child.talk().hear(), AFFLUX_OK);
  EXPECT_EQ(child.talk().hear(), 0);
  EXPECT_EQ(child.talk().hear(), AFFLUX_EAGAIN);
  EXPECT_EQ(child.join(), 0);
  EXPECT_EQ(afflux_shared_held(mine), 2U);
  EXPECT_EQ(stats_of(mine).held, 2U);
}

// A process whose attendant runs forks: the child waits by one of its own.
TEST(SharedFork, TheChildOfAWaitingProcessWaitsToo) {
  const opened mine(nullptr, new_segment(1));
  ASSERT_EQ(afflux_shared_try_acquire(mine, 1), AFFLUX_OK);
  process parent([&](line talk) {
    const opened shared(mine.fd());
    std::thread waiter([&] { afflux_shared_acquire(shared, 1, AFFLUX_FOREVER); });
    talk.hear();
    process child(waiting_for(mine.fd(), 1));
    talk.say(0);
    waiter.join();
    afflux_shared_release(shared, 1);
    talk.say(child.talk().hear());
    child.talk().say(0);
    talk.say(child.join());
  });
  ASSERT_TRUE(in_line(mine, 1));
  parent.talk().say(0);
  parent.talk().hear();
  ASSERT_TRUE(in_line(mine, 2));
  afflux_shared_release(mine, 1);
  EXPECT_EQ(parent.talk().hear(), AFFLUX_OK);
  EXPECT_EQ(parent.talk().hear(), 0);
  EXPECT_EQ(parent.join(), 0);
}

// What the program does that this one becomes: see main().
int after_exec(const char* name, int fd, bool opens) {
  const line talk(fd);
  if (opens) {
    const opened shared(name, {.struct_size = sizeof(afflux_shared_options),
                               .flags = 0,
                               .permits = 1,
                               .mode = 0600,
                               .max_handles = 1,
                               .max_waiters = 1,
                               .reserved = 0,
                               .tag = nullptr});
    talk.say(shared.status());
    talk.hear();
    return 0;
  }
  talk.say(0);
  talk.hear();
  return 0;
}

struct segment_name {
  std::string text;
  explicit segment_name(const char* what) : text(own_name(what)) {}
  ~segment_name() { afflux_shared_remove(text.c_str()); }
};

auto becoming_another(const std::string& name, std::uint32_t flags, bool opens) {
  return [name, flags, opens](line talk) {
    afflux_shared_options options = new_segment(3);
    options.flags = flags;
    afflux_shared* shared = nullptr;
    if (afflux_shared_open(name.c_str(), &options, &shared) != AFFLUX_OK) _exit(3);
    afflux_shared_try_acquire(shared, 2);
    fcntl(talk.fd(), F_SETFD, 0);
    const std::string fd = std::to_string(talk.fd());
    execl("/proc/self/exe", "after-exec", "--after-exec", name.c_str(), fd.c_str(),
          opens ? "opens" : "does-not", nullptr);
    _exit(5);
  };
}

TEST(SharedExec, WhatWasHeldIsGivenBackWhenTheNewProgramOpens) {
  const segment_name name("exec");
  const opened mine(name.text.c_str(), new_segment(3));
  ASSERT_EQ(mine.status(), AFFLUX_OK);
  process other(becoming_another(name.text, 0, true));
  EXPECT_EQ(other.talk().hear(), AFFLUX_OK);
  EXPECT_EQ(stats_of(mine).held, 0U);
  other.talk().say(0);
  EXPECT_EQ(other.join(), 0);
  EXPECT_EQ(segment_view(mine.fd()).audit(), "");
}

TEST(SharedExec, PermitsStayWhereTheNewProgramDoesNotOpen) {
  const segment_name name("exec-not");
  const opened mine(name.text.c_str(), new_segment(3));
  process other(becoming_another(name.text, 0, false));
  EXPECT_EQ(other.talk().hear(), 0);
  {
    const opened next(mine.fd());
    EXPECT_EQ(stats_of(mine).held, 2U);
  }
  other.kill();
  const opened next(mine.fd());
  EXPECT_EQ(stats_of(mine).held, 0U);
}

TEST(SharedExec, KeptOverExecUntilTheProcessEnds) {
  const segment_name name("exec-keep");
  const opened mine(name.text.c_str(), new_segment(3));
  process other(becoming_another(name.text, AFFLUX_SHARED_KEEP_OVER_EXEC, true));
  EXPECT_EQ(other.talk().hear(), AFFLUX_OK);
  EXPECT_EQ(stats_of(mine).held, 2U);
  other.talk().say(0);
  EXPECT_EQ(other.join(), 0);
  const opened next(mine.fd());
  EXPECT_EQ(stats_of(mine).held, 0U);
  EXPECT_EQ(segment_view(mine.fd()).audit(), "");
}

TEST(SharedHandles, AllInUseByTheDeadAreTakenOver) {
  const opened mine(nullptr, new_segment(5, 4));
  {
    process one(holding(mine.fd(), 1)), two(holding(mine.fd(), 1)), three(holding(mine.fd(), 1));
    for (process* each : {&one, &two, &three}) ASSERT_EQ(each->talk().hear(), AFFLUX_OK);
    EXPECT_EQ(opened(mine.fd()).status(), AFFLUX_EREJECTED);
    for (process* each : {&one, &two, &three}) each->kill();
  }
  EXPECT_EQ(stats_of(mine).handles, 4U);
  const opened next(mine.fd());
  EXPECT_EQ(next.status(), AFFLUX_OK);
  EXPECT_EQ(afflux_shared_held(next), 0U);
  EXPECT_EQ(stats_of(mine).held, 0U);
  EXPECT_EQ(stats_of(mine).handles, 2U);
  EXPECT_EQ(segment_view(mine.fd()).audit(), "");
}

TEST(SharedHandles, OfOneProcessHoldApart) {
  const opened one(nullptr, new_segment(3));
  const opened two(one.fd(), "the other");
  EXPECT_EQ(afflux_shared_try_acquire(one, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_shared_try_acquire(two, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_shared_release(one, 2), AFFLUX_EOVERFLOW);
  EXPECT_EQ(afflux_shared_held(one), 1U);
  EXPECT_EQ(afflux_shared_held(two), 2U);
  afflux_shared_holder holders[2];
  std::size_t count = 0;
  ASSERT_EQ(afflux_shared_holders(one, holders, 2, &count), AFFLUX_OK);
  ASSERT_EQ(count, 2U);
  EXPECT_EQ(holders[0].held + holders[1].held, 3U);
  EXPECT_STREQ(holders[1].tag, "the other");
  EXPECT_EQ(holders[0].own + holders[1].own, 2U);
  // One waits for the other.
  std::thread waiter([&] { EXPECT_EQ(afflux_shared_acquire(one, 2, AFFLUX_FOREVER), AFFLUX_OK); });
  ASSERT_TRUE(in_line(two, 1));
  EXPECT_EQ(afflux_shared_release(two, 2), AFFLUX_OK);
  waiter.join();
  EXPECT_EQ(afflux_shared_held(one), 3U);
}

TEST(SharedLine, AFullOneRefuses) {
  const opened mine(nullptr, new_segment(1, 8, 2));
  ASSERT_EQ(afflux_shared_try_acquire(mine, 1), AFFLUX_OK);
  process one(waiting_for(mine.fd(), 1)), two(waiting_for(mine.fd(), 1));
  ASSERT_TRUE(in_line(mine, 2));
  EXPECT_EQ(afflux_shared_acquire(mine, 1, AFFLUX_FOREVER), AFFLUX_EREJECTED);
  one.kill();
  // The other's attendant clears the place.
  const process three(waiting_for(mine.fd(), 1));
  ASSERT_TRUE(comes_about([&] { return stats_of(mine).handles == 3; }));
}

TEST(SharedLine, AShrinkEndsWhatIsLargerThanTheLimit) {
  const opened mine(nullptr, new_segment(3));
  ASSERT_EQ(afflux_shared_try_acquire(mine, 3), AFFLUX_OK);
  const process large(waiting_for(mine.fd(), 3));
  ASSERT_TRUE(in_line(mine, 1));
  const process small(waiting_for(mine.fd(), 1));
  ASSERT_TRUE(in_line(mine, 2));
  EXPECT_EQ(afflux_shared_resize(mine, 1), AFFLUX_OK);
  EXPECT_EQ(large.talk().hear(), AFFLUX_E2BIG);
  EXPECT_EQ(stats_of(mine).held, 3U);
  EXPECT_EQ(stats_of(mine).limit, 1U);
  EXPECT_EQ(afflux_shared_try_acquire(mine, 2), AFFLUX_E2BIG);
  afflux_shared_release(mine, 3);
  EXPECT_EQ(small.talk().hear(), AFFLUX_OK);
  small.talk().say(0);
  large.talk().say(0);
}

TEST(SharedClose, EndsTheLineEverywhere) {
  const opened mine(nullptr, new_segment(1));
  ASSERT_EQ(afflux_shared_try_acquire(mine, 1), AFFLUX_OK);
  const process one(waiting_for(mine.fd(), 1)), two(waiting_for(mine.fd(), 1));
  ASSERT_TRUE(in_line(mine, 2));
  EXPECT_EQ(afflux_shared_close(mine), AFFLUX_OK);
  EXPECT_EQ(one.talk().hear(), AFFLUX_ECLOSED);
  EXPECT_EQ(two.talk().hear(), AFFLUX_ECLOSED);
  one.talk().say(0);
  two.talk().say(0);
  EXPECT_EQ(afflux_shared_close(mine), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_shared_resize(mine, 2), AFFLUX_ECLOSED);
  EXPECT_EQ(afflux_shared_release(mine, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_shared_try_acquire(mine, 1), AFFLUX_ECLOSED);
  EXPECT_EQ(stats_of(mine).closed, 1U);
}

TEST(SharedSegment, OutlivesEverybody) {
  const segment_name name("outlives");
  {
    const opened first(name.text.c_str(), new_segment(4));
    ASSERT_EQ(first.status(), AFFLUX_OK);
    afflux_shared_try_acquire(first, 2);
  }
  const opened next(name.text.c_str(), new_segment(9));
  EXPECT_EQ(afflux_shared_limit(next), 4U);
  EXPECT_EQ(stats_of(next).held, 0U);
  EXPECT_EQ(stats_of(next).acquired, 1U);
  afflux_shared_options exclusive = new_segment(1);
  exclusive.flags |= AFFLUX_SHARED_EXCLUSIVE;
  EXPECT_EQ(opened(name.text.c_str(), exclusive).status(), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_shared_remove(name.text.c_str()), AFFLUX_OK);
  EXPECT_EQ(afflux_shared_remove(name.text.c_str()), AFFLUX_EOS);
  EXPECT_EQ(afflux_shared_last_os_error(), ENOENT);
  EXPECT_EQ(afflux_shared_try_acquire(next, 4), AFFLUX_OK);  // those who have it go on
}

TEST(SharedSegment, OfManyCreatorsOneMakesIt) {
  const segment_name name("creators");
  std::vector<std::unique_ptr<process>> crowd;
  for (std::uint64_t i = 1; i <= 8; ++i)
    crowd.push_back(std::make_unique<process>([&, i](line talk) {
      const opened shared(name.text.c_str(), new_segment(i));
      talk.say(static_cast<std::int64_t>(afflux_shared_limit(shared)));
      talk.hear();
    }));
  const std::int64_t limit = crowd[0]->talk().hear();
  EXPECT_GE(limit, 1);
  for (std::size_t i = 1; i < crowd.size(); ++i) EXPECT_EQ(crowd[i]->talk().hear(), limit);
  const opened mine(name.text.c_str(), new_segment(99));
  EXPECT_EQ(stats_of(mine).handles, 9U);
}

TEST(SharedSegment, AMemoryFileIsPassedOverASocket) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
  // Begun before there is a descriptor to inherit.
  process other([&](line talk) {
    char byte = 0;
    alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
    iovec part{&byte, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = room;
    message.msg_controllen = sizeof room;
    if (recvmsg(ends[1], &message, 0) != 1) _exit(3);
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    const opened shared(fd);
    close(fd);
    talk.say(shared.status());
    talk.say(afflux_shared_try_acquire(shared, 1));
    talk.hear();
  });
  const opened mine(nullptr, new_segment(1));
  char byte = 'x';
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  cmsghdr* const head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = mine.fd();
  std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
  ASSERT_EQ(sendmsg(ends[0], &message, 0), 1);
  EXPECT_EQ(other.talk().hear(), AFFLUX_OK);
  EXPECT_EQ(other.talk().hear(), AFFLUX_OK);
  EXPECT_EQ(afflux_shared_try_acquire(mine, 1), AFFLUX_EAGAIN);
  close(ends[0]);
  close(ends[1]);
}

// ---- What is refused ----------------------------------------------------------

// A copy of a good segment's file, with bytes of its head changed.
afflux_status status_of_copy(std::size_t offset, const void* bytes, std::size_t count,
                             off_t length = -1) {
  const opened good(nullptr, new_segment(1));
  struct stat is {};
  fstat(good.fd(), &is);
  std::vector<char> text(static_cast<std::size_t>(is.st_size));
  if (pread(good.fd(), text.data(), text.size(), 0) != is.st_size) return AFFLUX_EOS;
  if (count != 0) std::memcpy(text.data() + offset, bytes, count);
  const int fd = memfd_create("copy", MFD_CLOEXEC);
  if (write(fd, text.data(), text.size()) != is.st_size) return AFFLUX_EOS;
  if (length >= 0 && ftruncate(fd, length) != 0) return AFFLUX_EOS;
  const opened copy(fd);
  close(fd);
  return copy.status();
}

template <class T>
afflux_status status_with(std::size_t offset, T value) {
  return status_of_copy(offset, &value, sizeof value);
}

TEST(SharedRefusal, OfWhatIsNoSegmentOfThisSystemRun) {
  EXPECT_EQ(status_of_copy(0, nullptr, 0), AFFLUX_OK);
  EXPECT_EQ(status_with(offsetof(sh::header, magic), sh::kMagic + 1), AFFLUX_ENOTSUP);
  EXPECT_EQ(status_with(offsetof(sh::header, layout), sh::kLayout + 1), AFFLUX_ENOTSUP);
  for (const std::uint32_t count : {0U, 1U, 17U, 1025U, ~0U}) {
    EXPECT_EQ(status_with(offsetof(sh::header, slots), count), AFFLUX_ENOTSUP) << count;
  }
  for (const std::uint32_t count : {0U, 4097U, ~0U, 1000U}) {
    EXPECT_EQ(status_with(offsetof(sh::header, places), count), AFFLUX_ENOTSUP) << count;
  }
  EXPECT_EQ(status_with(offsetof(sh::header, size), std::uint64_t{1} << 40), AFFLUX_ENOTSUP);
  EXPECT_EQ(status_with(offsetof(sh::header, boot_id), 'x'), AFFLUX_ENOTSUP);
  EXPECT_EQ(status_with(offsetof(sh::header, pid_space), std::uint64_t{1}), AFFLUX_ENOTSUP);
  EXPECT_EQ(status_with(offsetof(sh::header, time_space), std::uint64_t{1}), AFFLUX_ENOTSUP);
}

TEST(SharedRefusal, OfAFileThatIsCutShort) {
  for (const off_t length : {0, 1, 64, 200, 2000}) {
    EXPECT_EQ(status_of_copy(0, nullptr, 0, length), AFFLUX_ENOTSUP) << length;
  }
  // One made here can't be.
  const opened mine(nullptr, new_segment(1));
  EXPECT_EQ(ftruncate(mine.fd(), 0), -1);
}

TEST(SharedRefusal, OfAFileThatIsNotInMemory) {
  const int pipe_end = open("/dev/null", O_RDWR | O_CLOEXEC);
  EXPECT_EQ(opened(pipe_end).status(), AFFLUX_ENOTSUP);
  close(pipe_end);
  const int program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(opened(program).status(), AFFLUX_ENOTSUP);
  close(program);
  EXPECT_EQ(opened(100'000).status(), AFFLUX_EINVAL);
  EXPECT_EQ(opened(-1).status(), AFFLUX_EINVAL);
}

TEST(SharedRefusal, OfADescriptorThatCanNotWrite) {
  const opened mine(nullptr, new_segment(1));
  const std::string path = "/proc/self/fd/" + std::to_string(mine.fd());
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(opened(fd).status(), AFFLUX_EOS);
  EXPECT_EQ(afflux_shared_last_os_error(), EACCES);
  close(fd);
}

TEST(SharedRefusal, OfNamesAndNumbers) {
  const afflux_shared_options fine = new_segment(1);
  for (const char* name : {"", "/", "a/b", "//a", ".", "..", "/."}) {
    EXPECT_EQ(opened(name, fine).status(), AFFLUX_EINVAL) << name;
  }
  EXPECT_EQ(opened(std::string(251, 'x').c_str(), fine).status(), AFFLUX_EINVAL);
  const auto with = [&](auto change) {
    afflux_shared_options options = fine;
    change(options);
    return opened(nullptr, options).status();
  };
  using options = afflux_shared_options;
  EXPECT_EQ(with([](options&) {}), AFFLUX_OK);
  EXPECT_EQ(with([](options& o) { o.permits = AFFLUX_SHARED_MAX_PERMITS; }), AFFLUX_OK);
  EXPECT_EQ(with([](options& o) { o.permits = AFFLUX_SHARED_MAX_PERMITS + 1ULL; }), AFFLUX_EINVAL);
  EXPECT_EQ(with([](options& o) { o.max_handles = 0; }), AFFLUX_EINVAL);
  EXPECT_EQ(with([](options& o) { o.max_handles = 1025; }), AFFLUX_EINVAL);
  EXPECT_EQ(with([](options& o) { o.max_waiters = 4097; }), AFFLUX_EINVAL);
  EXPECT_EQ(with([](options& o) { o.mode = 01000; }), AFFLUX_EINVAL);
  EXPECT_EQ(with([](options& o) { o.reserved = 1; }), AFFLUX_EINVAL);
  EXPECT_EQ(with([](options& o) { o.flags = 8; }), AFFLUX_EINVAL);
  EXPECT_EQ(with([](options& o) { o.flags = AFFLUX_SHARED_EXCLUSIVE; }), AFFLUX_EINVAL);
  EXPECT_EQ(with([](options& o) { o.flags = 0; }), AFFLUX_EINVAL);
  EXPECT_EQ(with([](options& o) { o.struct_size = 4; }), AFFLUX_EINVAL);
  afflux_shared_options absent = fine;
  absent.flags = 0;
  EXPECT_EQ(opened(own_name("absent").c_str(), absent).status(), AFFLUX_EOS);
  EXPECT_EQ(afflux_shared_last_os_error(), ENOENT);
}

TEST(SharedRefusal, ByPermissions) {
  if (geteuid() != 0) GTEST_SKIP() << "needs another user";
  const segment_name name("mode");
  const opened mine(name.text.c_str(), new_segment(1));
  process other([&](line talk) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(3);
    afflux_shared_options options;
    afflux_shared_options_init(&options);
    talk.say(opened(name.text.c_str(), options).status());
    talk.say(afflux_shared_last_os_error());
  });
  EXPECT_EQ(other.talk().hear(), AFFLUX_EOS);
  EXPECT_EQ(other.talk().hear(), EACCES);
}

}  // namespace
}  // namespace afflux_test

int main(int argc, char** argv) {
  if (argc == 5 && std::strcmp(argv[1], "--after-exec") == 0)
    return afflux_test::after_exec(argv[2], std::atoi(argv[3]), std::strcmp(argv[4], "opens") == 0);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

#if AFFLUX_TEST_TSAN
// The child of a process with threads starts one of its own, which is the point.
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "die_after_fork=0"; }
#endif
