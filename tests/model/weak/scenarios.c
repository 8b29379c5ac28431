// SPDX-License-Identifier: MIT OR Apache-2.0
// The table of scenarios, and main(). For GenMC: one of them, by -DSCENARIO=, tried in every way
// that C11 allows. Natively: those named on the command line, or all, some hundred times each.
#include "ending.h"
#include "leaving.h"
#include "resizing.h"
#include "taking.h"
#include "waking.h"

// Number, threads, kind, function; numbers are not reused. Kinds:
//   PLAIN       every failing exchange is explored; with a patience of 1, and of 2
//   LARGE       but not those of a loop that goes round without having changed anything
//   SLEEPS      with a patience of 1; and, as LARGE, with threads that sleep for the lock: those
//   who
//               are woken go on, or each sleep is a thread's last
//   LAST_SLEEP  the same, without those who go on
// verify.py reads these lines.
#define SCENARIOS(X)                                     \
  X(1, 2, PLAIN, two_acquire)                            \
  X(2, 3, LARGE, three_acquire)                          \
  X(3, 2, PLAIN, two_by_callback)                        \
  X(4, 2, PLAIN, enqueue_meets_release)                  \
  X(5, 3, LARGE, two_enqueue_meet_release)               \
  X(6, 2, PLAIN, arrive_meets_grant)                     \
  X(7, 3, LARGE, two_arrive_meet_grant)                  \
  X(8, 2, PLAIN, cancel_meets_grant)                     \
  X(9, 2, PLAIN, cancel_second_meets_grant)              \
  X(10, 3, PLAIN, both_cancel_meet_grant)                \
  X(11, 3, PLAIN, cancel_unordered)                      \
  X(12, 2, PLAIN, cancel_and_queue_again)                \
  X(13, 2, PLAIN, large_head_cancelled)                  \
  X(14, 2, PLAIN, cancel_meets_end)                      \
  X(15, 3, PLAIN, two_cancels_meet_end)                  \
  X(16, 3, PLAIN, two_owners_and_cancel)                 \
  X(17, 2, PLAIN, callback_ends_it)                      \
  X(18, 3, PLAIN, shrink_meets_release_and_cancel)       \
  X(19, 3, PLAIN, shrink_meets_release_of_two)           \
  X(20, 3, PLAIN, shrink_meets_enqueue)                  \
  X(21, 2, PLAIN, woken_thread_ends_it)                  \
  X(22, 3, LARGE, last_in_turn_ends_it)                  \
  X(23, 3, PLAIN, callback_ends_it_unordered)            \
  X(24, 3, PLAIN, close_meets_enqueue)                   \
  X(25, 3, PLAIN, close_meets_cancel)                    \
  X(26, 2, PLAIN, try_meets_callback)                    \
  X(27, 2, PLAIN, try_meets_resize)                      \
  X(28, 3, LARGE, growth_and_shrink)                     \
  X(29, 3, LAST_SLEEP, three_sleep)                      \
  X(30, 2, SLEEPS, canceller_sleeps)                     \
  X(31, 3, LARGE, last_callback_ends_it)                 \
  X(32, 2, PLAIN, arrive_meets_end)                      \
  X(33, 3, PLAIN, word_comes_back)                       \
  X(34, 2, PLAIN, word_comes_back_in_one_thread)         \
  X(35, 3, PLAIN, cancel_of_arrival_unordered)           \
  X(36, 2, PLAIN, arrive_meets_data)                     \
  X(37, 2, PLAIN, busy_then_shrunk)                      \
  X(38, 2, PLAIN, shrink_meets_two_permits)              \
  X(40, 2, PLAIN, over_release_by_older_limit)           \
  X(41, 2, PLAIN, resize_carries_data)                   \
  X(42, 2, PLAIN, two_line_up)                           \
  X(43, 3, LARGE, three_line_up)                         \
  X(44, 2, PLAIN, closed_seen_by_enqueue)                \
  X(45, 2, PLAIN, closed_seen_by_try)                    \
  X(46, 2, PLAIN, holder_leaves_busy)                    \
  X(47, 2, SLEEPS, two_resizers_sleep)                   \
  X(48, 2, SLEEPS, two_cancellers_sleep)                 \
  X(49, 2, PLAIN, over_release_past_line_by_older_limit) \
  X(50, 2, PLAIN, closed_seen_by_failed_try)             \
  X(51, 2, PLAIN, release_data_of_both)                  \
  X(52, 2, PLAIN, over_release_past_line)                \
  X(53, 2, PLAIN, over_release_meets_release)            \
  X(54, 3, PLAIN, over_release_meets_arrival)            \
  X(55, 2, PLAIN, word_comes_back_for_release)           \
  X(56, 2, PLAIN, expelled_meets_end)                    \
  X(57, 3, PLAIN, two_expelled_meet_end)                 \
  X(58, 3, PLAIN, expelled_then_enqueue)                 \
  X(59, 2, PLAIN, cancel_completes_nobody)               \
  X(60, 2, PLAIN, cancel_closes_nobody)                  \
  X(61, 2, PLAIN, cancel_ends_nobody)                    \
  X(62, 2, PLAIN, over_release_during_shrink)            \
  X(63, 2, PLAIN, over_release_during_growth)            \
  X(64, 2, PLAIN, condition_meets_wake)                  \
  X(65, 3, LARGE, arrival_meets_wake)                    \
  X(66, 2, PLAIN, asked_meets_release)                   \
  X(67, 2, PLAIN, asking_meets_release)                  \
  X(68, 2, PLAIN, asking_meets_cancel)                   \
  X(69, 2, PLAIN, asking_meets_end)                      \
  X(70, 2, PLAIN, two_wakes)                             \
  X(71, 2, PLAIN, wake_meets_cancel)                     \
  X(72, 2, PLAIN, wake_meets_release)                    \
  X(73, 3, LARGE, wake_meets_arrival)                    \
  X(74, 2, PLAIN, notify_meets_wait)                     \
  X(75, 3, PLAIN, two_notifies)                          \
  X(76, 2, PLAIN, notify_meets_reset)                    \
  X(77, 2, PLAIN, merged_notify_meets_reset)             \
  X(78, 3, PLAIN, notify_reset_wait)                     \
  X(79, 2, PLAIN, cancel_by_value)                       \
  X(80, 2, PLAIN, told_by_value)                         \
  X(81, 2, PLAIN, freed_in_notification)                 \
  X(82, 3, PLAIN, cancel_by_value_meets_end)             \
  X(83, 2, PLAIN, asked_meets_cancel)                    \
  X(84, 3, PLAIN, two_arrive_as_holder_leaves)           \
  X(85, 3, LARGE, arrival_cancels)

