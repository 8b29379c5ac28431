/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * @file afflux.h
 * Afflux: one backpressure semaphore for every language in the process.
 *
 * This header is the manual. It is strict C99 and C++20, has no inline
 * functions, no exported data and no bit-fields, and every constant is an
 * enumerator, so that any FFI generator can read it.
 *
 * 1. What it is
 * -------------
 * An afflux_sem limits work in flight to a number of permits. A piece of work
 * acquires permits before it starts and releases them when it is done; while
 * none are free, newcomers queue, in order, and are completed by the very call
 * that frees what they need, or by the thread that is at the line at that moment
 * (chapter 2). Waiting is a blocked thread, a callback, a note, a completion in a port or
 * a CQE.
 *
 * 2. Threads
 * ----------
 * Every call may be made from any thread at any time unless its comment says
 * otherwise. No call is async-signal-safe.
 * No call is a thread-cancellation point: a pthread_cancel() that is pending takes
 * effect at the caller's next cancellation point after the call. (Callbacks and lock
 * functions of the caller's may hold some; they must not let one take effect.)
 *
 * Which calls wait for other threads inside, apart from waiting for permits. The requests
 * that queue at a semaphore are its line. One thread at a time works on the line, for a few
 * instructions and a few more for each request that it takes out, and runs no code of the
 * caller's meanwhile. Some calls work on it alone: all others, a release too, wait for them.
 *
 *   alone at the line           a cancel, a resize, a wait whose time runs out, a wake or
 *                               notification of all, afflux_event_clear(), a wait for
 *                               idleness, a release of more than is held; any
 *                               call that has tried in vain for a while to leave the line
 *   waits only for a thread     afflux_sem_release(), afflux_sem_close(), a last unref, and
 *   that is alone at the line   a request that queues with INTRUSIVE, LOCKFREE and, while
 *                               its slot is free, HYBRID (it spins a little for the thread
 *                               at the line before it leaves itself in the inbox)
 *   waits for any thread        all that work alone; afflux_sem_try_acquire(),
 *   at the line                 afflux_sem_try_acquire_up_to() and afflux_sem_drain() where
 *                               the permits are free; a request that queues with MUTEX, or
 *                               with a queue limit that refuses or drops
 *   never waits                 a call that takes or gives back permits while no request
 *                               queues and no thread is at the line; observers
 *
 * A time limit is armed and disarmed under a short lock of the timers. A cancel waits, too,
 * for the call that is just queueing the same waiter, for a thread that is about to tell
 * its note, and for the timer's thread where its time runs out at this moment. No call
 * waits for another thread's callback, but the call that has let a callback in (chapter 8).
 * A wait for another thread inside a call ends in sleeping, never in mere yielding: a
 * real-time thread may share a core with threads of lower priority.
 *
 * After fork() a child may use and free every semaphore that no other thread of the
 * parent was inside at that moment, whatever those threads did elsewhere. The timer
 * service and the helpers of chapter 8 start anew in the child when they are first needed.
 * Requests that were pending stay so in the child, so their waiters must not lie on the
 * stack of another thread across a fork(). Their time limits run on there from the next
 * request with a time limit, or call of afflux_timers_advance().
 *
 * 3. Ownership
 * ------------
 * Handles are reference-counted: create gives one reference, ref adds one,
 * unref drops one, the last unref closes and frees. A call borrows its handle:
 * the caller must own a reference while the call runs, with one exception that
 * makes the usual pattern legal: a thread whose acquire has returned may drop
 * the last reference at once, even while the release that satisfied it is still
 * returning elsewhere. A thread that waits already needs none: the last unref ends its wait
 * (AFFLUX_ECLOSED). Waiting requests hold no reference (groups of them do: see
 * "Several at once"): in the completions that the last unref causes the handle is
 * invalid already, not even a release may use it. Call afflux_sem_close() before,
 * with a reference, if they need it.
 * A waiter's memory (afflux_waiter) is the caller's. The library borrows it from an
 * AFFLUX_PENDING answer until a cancel has answered AFFLUX_OK, or by form of completion:
 * until the wake function begins; until afflux_waiter_status() answers other than
 * AFFLUX_PENDING, or any cancel has returned (a note: AFFLUX_WAIT_FOR_NOTE); until the
 * completion has been drained (a port); until the CQE has come and afflux_waiter_status()
 * tells the outcome (io_uring). The table at afflux_waiter_cancel() has each answer.
 *
 * Completion after the end. Within a wake function a release completes others only after
 * that function has returned (chapter 8). If the function drops the last reference
 * meanwhile, a completion with AFFLUX_OK still comes, although the semaphore is gone: the
 * release that it owes would touch freed memory. The same holds for a port: a completion
 * may lie there, not drained yet, when the last reference goes. So an owner that completes by
 * AFFLUX_OK and then uses the semaphore, by a release or by adopting a token, needs a
 * reference of its own for each request, from before it queues until after that use.
 *
 * 4. Errors
 * ---------
 * Calls return afflux_status: 0, 1 (AFFLUX_PENDING) or a negative error. A
 * call that fails changes nothing (afflux_permit_release() says what its
 * AFFLUX_EOVERFLOW has done). No call throws or prints, and none aborts but for an
 * exception of the caller's (chapter 8). A NULL handle, zero permits, an unknown flag or
 * enumerator answer AFFLUX_EINVAL. No wait answers AFFLUX_ENOMEM; where a signature lists
 * it for one it is reserved.
 * Where several apply, a struct that cannot be read comes first (AFFLUX_ENOTSUP, chapter 5), then
 * what is wrong in itself (AFFLUX_EINVAL), then AFFLUX_ECLOSED, then AFFLUX_E2BIG, then the
 * rest. AFFLUX_E2BIG is not a programming error: a request for more permits than the limit could
 * never be served. A server that takes its permits by the size of a request answers "too large".
 *
 * 5. Structs that grow
 * --------------------
 * Option and request structs begin with `struct_size`. Fill them by their
 * initialiser, then set what you need. A caller compiled against an older
 * header passes a shorter struct: what it lacks, and what it has only in part,
 * takes its default. A longer
 * struct than the library knows is taken while the bytes beyond are zero, and
 * answered AFFLUX_ENOTSUP otherwise. A struct_size too short to hold the
 * first field after it answers AFFLUX_EINVAL. For structs that are only written 0 means the size
 * of version 0.1, and less than that answers AFFLUX_EINVAL.
 *
 * 6. Time
 * -------
 * Times are int64_t nanoseconds on the monotonic clock, relative to the call.
 * 0 never waits: a blocking call (afflux_sem_acquire_permit() too) then answers
 * AFFLUX_ETIMEDOUT at once, an asynchronous request AFFLUX_EAGAIN. AFFLUX_FOREVER names no limit of
 * its own: the semaphore's waiter_timeout_ns applies. Other negative values answer AFFLUX_EINVAL. A
 * timeout is never early. A blocked thread's is as exact as the operating system's sleep, a
 * request's is late by at most one timer tick (AFFLUX_TIMER_TICK_NS) plus scheduling, and plus the
 * wake functions that run before it on the timer's thread. One that blocks there, for a
 * time limit to run out, may wait for ever: all limits of requests are that thread's work.
 *
 * 7. Order and fairness
 * ---------------------
 * AFFLUX_FAIR, the default: within a priority, grants follow arrival, and
 * no newcomer overtakes a queued request, afflux_sem_try_acquire() included. A
 * request that does not fit holds back all behind it, so that large requests
 * are not starved by small ones; the moment it leaves the queue those that now
 * fit are granted.
 * A higher priority goes first. It, too, queues while others do, although it may be granted
 * within the same call: with a time of 0 it answers AFFLUX_EAGAIN. Ageing keeps lower ones
 * alive: when the first request of a priority has been passed by AFFLUX_AGEING_BOUND grants of
 * higher priorities, it is the next to be granted. The count belongs to the priority: it begins
 * anew with each grant of it and when no request of it is left, so that a request whose first
 * cancels inherits what that one was passed by. Of several that are due the lowest goes first.
 * AFFLUX_THROUGHPUT: a newcomer may take free permits past queued requests,
 * which spares a context switch for each hand-over. The first request in the
 * queue is passed by at most AFFLUX_OVERTAKING_BOUND newcomers, plus one for
 * each thread that was inside an acquire call when it became the first; then
 * newcomers queue and the next permits are its own. A request that finds k
 * others before it is thus passed by at most (k + 1) times as many newcomers.
 * The count begins anew with each grant of a first one, and with nothing else: one that comes after
 * a cancelled first may be passed by fewer. Between priorities the bound holds for the
 * first in the queue, so that a lower one may be passed by
 * AFFLUX_AGEING_BOUND grants and (AFFLUX_AGEING_BOUND + 1) ×
 * AFFLUX_OVERTAKING_BOUND newcomers. Higher ones that come and leave without a
 * grant change nothing.
 * Shedding (afflux_sem_options.shed_target_ns) keeps waits short under overload, after Facebook's
 * variant of CoDel: those who have waited too long leave the line with AFFLUX_EREJECTED, for they
 * are the ones whose callers have most likely given up. Too long is more than shed_interval_ns; but
 * more than shed_target_ns while the queue stands, which is from when the line has not been empty
 * for shed_interval_ns until it is empty. So a burst is served, and a queue that does not go away
 * is cut to what can be served in time. With adaptive_lifo the newest request of a priority goes
 * first while the queue stands, so that those who are served have hardly waited. No thread and no
 * timer sheds: a release and a request that queues do so, before they grant, and also where they
 * grant none; any other call that grants sheds before that. So a request may stay in line longer
 * while no such call comes, where a time limit would end it; it is not granted any more. Waits
 * are taken in steps of 1,024 ns. One call sheds at most 64 at a time, completes them, and comes
 * back for the rest. Shedding concerns each priority, and priorities go first as ever. A request
 * with AFFLUX_WAIT_FOR_RESIZE is shed like any other. A large request that does not fit holds back
 * those behind it until it is shed; with adaptive_lifo, those before it, until a newer one comes.
 * With AFFLUX_THROUGHPUT a thread that was woken in time to compete for permits is not shed while
 * it does. A request that a queue limit finds no room for first sheds those who make room for it.
 * Arrival means, with every strategy: a request whose call had returned before the
 * other's began comes first. Two that come at the same moment may be queued either way
 * round.
 *
 * 8. Callbacks
 * ------------
 * A wake function runs on a thread that is inside a call on that semaphore, on the
 * timer's thread, or on a helper (below). Nothing internal is held meanwhile: it may call
 * anything in this header on any object, also the last unref of its own semaphore. It
 * should be short: it delays the thread that it runs on. It must not longjmp. An exception
 * or a pthread_exit() out of it ends the process.
 *
 * Which completions a call runs. A release and an acquire run those of the requests that they
 * let in, and perhaps others that came while they were at the line: a thread that finds the
 * line occupied may leave its permits, its request or its close to the thread that is there.
 * Where requests are shed (chapter 7), those two also run the completions of such.
 * A cancel, a resize, a wait whose time runs out and a wake or notification of all run only
 * the completions that their own act lets in or ends (and of those who are shed before it lets
 * any in); a close only those that it ends, and perhaps those of waits for the semaphore to be
 * idle. Observers run none.
 *
 * One after the other. On one thread wake functions run one after the other, never one
 * within another: what a wake function completes (by a release, say) is completed when
 * it has returned, so that the stack does not grow with the number of waiters. The same
 * holds for completions of another semaphore: within a wake function a release, cancel,
 * resize, close, last unref or afflux_timers_advance() returns before the wake functions
 * that it causes have run; their waiters must outlive that. A cancel of one that waits for
 * its turn answers AFFLUX_EALREADY.
 *
 * A wake function that blocks in a wait of this library leaves those that wait behind it to up
 * to 256 threads named afflux-helper, for what it waits for may be among them. A helper ends
 * after about a second without work. The call that let those completions in returns when all of
 * them have run. Where the system starts no thread they run on the blocking thread before it
 * sleeps, one within another if they block, too. A wake function that waits in another way for a
 * completion that may be this thread's own calls afflux_completions_run() before. Where all 256
 * are blocked, those behind wait until one is free: limit what may block so.
 *
 * Notes (AFFLUX_WAIT_FOR_NOTE) run in the same calls. They may run within a wake function,
 * and never within one another: what a note lets in by notes is told when it has returned.
 * (But afflux_timers_advance() within a note may tell those whose time is over; within one of
 * those it does nothing, and answers 0.) One call
 * tells at most 128 at once; more are told in turns, and wake functions that the call lets
 * in run after the last turn. Between two turns the rest are still in line: what a note
 * does may cancel them, or queue others that are told with them. Within a note a newcomer that
 * would drop (AFFLUX_OVERFLOW_DROP_OLDEST) a request that completes by a note is refused.
 *
 * Blocked threads are woken and ports are filled before the notes and wake functions of
 * the same call. A request that is granted just as its time runs out may be completed with
 * AFFLUX_OK by the timer's thread. One that is granted while its own call is still
 * queueing it answers AFFLUX_OK, or AFFLUX_PENDING with its completion perhaps before that.
 *
 * 9. Memory order
 * ---------------
 * A successful acquire happens after the releases whose permits it got. A
 * completion happens after the call that caused it.
 *
 * 10. Compatibility
 * -----------------
 * 0.x: names and meanings in this header do not change, structs grow at the
 * end only. `Since` tells the version in which a name appeared.
 */
