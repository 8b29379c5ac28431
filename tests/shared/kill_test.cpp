// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A process is killed, or stopped, at each instruction of an operation. Afterwards every permit is
// there once, those in line get theirs, and the invariants hold (SH1, SH2, SH5, SH6).
//
// By default each program tries some moments of each operation, chosen by a seed: of every
// instruction the first and the last time. AFFLUX_KILL_POINTS says how many, 0: all.
// AFFLUX_KILL_SEED chooses others. `--table` prints the losses beside those of sem_t and SysV.
#include <gtest/gtest.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/audit.h"
#include "support/processes.h"
#include "support/tracee.h"

namespace afflux_test {
namespace {

std::size_t number_of(const char* name, std::size_t otherwise) {
  const char* given = std::getenv(name);
  return given == nullptr ? otherwise : static_cast<std::size_t>(std::atoll(given));
}

// One operation, in a small world: this process' handle, the child's, and one who waits behind it.
struct operation {
  const char* name;
  std::uint64_t limit;
  std::uint64_t limit_after;  // by the operation
  std::uint64_t taken_here;   // permits of this process, at first
  std::uint64_t behind;       // permits that another process wants, 0: none
  bool behind_is_first;       // in line before the operation
  std::uint64_t given_here;   // by this process, when the child sleeps or has ended
  std::function<void(afflux_shared*&)> prepare;  // in the child
  std::function<void(afflux_shared*&, int)> operate;
  bool waits = false;  // the operation sleeps in line
  std::uint32_t handles = 8;
  bool with_a_dead = false;  // one that held a permit, and waited
  bool holds_back = false;   // a request in line that does not fit keeps the other waiting
};

class world {
 public:
  explicit world(const operation& of)
      : of_(of), mine_(nullptr, new_segment(of.limit, of.handles, 4)), view_(mine_.fd()) {
    if (of.with_a_dead) leave_a_dead();
    if (of.taken_here != 0) {
      EXPECT_EQ(afflux_shared_try_acquire(mine_, of.taken_here), AFFLUX_OK);
    }
  }

  void run_child() {
    child_ = std::make_unique<tracee>(
        [this] {
          if (of_.prepare == nullptr) return;
          if (afflux_shared_open_fd(fd(), nullptr, &theirs_) != AFFLUX_OK) _exit(3);
          of_.prepare(theirs_);
        },
        [this] { of_.operate(theirs_, fd()); }, [this] { afflux_shared_unref(theirs_); });
    if (of_.behind_is_first) {
      start_behind();
      EXPECT_TRUE(in_line(mine_, 1));
    }
    if (!of_.waits) return;
    child_->on_sleep = [this] {
      // A child that is traced stands still now and then, and is passed over.
      if (given_ && behind_has_its_answer(0)) behind_->talk().say(0);
      if (stats_of(mine_).waiters == (of_.behind_is_first ? 2U : 1U)) give();
      return false;
    };
  }
  tracee& child() { return *child_; }

  // What those who remain find, after the child has ended.
  void check_the_end() {
    give();
    if (behind_ != nullptr) {
      EXPECT_TRUE(behind_has_its_answer(kPatienceMs)) << "the line does not go on";
      behind_->talk().say(0);
      EXPECT_EQ(behind_->join(), 0);
    }
    {
      const opened probe(fd());
      ASSERT_EQ(probe.status(), AFFLUX_OK);
      ASSERT_EQ(view_.audit(), "");
      const std::uint64_t held_here = afflux_shared_held(mine_);
      const std::uint64_t limit = afflux_shared_limit(mine_);
      EXPECT_TRUE(limit == of_.limit || limit == of_.limit_after) << limit;
      const afflux_shared_stats stats = stats_of(mine_);
      EXPECT_EQ(stats.held, held_here);
      EXPECT_EQ(stats.waiters, 0U);
      if (stats.closed != 0) {
        EXPECT_EQ(afflux_shared_try_acquire(probe, 1), AFFLUX_ECLOSED);
      } else {
        if (limit > held_here) {
          EXPECT_EQ(afflux_shared_try_acquire(probe, limit - held_here), AFFLUX_OK) << "lost";
        }
        EXPECT_EQ(afflux_shared_try_acquire(probe, 1), AFFLUX_EAGAIN) << "doubled";
      }
    }
    EXPECT_EQ(view_.audit(), "");
    EXPECT_EQ(view_.head().used, afflux_shared_held(mine_));
  }