#ifdef GENMC
enum { scenario = SCENARIO };
#else
#  include <stdio.h>
static int scenario;
#endif

// What is left to -D decides at compile time, so that GenMC sees one scenario and no table.
static int threads_of(void) {
#define X(number, threads, kind, function) \
  if (scenario == number) return threads;
  SCENARIOS(X)
#undef X
  return 0;
}

static void play(enum step step) {
#define X(number, threads, kind, function) \
  if (scenario == number) function(step);
  SCENARIOS(X)
#undef X
}

static void *play_thread(int which, enum step step) {
  self = which;
  play(step);
  return NULL;
}

static void *first(void *unused) { return (void)unused, play_thread(0, FIRST); }
static void *second(void *unused) { return (void)unused, play_thread(1, SECOND); }
static void *third(void *unused) { return (void)unused, play_thread(2, THIRD); }

static void run(void) {
  pthread_t threads[3];
  play(SETUP);
  pthread_create(&threads[0], NULL, first, NULL);
  pthread_create(&threads[1], NULL, second, NULL);
  if (threads_of() > 2) pthread_create(&threads[2], NULL, third, NULL);
  pthread_join(threads[0], NULL);
  pthread_join(threads[1], NULL);
  if (threads_of() > 2) pthread_join(threads[2], NULL);
#ifdef SLEEPS
  if (slept_for_good(threads_of())) return;
#endif
  play(REST);
}

#ifdef GENMC
int main(void) {
  run();
  return 0;
}
#else
static void run_often(int times) {
  for (int i = 0; i < times; i++) {
    memset(&it, 0, sizeof it);
    run();
  }
}

// [TIMES [SCENARIO...]]
int main(int count, char **arguments) {
  const int times = count > 1 ? atoi(arguments[1]) : 300;
  for (int i = 1; i < 1000; i++) {
    scenario = i;
    if (!threads_of()) continue;
    bool wanted = count <= 2;
    for (int a = 2; a < count; a++) wanted |= atoi(arguments[a]) == i;
    if (!wanted) continue;
    printf("scenario %d\n", i);
    fflush(stdout);
    run_often(times);
  }
  return 0;
}
#endif
