/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Free permits without a call: afflux.h, "Inline fast path", layouts 2 and 3.
 */
#ifndef AFFLUX_PYTHON_FASTPATH_H
#define AFFLUX_PYTHON_FASTPATH_H

#include <afflux/afflux.h>

#include <stdbool.h>
#include <stdint.h>

#define FAST_FLAGS UINT64_C(0x3ff)
#define FAST_COUNT_SHIFT 14
#define FAST_COUNT (UINT64_C(0x3f) << FAST_COUNT_SHIFT)
#define FAST_COUNT_FULL (UINT64_C(1) << 19)
#define FAST_PERMITS_SHIFT 20
#define FAST_PERMITS_MAX ((UINT64_C(1) << 42) - 1)

/* The block, if its layout is known here; NULL: make the calls. */
static inline afflux_fastpath *fast_block(afflux_sem *sem) {
  const afflux_fastpath *block = afflux_sem_fastpath(sem);
  const bool known = block->layout == 3 ||
                     (block->layout == 2 && (block->reserved & AFFLUX_FASTPATH_COUNTED) == 0);
  return known ? (afflux_fastpath *)block : NULL;
}

static inline bool fast_is_peak(const afflux_fastpath *block, uint64_t word) {
  /* relaxed, both: an observation; the library confirms it. */
  const uint64_t limit = __atomic_load_n(&block->limit, __ATOMIC_RELAXED);
  const uint64_t available = (uint64_t)((int64_t)word >> FAST_PERMITS_SHIFT);
  return limit - available > __atomic_load_n(&block->peak, __ATOMIC_RELAXED);
}

/* One compare-and-swap; false: nothing changed, make the call. */
static inline bool fast_acquire(afflux_sem *sem, afflux_fastpath *block, uint64_t n) {
  if (block == NULL || n - 1 >= FAST_PERMITS_MAX) return false;
  const bool counts = block->layout == 3;
  /* acquire: takes over what the releases before published. */
  uint64_t seen = __atomic_load_n(&block->word, __ATOMIC_ACQUIRE);
  while ((seen & FAST_FLAGS) == 0) {
    if ((int64_t)seen >> FAST_PERMITS_SHIFT < (int64_t)n) return false;
    const bool is_full = (seen & FAST_COUNT_FULL) != 0;
    uint64_t wanted = seen - (n << FAST_PERMITS_SHIFT);
    if (counts) {
      wanted = is_full ? wanted & ~FAST_COUNT : wanted + (UINT64_C(1) << FAST_COUNT_SHIFT);
    }
    if (!__atomic_compare_exchange_n(&block->word, &seen, wanted, true, __ATOMIC_ACQUIRE,
                                     __ATOMIC_ACQUIRE)) {
      continue;
    }
    if (!counts) return true;
    if (is_full) {
      /* release: a reader that finds it finds the exchange before it. */
      __atomic_fetch_add(&block->taken, ((seen & FAST_COUNT) >> FAST_COUNT_SHIFT) + 1,
                         __ATOMIC_RELEASE);
    }
    /* relaxed: only the sum matters. */
    if (n != 1) __atomic_fetch_add(&block->beyond, n - 1, __ATOMIC_RELAXED);
    if (fast_is_peak(block, wanted)) afflux_sem_note_peak(sem, wanted);
    return true;
  }
  return false;
}

/* One compare-and-swap; false: nothing changed, make the call. */
static inline bool fast_release(afflux_fastpath *block, uint64_t n) {
  if (block == NULL) return false;
  /* acquire: orders the load of the limit. */
  uint64_t seen = __atomic_load_n(&block->word, __ATOMIC_ACQUIRE);
  while ((seen & FAST_FLAGS) == 0) {
    /* relaxed: it stays behind the acquire above it; a resize changes the word, too, and fails the
       exchange. */
    const uint64_t held = __atomic_load_n(&block->limit, __ATOMIC_RELAXED) -
                          (uint64_t)((int64_t)seen >> FAST_PERMITS_SHIFT);
    if (n - 1 >= held) return false; /* 0 wraps round: refused as well */
    /* release: pairs with the acquire that gets these permits. */
    if (__atomic_compare_exchange_n(&block->word, &seen, seen + (n << FAST_PERMITS_SHIFT), true,
                                    __ATOMIC_RELEASE, __ATOMIC_ACQUIRE)) {
      return true;
    }
  }
  return false;
}

#endif
