/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * @file control.h
 * Control: a semaphore's limit that finds itself.
 *
 * A part of afflux.h: whichever of the two is included includes the other. The chapters on threads,
 * ownership, errors and growing structs there hold here, too.
 */
#ifndef AFFLUX_H
#  include <afflux/afflux.h>
#endif

#ifndef AFFLUX_CONTROL_H
#  define AFFLUX_CONTROL_H

#  ifdef __cplusplus
extern "C" {
#  endif

/* ------------------------------------------------------------------------ */
/* Control                                                                  */
/* ------------------------------------------------------------------------ */

/*
 * A control steers the limit of one semaphore. The program tells it of each request that has ended:
 * how long it took, and how it ended. Samples add up to windows; at the end of a window the
 * control's algorithm sees their sums and says what the limit is to be, and the control resizes the
 * semaphore. docs/adaptive-limits.md helps to choose.
 *
 * A sample is of the work that the permit protects: from the acquire to the end of the work,
 * without the wait for the permit. afflux_control_release() gives back a permit token and takes its
 * hold time. Without a token call afflux_control_sample(), and before the permits are released: the
 * control looks at how many are held.
 *
 * No thread and no timer. The call whose sample finds that a window is over closes it, resizes the
 * semaphore, runs the completions that this causes (as afflux_sem_resize() does) and calls
 * on_change; all other calls only add their samples and return. So without samples nothing happens:
 * the limit stays as it is.
 *
 * min has to be at least what the largest request asks for: a shrink completes queued requests for
 * more than the limit with AFFLUX_E2BIG (AFFLUX_WAIT_FOR_RESIZE keeps them in line).
 *
 * A limit that the program sets by afflux_sem_resize() holds until the next window ends, or while
 * the control is paused. Permits may be asked for by weight; the limit counts permits, a sample is
 * one request.
 *
 * A thread that is stopped while it closes a window keeps the next windows from ending, and makes
 * no call wait. So in the child of a fork() a control that another thread of the parent was just
 * inside may never change the limit again: make a new semaphore there, and a control.
 */

/** Steers the limit of a semaphore. Since: 0.1 */
typedef struct afflux_control afflux_control;

/** By which rule (afflux_control_options.algorithm). The defaults of min and max are given in
 *  brackets. Since: 0.1 */
enum {
  AFFLUX_CONTROL_DEFAULT = 0,   /**< by what a little more in flight brings, which it tries all the
                                     time: the limit goes a few per cent up and down [1, 1000] */
  AFFLUX_CONTROL_AIMD = 1,      /**< one more after a good request, a tenth less after a drop; as in
                                     Netflix concurrency-limits [20, 200] */
  AFFLUX_CONTROL_VEGAS = 2,     /**< by the queue that the least latency seen does not explain; as
                                     in Netflix concurrency-limits [1, 1000] */
  AFFLUX_CONTROL_GRADIENT2 = 3, /**< by a long average of latencies over the latest; as in Netflix
                                     concurrency-limits [20, 200] */
  AFFLUX_CONTROL_GRADIENT = 4,  /**< by the latency of probes at a low limit, which is min; as
                                     Envoy's adaptive concurrency filter [3, 1000] */
  AFFLUX_CONTROL_ALGORITHMS = 5 /**< how many there are */
};

/** How a request has ended. Since: 0.1 */
enum {
  AFFLUX_CONTROL_SERVED = 0,  /**< it was done; an error of its own counts as well */
  AFFLUX_CONTROL_DROPPED = 1, /**< overload ended it: its time ran out, or the server refused it */
  AFFLUX_CONTROL_IGNORED = 2  /**< its latency says nothing: it failed early, came from a cache, was
                                   cancelled */
};

/** What the end of the last window did to the limit. Since: 0.1 */
enum { AFFLUX_CONTROL_KEPT = 0, AFFLUX_CONTROL_RAISED = 1, AFFLUX_CONTROL_LOWERED = 2 };

/** And why; afflux_control_reason_text() has it in words. Later versions may add some.
 *  Since: 0.1 */
enum {
  AFFLUX_CONTROL_BECAUSE_NONE = 0,    /**< no window has ended */
  AFFLUX_CONTROL_BECAUSE_STEADY = 1,  /**< nothing calls for another limit */
  AFFLUX_CONTROL_BECAUSE_ROOM = 2,    /**< latency shows no queue */
  AFFLUX_CONTROL_BECAUSE_QUEUE = 3,   /**< latency shows a queue */
  AFFLUX_CONTROL_BECAUSE_DROPS = 4,   /**< requests were dropped, or took too long */
  AFFLUX_CONTROL_BECAUSE_UNUSED = 5,  /**< too little of the limit was in use to judge it */
  AFFLUX_CONTROL_BECAUSE_TOO_FEW = 6, /**< too few samples */
  AFFLUX_CONTROL_BECAUSE_PROBE = 7,   /**< a probe began or ended */
  AFFLUX_CONTROL_BECAUSE_MAX = 8,     /**< max keeps it from growing */
  AFFLUX_CONTROL_BECAUSE_MIN = 9      /**< min keeps it from shrinking */
};

/**
 * Called when a control has changed the limit.
 *
 * Changes are told in order, one call at a time. It runs in afflux_control_sample(),
 * afflux_control_release(), afflux_control_resume() or afflux_control_create(), without anything
 * internal held but this: until it returns no other window of this control ends, and no call waits
 * for that. It may call anything in this header, on this control too: the last
 * afflux_control_unref() (not within afflux_control_create()) as well. An exception out of it ends
 * the process.
 *
 * @param ctx     As given in the options.
 * @param before  The limit as it was, permits.
 * @param after   As it is, permits.
 * @param reason  One of AFFLUX_CONTROL_BECAUSE_….
 * Since: 0.1
 */
typedef void (*afflux_control_change_fn)(void *ctx, uint64_t before, uint64_t after,
                                         uint32_t reason);

/** How to create a control. Fill by afflux_control_options_init(). Since: 0.1 */
typedef struct afflux_control_options {
  uint32_t struct_size; /**< sizeof(afflux_control_options) */
  uint32_t algorithm;   /**< AFFLUX_CONTROL_…; DEFAULT */
  uint64_t min;         /**< permits, 1 … max; 0 (default): the algorithm's, or max if less */
  uint64_t max;         /**< permits, min … 2^42 − 1; 0 (default): the algorithm's, or min if
                             more */
  uint64_t initial;   /**< permits, min … max; 0 (default): the semaphore's limit, brought within
                           min and max. GRADIENT begins with a probe, at min, whatever it is */
  uint64_t seed;      /**< of the jitter of DEFAULT, VEGAS and GRADIENT; any number, default 1 */
  int64_t window_ns;  /**< how long a window lasts; 0 (default): with VEGAS and GRADIENT2 each
                           request is one, as in the original without its WindowedLimit; 100 ms
                           with GRADIENT. With AIMD each request is one, whatever it is */
  int64_t timeout_ns; /**< AIMD: what took longer counts as dropped; 0 (default): 5 s */
  int64_t probe_interval_ns;          /**< GRADIENT: from probe to probe; 0 (default): 60 s */
  afflux_control_change_fn on_change; /**< told of each change of the limit; NULL (default): none */
  void *ctx;                          /**< passed to on_change */
} afflux_control_options;

/** Fill `options` with the defaults. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1 */
AFFLUX_API afflux_status afflux_control_options_init(afflux_control_options *options);

/** The name of an algorithm: "default", "aimd", "vegas", "gradient2", "gradient"; NULL for an
 *  unknown one. Static text. Since: 0.1 */
AFFLUX_API const char *afflux_control_algorithm_name(uint32_t algorithm);

/**
 * The algorithm of that name, as a configuration file may have it.
 *
 * @param name           As afflux_control_algorithm_name() has it, in small letters.
 * @param ret_algorithm  Written on success only.
 * @return AFFLUX_OK, or AFFLUX_EINVAL: a pointer is NULL, or there is none of that name
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_control_find_algorithm(const char *name, uint32_t *ret_algorithm);

/**
 * Create a control, which steers `sem` from now on.
 *
 * @param sem          Borrowed for the call; the control keeps it alive. So its last unref closes
 * it only when the control is gone, too; afflux_sem_close() closes it at once.
 * @param options      NULL: the defaults.
 * @param ret_control  One reference; written on success only.
 * @return AFFLUX_OK       created; the limit is the algorithm's first
 *         AFFLUX_EINVAL   sem or ret_control is NULL, the algorithm is unknown, min is above max,
 *                         max above 2^42 − 1, initial not 0 and not within them, a time is
 *                         negative, or struct_size is too short
 *         AFFLUX_ENOTSUP  bytes beyond the known struct are not zero
 *         AFFLUX_ECLOSED  the semaphore is closed
 *         AFFLUX_EBUSY    another control steers it
 *         AFFLUX_ENOMEM   no memory
 * Threads: as afflux_sem_resize(), which it may call.
 * Owns:    the caller owes one afflux_control_unref().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_control_create(afflux_sem *sem,
                                               const afflux_control_options *options,
                                               afflux_control **ret_control);

/** One more reference. @return control; NULL for NULL. Since: 0.1 */
AFFLUX_API afflux_control *afflux_control_ref(afflux_control *control);

/** Drop one reference. The last one frees the control: the limit stays as it is, the semaphore may
 *  have another control, and loses the reference that this one had. NULL is fine. Since: 0.1 */
AFFLUX_API void afflux_control_unref(afflux_control *control);

/**
 * Tell of a request that has ended.
 *
 * @param latency_ns  How long the work took, 0 or more.
 * @param outcome     AFFLUX_CONTROL_SERVED, DROPPED or IGNORED.
 * @return AFFLUX_OK      counted (on a closed semaphore too)
 *         AFFLUX_EINVAL  not counted: control is NULL, latency_ns is negative, or the outcome is
 *                        unknown
 * Threads: any number at once, from any callback too. Adds the sample without waiting and without
 *          memory. The call that ends a window does what afflux_sem_resize() does, if the limit
 *          changes, and calls on_change.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_control_sample(afflux_control *control, int64_t latency_ns,
                                               uint32_t outcome);

/**
 * Give back the permits of a token, as afflux_permit_release(), and tell of them: their hold time
 * is the sample's latency.
 *
 * @param permit   A token of the control's semaphore.
 * @param outcome  AFFLUX_CONTROL_SERVED, DROPPED or IGNORED.
 * @return AFFLUX_OK         given back and counted
 *         AFFLUX_EALREADY   nothing to do: the token is empty; nothing was counted
 *         AFFLUX_EOVERFLOW  as of afflux_permit_release(): given back what was held; counted
 *         AFFLUX_EINVAL     nothing done: a pointer is NULL, the outcome is unknown, or the token
 * is of another semaphore Threads: as afflux_permit_release(), then as afflux_control_sample().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_control_release(afflux_control *control,
                                                afflux_permit_token *permit, uint32_t outcome);

/**
 * Leave the limit alone until afflux_control_resume(): for a deployment, a test, a known outage.
 * Samples go on being counted, and do not count for a window. A window that is being closed at this
 * moment may still change the limit.
 *
 * @return AFFLUX_OK        paused
 *         AFFLUX_EALREADY  it is paused already
 *         AFFLUX_EINVAL    control is NULL
 * Threads: any number at once, from any callback too. Never waits.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_control_pause(afflux_control *control);

/**
 * Go on: a window begins now. The algorithm knows what it knew before the pause.
 *
 * @return AFFLUX_OK        steering again
 *         AFFLUX_EALREADY  it is not paused
 *         AFFLUX_EINVAL    control is NULL
 * Threads: as afflux_control_pause().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_control_resume(afflux_control *control);

/** What a control knows, and what it has done. Since: 0.1 */
typedef struct afflux_control_stats {
  uint32_t struct_size; /**< sizeof(afflux_control_stats); 0: as of version 0.1 */
  uint32_t algorithm;   /**< AFFLUX_CONTROL_… */
  uint32_t paused;      /**< 1: it is */
  uint32_t decision;    /**< of the last window: AFFLUX_CONTROL_KEPT, RAISED, LOWERED */
  uint32_t reason;      /**< for that: AFFLUX_CONTROL_BECAUSE_… */
  uint32_t reserved;    /**< 0 */

  uint64_t limit; /**< the semaphore's, now */
  uint64_t min;   /**< as in force */
  uint64_t max;
  double center; /**< the limit as the algorithm sees it, without rounding, bounds, and what it
                      tries for one window */

  /* Totals. */
  uint64_t served; /**< samples, those of pauses included, as all totals */
  uint64_t dropped;
  uint64_t ignored;
  uint64_t missed;  /**< of these, samples in no window, as their threads found other threads
                         stopped inside a sample in each of 8 … 32 places */
  uint64_t windows; /**< that have ended */
  uint64_t raised;  /**< changes of the limit by this control, the first one included */
  uint64_t lowered;

  /* Of the last window; 0 before one has ended. Requests that the algorithm leaves out are not in
     it. */
  int64_t window_ns;        /**< how long it lasted */
  uint64_t window_served;   /**< samples */
  uint64_t window_dropped;  /**< samples */
  double window_latency_ns; /**< mean latency */
  double window_in_flight;  /**< mean of the permits held when a request of it ended */
  double window_throughput; /**< requests served in a second */
  uint64_t later[8];        /**< 0; what later versions add comes here, so that the size stays */
} afflux_control_stats;

/** Set struct_size, and the rest to 0. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1 */
AFFLUX_API afflux_status afflux_control_stats_init(afflux_control_stats *stats);

/**
 * Read what a control knows. While a window is being closed on another thread, numbers may be of
 * before and of after.
 *
 * @param ret_stats  As ret_stats of afflux_sem_get_stats().
 * @return AFFLUX_OK, or AFFLUX_EINVAL: a pointer is NULL, or struct_size is too short
 * Threads: any number at once, from any callback too. Never waits, never allocates.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_control_get_stats(const afflux_control *control,
                                                  afflux_control_stats *ret_stats);

/** A reason in English, for example "latency shows a queue"; "unknown reason" for an unknown one.
 *  Static text. Since: 0.1 */
AFFLUX_API const char *afflux_control_reason_text(uint32_t reason);

#  ifdef __cplusplus
}
#  endif

#endif