  // What others find while the child stands still.
  void check_others() {
    give();
    if (of_.holds_back) return;
    if (behind_ == nullptr) {
      if (of_.with_a_dead) return;
      EXPECT_EQ(afflux_shared_try_acquire(mine_, 1), AFFLUX_OK);
      EXPECT_EQ(afflux_shared_release(mine_, 1), AFFLUX_OK);
      return;
    }
    // Unless the child has what the other wants.
    EXPECT_TRUE(comes_about([&] {
      return behind_has_its_answer(0) ||
             (view_.head().used + of_.behind > afflux_shared_limit(mine_) && !is_any_granted());
    })) << "the line does not go on";
    if (answered_) behind_->talk().say(0);
  }

 private:
  int fd() const { return mine_.fd(); }

  void leave_a_dead() {
    process dead([this](line talk) {
      afflux_shared* shared = nullptr;
      afflux_shared_open_fd(fd(), nullptr, &shared);
      afflux_shared_try_acquire(shared, 1);
      std::thread waiter([&] { afflux_shared_acquire(shared, of_.limit, AFFLUX_FOREVER); });
      talk.hear();
    });
    EXPECT_TRUE(in_line(mine_, 1));
    dead.kill();
  }

  void start_behind() {
    if (of_.behind != 0 && behind_ == nullptr)
      behind_ = std::make_unique<process>(waiting_for(fd(), of_.behind));
  }

  void give() {
    if (given_) return;
    given_ = true;
    start_behind();
    if (of_.given_here != 0) {
      EXPECT_EQ(afflux_shared_release(mine_, of_.given_here), AFFLUX_OK);
    }
  }

  bool behind_has_its_answer(int patience_ms) {
    std::int64_t status = 0;
    if (answered_ || !behind_->talk().hear(status, patience_ms)) return answered_;
    answered_ = true;
    const bool closed = stats_of(mine_).closed != 0;
    const bool too_large = of_.behind > afflux_shared_limit(mine_);
    EXPECT_TRUE(status == AFFLUX_OK || (closed && status == AFFLUX_ECLOSED) ||
                (too_large && status == AFFLUX_E2BIG))
        << status;
    return true;
  }

  bool is_any_granted() const {
    for (std::uint32_t i = 0; i < view_.memory().place_count; ++i)
      if (view_.place(i).state == sh::place_state::granted) return true;
    return false;
  }