#ifndef AFFLUX_H
#define AFFLUX_H

#include <stddef.h>
#include <stdint.h>

#include <afflux/version.h>

/* On Windows define AFFLUX_STATIC where the static library is linked. */
#if defined(_WIN32) && !defined(AFFLUX_STATIC)
#  ifdef AFFLUX_BUILDING
#    define AFFLUX_API __declspec(dllexport)
#  else
#    define AFFLUX_API __declspec(dllimport)
#  endif
#elif defined(__GNUC__)
#  define AFFLUX_API __attribute__((visibility("default")))
#else
#  define AFFLUX_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------ */
/* Status                                                                   */
/* ------------------------------------------------------------------------ */

/** What a call answers: one of the values below. Since: 0.1 */
typedef int32_t afflux_status;

enum {
  AFFLUX_OK = 0,         /**< done */
  AFFLUX_PENDING = 1,    /**< queued; exactly one completion follows */
  AFFLUX_EAGAIN = -1,    /**< it would have to wait */
  AFFLUX_ETIMEDOUT = -2, /**< the time ran out */
  AFFLUX_ECANCELED = -3, /**< cancelled: afflux_wait_group_cancel() */
  AFFLUX_ECLOSED = -4,   /**< the semaphore is closed */
  AFFLUX_EREJECTED = -5, /**< refused or dropped by a queue limit, or shed (chapter 7) */
  AFFLUX_EALREADY = -6,  /**< too late, or done before */
  AFFLUX_EINVAL = -7,    /**< an argument is out of its range */
  AFFLUX_EOVERFLOW = -8, /**< more than is held, or a number too large */
  AFFLUX_EBUSY = -9,     /**< in use: afflux_port_close(), afflux_control_create() */
  AFFLUX_ENOMEM = -10,   /**< no memory */
  AFFLUX_ENOTSUP = -11,  /**< not supported by this library, build or system */
  AFFLUX_EOS = -12,      /**< an operating-system call failed: afflux_last_os_error() */
  AFFLUX_E2BIG = -13     /**< more permits than the limit: it could never be served */
};

/**
 * The name and meaning of a status, in English.
 *
 * @param status  Any value.
 * @return static text, never NULL ("unknown status" for an unknown value).
 * Since: 0.1
 */
AFFLUX_API const char *afflux_strerror(afflux_status status);

/**
 * The operating system's error number behind this thread's newest AFFLUX_EOS:
 * errno, or GetLastError() for a port of the kind IOCP; 0 when there was none.
 *
 * Since: 0.1
 */
AFFLUX_API int32_t afflux_last_os_error(void);

/** The library's version at run time: major << 16 | minor << 8 | patch. Since: 0.1 */
AFFLUX_API uint32_t afflux_version(void);

/** The library's version at run time as static text, for example "0.1.0". Since: 0.1 */
AFFLUX_API const char *afflux_version_string(void);

/* ------------------------------------------------------------------------ */
/* Constants                                                                */
/* ------------------------------------------------------------------------ */

enum {
  /** A time: no limit of its own. A request that names this, or a blocking
   *  call, waits at most the semaphore's waiter_timeout_ns. Since: 0.1 */
  AFFLUX_FOREVER = -1,
  /** Resolution of the timers of asynchronous requests, in nanoseconds. Since: 0.1 */
  AFFLUX_TIMER_TICK_NS = 1000000,
  /** AFFLUX_THROUGHPUT: newcomers that may pass the first request. Since: 0.1 */
  AFFLUX_OVERTAKING_BOUND = 256,
  /** Grants of higher priorities that may pass the first request of a lower
   *  one. Since: 0.1 */
  AFFLUX_AGEING_BOUND = 64,
  /** The published target and interval of shedding (chapter 7), in nanoseconds: 5 and 100 ms.
   *  Since: 0.1 */
  AFFLUX_SHED_TARGET_NS = 5000000,
  AFFLUX_SHED_INTERVAL_NS = 100000000
};

/** Where a newcomer is left while another thread is at the line (afflux_sem_options.queue); all
 *  else is the same with each. Since: 0.1 */
enum {
  AFFLUX_QUEUE_AUTO = 0,      /**< what measurement recommends: INTRUSIVE */
  AFFLUX_QUEUE_INTRUSIVE = 1, /**< a lock bit, and while it is taken a lock-free inbox of the
                                   callers' own waiters; never allocates */
  AFFLUX_QUEUE_LOCKFREE = 2,  /**< the inbox is a lock-free queue of pointers: a wait may allocate,
                                   and waits for the lock where there is no memory */
  AFFLUX_QUEUE_HYBRID = 3,    /**< the inbox is an atomic slot for one newcomer, more wait for the
                                   lock; never allocates */
  AFFLUX_QUEUE_MUTEX = 4      /**< no inbox: each arrival waits for the lock; the yardstick; never
                                   allocates */
};

/** Who may go first (afflux_sem_options.fairness); chapter 7. Since: 0.1 */
enum { AFFLUX_FAIR = 0, AFFLUX_THROUGHPUT = 1 };

/** What happens at a queue limit (afflux_sem_options.overflow). The limits concern only requests
 *  that have to queue: one that gets its permits at once, or whose time is 0, is never refused
 *  and drops none. (At once: by a higher priority, too, where a limit is reached.) DROP_NEWEST
 *  and FAIL are the same. Since: 0.1 */
enum {
  AFFLUX_OVERFLOW_SUSPEND = 0,     /**< limits refuse no request: newcomers wait; they are
                                        marks for afflux_sem_health() */
  AFFLUX_OVERFLOW_DROP_NEWEST = 1, /**< the newcomer is refused: AFFLUX_EREJECTED */
  AFFLUX_OVERFLOW_DROP_OLDEST = 2, /**< the oldest request of the lowest priority present
                                        completes with AFFLUX_EREJECTED, as many as it takes,
                                        and the newcomer queues, whatever its own priority;
                                        refused only if its cost alone is above the bound */
  AFFLUX_OVERFLOW_FAIL = 3         /**< the newcomer is refused: AFFLUX_EREJECTED */
};

/** What a semaphore counts (afflux_sem_options.statistics); afflux/stats.h has the rest.
 *  Since: 0.1 */
enum {
  AFFLUX_STATS_DEFAULT = 0,  /**< AFFLUX_STATS_COUNTERS */
  AFFLUX_STATS_OFF = 1,      /**< nothing: the fastest, and the only one in which permits may be
                                  taken inline without escaping the statistics */
  AFFLUX_STATS_COUNTERS = 2, /**< totals, and how long the oldest request has waited: a plain
                                  addition or two for each call */
  AFFLUX_STATS_FULL = 3      /**< histograms of wait and hold times, too: the clock is read for
                                  each request that queues */
};

/** afflux_request.priority; chapter 7. Since: 0.1 */
enum {
  AFFLUX_PRIORITY_LOW = 0,
  AFFLUX_PRIORITY_NORMAL = 1, /**< default; blocking calls have it too */
  AFFLUX_PRIORITY_HIGH = 2,
  AFFLUX_PRIORITY_CRITICAL = 3
};

/** afflux_request.flags. Since: 0.1 */
enum {
  /** Wait although more permits are asked for than the limit allows, now or
   *  after a shrink: a later afflux_sem_resize() is expected. Such a request
   *  holds back those behind it like any other that does not fit. */
  AFFLUX_WAIT_FOR_RESIZE = 1,
  /** Complete as a CQE of the caller's io_uring: afflux_waiter_prep_uring(). Neither wake, port
   *  nor notify may be set. Not for queues, groups and permit tokens. */
  AFFLUX_WAIT_FOR_URING = 2,
  /** Complete by a notification by value: afflux_request.notify is called with ctx and user_data,
   *  and neither wake nor port may be set. The waiter's memory is the caller's again as soon as
   *  afflux_waiter_status() answers something other than AFFLUX_PENDING, or a cancel has returned,
   *  whatever it answered; no thread waits for a notification to run for that. So an owner may end
   *  at any moment (a future that is dropped): it cancels, and frees. Not for groups and
   *  permit tokens, and not together with AFFLUX_WAIT_FOR_URING. */
  AFFLUX_WAIT_FOR_NOTE = 4
};

/* ------------------------------------------------------------------------ */
/* Semaphore                                                                */
/* ------------------------------------------------------------------------ */

/** A semaphore: an opaque, reference-counted handle. Since: 0.1 */
typedef struct afflux_sem afflux_sem;

/** A request that waited too long; see afflux_sem_options.slow_wait. Since: 0.1 */
typedef struct afflux_slow_wait {
  uint32_t struct_size; /**< set by the library */
  uint32_t priority;    /**< AFFLUX_PRIORITY_… */
  uint64_t permits;     /**< granted to it */
  int64_t wait_ns;      /**< from queueing to grant; in steps of 1,024 ns */
  void *ctx; /**< afflux_request.ctx; NULL for a blocked thread and for waits for several */
} afflux_slow_wait;

/** Told of a slow wait. Runs on the thread that made the grant, just before the request
 *  completes (of a note: just before the note), with nothing internal held: it may call anything,
 *  but what belongs to the request, and to others that were granted in the same call, must stay,
 *  apart from the waiters of notes. The semaphore may be gone. It must not throw or longjmp.
 *  What the function itself lets in is counted, and told to none. `wait` is valid for the call.
 *  Since: 0.1 */
typedef void (*afflux_slow_wait_fn)(void *ctx, const afflux_slow_wait *wait);

/** How to create a semaphore. Fill by afflux_sem_options_init(). Since: 0.1 */
typedef struct afflux_sem_options {
  uint32_t struct_size;      /**< sizeof(afflux_sem_options) */
  uint32_t queue;            /**< AFFLUX_QUEUE_…; default AFFLUX_QUEUE_AUTO */
  uint32_t fairness;         /**< AFFLUX_FAIR (default) or AFFLUX_THROUGHPUT */
  uint32_t overflow;         /**< AFFLUX_OVERFLOW_…; default AFFLUX_OVERFLOW_SUSPEND */
  uint64_t permits;          /**< the limit, 0 … 2^42 − 1; default 1. With 0 a request
                                  answers AFFLUX_E2BIG, or with AFFLUX_WAIT_FOR_RESIZE
                                  waits for afflux_sem_resize() */
  uint64_t max_waiters;      /**< bound on queued requests; 0 (default): none */
  uint64_t max_queue_bytes;  /**< bound on the sum of queued requests' cost_bytes;
                                  0 (default): none */
  int64_t waiter_timeout_ns; /**< longest wait of a request or blocking call whose own
                                  time is AFFLUX_FOREVER; > 0, or AFFLUX_FOREVER (default) */
  const char *name;     /**< what afflux_sem_name() answers; UTF-8, copied; NULL (default): none */
  uint32_t statistics;  /**< AFFLUX_STATS_…; default AFFLUX_STATS_DEFAULT */
  uint32_t ledger;      /**< how many holders of permit tokens are remembered for
                             afflux_sem_visit_holders(), 0 … 65,536; default 0: no ledger */
  int64_t slow_wait_ns; /**< waits as long as this are told to slow_wait, 0 (default) or more; of
                             no effect without slow_wait */
  afflux_slow_wait_fn slow_wait; /**< NULL (default): no function is called */
  void *slow_wait_ctx;           /**< passed to it; default NULL */
  int64_t shed_target_ns;   /**< longest wait while the queue stands, ns; 0 (default): no request is
                                 shed; chapter 7. AFFLUX_SHED_TARGET_NS is a good one */
  int64_t shed_interval_ns; /**< longest wait otherwise, and after how long a line that has not been
                                 empty is a queue that stands, ns; not below shed_target_ns; 0
                                 (default) without that; AFFLUX_SHED_INTERVAL_NS is a good one */
  uint32_t adaptive_lifo;   /**< 1: while the queue stands, the newest request of a priority goes
                                 first; 0 (default): always the oldest. Not without
                                 shed_target_ns, nor with AFFLUX_THROUGHPUT */
  uint32_t reserved;        /**< 0 */
} afflux_sem_options;

