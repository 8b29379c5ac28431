// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How the core meets the machine. Everything that the core shares between
// threads goes through a policy `P`; the library instantiates it with
// real_policy (below), the model tests with a checking policy that turns every
// access into a scheduling point, so that the very same code is explored.
// Nothing in src/core, src/queue or src/time names std::atomic.
//
// A policy has:
//
//   template <class T> class atomic      load, store, exchange, fetch_add, fetch_sub,
//                                        fetch_or, fetch_and, compare_exchange_strong with
//                                        an explicit std::memory_order each; lock-free
//   template <class T> using var         plain data that several threads touch in turn; the
//                                        checker looks for races and for freed memory
//   template <class T> class gauge       a number that one thread at a time sets and any
//                                        may observe: get(), set(); orders nothing
//   class mutex                          lock(), unlock()
//   park(word, expected, deadline)       sleep while word == expected and now() < deadline
//                                        (time::kNever: no limit); may return early; false
//                                        when the deadline has passed
//   unpark(address)                      wake the sleepers on that address, which may be
//                                        freed memory by now: only its value is used
//   park_on(word, expected)              likewise on a 64-bit word, without a deadline: sleep
//                                        while the low 32 bits of both are equal
//   unpark_on(address)                   wake those that sleep by park_on() on that address
//   now()                                monotonic nanoseconds
//   rough_now()                          likewise, cheaper, and behind by a clock tick at most
//   thread_key()                         differs between the threads that are alive; never 0
//   shard_count()                        how many threads are to count without disturbing each
//                                        other: a power of two
//   pause()                              once in each turn of a bounded spin
//   spins()                              turns that are worth spinning for; 0 on one core
//   spin_budget()                        turns to spin before sleep, adapted to what
//   spin_ended(turns, helped)            spinning brought this thread lately
//   wait_for_change(atomic, seen)        returns when the atomic differs from seen, or has not
//                                        for about 2 ms: callers look again. For waits that
//                                        are short by construction; it spins, gives way, then
//                                        sleeps, so that the thread that is to end the wait runs,
//                                        also where this thread is a real-time one on the same core
//   template <class T> class producer_queue   of many producers and one consumer at a time, in
//                                        order per producer: enqueue(T), false without memory;
//                                        try_dequeue_bulk(T*, most): how many it took; 0: each
//                                        producer had none when it was looked at
//   create<T>(args...) / destroy(T*)     allocation; create answers nullptr without memory
//   timers()                             the timer_service of all semaphores of this policy
//   start_timers(advance)                sees to it that something calls `advance` when
//                                        deadlines come; 0 or an errno value
//   timers_changed()                     timer_service::arm() answered true: an earlier
//                                        deadline than the runner knows of
//   help(run_one)                        another thread of the library, not one that is inside
//                                        run_one() now, calls that until it answers false; for
//                                        what waits behind a callback that blocks. 0 or an errno
//                                        value, see threads/helpers.h
//   forks()                              differs in the child of a fork()
//   left_to_helpers()                    an atomic pointer for help()'s caller; nullptr at first,
//                                        and in the child of a fork()
//   per_thread<T>()                      this thread's own T
//   returned(node, size)                 the node's memory is its owner's again: a touch
//                                        from now on is a defect (checker only)
//   waits_in_kernel()                    io_uring may wait on a word instead of a thread; then
//   wait_in_kernel(word, expected, entry), complete_at_once(entry)   fill the ring's entry
//   unpark_in_kernel(address)            wake what waits by the former
//   set_anew(atomic, value)              for one that others may be looking at before its life
//                                        begins: their memory is zeroed
//   own(address)                         hint: this thread is about to write there
//   kPatience                            exchanges of a holder that fail before it has the others
//                                        wait for the lock
//   kNotesAtOnce                         notes told in one hold of the lock
//   kShedAtOnce                          requests shed in one hold of the lock
//   kResizeBits                          of the word's count of resizes, at most 4
//   kOvertakingBound, kAgeingBound       as in afflux.h
//   kMutant                              the seeded bug to compile in; 0: none
#pragma once

#include <atomic>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "afflux/afflux.h"
#include "park/park.h"
#include "park/spin.h"
#include "park/thread_key.h"
#include "port/uring.h"
#include "threads/helpers.h"
#include "threads/timer_thread.h"
#include "time/clock.h"
#include "time/immortal.h"
#include "time/timer_service.h"

// A small thread_local of a shared library at a fixed place, found without a call. glibc keeps room
// for such in libraries that are loaded late; other C libraries may not.
#if defined(__ELF__) && defined(__GLIBC__)
#  define AFFLUX_TLS_NEAR [[gnu::tls_model("initial-exec")]]
#else
#  define AFFLUX_TLS_NEAR
#endif

