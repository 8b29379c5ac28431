// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The runner is one per process and stays. So every test runs in a child of its
// own, which answers through a pipe; the test process itself never has a second
// thread, and its children begin as a fresh process would.
#include "time/timer_thread.h"

#include <dirent.h>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "park/policy.h"

// The thread sanitizer would end a child of a process with threads when it starts
// one; here that is the point.
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "die_after_fork=0"; }

// ---- pthread_create that fails on demand ----------------------------------------

using create_fn = int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
extern "C" create_fn __interceptor_pthread_create __attribute__((weak));

static std::atomic<int> g_create_error{0};
static std::atomic<int> g_created{0};

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                              void* (*start)(void*), void* argument) {
  if (const int error = g_create_error.load()) return error;
  g_created.fetch_add(1);
  // A sanitizer's own, where there is one.
  static create_fn* const next =
      __interceptor_pthread_create != nullptr
          ? __interceptor_pthread_create
          : reinterpret_cast<create_fn*>(dlsym(RTLD_NEXT, "pthread_create"));
  return next(thread, attributes, start, argument);
}

namespace {

using afflux::time::ensure_runner;
using afflux::time::kNever;
using afflux::time::now_ns;
using afflux::time::runner_wake;
using afflux::time::set_manual;

using policy = afflux::native_policy;
using entry = afflux::time::timer_entry<policy>;
using afflux::time::concluded;

constexpr std::int64_t kMs = 1'000'000;

// ---- A child per test ------------------------------------------------------------

#define CHECK_THAT(condition) \
  if (!(condition)) return std::string(#condition) + " in line " + std::to_string(__LINE__)

constexpr const char* kFine = "fine";

std::string in_child(std::string (*body)(), bool orderly_exit = false) {
  int ends[2];
  if (pipe(ends) != 0) return "pipe";
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);  // the watchdog: a hang is a failure, not a hang
    close(ends[0]);
    const std::string answer = body();
    const auto written = write(ends[1], answer.data(), answer.size());
    const int status = written == static_cast<ssize_t>(answer.size()) ? 0 : 1;
    close(ends[1]);
    if (orderly_exit) std::exit(status);
    _exit(status);
  }
  close(ends[1]);
  std::string answer;
  char buffer[256];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    answer.append(buffer, static_cast<std::size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) answer += " (status " + std::to_string(status) + ")";
  return answer;
}

// Threads of this process by that name.
int threads_named(const std::string& name) {
  int count = 0;
  DIR* const tasks = opendir("/proc/self/task");
  while (const dirent* task = readdir(tasks)) {
    std::ifstream file("/proc/self/task/" + std::string(task->d_name) + "/comm");
    std::string comm;
    if (std::getline(file, comm) && comm == name) ++count;
  }
  closedir(tasks);
  return count;
}

// ---- What the thread is given to do ------------------------------------------------

std::atomic<std::uint32_t> g_calls{0};
std::atomic<std::uint32_t> g_fired{0};
std::atomic<std::int64_t> g_early{0};

// As the queue layer's: fires what is due in the process' timer service.
std::int64_t advance() {
  const std::int64_t rest = policy::timers().advance(policy::now(), [](entry& due) {
    if (policy::now() < due.deadline) g_early.fetch_add(1);
    policy::timers().conclude(due);
    g_fired.fetch_add(1);
    policy::unpark(&g_fired);
  });
  g_calls.fetch_add(1);
  policy::unpark(&g_calls);
  return rest;
}

void await(std::atomic<std::uint32_t>& counter, std::uint32_t at_least) {
  for (std::uint32_t seen; (seen = counter.load()) < at_least;) {
    policy::park(counter, seen, kNever);
  }
}

void arm(entry& e, std::int64_t after) {
  if (policy::timers().arm(e, afflux::time::deadline_after(after))) policy::timers_changed();
}

TEST(TimerThread, StartsLazilyAndOnce) {
  EXPECT_EQ(in_child([]() -> std::string {
              CHECK_THAT(policy::timers().empty());
              runner_wake();
              CHECK_THAT(g_created == 0);
              CHECK_THAT(policy::start_timers(advance) == 0);
              for (int i = 0; i < 100; ++i) CHECK_THAT(policy::start_timers(advance) == 0);
              await(g_calls, 1);
              CHECK_THAT(g_created == 1);
              CHECK_THAT(threads_named("afflux-timer") == 1);
              return kFine;
            }),
            kFine);
}