/**
 * Fill `options` with the defaults.
 *
 * @return AFFLUX_OK      filled
 *         AFFLUX_EINVAL  options is NULL
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_sem_options_init(afflux_sem_options *options);

/**
 * Create a semaphore with all permits free.
 *
 * @param options  Borrowed for the call.
 * @param ret_sem  The handle, one reference; written on success only.
 * @return AFFLUX_OK       created
 *         AFFLUX_EINVAL   a pointer is NULL, an enumerator is unknown, permits is above
 *                         2^42 − 1, waiter_timeout_ns is 0 or below AFFLUX_FOREVER, ledger is
 *                         above 65,536, slow_wait_ns is negative, slow_wait is set with
 *                         AFFLUX_STATS_OFF, shed_target_ns or shed_interval_ns is negative, the
 *                         target is above the interval, the interval is set without a target,
 *                         adaptive_lifo is neither 0 nor 1, or set without a target or with
 *                         AFFLUX_THROUGHPUT, reserved is not 0, or struct_size is too short to
 *                         be one
 *         AFFLUX_ENOTSUP  the queue strategy is not in this library, or bytes beyond the
 *                         known struct are not zero
 *         AFFLUX_ENOMEM   no memory
 * Owns:  the caller owes one afflux_sem_unref().
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_sem_create(const afflux_sem_options *options, afflux_sem **ret_sem);

/** One more reference. @return sem; NULL for NULL. Since: 0.1 */
AFFLUX_API afflux_sem *afflux_sem_ref(afflux_sem *sem);

/**
 * Drop one reference. The last one closes the semaphore (waiting requests complete with
 * AFFLUX_ECLOSED, on this thread or on the one that is at the line at this moment) and
 * frees it. NULL is fine.
 *
 * Threads: any number at once, from any callback too. The last one waits, and runs
 *          completions, as afflux_sem_close().
 * Since:   0.1
 */
AFFLUX_API void afflux_sem_unref(afflux_sem *sem);

/**
 * Close for good: every queued request completes with AFFLUX_ECLOSED, new
 * acquires answer it. Permits that are held may still be released and counted.
 *
 * @return AFFLUX_OK        closed; the queued requests complete before this call returns,
 *                          or by the thread that is at the line at this moment
 *         AFFLUX_EALREADY  it was closed before
 *         AFFLUX_EINVAL    sem is NULL
 * Threads: any number at once, from any callback too. It may wait, for a few instructions, for
 *          a thread that is alone at the line (chapter 2). Runs the completions of those that it
 *          ends, and no others.
 * Order:   AFFLUX_ECLOSED happens after it.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_sem_close(afflux_sem *sem);

/**
 * Take `n` permits if they are free and, with AFFLUX_FAIR, no request queues
 * (AFFLUX_THROUGHPUT: chapter 7).
 *
 * @param n  Permits, 1 … afflux_sem_limit(sem).
 * @return AFFLUX_OK       all n are held
 *         AFFLUX_EAGAIN   none taken: too few are free, or others wait (AFFLUX_FAIR)
 *         AFFLUX_ECLOSED  none taken: closed
 *         AFFLUX_E2BIG    none taken: n is above the limit
 *         AFFLUX_EINVAL   none taken: sem is NULL or n is 0
 * Threads: any number at once. Never waits for permits. Where they are free and no request
 *          queues it may wait, for a few instructions, for the thread that is at the line, and then
 *          run completions that came meanwhile (chapter 8).
 * Order:   AFFLUX_OK happens after the releases that supplied the permits.
 * Owns:    the caller owes n permits to afflux_sem_release().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_sem_try_acquire(afflux_sem *sem, uint64_t n);

/**
 * Take `n` permits, blocking the calling thread for at most `timeout_ns`.
 *
 * @param n           Permits, 1 … afflux_sem_limit(sem).
 * @param timeout_ns  Nanoseconds; 0 never waits; AFFLUX_FOREVER waits as long as the
 *                    semaphore's waiter_timeout_ns allows.
 * @return AFFLUX_OK         all n are held
 *         AFFLUX_ETIMEDOUT  none taken: the time ran out (also at once, for 0)
 *         AFFLUX_ECLOSED    none taken: closed
 *         AFFLUX_EREJECTED  none taken: a queue limit refused or dropped the request, or it was
 *                           shed
 *         AFFLUX_E2BIG      none taken: n is above the limit, or came to be by a shrink
 *         AFFLUX_EINVAL     none taken: sem is NULL, n is 0, or timeout_ns is negative and not
 *                           AFFLUX_FOREVER
 *         AFFLUX_ENOMEM     reserved: a wait without memory queues all the same
 * Threads: any number at once. May block. Before it sleeps it may run completions that came while
 *          it was at the line; when its time runs out, those that its leaving lets in.
 * Order:   AFFLUX_OK happens after the releases that supplied the permits.
 * Owns:    the caller owes n permits to afflux_sem_release().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_sem_acquire(afflux_sem *sem, uint64_t n, int64_t timeout_ns);

/**
 * Give `n` permits back and complete the requests that now fit. Any thread may
 * release what another acquired. A thread that gets its permits may drop the last
 * reference at once: this call does not depend on it after that moment.
 *
 * @param n  Permits, 1 … what is held.
 * @return AFFLUX_OK         given back
 *         AFFLUX_EOVERFLOW  nothing changed: fewer than n are held
 *         AFFLUX_EINVAL     nothing changed: sem is NULL or n is 0
 * Threads: any number at once, from any callback too. It may wait, for a few instructions, for a
 *          thread that is alone at the line (chapter 2), for no other. Where another thread
 *          is at the line it leaves the permits to that one; else it runs the completions of those
 *          that now fit, and of others that came meanwhile. Takes a short lock to disarm the time
 *          limit of a request that it completes.
 * Order:   happens before the acquires that its permits satisfy.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_sem_release(afflux_sem *sem, uint64_t n);

/**
 * Change the limit. Growth grants at once. A shrink below what is held leaves a
 * debt, paid by releases; no permit is revoked. Queued requests for more than the
 * new limit complete with AFFLUX_E2BIG unless AFFLUX_WAIT_FOR_RESIZE is set.
 *
 * @param permits  The new limit, 0 … 2^42 − 1.
 * @return AFFLUX_OK      changed (on a closed semaphore too; it stays closed)
 *         AFFLUX_EINVAL  nothing changed: sem is NULL or permits is above 2^42 − 1
 * Threads: any number at once; the last one to store wins. It may wait, for a few instructions,
 *          for the thread that is at the line. Runs the completions of the requests that it lets in
 *          or makes impossible, and no others.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_sem_resize(afflux_sem *sem, uint64_t permits);

/**
 * Take all permits that are free now, 0 of them while a request queues.
 *
 * @param ret_n  How many the caller now holds, 0 … limit; written on success only.
 * @return AFFLUX_OK       ret_n permits are held
 *         AFFLUX_ECLOSED  none taken: closed
 *         AFFLUX_EINVAL   none taken: a pointer is NULL
 * Threads: as afflux_sem_try_acquire().
 * Order:   as afflux_sem_try_acquire().
 * Owns:    the caller owes ret_n permits to afflux_sem_release().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_sem_drain(afflux_sem *sem, uint64_t *ret_n);

/**
 * Take as many permits as are free, between `min` and `max`, in one step.
 *
 * @param min    0 … limit. With 0 the answer is AFFLUX_OK whatever is free.
 * @param max    min … 2^64 − 1, not 0.
 * @param ret_n  How many the caller now holds, min … max; written on success only.
 * @return AFFLUX_OK       ret_n permits are held
 *         AFFLUX_EAGAIN   none taken: fewer than min are free, or others wait
 *         AFFLUX_ECLOSED  none taken: closed
 *         AFFLUX_E2BIG    none taken: min is above the limit
 *         AFFLUX_EINVAL   none taken: a pointer is NULL, or max is 0 or below min
 * Threads: as afflux_sem_try_acquire(). Overtakes no queued request, even with AFFLUX_THROUGHPUT.
 * Order:   AFFLUX_OK happens after the releases that supplied the permits.
 * Owns:    the caller owes ret_n permits to afflux_sem_release().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_sem_try_acquire_up_to(afflux_sem *sem, uint64_t min, uint64_t max,
                                                      uint64_t *ret_n);

/**
 * Change the limit by a difference, in one step beside others who do so.
 *
 * @param delta      Permits to add, or if negative to take away; 0 tells the limit.
 * @param ret_limit  The new limit; written on success only; NULL: not wanted.
 * @return AFFLUX_OK         changed, as by afflux_sem_resize()
 *         AFFLUX_EOVERFLOW  nothing changed: the limit would be below 0 or above 2^42 − 1
 *         AFFLUX_EINVAL     nothing changed: sem is NULL
 * Threads: as afflux_sem_resize().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_sem_resize_by(afflux_sem *sem, int64_t delta, uint64_t *ret_limit);

/**
 * Wait until the semaphore is idle, blocking the calling thread for at most `timeout_ns`: nothing
 * is held and no request queues. Others may come in the next moment, unless they are kept out. To
 * shut down:
 *
 *   afflux_sem_close(sem);                        newcomers and those in line get AFFLUX_ECLOSED
 *   afflux_sem_wait_idle(sem, AFFLUX_FOREVER);    all permits have been given back
 *   afflux_sem_unref(sem);
 *
 * To let those in line through first, begin with afflux_sem_wait_idle() and keep newcomers out by
 * other means. Permits that were forgotten (afflux_permit_forget()) count as held. The completion
 * of the request whose leaving makes the semaphore idle may still be on its way when this call
 * returns.
 *
 * @param timeout_ns  Nanoseconds; 0 never waits; AFFLUX_FOREVER waits without limit: the
 *                    semaphore's waiter_timeout_ns is for requests.
 * @return AFFLUX_OK         it was idle at a moment during the call; on a closed semaphore, too
 *         AFFLUX_ETIMEDOUT  the time ran out (also at once, for 0)
 *         AFFLUX_ECLOSED    the last reference was dropped meanwhile
 *         AFFLUX_EINVAL     sem is NULL, or timeout_ns is negative and not AFFLUX_FOREVER
 * Threads: any number at once. May block. While such a call waits each release works on the line.
 *          Runs completions that came while it was at the line.
 * Order:   AFFLUX_OK happens after the releases that made it idle.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_sem_wait_idle(afflux_sem *sem, int64_t timeout_ns);

/** Whether afflux_sem_close() has been called: 1 or 0; 0 for NULL. Order: 1 happens after the
 *  close. Since: 0.1 */
AFFLUX_API int32_t afflux_sem_is_closed(const afflux_sem *sem);

/** The limit; 0 for NULL. Since: 0.1 */
AFFLUX_API uint64_t afflux_sem_limit(const afflux_sem *sem);

/** Permits free now; 0 while in debt after a shrink, while a request queues, and for
 *  NULL. Counts on after a close, although no request is let in. Since: 0.1 */
