/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The installed header, and the few functions that Swift needs beside it. They are static inline:
 * the compiler makes them part of the Swift functions that call them.
 */
#ifndef AFFLUX_SWIFT_SHIM_H
#define AFFLUX_SWIFT_SHIM_H

#include <afflux/afflux.h>
#include <stddef.h>
#include <stdint.h>

/* afflux.h, "Inline fast path", has the rules of these three. */
enum {
  AFFLUX_SWIFT_FLAGS = 0x3ff, /* any of them set: make the call */
  AFFLUX_SWIFT_SHIFT = 20,    /* permits available, signed, from here up */
  AFFLUX_SWIFT_ONE = 1 << 14, /* layout 3: one acquire */
  AFFLUX_SWIFT_COUNT = 0x3f << 14,
  AFFLUX_SWIFT_TOP = 1 << 19 /* layout 3: the next acquire moves the count to `taken` */
};

/* The block to take permits from without a call; NULL: make the calls. */
static inline afflux_fastpath *afflux_swift_block(afflux_sem *sem) {
  afflux_fastpath *block = (afflux_fastpath *)afflux_sem_fastpath(sem);
  int known = block->layout == 3 ||
              (block->layout == 2 && (block->reserved & AFFLUX_FASTPATH_COUNTED) == 0);
  return known ? block : NULL;
}

/* What remains to be counted of an acquire that exchanged w for v: rare. */
static __attribute__((noinline, unused)) void afflux_swift_count(afflux_sem *sem,
                                                                 afflux_fastpath *block, uint64_t w,
                                                                 uint64_t v, uint64_t n) {
  if (w & AFFLUX_SWIFT_TOP)
    __atomic_fetch_add(&block->taken, ((w & AFFLUX_SWIFT_COUNT) >> 14) + 1, __ATOMIC_RELEASE);
  if (n > 1) __atomic_fetch_add(&block->beyond, n - 1, __ATOMIC_RELAXED);
  uint64_t held = __atomic_load_n(&block->limit, __ATOMIC_RELAXED) -
                  (uint64_t)((int64_t)v >> AFFLUX_SWIFT_SHIFT);
  if (held > __atomic_load_n(&block->peak, __ATOMIC_RELAXED)) afflux_sem_note_peak(sem, v);
}

/* Take n permits if they are free and no request queues. 0: make the call; also for an n that is
 * out of range. */
static inline int afflux_swift_take(afflux_sem *sem, afflux_fastpath *block, uint64_t n) {
  if (block == NULL || n - 1 >= ((uint64_t)1 << 42) - 1) return 0;
  uint64_t one = block->layout == 3 ? AFFLUX_SWIFT_ONE : 0;
  uint64_t w = __atomic_load_n(&block->word, __ATOMIC_ACQUIRE);
  for (;;) {
    if ((w & AFFLUX_SWIFT_FLAGS) != 0 || (int64_t)w >> AFFLUX_SWIFT_SHIFT < (int64_t)n) return 0;
    uint64_t v = w - (n << AFFLUX_SWIFT_SHIFT) + one;
    uint64_t full = one == 0 ? 0 : w & AFFLUX_SWIFT_TOP;
    if (full != 0) v = (w - (n << AFFLUX_SWIFT_SHIFT)) & ~(uint64_t)AFFLUX_SWIFT_COUNT;
    if (!__atomic_compare_exchange_n(&block->word, &w, v, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
      continue;
    if (one != 0 && (full != 0 || n > 1 ||
                     __atomic_load_n(&block->limit, __ATOMIC_RELAXED) -
                             (uint64_t)((int64_t)v >> AFFLUX_SWIFT_SHIFT) >
                         __atomic_load_n(&block->peak, __ATOMIC_RELAXED)))
      afflux_swift_count(sem, block, w, v, n);
    return 1;
  }
}

/* Give n permits back while no request queues. 0: make the call. */
static inline int afflux_swift_give(afflux_fastpath *block, uint64_t n) {
  if (block == NULL) return 0;
  uint64_t w = __atomic_load_n(&block->word, __ATOMIC_ACQUIRE);
  do {
    if ((w & AFFLUX_SWIFT_FLAGS) != 0) return 0;
    uint64_t limit = __atomic_load_n(&block->limit, __ATOMIC_RELAXED);
    if (n > limit - (uint64_t)((int64_t)w >> AFFLUX_SWIFT_SHIFT)) return 0;
  } while (!__atomic_compare_exchange_n(&block->word, &w, w + (n << AFFLUX_SWIFT_SHIFT), 0,
                                        __ATOMIC_RELEASE, __ATOMIC_ACQUIRE));
  return 1;
}

/* What `Task.isCancelled` and `Task.currentPriority` ask. They retain the task for that, and so
 * take twice as long. These functions of Swift's runtime are in its ABI. */
__attribute__((swiftcall)) void *swift_task_getCurrent(void);
__attribute__((swiftcall)) _Bool swift_task_isCancelled(void *task);
__attribute__((swiftcall)) size_t swift_task_currentPriority(void *task);

/* Whether the calling task has been cancelled; 0 outside of tasks. */
static inline _Bool afflux_swift_canceled(void) {
  void *task = swift_task_getCurrent();
  return task != NULL && swift_task_isCancelled(task);
}

/* The calling task's priority; within a task only. */
static inline uint8_t afflux_swift_priority(void) {
  return (uint8_t)swift_task_currentPriority(swift_task_getCurrent());
}

/* The thread sanitizer does not see into the library. In a program that has it, these two tell it
 * what a call orders: what was done before a release happens before what is done after an acquire.
 */
#ifdef __ELF__
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);
#endif
static inline void afflux_swift_acquired(afflux_sem *sem) {
#ifdef __ELF__
  if (&__tsan_acquire != NULL) __tsan_acquire(sem);
#else
  (void)sem;
#endif
}
static inline void afflux_swift_releases(afflux_sem *sem) {
#ifdef __ELF__
  if (&__tsan_release != NULL) __tsan_release(sem);
#else
  (void)sem;
#endif
}

#endif