namespace afflux {

namespace park {
template <class T>
class producer_queue;  // producer_queue.h, for those who use it
}

template <class Parker>
struct real_policy {
  template <class T>
  using atomic = std::atomic<T>;
  template <class T>
  using var = T;
  using mutex = typename Parker::mutex;

  template <class T>
  using producer_queue = park::producer_queue<T>;

  template <class T>
  class gauge {
   public:
    // relaxed, both: observers want a recent number, not an order.
    T get() const noexcept { return value_.load(std::memory_order_relaxed); }
    void set(T value) noexcept { value_.store(value, std::memory_order_relaxed); }

   private:
    std::atomic<T> value_{};
  };

  static constexpr std::uint32_t kPatience = 16;
  static constexpr std::uint32_t kNotesAtOnce = 128;
  static constexpr std::uint32_t kShedAtOnce = 64;
  static constexpr unsigned kResizeBits = 4;
  static constexpr std::uint32_t kOvertakingBound = AFFLUX_OVERTAKING_BOUND;
  static constexpr std::uint32_t kAgeingBound = AFFLUX_AGEING_BOUND;
  static constexpr int kMutant = 0;

  static bool park(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                   std::int64_t deadline) noexcept {
    return Parker::wait(word, expected, deadline);
  }
  static void unpark(const void* address) noexcept { Parker::wake(address); }
  static void park_on(const std::atomic<std::uint64_t>& word, std::uint64_t expected) noexcept {
    Parker::wait_on(word, expected);
  }
  static void unpark_on(const void* address) noexcept { Parker::wake_on(address); }
  static std::int64_t now() noexcept { return time::now_ns(); }
  static std::int64_t rough_now() noexcept { return time::rough_now_ns(); }
  static std::uintptr_t thread_key() noexcept { return park::thread_key(); }
  static unsigned shard_count() noexcept { return park::shard_count(); }
  static void pause() noexcept { park::pause(); }
  static std::uint32_t spins() noexcept { return park::spins(); }
  static std::uint32_t spin_budget() noexcept { return park::spin_budget(); }
  static void spin_ended(std::uint32_t turns, bool helped) noexcept {
    park::spin_ended(turns, helped);
  }

  template <class T>
  static void wait_for_change(const std::atomic<T>& word, std::type_identity_t<T> seen) noexcept {
    // relaxed: the caller looks again, with the order that it needs.
    park::wait_a_little<Parker>(
        [&word, seen] { return word.load(std::memory_order_relaxed) != seen; });
  }

  static time::timer_service<real_policy>& timers() noexcept {
    // A failure (no memory) is reported by start_timers(), before anything is armed.
    (void)threads::keep_over_fork(kTimerFork);
    return timers_.value;
  }
  static int start_timers(std::int64_t (*advance)()) noexcept {
    if (const int error = threads::keep_over_fork(kTimerFork); error != 0) return error;
    return threads::ensure_runner(advance);
  }
  static void timers_changed() noexcept { threads::runner_wake(); }
  static int help(bool (*run_one)()) noexcept { return threads::help(run_one); }
  static std::uint32_t forks() noexcept { return threads::forks(); }
  static std::atomic<void*>& left_to_helpers() noexcept { return threads::left_to_helpers(); }

  template <class T, class... Args>
  static T* create(Args&&... args) noexcept {
    return new (std::nothrow) T(std::forward<Args>(args)...);
  }
  template <class T>
  static void destroy(T* object) noexcept {
    delete object;
  }
  static void returned(const void*, std::size_t) noexcept {}
  template <class T>
  static T& per_thread() noexcept {
    AFFLUX_TLS_NEAR static thread_local constinit T own_one;
    T* found = &own_one;
    // Opaque, or the compiler looks it up anew, by a call, at each use.
    asm("" : "+r"(found));
    return *found;
  }
  template <class T>
  static void set_anew(std::atomic<T>& word, T value) noexcept {
    word.store(value, std::memory_order_relaxed);
  }
  static void own(const void* address) noexcept { park::own(address); }

  static bool waits_in_kernel() noexcept { return port::can_fill_wait(); }
  static void wait_in_kernel(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                             io_uring_sqe& entry) noexcept {
    port::fill_wait(word, expected, entry);
  }
  static void complete_at_once(io_uring_sqe& entry) noexcept { port::fill_nothing(entry); }
  static void unpark_in_kernel(const void* address) noexcept {
    if constexpr (std::is_same_v<Parker, park::futex>) Parker::wake_shared(address);
  }

 private:
  static inline constinit time::immortal<time::timer_service<real_policy>> timers_;
  static constexpr threads::fork_hooks kTimerFork{[] { timers_.value.before_fork(); },
                                                  [] { timers_.value.after_fork_parent(); },
                                                  [] { timers_.value.after_fork_child(); }};
};

using native_policy = real_policy<park::native>;
static_assert(time::kTickNs == AFFLUX_TIMER_TICK_NS);

}  // namespace afflux