AFFLUX_API uint64_t afflux_sem_available(const afflux_sem *sem);

/** Permits held now; above the limit while in debt after a shrink; 0 for NULL. Since: 0.1 */
AFFLUX_API uint64_t afflux_sem_held(const afflux_sem *sem);

/** Requests queued now, blocked threads included: exact when nothing is moving; 0 for
 *  NULL. Since: 0.1 */
AFFLUX_API uint64_t afflux_sem_waiters(const afflux_sem *sem);

/** The strategy that the semaphore really uses, never AFFLUX_QUEUE_AUTO; 0 for NULL.
 *  Since: 0.1 */
AFFLUX_API uint32_t afflux_sem_queue(const afflux_sem *sem);

/** The name given at creation, "" without one; valid while sem is; "" for NULL.
 *  Since: 0.1 */
AFFLUX_API const char *afflux_sem_name(const afflux_sem *sem);

/* ------------------------------------------------------------------------ */
/* Request, waiter, completion                                              */
/* ------------------------------------------------------------------------ */

/**
 * A completion.
 *
 * @param ctx     afflux_request.ctx
 * @param status  AFFLUX_OK (the permits are held), AFFLUX_ETIMEDOUT, AFFLUX_ECLOSED,
 *                AFFLUX_EREJECTED (dropped by a queue limit, or shed) or AFFLUX_E2BIG (more than
 *                the limit, by a shrink)
 * Chapter 8 tells where it runs and what it may do. Since: 0.1
 */
typedef void (*afflux_wake_fn)(void *ctx, afflux_status status);

/**
 * A notification by value: look at the waiter that these two words belong to, if it is still there
 * (afflux_waiter_status()). Comes exactly once for each AFFLUX_PENDING, unless a cancel has
 * answered AFFLUX_OK.
 *
 * @param ctx        afflux_request.ctx
 * @param user_data  afflux_request.user_data
 * Runs where a wake function does (chapter 8), perhaps within one, never within another note. It
 * may make any call of this header that does not block, and must not block in another way: others
 * wait behind it. It must not longjmp; an exception or a pthread_exit() out of it ends the process.
 * Order: the outcome is set before it runs, by a sequentially consistent operation. An owner that
 * stores a word, and after a sequentially consistent fence still finds AFFLUX_PENDING, has stored
 * it before a sequentially consistent load of that word within the note.
 * Since: 0.1
 */
typedef void (*afflux_notify_fn)(void *ctx, uint64_t user_data);

/** Where requests complete for an event loop: see "Port". Since: 0.1 */
typedef struct afflux_port afflux_port;

/** What requests are accounted to: see afflux/client.h. Since: 0.1 */
typedef struct afflux_client afflux_client;

/** One of those who share a semaphore: see afflux/tenant.h. Since: 0.1 */
typedef struct afflux_tenant afflux_tenant;

/** What is asked for. Fill by afflux_request_init(). Since: 0.1 */
typedef struct afflux_request {
  uint32_t struct_size;    /**< sizeof(afflux_request) */
  uint32_t flags;          /**< AFFLUX_WAIT_FOR_…; default 0 */
  uint64_t permits;        /**< 1 … limit; default 1 */
  uint32_t priority;       /**< AFFLUX_PRIORITY_…; default AFFLUX_PRIORITY_NORMAL */
  uint32_t reserved;       /**< 0 */
  uint64_t cost_bytes;     /**< counted against max_queue_bytes while queued; default 0 */
  int64_t timeout_ns;      /**< longest wait; 0 never waits; default AFFLUX_FOREVER */
  afflux_wake_fn wake;     /**< called once on completion; required without a port */
  void *ctx;               /**< passed to wake, or into the port; default NULL */
  afflux_port *port;       /**< complete there, and wake is not called; default NULL. The request
                                counts as a reference until it has completed or is cancelled */
  uint64_t user_data;      /**< into the port; default 0 */
  afflux_client *client;   /**< it is accounted to; must live until it has completed, or is
                                cancelled. Default NULL: none. Only in requests to a
                                semaphore; elsewhere AFFLUX_EINVAL */
  const char *tag;         /**< copied into the ledger (afflux_sem_options.ledger) by
                                afflux_sem_acquire_permit(), else ignored; default NULL: none */
  afflux_notify_fn notify; /**< AFFLUX_WAIT_FOR_NOTE: called on completion; NULL (default) without
                                that flag */
  afflux_tenant *tenant;   /**< whose request it is (tenant.h): a tenant of the same semaphore, to
                                which the caller has a reference during the call; the last unref
                                ends what queues. client is NULL then. Default NULL: none's. Only in
                              requests to a semaphore;   elsewhere AFFLUX_EINVAL */
} afflux_request;

/**
 * Fill `request` with the defaults.
 *
 * @return AFFLUX_OK      filled
 *         AFFLUX_EINVAL  request is NULL
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_request_init(afflux_request *request);

/**
 * A waiting request's memory: caller-owned, opaque, 128 bytes. It needs no
 * initialisation before afflux_sem_acquire_async(); zero it if cancel may be
 * called on it before. Put it on a 64-byte boundary for speed. It must not be
 * moved or copied while its request is pending. Since: 0.1
 */
typedef struct afflux_waiter {
  uint64_t opaque[16];
} afflux_waiter;

enum {
  /** Bytes of a waiter, from its beginning, that a request without a time limit uses: neither its
   *  own nor the semaphore's waiter_timeout_ns. The library does not touch the others then, and
   *  they need not be there. Since: 0.1 */
  AFFLUX_WAITER_UNTIMED_SIZE = 88
};

/** sizeof(afflux_waiter) of the library, in bytes. Since: 0.1 */
AFFLUX_API size_t afflux_waiter_size(void);

/** The alignment that an afflux_waiter needs, in bytes; 64 is for speed only. Since: 0.1 */
AFFLUX_API size_t afflux_waiter_align(void);

/**
 * Take permits now, or queue and complete later through request->wake.
 *
 * @param request  Borrowed for the call; what it points to is copied.
 * @param waiter   Borrowed by AFFLUX_PENDING until the wake function begins or a cancel answers
 *                 AFFLUX_OK; with a note, a port or io_uring as the table at
 *                 afflux_waiter_cancel() says.
 * @return AFFLUX_OK         all permits are held; no completion follows, the waiter is free
 *         AFFLUX_PENDING    queued: exactly one completion follows (perhaps before this
 *                           call returns, mostly on another thread), or a cancel that
 *                           answers AFFLUX_OK
 *         AFFLUX_EAGAIN     timeout_ns is 0 and it would have to wait
 *         AFFLUX_ECLOSED    closed, or it would have to wait for a port that is
 *         AFFLUX_EREJECTED  refused by a queue limit, of the semaphore or of the tenant
 *         AFFLUX_E2BIG      permits is above the limit, or the tenant's cap; with
 *                           AFFLUX_WAIT_FOR_RESIZE: above 2^42 − 1
 *         AFFLUX_EINVAL     a pointer is NULL, permits is 0, a tenant of another semaphore, a
 *                           tenant beside a client, an unknown flag or priority, a
 *                           negative time other than AFFLUX_FOREVER, reserved is not 0, neither
 *                           wake function nor port (with AFFLUX_WAIT_FOR_URING or
 *                           AFFLUX_WAIT_FOR_NOTE: either), both of those flags, notify without
 *                           AFFLUX_WAIT_FOR_NOTE or the flag without it, or struct_size is too
 *                           short to be one
 *         AFFLUX_ENOTSUP    AFFLUX_WAIT_FOR_URING on a kernel that cannot, or bytes beyond the
 *                           known struct are not zero
 *         AFFLUX_EOS        the timer thread could not be started (afflux_last_os_error()
 *                           tells why; afflux_timers_manual(1) does without it)
 *         AFFLUX_ENOMEM     reserved: a wait without memory queues all the same
 *         After an error no completion follows and the waiter is free.
 * Threads: any number at once, from any callback too. Never waits for permits and never allocates,
 *          but for the start of the timer thread by the process' first request with a time limit,
 *          and with AFFLUX_QUEUE_LOCKFREE. Takes a short lock to arm a time limit. Which threads
 *          it may wait for, for a few instructions, depends on the queue: chapter 2. Runs
 *          completions that came while it was at the line, and those that it drops.
 * Order:   AFFLUX_OK, and a completion with it, happen after the releases that supplied
 *          the permits.
 * Owns:    with AFFLUX_OK, here or in the completion, the caller owes the permits to
 *          afflux_sem_release().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_sem_acquire_async(afflux_sem *sem, const afflux_request *request,
                                                  afflux_waiter *waiter);

/**
 * Wait until the semaphore is idle, as afflux_sem_wait_idle(), by a request: `permits` 1, no flags
 * but AFFLUX_WAIT_FOR_NOTE and AFFLUX_WAIT_FOR_URING, no cost_bytes and no client.
 * afflux_waiter_cancel() takes it back.
 *
 * @return AFFLUX_OK       it is idle; no completion follows, the waiter is free
 *         AFFLUX_PENDING  exactly one completion follows, or a cancel that answers AFFLUX_OK. Its
 *                         status: AFFLUX_OK, AFFLUX_ETIMEDOUT, AFFLUX_ECLOSED (the last reference
 *                         was dropped)
 *         AFFLUX_EAGAIN   timeout_ns is 0 and it is not idle
 *         AFFLUX_ECLOSED  it would have to wait for a port that is closed
 *         AFFLUX_EINVAL, AFFLUX_ENOTSUP, AFFLUX_EOS
 *                         as for afflux_sem_acquire_async(); EINVAL also for what is not allowed
 *                         here
 * The completion may come before that of the request whose leaving made it idle.
 * Threads: any number at once. It may wait, for a few instructions, for the thread that is at the
 *          line, and runs no completion.
 * Order:   as afflux_sem_wait_idle().
 * Owns:    nothing is owed; the waiter is borrowed as by afflux_sem_acquire_async().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_sem_wait_idle_async(afflux_sem *sem, const afflux_request *request,
                                                    afflux_waiter *waiter);

/**
 * Take a queued request back.
 *
 * When its memory is free:
 *
 *   answer           completes by   free
 *   AFFLUX_OK        anything       now
 *   AFFLUX_EALREADY  wake           when the wake function begins, or has begun
 *                    notify         now; the notification has come, or comes
 *                    port           when its completion has been drained
 *                    io_uring       when its CQE has come, and afflux_waiter_status() tells the
 *                                   outcome
 *
 * After AFFLUX_EALREADY exactly one completion has come or comes, by itself:
 * an AFFLUX_OK owns its permits, release them. Two calls answer it without that, for there is
 * nothing to take back: on a waiter never used, or whose own call (afflux_sem_acquire_async())
 * another thread has not begun, and while afflux_queue_add_waiter_if() asks its condition.
 *
 * @param waiter  Its memory must stay valid until this call has returned. Never used
 *                (and zeroed) or already finished is fine. If another request is queued in it
 *                meanwhile, the call may take that one back.
 * @return AFFLUX_OK        it will never complete and holds nothing. Those behind it that now fit
 *                          have been granted
 *         AFFLUX_EALREADY  it is not queued: it has completed or is completing
 *         AFFLUX_EINVAL    waiter is NULL
 * Threads: any number at once, from any callback too. O(1). It may wait, for a few instructions,
 *          for the thread that is at the line, for the one that is just queueing this waiter or
 *          about to tell its note, and for the timer's thread if its time runs out at this moment;
 *          never for a callback. Runs the completions of the requests that its leaving lets in,
 *          and no others.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_waiter_cancel(afflux_waiter *waiter);

/**
 * What has become of a request of any kind.
 *
 * @return AFFLUX_PENDING   it is queued, or its completion has not begun (port: has not been
 *                          drained)
 *         AFFLUX_OK        the permits are held
 *         AFFLUX_ECANCELED afflux_waiter_cancel() took it back
 *         AFFLUX_ETIMEDOUT, AFFLUX_ECLOSED, AFFLUX_EREJECTED, AFFLUX_E2BIG
 *                          as a completion carries them
 *         AFFLUX_EINVAL    waiter is NULL, or has never been queued
 * Threads: the owner of the waiter, after an answer of AFFLUX_PENDING from the call that queued
 *          it and while its memory is there: with a wake function not after that has given the
 *          memory back. For AFFLUX_WAIT_FOR_NOTE: with any other answer than AFFLUX_PENDING the
 *          memory is free, whether the notification has come or not. Never waits, but for the
 *          timer's thread where an io_uring's request has a time limit.
 * Order:   an outcome happens after what caused it.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_waiter_status(afflux_waiter *waiter);

/**
 * Run the completions that wait for the wake function that calls this to return;
 * see chapter 8. Outside of a wake function there are none. Within a wake function that such
 * a call runs, another one leaves them to helpers instead, so that the stack does not grow.
 *
 * @return how many this call ran, those included that they caused, or left to helpers; not those
 *         that a wake function within left to helpers.
 * Threads: concerns the calling thread alone.
 * Since:   0.1
 */