TEST(TimerThread, ManyStartersOneThread) {
  EXPECT_EQ(in_child([]() -> std::string {
              std::atomic<int> errors{0};
              std::vector<std::thread> starters;
              for (int i = 0; i < 8; ++i) {
                starters.emplace_back([&] { errors += policy::start_timers(advance); });
              }
              for (auto& starter : starters) starter.join();
              await(g_calls, 1);
              CHECK_THAT(errors == 0);
              CHECK_THAT(threads_named("afflux-timer") == 1);
              return kFine;
            }),
            kFine);
}

TEST(TimerThread, BlocksSignals) {
  EXPECT_EQ(in_child([]() -> std::string {
              static std::atomic<int> blocked{-1};
              CHECK_THAT(ensure_runner([]() -> std::int64_t {
                           sigset_t mask;
                           pthread_sigmask(SIG_BLOCK, nullptr, &mask);
                           blocked = sigismember(&mask, SIGINT) + sigismember(&mask, SIGTERM) +
                                     sigismember(&mask, SIGUSR1) + sigismember(&mask, SIGALRM);
                           g_calls.fetch_add(1);
                           policy::unpark(&g_calls);
                           return -1;
                         }) == 0);
              await(g_calls, 1);
              CHECK_THAT(blocked == 4);
              sigset_t mine;
              pthread_sigmask(SIG_BLOCK, nullptr, &mine);
              CHECK_THAT(sigismember(&mine, SIGINT) == 0);
              return kFine;
            }),
            kFine);
}

// L4; and no timer is lost.
TEST(TimerThread, FiresAndNeverEarly) {
  EXPECT_EQ(in_child([]() -> std::string {
              static entry entries[50];
              CHECK_THAT(policy::start_timers(advance) == 0);
              for (int i = 0; i < 50; ++i) arm(entries[i], i * kMs / 3);
              await(g_fired, 50);
              CHECK_THAT(g_early == 0);
              CHECK_THAT(policy::timers().empty());
              return kFine;
            }),
            kFine);
}

TEST(TimerThread, EarlierDeadlineWakesIt) {
  EXPECT_EQ(in_child([]() -> std::string {
              static entry far;
              static entry near;
              CHECK_THAT(policy::start_timers(advance) == 0);
              arm(far, 3'600'000 * kMs);
              await(g_calls, 1);
              for (std::uint32_t i = 1; i <= 500; ++i) {  // asleep, or just about to be
                arm(near, (i % 2) * kMs);
                await(g_fired, i);
              }
              CHECK_THAT(policy::timers().size() == 1);
              return kFine;
            }),
            kFine);
}

// R1: a ring at any moment leads to a call that begins after it.
TEST(TimerThread, LosesNoRing) {
  EXPECT_EQ(in_child([]() -> std::string {
              static std::atomic<std::uint32_t> asked{0};
              static std::atomic<std::uint32_t> answered{0};
              CHECK_THAT(ensure_runner([]() -> std::int64_t {
                           answered = asked.load();
                           policy::unpark(&answered);
                           return -1;  // sleeps without limit: a lost ring would hang
                         }) == 0);
              for (std::uint32_t i = 1; i <= 20'000; ++i) {
                asked = i;
                runner_wake();
                await(answered, i);
              }
              return kFine;
            }),
            kFine);
}

TEST(TimerThread, SleepsWhileNothingIsArmed) {
  EXPECT_EQ(in_child([]() -> std::string {
              static entry e;
              CHECK_THAT(policy::start_timers(advance) == 0);
              arm(e, kMs);
              await(g_fired, 1);
              timespec pause{0, 50'000'000};  // a window to look into, nothing waits for it
              nanosleep(&pause, nullptr);
              CHECK_THAT(g_calls <= 4);
              return kFine;
            }),
            kFine);
}

TEST(TimerThread, ManualModeStartsNone) {
  EXPECT_EQ(in_child([]() -> std::string {
              static entry e;
              CHECK_THAT(set_manual(true) == 0);
              CHECK_THAT(policy::start_timers(advance) == 0);
              CHECK_THAT(policy::start_timers(advance) == 0);
              arm(e, 0);
              CHECK_THAT(g_created == 0);
              while (g_fired == 0) advance();
              arm(e, 0);
              CHECK_THAT(set_manual(false) == 0);  // now the thread fires it
              await(g_fired, 2);
              CHECK_THAT(g_created == 1);
              return kFine;
            }),
            kFine);
}

TEST(TimerThread, AutomaticAgainStartsNoneUnlessNeeded) {
  EXPECT_EQ(in_child([]() -> std::string {
              CHECK_THAT(set_manual(true) == 0);
              CHECK_THAT(set_manual(false) == 0);
              CHECK_THAT(g_created == 0);
              return kFine;
            }),
            kFine);
}

