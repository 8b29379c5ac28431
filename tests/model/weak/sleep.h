// SPDX-License-Identifier: MIT OR Apache-2.0
// Sleeping for the lock, as on a futex: with -DSLEEPS=1 a woken thread goes on; with -DSLEEPS=2
// every sleep is a thread's last, and in the end each that slept must have been woken.
#pragma once

// The kernel compares and queues in one step, under the lock of its bucket.
static pthread_mutex_t bucket = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(int) wakes;
static int slept[3];  // how many wakes there were before, and one

static void sleep_while(_Atomic(word) *w, word value) {
  pthread_mutex_lock(&bucket);
  const bool same = load(w, RELAXED) == value;
  const int before = load(&wakes, RELAXED);
  if (same) slept[self] = before + 1;
  pthread_mutex_unlock(&bucket);
  if (!same) return;
  if (SLEEPS == 2) pthread_exit(NULL);
  while (load(&wakes, RELAXED) == before) block();
}

// Knows the address only; here there is one.
static void wake_sleepers(void) {
  pthread_mutex_lock(&bucket);
  store(&wakes, load(&wakes, RELAXED) + 1, RELAXED);
  pthread_mutex_unlock(&bucket);
}

// True if a thread has slept for the last time, in which case the scenario did not come to its end.
static bool slept_for_good(int threads) {
  bool any = false;
  for (int i = 0; SLEEPS == 2 && i < threads; i++) {
    if (!slept[i]) continue;
    any = true;
    assert(load(&wakes, RELAXED) >= slept[i]);
  }
  return any;
}