AFFLUX_API uint64_t afflux_completions_run(void);

/* ------------------------------------------------------------------------ */
/* Port                                                                     */
/* ------------------------------------------------------------------------ */

/*
 * A port is where requests complete for an event loop: the loop takes them out by
 * afflux_port_drain(), on its own thread, and nothing else runs there. While the loop is
 * awake a completion costs the thread that causes it no system call; one that finds the loop asleep
 * rings its doorbell, once, however many follow.
 *
 * A loop with epoll, poll, libuv and the like polls afflux_port_handle() for reading, and
 * drains when it is readable:
 *
 *   afflux_completion done[64];
 *   size_t n;
 *   while ((n = afflux_port_drain(port, done, 64)) != 0)
 *     for (size_t i = 0; i < n; ++i) handle(&done[i]);
 *
 * A loop over io_uring gets a CQE instead (AFFLUX_PORT_URING):
 *
 *   afflux_port_prep_uring(port, io_uring_get_sqe(&ring));          once
 *   ...
 *   switch (afflux_port_check_uring(port, cqe)) {                   for each CQE
 *     case AFFLUX_EAGAIN: afflux_port_prep_uring(port, io_uring_get_sqe(&ring));
 *     case AFFLUX_OK: drain as above
 *   }
 *
 * The doorbell may ring without anything to drain. A drain that fills all of `out` may have
 * left more: call it again before sleeping. A loop that polls edge-triggered (EPOLLET) drains
 * until 0 comes. What one call leaves and where polling is
 * level-triggered (EVENTFD, PIPE) the handle goes on showing; after the others' doorbells
 * nothing rings until a drain has answered less than `max`.
 *
 * The system may refuse to ring: a message to a ring, an event of a kqueue, a packet of a
 * completion port need memory. The call that completed the request succeeds all the same and the
 * completion is in the port; the loop is rung with the next completion, or finds both when it
 * drains by itself. A loop that must not depend on a next completion drains now and then by a timer
 * of its own. A full pipe or eventfd counter is no refusal: it shows.
 *
 * A waiter's memory is the caller's again when its completion has been drained. A cancel of a
 * request whose completion is in the port already answers AFFLUX_EALREADY, and the completion
 * is still to be drained. A completion with AFFLUX_OK that lies in the port does not keep its
 * semaphore: see "Completion after the end" in chapter 3.
 *
 * The end: cancel what is pending, drain until nothing comes, afflux_port_close() to be
 * sure (AFFLUX_EBUSY: not yet), afflux_port_unref(). Any thread may do that for a loop that
 * is gone. A last unref before is safe for the memory: the port then lives until its last
 * request has ended, but what completes can no longer be drained, and its permits stay
 * counted as held (afflux_sem_held()) until they are released.
 *
 * After a fork() the parent's ports go on as before. In the child EVENTFD, and URING without
 * AFFLUX_PORT_MSG_RING, have a doorbell of their own under the same descriptor, which the child
 * must poll anew, in a loop of its own; it shows at first. If another thread drained the
 * port at the fork, the child may only drop it; if one completed something there,
 * afflux_port_close() may answer AFFLUX_EBUSY there for good. Other kinds must not be used there.
 */

/** What rings. Since: 0.1 */
enum {
  AFFLUX_PORT_AUTO = 0,     /**< Linux: EVENTFD; with a handle KQUEUE or IOCP where there is that;
                                 else PIPE, or AFFLUX_ENOTSUP on Windows */
  AFFLUX_PORT_EVENTFD = 1,  /**< Linux: a descriptor that becomes readable */
  AFFLUX_PORT_URING = 2,    /**< Linux: a CQE in the caller's io_uring */
  AFFLUX_PORT_KQUEUE = 3,   /**< macOS, BSD: an event of the caller's kqueue */
  AFFLUX_PORT_IOCP = 4,     /**< Windows: a packet of the caller's completion port */
  AFFLUX_PORT_CALLBACK = 5, /**< a function of the caller's */
  AFFLUX_PORT_PIPE = 6      /**< POSIX: a descriptor that becomes readable */
};

/** afflux_port_options.flags. Since: 0.1 */
enum {
  /** The loop promises to drain until 0 comes before each sleep. Then a completion that
   *  comes while it handles others rings no bell, one of its own thread included. The kinds
   *  that are polled by level do so without this. */
  AFFLUX_PORT_DRAINS_ALL = 1,
  /** URING: ring by a message to the ring (Linux 6.13) instead of a poll in it, where the
   *  kernel can. `handle` is the ring's descriptor then. A ring that was made disabled
   *  (IORING_SETUP_R_DISABLED) must be enabled before anything completes: it hears nothing. */
  AFFLUX_PORT_MSG_RING = 2
};

/** Wakes the caller's loop. Runs as a wake function does (chapter 8). Since: 0.1 */
typedef void (*afflux_doorbell_fn)(void *ctx);

/** How to create a port. Fill by afflux_port_options_init(). Since: 0.1 */
typedef struct afflux_port_options {
  uint32_t struct_size;        /**< sizeof(afflux_port_options) */
  uint32_t kind;               /**< AFFLUX_PORT_…; default AFFLUX_PORT_AUTO */
  uint32_t flags;              /**< AFFLUX_PORT_DRAINS_ALL | AFFLUX_PORT_MSG_RING; default 0 */
  uint32_t reserved;           /**< 0 */
  intptr_t handle;             /**< URING with MSG_RING: the ring's descriptor, KQUEUE: the
                                    kqueue; IOCP: the completion port; else ignored; default −1.
                                    It must stay open during the call only: the port has a
                                    duplicate, which keeps a ring and its requests, say, until
                                    the port ends */
  uint64_t user_data;          /**< URING, KQUEUE, IOCP: of the doorbell's own event, by which it
                                    is known: unlike any other's; default 0 */
  afflux_doorbell_fn doorbell; /**< CALLBACK: what rings, and NULL for every other kind */
  void *ctx;                   /**< passed to doorbell; default NULL */
} afflux_port_options;

/** One completion. Since: 0.1 */
typedef struct afflux_completion {
  uint64_t user_data;   /**< afflux_request.user_data */
  afflux_status status; /**< as afflux_wake_fn gets it */
  void *ctx;            /**< afflux_request.ctx */
} afflux_completion;

/**
 * Fill `options` with the defaults.
 *
 * @return AFFLUX_OK      filled
 *         AFFLUX_EINVAL  options is NULL
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_port_options_init(afflux_port_options *options);

/**
 * Create a port.
 *
 * Where io_uring is forbidden altogether, URING becomes EVENTFD: afflux_port_kind() tells.
 * On kernels before 5.13 URING's poll ends with each event and is armed again.
 *
 * @param options   Borrowed for the call.
 * @param ret_port  The new handle, one reference; written on success only.
 * @return AFFLUX_OK       created
 *         AFFLUX_EINVAL   a pointer is NULL, an unknown kind or flag, reserved is not 0, CALLBACK
 *                         without doorbell or another kind with it, MSG_RING for another kind
 *                         or without a ring's handle, KQUEUE or IOCP without a handle, or
 *                         struct_size is too short to be one
 *         AFFLUX_ENOTSUP  not a kind of this platform, or bytes beyond the known struct are
 *                         not zero
 *         AFFLUX_EOS      no descriptor to be had, or the handle is of something else, where it
 *                         is not a ring's: afflux_last_os_error() tells why
 *         AFFLUX_ENOMEM   no memory
 * Owns:  the caller owes one afflux_port_unref().
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_port_create(const afflux_port_options *options,
                                            afflux_port **ret_port);

/** Add a reference. @return port; NULL for NULL. Threads: any number at once. Since: 0.1 */
AFFLUX_API afflux_port *afflux_port_ref(afflux_port *port);

/** Drop a reference; NULL is fine. With the last one the doorbell is closed, when no request
 *  is pending any more. May be called between two drains, also for a completion just drained.
 *  Threads: any number at once. Since: 0.1 */
AFFLUX_API void afflux_port_unref(afflux_port *port);

/**
 * Close the port if nothing is on its way: requests that would have to wait for it answer
 * AFFLUX_ECLOSED from now on.
 *
 * @return AFFLUX_OK        closed; nothing is pending and nothing is left to drain
 *         AFFLUX_EBUSY     nothing changed: requests are pending, or completions not drained, or
 *                          a thread that has put one in is still on its way out (the caller
 *                          itself, within its doorbell): try again
 *         AFFLUX_EALREADY  it was closed before
 *         AFFLUX_EINVAL    port is NULL
 * Threads: the thread that drains.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_port_close(afflux_port *port);

/** What the port really is: AFFLUX_PORT_…, never AUTO; 0 for NULL. Since: 0.1 */
AFFLUX_API uint32_t afflux_port_kind(const afflux_port *port);

/** EVENTFD, PIPE: the descriptor to poll for reading; the library reads it. −1: there is none, and
 *  for NULL. With URING it is the one that afflux_port_prep_uring() polls, not for the caller.
 *  Valid while the port is. Since: 0.1 */
AFFLUX_API intptr_t afflux_port_handle(const afflux_port *port);

/** Requests that wait, or whose completion is just being put in; an observation; 0 for NULL.
 *  Since: 0.1 */
AFFLUX_API uint64_t afflux_port_pending(const afflux_port *port);

/** Completions that lie in the port and have not been drained; 0 for NULL. Takes longer the more
 *  there are. Threads: the one that drains. Since: 0.1 */
AFFLUX_API uint64_t afflux_port_undrained(const afflux_port *port);

/**
 * Take completions out, in the order in which they came.
 *
 * @param out  Room for `max` completions.
 * @return how many were written; 0 also for NULL or max 0. Less than `max`: that was all.
 * Threads: one at a time. Never waits.
 * Order:   what led to a completion happens before the drain that takes it out.
 * Owns:    the caller owes the permits of each completion that is AFFLUX_OK.
 * Since:   0.1
 */
AFFLUX_API size_t afflux_port_drain(afflux_port *port, afflux_completion *out, size_t max);

/* ---- io_uring (Linux) */

struct io_uring_sqe;
struct io_uring_cqe;

/** afflux_uring_features(). Since: 0.1 */
enum {
  AFFLUX_URING_RINGS = 1,     /**< io_uring is there and allowed */
  AFFLUX_URING_MULTISHOT = 2, /**< a poll that goes on (5.13) */
  AFFLUX_URING_MSG_RING = 4,  /**< messages to a ring from outside (6.13) */
  AFFLUX_URING_FUTEX = 8      /**< a wait on a futex as an entry (6.7) */
};

/** What this kernel allows, asked once in each process; 0 elsewhere. Since: 0.1 */
AFFLUX_API uint32_t afflux_uring_features(void);