TEST(TimerThread, ManualModeStopsTheThread) {
  EXPECT_EQ(in_child([]() -> std::string {
              static entry e;
              CHECK_THAT(policy::start_timers(advance) == 0);
              await(g_calls, 1);
              for (std::uint32_t round = 0; round < 200; ++round) {
                CHECK_THAT(set_manual(true) == 0);
                // A call that was under way may still fire it; nothing is lost.
                arm(e, 0);
                while (g_fired < 2 * round + 1) advance();
                arm(e, 0);
                CHECK_THAT(set_manual(false) == 0);
                await(g_fired, 2 * round + 2);
              }
              CHECK_THAT(g_created == 1);
              return kFine;
            }),
            kFine);
}

TEST(TimerThread, FailureToStartIsReported) {
  EXPECT_EQ(in_child([]() -> std::string {
              static entry e;
              g_create_error = EAGAIN;
              CHECK_THAT(policy::start_timers(advance) == EAGAIN);
              CHECK_THAT(policy::start_timers(advance) == EAGAIN);
              CHECK_THAT(set_manual(true) == 0);
              CHECK_THAT(policy::start_timers(advance) == 0);  // not needed
              CHECK_THAT(set_manual(false) == EAGAIN);         // nothing changed: manual
              CHECK_THAT(policy::start_timers(advance) == 0);
              g_create_error = 0;
              arm(e, 0);
              CHECK_THAT(set_manual(false) == 0);
              await(g_fired, 1);
              return kFine;
            }),
            kFine);
}

TEST(TimerThread, ChildOfForkStartsItsOwn) {
  EXPECT_EQ(in_child([]() -> std::string {
              static entry old;
              static entry fresh;
              CHECK_THAT(policy::start_timers(advance) == 0);
              arm(old, 3'600'000 * kMs);
              await(g_calls, 1);
              const std::string grandchild = in_child([]() -> std::string {
                CHECK_THAT(threads_named("afflux-timer") == 0);
                CHECK_THAT(policy::timers().size() == 1);  // still armed
                policy::timers().disarm(old);
                g_created = 0;
                CHECK_THAT(policy::start_timers(advance) == 0);
                CHECK_THAT(g_created == 1);
                arm(old, 0);
                arm(fresh, kMs);
                await(g_fired, 2);
                return kFine;
              });
              CHECK_THAT(g_fired == 0);
              arm(fresh, 0);  // the parent's thread goes on
              await(g_fired, 1);
              return grandchild;
            }),
            kFine);
}

// The mutex of the service is held by nobody in the child, whoever forks when.
TEST(TimerThread, ForkWhileOthersArm) {
  EXPECT_EQ(in_child([]() -> std::string {
              CHECK_THAT(policy::start_timers(advance) == 0);
              std::atomic<bool> stop{false};
              std::thread busy([&] {
                static entry e;  // a thread's stack is not there in a child
                while (!stop) {
                  arm(e, 3'600'000 * kMs);
                  policy::timers().disarm_and_wait(e);
                }
              });
              std::string answer = kFine;
              for (int i = 0; i < 50 && answer == kFine; ++i) {
                answer = in_child([]() -> std::string {
                  static entry mine;
                  CHECK_THAT(policy::start_timers(advance) == 0);
                  const std::uint32_t before = g_fired;
                  arm(mine, 0);
                  await(g_fired, before + 1);
                  return kFine;
                });
              }
              stop = true;
              busy.join();
              return answer;
            }),
            kFine);
}

// A callback that forks: the copy of the timer thread that comes back from it in
// the child is the runner there.
TEST(TimerThread, ForkFromTheTimerThread) {
  EXPECT_EQ(in_child([]() -> std::string {
              static int ends[2];
              CHECK_THAT(pipe(ends) == 0);
              CHECK_THAT(ensure_runner([]() -> std::int64_t {
                           static pid_t child = -1;
                           if (child == -1) {
                             child = fork();
                             if (child == 0) alarm(60);
                             return 1;
                           }
                           if (child != 0) return -1;
                           const char byte = 'x';
                           const ssize_t n = write(ends[1], &byte, 1);
                           _exit(n == 1 ? 0 : 1);
                         }) == 0);
              char byte = 0;
              CHECK_THAT(read(ends[0], &byte, 1) == 1 && byte == 'x');
              return kFine;
            }),
            kFine);
}

// Static destructors run while the thread sleeps, and while it fires.
TEST(TimerThread, ProcessExitIsClean) {
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(in_child(
                  []() -> std::string {
                    static entry far;
                    static entry near[20];
                    CHECK_THAT(policy::start_timers(advance) == 0);
                    arm(far, 3'600'000 * kMs);
                    await(g_calls, 1);
                    for (auto& e : near) arm(e, 0);
                    return kFine;
                  },
                  true),
              kFine);
  }
}

}  // namespace
