/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * @file client.h
 * Clients: what is counted for each tenant, connection or worker process.
 *
 * A part of afflux.h: whichever of the two is included includes the other. The chapters on threads,
 * ownership, errors and growing structs there hold here, too. A registry (stats.h) adds clients up
 * and exports them.
 */
#ifndef AFFLUX_H
#  include <afflux/afflux.h>
#endif

#ifndef AFFLUX_CLIENT_H
#  define AFFLUX_CLIENT_H

#  ifdef __cplusplus
extern "C" {
#  endif

/* ------------------------------------------------------------------------ */
/* Client                                                                   */
/* ------------------------------------------------------------------------ */

/*
 * A client is a block of counters for a tenant, a connection, a worker process: for all whose
 * requests are to be accounted for. A counting call is one relaxed atomic addition;
 * afflux_client_count_lines() is one for the lines read and one for those dropped. The library
 * counts requests to semaphores for the client that they name (afflux_request.client).
 */

enum {
  AFFLUX_CLIENT_CLASSES = 4,    /**< classes of requests */
  AFFLUX_CLIENT_PIPELINES = 2,  /**< pipelines of lines */
  AFFLUX_CLIENT_RESPONSES = 201 /**< status codes 400 … 599, and one slot for all others */
};

/** How to create a client. Fill by afflux_client_options_init(). Since: 0.1 */
typedef struct afflux_client_options {
  uint32_t struct_size; /**< sizeof(afflux_client_options) */
  uint32_t reserved;    /**< 0 */
  const char *name;     /**< label in the exposition; UTF-8, copied; NULL (default): none */
  /** The classes' names; NULL: "0" … "3", the default. Copied. */
  const char *classes[AFFLUX_CLIENT_CLASSES];
  /** The pipelines' names; NULL: "0" and "1", the default. Copied. */
  const char *pipelines[AFFLUX_CLIENT_PIPELINES];
  double stall_speed;     /**< a lower speed is a stall once it has lasted for stall_after_ns;
                               default 0.9; 0: never */
  int64_t stall_after_ns; /**< default 5 s; 0: a low speed is a stall at once */
} afflux_client_options;

/** Fill `options` with the defaults. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1 */
AFFLUX_API afflux_status afflux_client_options_init(afflux_client_options *options);

/**
 * Create a client, everything at 0.
 *
 * @param options     NULL: the defaults.
 * @param ret_client  One reference; written on success only.
 * @return AFFLUX_OK       created
 *         AFFLUX_EINVAL   ret_client is NULL, reserved is not 0, stall_speed is negative or not a
 *                         number, stall_after_ns is negative, or struct_size is too short
 *         AFFLUX_ENOTSUP  bytes beyond the known struct are not zero
 *         AFFLUX_ENOMEM   no memory
 * Owns:  the caller owes one afflux_client_unref().
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_client_create(const afflux_client_options *options,
                                              afflux_client **ret_client);

/** One more reference. @return client; NULL for NULL. Since: 0.1 */
AFFLUX_API afflux_client *afflux_client_ref(afflux_client *client);

/** Drop one reference; the last one frees. NULL is fine. Since: 0.1 */
AFFLUX_API void afflux_client_unref(afflux_client *client);

/** The name given at creation, "" without one; valid while client is; "" for NULL. Since: 0.1 */
AFFLUX_API const char *afflux_client_name(const afflux_client *client);

/*
 * The counting calls. Each answers AFFLUX_OK; or AFFLUX_EINVAL, and counts nothing, if client is
 * NULL or for the reasons given at the call.
 * Threads: any number at once. Never waits, never allocates. Since: 0.1
 */

/** Count `n` requests of a class, 0 … 3; EINVAL for another. */
AFFLUX_API afflux_status afflux_client_count_requests(afflux_client *client, uint32_t request_class,
                                                      uint64_t n);

/** Count bytes. */
AFFLUX_API afflux_status afflux_client_count_bytes(afflux_client *client, uint64_t n);

/** Set the bytes of the current run, as known from a source that counts from 0 in each run (a child
 *  process, say). `bytes` replaces the number that was set before, even a larger one; the bytes
 *  counted by afflux_client_count_bytes() are added to it. */
AFFLUX_API afflux_status afflux_client_set_run_bytes(afflux_client *client, uint64_t bytes);

/** Begin a run: the bytes of the run before stay counted; bytes, speed, position and drift of the
 *  new run begin at 0. Until the first call the run is taken to have begun with the client; that
 *  call counts in afflux_client_summary_t.runs like every other. A number that another thread sets
 *  at the same moment may go to either run. */
AFFLUX_API afflux_status afflux_client_begin_run(afflux_client *client);

/** Count a response. 400 … 599 have a slot each, all others share one. */
AFFLUX_API afflux_status afflux_client_count_response(afflux_client *client, uint32_t code);

/** Count a reconnection. */
AFFLUX_API afflux_status afflux_client_count_reconnection(afflux_client *client);

/** Count a timeout. */
AFFLUX_API afflux_status afflux_client_count_timeout(afflux_client *client);

/** Count lines of a pipeline, 0 or 1 (EINVAL for another): `read` that arrived, `dropped` of
 *  them that were thrown away (EINVAL for more than read). Follows the peak of the drop rate. */
AFFLUX_API afflux_status afflux_client_count_lines(afflux_client *client, uint32_t pipeline,
                                                   uint64_t read, uint64_t dropped);

/** Set how fast the client runs, 1 being as fast as it should; EINVAL for a negative speed and NaN.
 *  A stall counts from the first call with too low a speed until a call with one that is high
 *  enough, or until a run begins. */
AFFLUX_API afflux_status afflux_client_set_speed(afflux_client *client, double speed);

/** Set how far the client has come in the current run, ns; EINVAL for a negative position. The
 *  drift is by how much the position lags behind the time since the run began. */
AFFLUX_API afflux_status afflux_client_set_position(afflux_client *client, int64_t position_ns);

/** What a client has done. Since: 0.1 */
typedef struct afflux_client_summary_t {
  uint32_t struct_size; /**< sizeof(afflux_client_summary_t); 0: as of version 0.1 */
  uint32_t stalled;     /**< 1: slower than stall_speed for stall_after_ns or longer */

  uint64_t requests[AFFLUX_CLIENT_CLASSES];
  uint64_t bytes;           /**< of all runs */
  uint64_t runs;            /**< afflux_client_begin_run() */
  uint64_t responses_4xx;   /**< codes 400 … 499 */
  uint64_t responses_5xx;   /**< codes 500 … 599 */
  uint64_t responses_other; /**< all others */
  uint64_t reconnections;
  uint64_t timeouts;
  uint64_t lines_read[AFFLUX_CLIENT_PIPELINES];
  uint64_t lines_dropped[AFFLUX_CLIENT_PIPELINES];
  double drop_rate;      /**< dropped / read of both pipelines, 0 … 1 */
  double peak_drop_rate; /**< the highest it has been */
  double speed;          /**< as set last; 0 before */
  int64_t drift_ns;      /**< as of the last afflux_client_set_position(); may be negative */
  int64_t max_drift_ns;  /**< the largest of this run, 0 at least */

  /* How the requests to semaphores ended that named the client (afflux_request.client). */
  uint64_t acquired;    /**< permits */
  uint64_t waits;       /**< requests that queued and have ended, however */
  uint64_t wait_sum_ns; /**< their waits */
  uint64_t wait_max_ns; /**< the longest */
  uint64_t rejected;    /**< requests that a queue limit refused or dropped */
  uint64_t timed_out;   /**< queued ones whose time ran out, and blocking calls with a time of 0 */
  uint64_t canceled;

  int64_t uptime_ns; /**< since the client was created; off by at most a tick of the system's clock,
                          1 … 16 ms */
  uint64_t later[8]; /**< 0; what later versions add comes here, so that the size stays */
} afflux_client_summary_t;

/** Set struct_size, and the rest to 0. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1 */
AFFLUX_API afflux_status afflux_client_summary_init(afflux_client_summary_t *summary);

/**
 * Read a client's counters.
 *
 * @param ret_summary  As ret_stats of afflux_sem_get_stats().
 * @return AFFLUX_OK, or AFFLUX_EINVAL: a pointer is NULL, or struct_size is too short
 * Threads: any number at once. Never waits, never slows a writer, never allocates.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_client_summary(const afflux_client *client,
                                               afflux_client_summary_t *ret_summary);

/** How many responses had that code; for one outside of 400 … 599 all such. 0 for NULL.
 *  Since: 0.1 */
AFFLUX_API uint64_t afflux_client_responses(const afflux_client *client, uint32_t code);

#  ifdef __cplusplus
}
#  endif

#endif