/**
 * Fill an entry of the ring that is to hear the doorbell; submit it like any other, in the
 * loop's thread. It stays armed when the port has gone: cancel it by its user_data, or it lasts
 * as long as the ring.
 *
 * @param sqe  All of it is written.
 * @return AFFLUX_OK        filled; its CQEs carry the port's user_data
 *         AFFLUX_EALREADY  nothing needs to be armed (MSG_RING): give the entry another use.
 *                          Submitted it does nothing and leaves no CQE, by a flag after which
 *                          the kernel refuses IOSQE_IO_DRAIN on that ring
 *         AFFLUX_ENOTSUP   the port is not of the kind URING; the entry was not touched
 *         AFFLUX_EINVAL    a pointer is NULL
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_port_prep_uring(afflux_port *port, struct io_uring_sqe *sqe);

/**
 * Look whether a CQE is the doorbell.
 *
 * @return AFFLUX_OK      it is: drain
 *         AFFLUX_EAGAIN  it is, and the last of its entry: fill another, and drain
 *         AFFLUX_EINVAL  it is another's, the port is not of the kind URING, or a pointer is NULL
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_port_check_uring(afflux_port *port, const struct io_uring_cqe *cqe);

/**
 * The second way: one request, one CQE, by a wait of the kernel's on the waiter's own memory
 * (Linux 6.7). Dearer than a port for the thread that completes it: a system call each.
 *
 * Fills the entry for a request that was queued with AFFLUX_WAIT_FOR_URING. Set the entry's
 * user_data before, and its flags after this call, which writes all else; it may be linked to a
 * timeout and be cancelled like any other. When its CQE has come, whatever its res,
 * afflux_waiter_status() tells the outcome. Once submitted, the waiter's memory must stay valid
 * until the CQE has come, and until afflux_waiter_status() has answered something other than
 * AFFLUX_PENDING or afflux_waiter_cancel() AFFLUX_OK, which makes the CQE come.
 *
 * @return AFFLUX_OK      filled; what has completed already completes the entry at once
 *         AFFLUX_EINVAL  a pointer is NULL, or the waiter is of another request
 * Threads: the owner of the ring.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_waiter_prep_uring(afflux_waiter *waiter, struct io_uring_sqe *sqe);

/* ------------------------------------------------------------------------ */
/* Timers                                                                   */
/* ------------------------------------------------------------------------ */

/**
 * Choose who runs the timers of asynchronous requests: one thread, started when
 * the first such request queues (default), or the caller's own event loop.
 *
 * @param manual  1: nothing happens but in afflux_timers_advance(); 0: the thread.
 * @return AFFLUX_OK      chosen
 *         AFFLUX_EINVAL  manual is neither 0 nor 1
 *         AFFLUX_EOS     the thread was needed and could not be started; nothing changed
 * Threads: any number at once; the choice is the process'.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_timers_manual(int32_t manual);

/**
 * Complete the requests whose time has run out, on the calling thread.
 *
 * @return nanoseconds until it should be called again (0: at once; also within a note that such
 *         a call tells, where nothing is done), or AFFLUX_FOREVER while no request
 *         has a time limit. A request that queues later may need an earlier call.
 * Threads: any number at once, in both modes.
 * Since:   0.1
 */
AFFLUX_API int64_t afflux_timers_advance(void);

/* ------------------------------------------------------------------------ */
/* Inline fast path                                                         */
/* ------------------------------------------------------------------------ */

enum {
  /** afflux_fastpath.reserved: the semaphore has statistics. With layout 3 what is done inline
   *  is in the totals; with layout 2 it is not: make the calls. Since: 0.1 */
  AFFLUX_FASTPATH_COUNTED = 1
};

/**
 * What an uncontended acquire or release needs, so that a binding can do it by one
 * compare-and-swap in its own language. Its 64-bit words are to be read and written as atomics in
 * native byte order. Which layout a semaphore has never changes: 2 without statistics, 3 with
 * them.
 *
 * layouts 2 and 3:
 *   word   bits 20 … 63  permits available, a signed number: negative while in debt
 *          bits 10 … 19  opaque; an exchange must leave them as it found them, but for the
 *                        counting of layout 3
 *          bits  0 …  9  flags; any of them set: make the call instead
 *   limit  permits that may be held
 *
 * acquire(n), 1 ≤ n ≤ 2^42 − 1:
 *   w = load word, acquire;  if (w & 0x3ff) call afflux_sem_try_acquire() or another;
 *   if ((int64_t)w >> 20 < n) call;
 *   compare-and-swap word from w to w - (n << 20), acquire on success and on failure; on
 *   failure begin again with the value seen.
 * release(n), n ≥ 1:
 *   w = load word, acquire;  if (w & 0x3ff) call afflux_sem_release();
 *   l = load limit, after w; if (n > l - ((int64_t)w >> 20)) call: fewer are held;
 *   compare-and-swap word from w to w + (n << 20), release on success, acquire on failure;
 *   on failure begin again. After a success touch the block no more.
 *
 * layout 3: bits 14 … 19 of the word count the acquires, so that statistics' totals are exact at
 * rest. An acquire changes them in the same exchange, and a release leaves them as they are:
 *   bit 19 of w clear: exchange w for w - (n << 20) + (1 << 14)
 *   bit 19 of w set:   exchange w for (w - (n << 20)) & ~(0x3f << 14), and after the success add
 *                      ((w >> 14) & 0x3f) + 1 to `taken`, release
 * and when it has succeeded, with v for what it put into the word:
 *   n > 1:                                   add n - 1 to `beyond`, relaxed
 *   load limit - ((int64_t)v >> 20) > peak:  call afflux_sem_note_peak(sem, v)
 *
 * (Layout 1, of the library's first versions, counted what is held.)
 *
 * Since: 0.1
 */
typedef struct afflux_fastpath {
  uint32_t layout;   /**< 2, 3: as above. Unknown to you, or 0: make the calls */
  uint32_t reserved; /**< AFFLUX_FASTPATH_COUNTED, or 0 */
  uint64_t word;
  uint64_t limit;
  uint64_t taken;  /**< layout 3: acquires by callers, but for those that the word counts */
  uint64_t beyond; /**< layout 3: their permits beyond each one's first */
  uint64_t peak;   /**< layout 3: held at most, as far as callers need to know */
} afflux_fastpath;

/**
 * The fast-path block of a semaphore.
 *
 * @return valid while the semaphore is; NULL for NULL.
 * Since: 0.1
 */
AFFLUX_API const afflux_fastpath *afflux_sem_fastpath(afflux_sem *sem);

/**
 * Note, for the statistics, that an acquire by the caller's own exchange has left more permits
 * held than the block's `peak` says. The caller holds permits of the semaphore. Rare: each call
 * raises `peak`.
 *
 * @param sem   NULL: nothing happens. Without statistics: likewise.
 * @param word  What the exchange put into the word.
 * Threads: any number at once.
 * Since:   0.1
 */
AFFLUX_API void afflux_sem_note_peak(afflux_sem *sem, uint64_t word);

/* ------------------------------------------------------------------------ */
/* Permit token                                                             */
/* ------------------------------------------------------------------------ */

/**
 * Permits with an owner: released at most once however often and from however
 * many threads that is tried. Caller-owned, opaque. A token keeps its semaphore
 * alive until it is released, forgotten or merged away. Zeroed it is an empty
 * token. It must not be copied. Since: 0.1
 */
typedef struct afflux_permit_token {
  uint64_t opaque[8];
} afflux_permit_token;

/**
 * Acquire permits into a token, blocking for at most `timeout_ns`.
 *
 * @param request     Borrowed; permits, priority, cost_bytes, client, tenant, tag and the flag
 *                    AFFLUX_WAIT_FOR_RESIZE count; reserved must be 0; timeout_ns, wake, ctx,
 *                    port, user_data and notify are ignored. NULL: one permit, normal priority.
 * @param timeout_ns  As for afflux_sem_acquire().
 * @param ret_permit  Written on success only. Empty or uninitialised: permits that it held
 *                    before are lost.
 * @return AFFLUX_OK         the token holds the permits
 *         AFFLUX_ETIMEDOUT, AFFLUX_ECLOSED, AFFLUX_EREJECTED, AFFLUX_E2BIG, AFFLUX_EINVAL
 *                           as for afflux_sem_acquire(); EINVAL also for a bad request
 *         AFFLUX_ENOTSUP    bytes beyond the known request are not zero
 *         AFFLUX_ENOMEM     reserved, as for afflux_sem_acquire()
 * Owns:  the caller owes one afflux_permit_release() (or forget, or merge).
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_sem_acquire_permit(afflux_sem *sem, const afflux_request *request,
                                                   int64_t timeout_ns,
                                                   afflux_permit_token *ret_permit);

/**
 * Make a token of permits that the caller holds already, however they were got: by
 * afflux_sem_try_acquire(), a wake function, a port, a coroutine. From now on they are the token's:
 * it gives them back, counts its hold time from this call on, and stands in the ledger.
 *
 * @param n           Permits, 1 … what the caller holds.
 * @param ret_permit  As for afflux_sem_acquire_permit().
 * @return AFFLUX_OK         the token holds the permits
 *         AFFLUX_EOVERFLOW  fewer than n are held in all
 *         AFFLUX_EINVAL     sem or ret_permit is NULL, or n is 0
 * Owns:  the caller owes one afflux_permit_release() (or forget, or merge) instead of n permits.
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_permit_adopt(afflux_sem *sem, uint64_t n,
                                             afflux_permit_token *ret_permit);

/** As afflux_permit_adopt(), under a tag in the ledger: copied; NULL: none. Since: 0.1 */
AFFLUX_API afflux_status afflux_permit_adopt_tagged(afflux_sem *sem, uint64_t n, const char *tag,
                                                    afflux_permit_token *ret_permit);

/**
 * Release all that the token holds.
 *
 * @return AFFLUX_OK         the token is empty now, and its permits are given back
 *         AFFLUX_EOVERFLOW  the token is empty now; fewer than its permits were held, for
 *                           afflux_sem_release() has given some back by mistake. Those that
 *                           were held are given back
 *         AFFLUX_EALREADY   the token is empty
 *         AFFLUX_EINVAL    permit is NULL
 * Threads: any number at once on one token: exactly one does not get AFFLUX_EALREADY.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_permit_release(afflux_permit_token *permit);

/**
 * Move `n` permits of a token into a new one with an id of its own and the same
 * time of acquisition.
 *
 * @param n          1 … afflux_permit_count(permit) − 1.
 * @param ret_other  The new token; written on success only. Empty or uninitialised: permits
 *                   that it held before are lost.
 * @return AFFLUX_OK        split
 *         AFFLUX_EALREADY  the token is empty
 *         AFFLUX_EINVAL    a pointer is NULL, both are the same, or n is out of range
 * Threads: any number at once on one token.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_permit_split(afflux_permit_token *permit, uint64_t n,
                                             afflux_permit_token *ret_other);

/**
 * Move all permits of `other` into `permit`, which keeps its id and its time of
 * acquisition; `other` is then empty.
 *
 * @return AFFLUX_OK        merged
 *         AFFLUX_EALREADY  one of them is empty
 *         AFFLUX_EINVAL    a pointer is NULL, both are the same, or their semaphores or
 *                          tenants differ
 * Threads: any number at once on one token.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_permit_merge(afflux_permit_token *permit,
                                             afflux_permit_token *other);

/** Permits that the token holds; 0 when empty and for NULL. Since: 0.1 */
AFFLUX_API uint64_t afflux_permit_count(const afflux_permit_token *permit);

/** The token's number, unique in the process, never 0; 0 when empty and for NULL.
 *  Since: 0.1 */
AFFLUX_API uint64_t afflux_permit_id(const afflux_permit_token *permit);

/** Nanoseconds since the token's permits were acquired; 0 when empty and for NULL.
 *  Since: 0.1 */
AFFLUX_API int64_t afflux_permit_held_ns(const afflux_permit_token *permit);

/**
 * Empty the token without releasing: its permits stay counted as held until
 * as many are given to afflux_sem_release(), of a tenant's token to afflux_tenant_release(), or a
 * resize makes up for them.
 *
 * @return AFFLUX_OK        forgotten
 *         AFFLUX_EALREADY  the token is empty
 *         AFFLUX_EINVAL    permit is NULL
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_permit_forget(afflux_permit_token *permit);

/* ------------------------------------------------------------------------ */
/* Event                                                                    */
/* ------------------------------------------------------------------------ */