  const operation& of_;
  opened mine_;
  segment_view view_;
  afflux_shared* theirs_ = nullptr;  // the child's
  std::unique_ptr<process> behind_;
  std::unique_ptr<tracee> child_;
  bool given_ = false;
  bool answered_ = false;
};

afflux_waiter g_waiter;

void begin_async(afflux_shared*& shared, int) {
  afflux_request request;
  afflux_request_init(&request);
  request.permits = 1;
  request.wake = [](void*, afflux_status) {};
  afflux_shared_acquire_async(shared, &request, &g_waiter);
}

void take(afflux_shared*& shared, std::uint64_t n) {
  if (afflux_shared_try_acquire(shared, n) != AFFLUX_OK) _exit(4);
}
void open_only(afflux_shared*&) {}
void take_one(afflux_shared*& shared) { take(shared, 1); }
void take_two(afflux_shared*& shared) { take(shared, 2); }

void open_it(afflux_shared*& shared, int fd) { afflux_shared_open_fd(fd, nullptr, &shared); }
void take_and_give(afflux_shared*& shared, int) {
  afflux_shared_try_acquire(shared, 1);
  afflux_shared_release(shared, 1);
}
void wait_for_one(afflux_shared*& shared, int) { afflux_shared_acquire(shared, 1, AFFLUX_FOREVER); }
void wait_in_vain(afflux_shared*& shared, int) { afflux_shared_acquire(shared, 2, 5'000'000); }
void give_two(afflux_shared*& shared, int) { afflux_shared_release(shared, 2); }
void resize_to_two(afflux_shared*& shared, int) { afflux_shared_resize(shared, 2); }
void resize_to_one(afflux_shared*& shared, int) { afflux_shared_resize(shared, 1); }
void close_it(afflux_shared*& shared, int) { afflux_shared_close(shared); }
void let_go(afflux_shared*& shared, int) {
  afflux_shared_unref(shared);
  shared = nullptr;
}

const operation kOperations[] = {
    {"Open", 2, 2, 0, 0, false, 0, nullptr, open_it},
    {"TakeAndGive", 2, 2, 0, 0, false, 0, open_only, take_and_give},
    {"WaitUntilGranted", 2, 2, 2, 1, false, 2, open_only, wait_for_one, true},
    {"WaitForTheLastOne", 1, 1, 1, 1, false, 1, open_only, wait_for_one, true},
    {"WaitBehindAnother", 2, 2, 2, 1, true, 2, open_only, wait_for_one, true},
    {"WaitInVain", 2, 2, 1, 1, false, 0, open_only, wait_in_vain, true, 8, false, true},
    {"GiveToAWaiter", 2, 2, 0, 1, true, 0, take_two, give_two},
    {"Grow", 1, 2, 1, 1, true, 1, open_only, resize_to_two},
    {"Shrink", 2, 1, 1, 2, true, 1, open_only, resize_to_one},
    {"CloseTheHandle", 2, 2, 0, 2, true, 0, take_one, let_go},
    {"CloseTheSegment", 1, 1, 1, 1, true, 1, open_only, close_it},
    {"Bury", 2, 2, 0, 1, false, 0, nullptr, open_it, false, 8, true},
    {"TakeOver", 2, 2, 0, 0, false, 0, nullptr, open_it, false, 2, true},
    {"WaitAsynchronously", 1, 1, 1, 1, false, 1, open_only, begin_async},
};

void PrintTo(const operation& of, std::ostream* to) { *to << of.name; }

class Killed : public testing::TestWithParam<operation> {
 protected:
  // Calls `then(world)` at the chosen moments of the operation.
  void at_moments(std::size_t most, const std::function<void(world&)>& then) {
    const operation& of = GetParam();
    const code_range library = code_range::around(reinterpret_cast<const void*>(&sh::is_alive));
    const auto seed = static_cast<std::uint32_t>(number_of("AFFLUX_KILL_SEED", 1));
    std::vector<std::uintptr_t> profile;
    {
      world w(of);
      w.run_child();
      profile = w.child().profile(library);
      w.child().kill();
      w.check_the_end();
    }
    const std::vector<moment> moments =
        choose(profile, number_of("AFFLUX_KILL_POINTS", most), seed);
    std::size_t missed = 0;
    for (const moment& at : moments) {
      world w(of);
      w.run_child();
      if (!w.child().run_to(at)) ++missed;
      then(w);
      if (HasFailure()) {
        ADD_FAILURE() << "at +0x" << std::hex << at.at - library.begin << std::dec << ", visit "
                      << at.visit << ", seed " << seed;
        return;
      }
    }
    std::printf("%s: %zu instructions, %zu moments, %zu of them not reached again\n", of.name,
                profile.size(), moments.size(), missed);
    EXPECT_LT(missed, moments.size());
  }
};

TEST_P(Killed, LosesAndDoublesNothing) {
  at_moments(40, [](world& w) {
    w.child().kill();
    w.check_the_end();
  });
}

TEST_P(Killed, OrStoppedKeepsNobodyElse) {
  at_moments(20, [](world& w) {
    w.child().let_go_stopped();
    w.check_others();
    EXPECT_EQ(w.child().go_on(), 0);
    w.check_the_end();
  });
}

INSTANTIATE_TEST_SUITE_P(At, Killed, testing::ValuesIn(kOperations),
                         [](const auto& one) { return std::string(one.param.name); });

// ---- The same beside others ---------------------------------------------------

struct losses {
  std::size_t moments = 0, lost = 0, doubled = 0;
};

// Kills at each moment of `operate`; `value` tells how many are free afterwards, of one. `give`
// gives one when the child sleeps in line, or has ended.
losses count_losses(
    const code_range& code, const std::function<void()>& begin,
    const std::function<void()>& operate, const std::function<void()>& give,
    const std::function<int()>& value,
    const std::function<bool()>& is_in_line = [] { return true; }) {
  losses found;
  bool given = false;
  const auto watch = [&](tracee& child) {
    given = give == nullptr;
    if (given) return;
    child.on_sleep = [&] {
      if (!is_in_line()) return false;
      give();
      return given = true;
    };
  };
  std::vector<moment> moments;
  {
    begin();
    tracee child([] {}, operate, [] {});
    watch(child);
    moments = choose(child.profile(code), 0, 0);
  }
  for (const moment& at : moments) {
    begin();
    {
      tracee child([] {}, operate, [] {});
      watch(child);
      child.run_to(at);
      child.kill();
    }
    if (!given) give();
    ++found.moments;
    const int free = value();
    found.lost += free < 1 ? 1U : 0U;
    found.doubled += free > 1 ? 1U : 0U;
  }
  return found;
}

void print(const char* what, const losses& found) {
  std::printf("%-34s %8zu %6zu %8zu\n", what, found.moments, found.lost, found.doubled);
  std::fflush(stdout);
}

int print_table() {
  const code_range libc = code_range::around(reinterpret_cast<const void*>(&sem_wait));
  const code_range library = code_range::around(reinterpret_cast<const void*>(&sh::is_alive));
  std::printf("%-34s %8s %6s %8s\n", "killed at each instruction", "moments", "lost", "doubled");

  auto* const sem = static_cast<sem_t*>(
      mmap(nullptr, sizeof(sem_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  const auto sem_value = [&] {
    int value = 0;
    sem_getvalue(sem, &value);
    return value;
  };
  print("sem_t: wait, post", count_losses(
                                 libc, [&] { sem_init(sem, 1, 1); },
                                 [&] {
                                   sem_wait(sem);
                                   sem_post(sem);
                                 },
                                 nullptr, sem_value));
  print("sem_t: a wait that sleeps", count_losses(
                                         libc, [&] { sem_init(sem, 1, 0); }, [&] { sem_wait(sem); },
                                         [&] { sem_post(sem); }, sem_value));

  const int set = semget(IPC_PRIVATE, 1, 0600);
  const auto change = [set](short by) {
    sembuf one{0, by, SEM_UNDO};
    semop(set, &one, 1);
  };
  const auto give_without_undo = [set] {
    sembuf one{0, 1, 0};
    semop(set, &one, 1);
  };
  const auto set_value = [set](int value) { semctl(set, 0, SETVAL, value); };
  const auto sysv_value = [set] { return semctl(set, 0, GETVAL); };
  print("SysV, SEM_UNDO: take, give", count_losses(
                                          libc, [&] { set_value(1); },
                                          [&] {
                                            change(-1);
                                            change(1);
                                          },
                                          nullptr, sysv_value));
  print("SysV, SEM_UNDO: a take that sleeps",
        count_losses(
            libc, [&] { set_value(0); }, [&] { change(-1); }, give_without_undo, sysv_value));
  semctl(set, 0, IPC_RMID);

  // Permits of the dead are given back by who opens next.
  opened mine;
  const auto free_now = [&] {
    const opened probe(mine.fd());
    const afflux_shared_stats stats = stats_of(probe);
    return static_cast<int>(stats.limit - stats.held);
  };
  const auto begin = [&](std::uint64_t taken) {
    return [&mine, taken] {
      afflux_shared_unref(mine.forget());
      new (&mine) opened(nullptr, new_segment(1, 8, 4));
      if (taken != 0) afflux_shared_try_acquire(mine, taken);
    };
  };
  const auto with_handle = [&mine](void (*operate)(afflux_shared*&, int)) {
    return [&mine, operate] {
      afflux_shared* shared = nullptr;
      afflux_shared_open_fd(mine.fd(), nullptr, &shared);
      operate(shared, -1);
    };
  };
  print("afflux_shared: open, take, give",
        count_losses(library, begin(0), with_handle(take_and_give), nullptr, free_now));
  print("afflux_shared: one that sleeps",
        count_losses(
            library, begin(1), with_handle(wait_for_one), [&] { afflux_shared_release(mine, 1); },
            free_now, [&] { return stats_of(mine).waiters == 1; }));
  return 0;
}

}  // namespace
}  // namespace afflux_test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc > 1 && std::strcmp(argv[1], "--table") == 0) return afflux_test::print_table();
  return RUN_ALL_TESTS();
}