/**
 * An event: set by a notification, waited for by threads and requests. An opaque,
 * reference-counted handle.
 *
 * Auto-reset: a wait takes the notification with it; several notifications while
 * no thread and no request waits count as one. Manual-reset: once set, every wait passes until
 * afflux_event_clear(). A notification that finds no waiter is remembered, and a
 * waiter that is cancelled or times out never takes one with it. Waiters are
 * served in the order of chapter 7 (AFFLUX_FAIR). Since: 0.1
 */
typedef struct afflux_event afflux_event;

/**
 * Create an event that is not set.
 *
 * @param manual_reset  0: auto-reset; 1: manual-reset.
 * @param queue         How waiters are kept: AFFLUX_QUEUE_….
 * @param ret_event     The new handle, one reference; written on success only.
 * @return AFFLUX_OK       created
 *         AFFLUX_EINVAL   ret_event is NULL, manual_reset is neither 0 nor 1, or queue unknown
 *         AFFLUX_ENOTSUP  the queue strategy is not in this library
 *         AFFLUX_ENOMEM   no memory
 * Owns:  the caller owes one afflux_event_unref().
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_event_create(int32_t manual_reset, uint32_t queue,
                                             afflux_event **ret_event);

/** Add a reference. @return event; NULL for NULL. Threads: any number at once. Since: 0.1 */
AFFLUX_API afflux_event *afflux_event_ref(afflux_event *event);

/** Drop a reference; NULL is fine. The last one frees the event: who waits completes with
 *  AFFLUX_ECLOSED. Threads: as afflux_sem_unref(). Since: 0.1 */
AFFLUX_API void afflux_event_unref(afflux_event *event);

/**
 * Wait until the event is set, blocking the calling thread for at most `timeout_ns`.
 *
 * @param timeout_ns  Nanoseconds; 0 never waits; AFFLUX_FOREVER waits without limit.
 * @return AFFLUX_OK         it was set; auto-reset: it no longer is
 *         AFFLUX_ETIMEDOUT  the time ran out (also at once, for 0)
 *         AFFLUX_ECLOSED    the last reference was dropped meanwhile
 *         AFFLUX_EINVAL     event is NULL, or timeout_ns is negative and not AFFLUX_FOREVER
 *         AFFLUX_ENOMEM     reserved, as for afflux_sem_acquire()
 * Threads: any number at once. May block. Runs completions as afflux_sem_acquire().
 * Order:   AFFLUX_OK happens after the notification.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_event_wait(afflux_event *event, int64_t timeout_ns);

/**
 * Wait by a request: as afflux_sem_acquire_async(), with `permits` 1, no flags but
 * AFFLUX_WAIT_FOR_NOTE and AFFLUX_WAIT_FOR_URING, no client, and no permits to give back.
 * afflux_waiter_cancel() takes it back.
 *
 * @return AFFLUX_OK       it was set; no completion follows, the waiter is free
 *         AFFLUX_PENDING  queued: exactly one completion follows, or a cancel that answers
 *                         AFFLUX_OK
 *         AFFLUX_EAGAIN, AFFLUX_ECLOSED, AFFLUX_EINVAL, AFFLUX_ENOTSUP, AFFLUX_EOS,
 *         AFFLUX_ENOMEM   as for afflux_sem_acquire_async(); EINVAL also for permits other
 *                         than 1 and for other flags
 * Owns:  the waiter's memory is borrowed as by afflux_sem_acquire_async().
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_event_wait_async(afflux_event *event, const afflux_request *request,
                                                 afflux_waiter *waiter);

/**
 * Notify one: the first waiter completes; without any the event is set.
 * Manual-reset: the event is set, and all who wait complete.
 *
 * @return AFFLUX_OK      notified, or set already
 *         AFFLUX_EINVAL  event is NULL
 * Threads: as afflux_sem_release(). Where the event is set already it may wait, for a few
 *          instructions, for the thread that is at the line.
 * Order:   happens before the waits that it ends, also where the event was set already.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_event_notify_one(afflux_event *event);

/**
 * Notify all: every waiter completes; without any the event is set.
 * Manual-reset: as afflux_event_notify_one().
 *
 * @return AFFLUX_OK      notified, or set already
 *         AFFLUX_EINVAL  event is NULL
 * Threads: any number at once, from any callback too. It may wait, for a few instructions, for the
 *          thread that is at the line, never for a callback. Runs the completions of those that it
 *          wakes.
 * Order:   happens before the waits that it ends, also where the event was set already.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_event_notify_all(afflux_event *event);

/**
 * Wake all who wait now, and remember nothing: without a waiter nothing happens, and the event
 * is set afterwards if it was before. A wait for several that ends without needing the signal gives
 * it back, which sets an auto-reset event.
 *
 * @return AFFLUX_OK      done
 *         AFFLUX_EINVAL  event is NULL
 * Threads: as afflux_event_notify_all().
 * Order:   happens before the waits that it ends. Who waits later sees what the caller did before.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_event_pulse(afflux_event *event);

/**
 * Clear: the event is not set any more. Who waits goes on waiting.
 *
 * @return AFFLUX_OK      cleared, or not set anyway
 *         AFFLUX_EINVAL  event is NULL
 * Threads: any number at once, from any callback too. It may wait, for a few instructions, for the
 *          thread that is at the line, never for a callback.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_event_clear(afflux_event *event);

/** 1: set at this moment; 0: not, and for NULL. Since: 0.1 */
AFFLUX_API int32_t afflux_event_is_set(const afflux_event *event);

/** Waiters now, blocked threads included: exact when nothing is moving; 0 for NULL. Since: 0.1 */
AFFLUX_API uint64_t afflux_event_waiters(const afflux_event *event);

/* ------------------------------------------------------------------------ */
/* Condition                                                                */
/* ------------------------------------------------------------------------ */

/**
 * A condition variable for any lock: threads wait for a change of what the lock
 * guards. A notification that finds no waiter is not remembered. Waits end without a
 * notification only by their time limit, yet the condition may have changed again
 * before the lock is had: wait in a loop. Opaque, reference-counted. Since: 0.1
 */
typedef struct afflux_cond afflux_cond;

/** Locks or unlocks the caller's lock; must not fail, throw or longjmp. Since: 0.1 */
typedef void (*afflux_lock_fn)(void *lock);

/**
 * Create a condition.
 *
 * @param queue     How waiters are kept: AFFLUX_QUEUE_….
 * @param ret_cond  The new handle, one reference; written on success only.
 * @return AFFLUX_OK, AFFLUX_EINVAL, AFFLUX_ENOTSUP, AFFLUX_ENOMEM  as afflux_event_create()
 * Owns:  the caller owes one afflux_cond_unref().
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_cond_create(uint32_t queue, afflux_cond **ret_cond);

/** Add a reference. @return cond; NULL for NULL. Since: 0.1 */
AFFLUX_API afflux_cond *afflux_cond_ref(afflux_cond *cond);

/** Drop a reference; NULL is fine. With the last one waits end with AFFLUX_ECLOSED. Since: 0.1 */
AFFLUX_API void afflux_cond_unref(afflux_cond *cond);

/**
 * Wait for a notification: queue, unlock, sleep for at most `timeout_ns`, lock again.
 * A thread that takes the lock after this one has let it go finds this one queued.
 *
 * @param lock, unlock  Called with `lock_ctx`; unlock once, then lock once, on this thread.
 * @param timeout_ns    Nanoseconds; 0 never waits; AFFLUX_FOREVER waits without limit.
 * @return AFFLUX_OK         notified; the lock is held again
 *         AFFLUX_ETIMEDOUT  the time ran out; the lock is held again. For 0 at once, without
 *                           unlocking
 *         AFFLUX_ECLOSED    the last reference was dropped; the lock is held again
 *         AFFLUX_EINVAL     cond, lock or unlock is NULL, or timeout_ns is negative and not
 *                           AFFLUX_FOREVER; the lock was not touched
 *         AFFLUX_ENOMEM     reserved, as for afflux_sem_acquire()
 * Threads: any number at once. May block.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_cond_wait(afflux_cond *cond, afflux_lock_fn lock,
                                          afflux_lock_fn unlock, void *lock_ctx,
                                          int64_t timeout_ns);

/** Wake the first waiter, if there is one. @return AFFLUX_OK; AFFLUX_EINVAL: cond is NULL.
 *  Threads: as afflux_queue_wake_n(), with the lock or without. Since: 0.1 */
AFFLUX_API afflux_status afflux_cond_notify_one(afflux_cond *cond);

/** Wake all who wait now. @return AFFLUX_OK; AFFLUX_EINVAL: cond is NULL.
 *  Threads: as afflux_queue_wake_n(), with the lock or without. Since: 0.1 */
AFFLUX_API afflux_status afflux_cond_notify_all(afflux_cond *cond);

/** Threads that wait now: exact when nothing is moving; 0 for NULL. Since: 0.1 */
AFFLUX_API uint64_t afflux_cond_waiters(const afflux_cond *cond);

/* ------------------------------------------------------------------------ */
/* Waiter queue                                                             */
/* ------------------------------------------------------------------------ */

/**
 * The queue of waiters by itself, for those who build a primitive of their own: a
 * mutex, a channel, a latch. It holds no state but who waits. Opaque,
 * reference-counted. Since: 0.1
 */
typedef struct afflux_queue afflux_queue;

/** Whether there is nothing to wait for: 0 no, else yes. It may be called at any moment of
 *  afflux_queue_add_waiter_if(), once; it must not use the waiter, but may make any other call,
 *  on the queue too. Since: 0.1 */
typedef int32_t (*afflux_condition_fn)(void *ctx);

/**
 * Create a queue.
 *
 * @param strategy   How waiters are kept: AFFLUX_QUEUE_….
 * @param ret_queue  The new handle, one reference; written on success only.
 * @return AFFLUX_OK, AFFLUX_EINVAL, AFFLUX_ENOTSUP, AFFLUX_ENOMEM  as afflux_event_create()
 * Owns:  the caller owes one afflux_queue_unref().
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_queue_create(uint32_t strategy, afflux_queue **ret_queue);

/** Add a reference. @return queue; NULL for NULL. Since: 0.1 */
AFFLUX_API afflux_queue *afflux_queue_ref(afflux_queue *queue);

/** Drop a reference; NULL is fine. With the last one all waiters complete with
 *  AFFLUX_ECLOSED. Since: 0.1 */
AFFLUX_API void afflux_queue_unref(afflux_queue *queue);

/**
 * Queue a request unless the condition holds already. The condition is asked when the
 * request has its place: a thread that makes it true and then wakes cannot be missed, without
 * any lock. A wake that meets a request which then need not wait goes to the next one.
 *
 * @param condition  Asked once, on this thread; NULL: it does not hold.
 * @param request    As for afflux_sem_acquire_async(), with `permits` 1, no client, and no flag but
 *                   AFFLUX_WAIT_FOR_NOTE.
 * @param waiter     Borrowed from now on; yours again after any answer other than AFFLUX_PENDING,
 *                   and after that answer as by afflux_sem_acquire_async().
 * @return AFFLUX_OK       the condition holds: not queued, no completion follows
 *         AFFLUX_PENDING  queued: exactly one completion follows (AFFLUX_OK: woken,
 *                         AFFLUX_ETIMEDOUT, AFFLUX_ECLOSED), or a cancel that answers
 *                         AFFLUX_OK
 *         AFFLUX_EAGAIN   the condition does not hold, and timeout_ns is 0
 *         AFFLUX_ECLOSED  the port is closed and timeout_ns is not 0; the condition was not asked
 *         AFFLUX_EINVAL, AFFLUX_ENOTSUP, AFFLUX_EOS, AFFLUX_ENOMEM
 *                         as for afflux_sem_acquire_async(); EINVAL also for permits other
 *                         than 1, a client and other flags; the condition was not asked
 * Threads: any number at once, from any callback too. Waits for others, and runs completions, as
 *          afflux_sem_acquire_async(); where the condition holds also as afflux_waiter_cancel().
 * Order:   a completion with AFFLUX_OK happens after the wake; AFFLUX_OK orders nothing
 *          but what the condition itself does.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_queue_add_waiter_if(afflux_queue *queue,
                                                    afflux_condition_fn condition,
                                                    void *condition_ctx,
                                                    const afflux_request *request,
                                                    afflux_waiter *waiter);

/** Complete the first waiter with AFFLUX_OK, if there is one.
 *  @return AFFLUX_OK; AFFLUX_EAGAIN: no request waits; AFFLUX_EINVAL: queue is NULL.
 *  Threads: as afflux_queue_wake_n(). Since: 0.1 */
AFFLUX_API afflux_status afflux_queue_wake_one(afflux_queue *queue);

/**
 * Complete the first `n` waiters with AFFLUX_OK, or as many as there are.
 *
 * @param n          1 … 2^64 − 1.
 * @param ret_woken  How many there were; NULL: not wanted.
 * @return AFFLUX_OK      ret_woken were woken, perhaps 0
 *         AFFLUX_EINVAL  queue is NULL or n is 0
 * Threads: any number at once, from any callback too. It may wait, for a few instructions, for the
 *          thread that is at the line, never for a callback. Runs the completions of those that it
 *          wakes.
 * Order:   happens before the completions. A request that is added later sees what the
 *          caller did before.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_queue_wake_n(afflux_queue *queue, uint64_t n, uint64_t *ret_woken);

/** Complete all who wait now with AFFLUX_OK. @return AFFLUX_OK; AFFLUX_EINVAL: queue is NULL.
 *  Threads: as afflux_queue_wake_n(). Since: 0.1 */
AFFLUX_API afflux_status afflux_queue_wake_all(afflux_queue *queue);

/** Waiters now: exact when nothing is moving; 0 for NULL. Since: 0.1 */
AFFLUX_API uint64_t afflux_queue_waiters(const afflux_queue *queue);

/* ------------------------------------------------------------------------ */
/* Several at once                                                          */
/* ------------------------------------------------------------------------ */

/**
 * One of several semaphores and events to wait for. Set the first three fields, for events
 * and semaphores alike; the rest is the library's and needs no initialisation. Caller-owned:
 * the library borrows the items, like a waiter, until the wait has ended; they must not be
 * moved, copied or changed meanwhile. Since: 0.1
 */
typedef struct afflux_wait_item {
  afflux_sem *sem;     /**< wait for its permits; or NULL */
  afflux_event *event; /**< wait for its signal; exactly one of both is not NULL */
  uint64_t permits;    /**< 1 … limit; 1 for an event */
  uint64_t opaque[21];
} afflux_wait_item;

/**
 * A wait for several: caller-owned, opaque. It needs no initialisation before a call begins
 * it; zero it if afflux_wait_group_cancel() may be called on it before. It must not be moved
 * or copied while it waits. Since: 0.1
 */
typedef struct afflux_wait_group {
  uint64_t opaque[16];
} afflux_wait_group;

enum {
  /** Items that one call takes at most. Since: 0.1 */
  AFFLUX_WAIT_ITEMS_MAX = 64
};

/**
 * Wait for any one of several, blocking the calling thread for at most `timeout_ns`. Exactly
 * one item is taken. Of those that are free at once it is the first in the array; later, the
 * one that comes first. The others are untouched: a request that stood in a queue has left
 * it, and permits that came to it at the same moment have been given back; so has the signal
 * of an auto-reset event, to the next who waits or to be remembered (a signal of
 * afflux_event_notify_all(), too).
 *
 * @param items       They may name one semaphore several times.
 * @param count       1 … AFFLUX_WAIT_ITEMS_MAX.
 * @param timeout_ns  As for afflux_sem_acquire(). AFFLUX_FOREVER: the shortest
 *                    waiter_timeout_ns of the semaphores.
 * @param ret_index   Which one: its place in the array; written with AFFLUX_OK only.
 * @return AFFLUX_OK         the permits of items[*ret_index] are held, or its signal is taken
 *         AFFLUX_ETIMEDOUT  nothing is held: the time ran out (also at once, for 0)
 *         AFFLUX_ECLOSED    nothing is held: a semaphore was closed, before any item came
 *         AFFLUX_EREJECTED  nothing is held: a queue limit refused or dropped a request
 *                           before any item came
 *         AFFLUX_E2BIG      nothing is held: an item's permits are above the limit, or came to be
 *                           by a shrink
 *         AFFLUX_EINVAL     nothing is held: a pointer is NULL, count is out of range, an item
 *                           has both or none of sem and event, permits is 0, or not 1 for an
 *                           event, or timeout_ns is negative and not AFFLUX_FOREVER
 *         AFFLUX_ENOMEM     reserved, as for afflux_sem_acquire()
 *         An item that is taken at once wins over an error of those behind it in the array,
 *         but for AFFLUX_EINVAL, and for AFFLUX_E2BIG of an open semaphore (beside a closed one:
 *         AFFLUX_ECLOSED). A closed one is closed whatever is asked of it.
 * Threads: any number at once. May block. Runs others' completions. The items are the
 *          caller's again when it returns. Waits by way of a completion, which other wake
 *          functions on the thread that runs it may delay (chapter 8).
 * Order:   AFFLUX_OK happens after the releases that supplied the permits.
 * Owns:    the caller owes the permits to afflux_sem_release(); nothing for an event. A
 *          reference of each item is held until the end.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_acquire_any(afflux_wait_item *items, size_t count,
                                            int64_t timeout_ns, size_t *ret_index);

/**
 * The same without blocking: take an item now, or queue at all of them.
 *
 * @param group      Borrowed, and so are the items, until the completion begins (with a port: has
 *                   been drained), or until a cancel has answered AFFLUX_OK.
 * @param request    Borrowed for the call. `permits` is ignored, the rest holds for each of the
 *                   items: flags (not for events), priority, cost_bytes (counted by each
 *                   semaphore), and for the whole: timeout_ns, wake, ctx, port, user_data.
 * @param ret_index  Written with AFFLUX_OK only; NULL: afflux_wait_group_index() tells.
 * @return AFFLUX_OK        items[*ret_index] is taken; no completion follows
 *         AFFLUX_PENDING   exactly one completion follows (perhaps before this call returns),
 *                          or a cancel that answers AFFLUX_OK. Its status: AFFLUX_OK
 *                          (afflux_wait_group_index() tells which one), AFFLUX_ETIMEDOUT,
 *                          AFFLUX_ECLOSED, AFFLUX_EREJECTED, AFFLUX_E2BIG or AFFLUX_ENOMEM
 *                          as for afflux_acquire_any(), or AFFLUX_ECANCELED
 *         AFFLUX_EAGAIN    timeout_ns is 0, and none is free
 *         AFFLUX_ECLOSED, AFFLUX_EREJECTED, AFFLUX_E2BIG, AFFLUX_EINVAL, AFFLUX_ENOMEM
 *                          as for afflux_acquire_any(); EINVAL also for a bad request
 *         AFFLUX_ECANCELED another thread has cancelled the group during this call
 *         AFFLUX_ETIMEDOUT the time ran out during this call
 *         AFFLUX_ENOTSUP, AFFLUX_EOS
 *                          as for afflux_sem_acquire_async()
 *         After any answer other than AFFLUX_PENDING group and items are yours again; after an
 *         error nothing is held.
 * Threads: any number at once, each with a group and items of its own. Never waits for
 *          permits. Runs others' completions. Its own runs as chapter 8 says, within a call
 *          on any of the items.
 * Order:   as for afflux_acquire_any().
 * Owns:    as for afflux_acquire_any(). Unlike other requests, a group that waits has a
 *          reference of each item.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_acquire_any_async(afflux_wait_group *group, afflux_wait_item *items,
                                                  size_t count, const afflux_request *request,
                                                  size_t *ret_index);

/**
 * Wait for all of several, blocking the calling thread for at most `timeout_ns`: all of them
 * are held in the end, or none. They are acquired one after the other, each by a place in its
 * queue, in ascending order of their handles' addresses, whatever the order of the array: calls
 * of this kind never wait for each other in a circle, and neither does a thread that acquires by
 * single calls in that order. While it waits for one it holds those
 * before, and watches all: an item that is closed, or whose limit shrinks below its share (but with
 * AFFLUX_WAIT_FOR_RESIZE), ends the wait for all. Closed counts first: where an item is closed at
 * the beginning the answer is AFFLUX_ECLOSED, whatever else is true of the others. Not to be called
 * while holding permits that another such call may wait for.
 *
 * @param items       A semaphore that is named several times is acquired once, with the sum of
 *                    the permits.
 * @param count       1 … AFFLUX_WAIT_ITEMS_MAX.
 * @param timeout_ns  For the whole; as for afflux_acquire_any().
 * @return AFFLUX_OK         the permits of all items are held
 *         AFFLUX_ETIMEDOUT, AFFLUX_EREJECTED, AFFLUX_ENOMEM
 *                           nothing is held any more: as for afflux_sem_acquire(), for one
 *                           of them
 *         AFFLUX_ECLOSED    nothing is held any more: one of them is closed, or was while this
 *                           call waited at another
 *         AFFLUX_E2BIG      nothing is held: the sum of what is asked for of one semaphore is above
 *                           its limit, or came to be by a shrink while this call waited at another
 *         AFFLUX_EINVAL     nothing is held: as for afflux_acquire_any(); also if an event is named
 *                           twice
 * Threads: as for afflux_acquire_any().
 * Order:   AFFLUX_OK happens after the releases that supplied the permits.
 * Owns:    the caller owes the permits of every item to afflux_sem_release(). A reference of
 *          each item is held until the end.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_acquire_all(afflux_wait_item *items, size_t count,
                                            int64_t timeout_ns);

/**
 * The same without blocking: take all now, or complete later through request->wake.
 *
 * @param group, request  As for afflux_acquire_any_async(). cost_bytes counts at one semaphore
 *                        at a time: the one whose turn it is.
 * @return AFFLUX_OK        all are held; no completion follows
 *         AFFLUX_PENDING   exactly one completion follows, or a cancel that answers AFFLUX_OK.
 *                          Its status: AFFLUX_OK (all are held) or, with nothing held,
 *                          AFFLUX_ETIMEDOUT, AFFLUX_ECLOSED, AFFLUX_EREJECTED, AFFLUX_E2BIG,
 *                          AFFLUX_ENOMEM, AFFLUX_EOS or AFFLUX_ECANCELED
 *         AFFLUX_EAGAIN    timeout_ns is 0, and not all are free
 *         AFFLUX_ECLOSED, AFFLUX_EREJECTED, AFFLUX_E2BIG, AFFLUX_EINVAL, AFFLUX_ENOMEM
 *                          as for afflux_acquire_all(); EINVAL also for a bad request
 *         AFFLUX_ECANCELED, AFFLUX_ETIMEDOUT, AFFLUX_ENOTSUP, AFFLUX_EOS
 *                          as for afflux_acquire_any_async()
 * Threads: as for afflux_acquire_any_async().
 * Order:   as for afflux_acquire_all().
 * Owns:    as for afflux_acquire_all(). A group that waits has a reference of each item.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_acquire_all_async(afflux_wait_group *group, afflux_wait_item *items,
                                                  size_t count, const afflux_request *request);

/**
 * End a wait for several.
 *
 * @param group  Its memory and that of its items must stay valid, and not be used for
 *               another wait, until this call has returned. Never used (and zeroed) or
 *               already finished is fine.
 * @return AFFLUX_OK        it will never complete and holds nothing; the memory is free
 *         AFFLUX_EALREADY  it has ended or ends soon, without waiting for permits: the
 *                          completion, or the answer of the call that is beginning it, is the
 *                          one that was coming, or AFFLUX_ECANCELED
 *         AFFLUX_EINVAL    group is NULL
 * Threads: any number at once, from any callback too. It waits for others, at each of the items,
 *          as afflux_waiter_cancel(), never for a callback. Runs the completions of the requests
 *          that its leaving lets in.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_wait_group_cancel(afflux_wait_group *group);

/**
 * The item that afflux_acquire_any_async() has taken: its place in the array.
 *
 * @return valid once the group has completed with AFFLUX_OK; 0 for NULL.
 * Since: 0.1
 */
AFFLUX_API size_t afflux_wait_group_index(const afflux_wait_group *group);

#ifdef __cplusplus
}
#endif

#include <afflux/stats.h>

#include <afflux/control.h>
#include <afflux/tenant.h>

#endif
