/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * @file stats.h
 * Statistics: what semaphores have done, and how that and the counts of clients (client.h) are
 * added up and exported.
 *
 * A part of afflux.h: whichever of the two is included includes the other. The chapters on threads,
 * ownership, errors and growing structs there hold here, too.
 *
 * Counting never blocks, locks or allocates; nor does reading, except where a call says so. A
 * number may be a moment old, and numbers that are read together may be of different moments. When
 * no call is under way they are exact.
 */
#ifndef AFFLUX_H
#  include <afflux/afflux.h>
#endif

#ifndef AFFLUX_STATS_H
#  define AFFLUX_STATS_H

#  include <afflux/client.h>

#  ifdef __cplusplus
extern "C" {
#  endif

/* ------------------------------------------------------------------------ */
/* Statistics of a semaphore                                                */
/* ------------------------------------------------------------------------ */

/**
 * What a semaphore has done since it was created. Since: 0.1
 *
 * At rest, for a semaphore that counts, permits taken inline (afflux_sem_fastpath(), layout 3)
 * included:
 *
 *   acquired_fast + acquired_after_wait = released + held
 *   (released is what was acquired and is no longer held: it is not counted by itself)
 *   queued = waiters + granted + canceled + timed_out + dropped + closed_out + impossible
 */
typedef struct afflux_sem_stats {
  uint32_t struct_size; /**< sizeof(afflux_sem_stats); 0: as of version 0.1 */
  uint32_t statistics;  /**< AFFLUX_STATS_OFF, COUNTERS or FULL; with OFF the totals are 0 */

  /* Now. */
  uint64_t limit;         /**< permits */
  uint64_t available;     /**< as afflux_sem_available() */
  uint64_t held;          /**< permits */
  uint64_t waiters;       /**< requests queued, blocked threads included; those that are arriving
                               at this moment may be missing */
  uint64_t queue_bytes;   /**< sum of the queued requests' cost_bytes, modulo 2^64; as waiters */
  int64_t oldest_wait_ns; /**< how long the request that has queued longest has waited, 0 without
                               one; too long by at most 1,024 ns and, with COUNTERS, a tick of the
                               system's clock (1 … 16 ms); 0 with OFF */

  /* Totals. */
  uint64_t acquired_fast;       /**< permits got without queueing, drained ones included */
  uint64_t acquired_after_wait; /**< permits got by requests that had queued */
  uint64_t try_failed;          /**< requests that were not to wait and found no permits */
  uint64_t released;      /**< permits given back: acquired − held. The number never falls, so
                               beside other calls it may be a moment late */
  uint64_t canceled;      /**< queued requests that were cancelled, or that a group
                               (afflux_wait_group) took back when it ended */
  uint64_t timed_out;     /**< queued requests whose time ran out */
  uint64_t rejected;      /**< newcomers that a queue limit refused */
  uint64_t dropped;       /**< queued requests that a queue limit dropped (DROP_OLDEST), or that
                               were shed */
  uint64_t closed_out;    /**< queued requests that a close ended */
  uint64_t resizes;       /**< changes of the limit, to the same number included */
  uint64_t requests_fast; /**< requests behind acquired_fast */
  uint64_t granted;       /**< requests behind acquired_after_wait */
  uint64_t impossible;    /**< queued requests for more than the limit, after a shrink */
  uint64_t queued;        /**< requests that have queued */

  /* The histograms in short; afflux_sem_wait_times() and afflux_sem_hold_times() have the rest.
     0 without FULL. Waits are taken in steps of 1,024 ns, here, for slow_wait and for clients:
     each is off by less than a step either way. Holds are taken in nanoseconds. */
  uint64_t wait_count;  /**< requests granted after a wait */
  uint64_t wait_sum_ns; /**< their waits together */
  uint64_t wait_max_ns; /**< the longest */
  uint64_t hold_count;  /**< permit tokens (afflux_permit_token) that have been released */
  uint64_t hold_sum_ns;
  uint64_t hold_max_ns;

  int64_t age_ns; /**< since the semaphore was created, to a tick of the system's clock */

  /* High-water marks since the semaphore was created. */
  uint64_t peak_held;    /**< the most permits held at once, looked at just after each take: a short
                              overlap may be missed, and a permit that is given back just when a
                              request is granted may count as held beside it. 0 with OFF */
  uint64_t peak_waiters; /**< the most requests queued at once; 0 with OFF */

  uint64_t shed; /**< of those dropped: for a wait too long (afflux_sem_options.shed_target_ns) */

  uint64_t later[5]; /**< 0; what later versions add comes here, so that the size stays */
} afflux_sem_stats;

/**
 * Set struct_size, and the rest to 0.
 *
 * @return AFFLUX_OK, or AFFLUX_EINVAL: stats is NULL
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_sem_stats_init(afflux_sem_stats *stats);

/**
 * Read the statistics of a semaphore.
 *
 * @param ret_stats  Only struct_size is read. Written on success only, as far as it reaches;
 *                   struct_size then tells how many bytes were.
 * @return AFFLUX_OK      read
 *         AFFLUX_EINVAL  a pointer is NULL, or struct_size is neither 0 nor at least that of
 *                        version 0.1
 * Threads: any number at once. Never waits, never slows a writer, never allocates.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_sem_get_stats(const afflux_sem *sem, afflux_sem_stats *ret_stats);

/* ---- Histograms */

enum {
  /** Buckets of a histogram. Since: 0.1 */
  AFFLUX_HISTOGRAM_BUCKETS = 624
};

/**
 * A histogram of times: log-linear, 16 buckets for each power of two from 32 ns up to 2^42 ns
 * (73 minutes), one for each nanosecond up to 32; longer times fall into the last. Bucket i holds
 * the times above afflux_histogram_bound(i - 1) up to and including afflux_histogram_bound(i), the
 * first one 0 and 1 ns. The middle of a bucket is off by at most 1/32 (3.1 %) of the time, and one
 * nanosecond. The layout is HdrHistogram's (G. Tene) with 16 sub-buckets, shifted by one.
 * Since: 0.1
 */
typedef struct afflux_histogram {
  uint32_t struct_size; /**< sizeof(afflux_histogram); 0: as of version 0.1 */
  uint32_t reserved;    /**< 0 */
  uint64_t count;       /**< times recorded */
  uint64_t sum_ns;      /**< their sum */
  uint64_t max_ns;      /**< the longest */
  uint64_t buckets[AFFLUX_HISTOGRAM_BUCKETS];
} afflux_histogram;

/**
 * How long the requests waited that were granted after they had queued.
 *
 * @return AFFLUX_OK       read
 *         AFFLUX_ENOTSUP  the semaphore was not created with AFFLUX_STATS_FULL
 *         AFFLUX_EINVAL   a pointer is NULL, or struct_size is not as in afflux_sem_get_stats()
 * Threads: as afflux_sem_get_stats().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_sem_wait_times(const afflux_sem *sem, afflux_histogram *ret_times);

/** How long permit tokens (afflux_permit_token) were held until they were released; plain permits
 * have no identity and are not in it. Otherwise as afflux_sem_wait_times(). Since: 0.1 */
AFFLUX_API afflux_status afflux_sem_hold_times(const afflux_sem *sem, afflux_histogram *ret_times);

/**
 * About the time that a share `quantile` of those recorded did not exceed: the middle of the
 * bucket that it is in.
 *
 * @param quantile  0 … 1; 0.99 for the 99th percentile. Outside of that, and NaN: as the
 *                  nearer end, NaN as 1.
 * @return nanoseconds, the middle of the bucket, never above max_ns; 0 when nothing was
 *         recorded, and for NULL
 * Since: 0.1
 */
AFFLUX_API uint64_t afflux_histogram_quantile(const afflux_histogram *histogram, double quantile);

/** The longest time in bucket `index`, ns; UINT64_MAX for the last one and beyond. Since: 0.1 */
AFFLUX_API uint64_t afflux_histogram_bound(uint32_t index);

/* ---- Health */

/** What is too much. Fill by afflux_health_limits_init_sized(). Since: 0.1 */
typedef struct afflux_health_limits {
  uint32_t struct_size;     /**< sizeof(afflux_health_limits) */
  uint32_t reserved;        /**< 0 */
  uint64_t max_waiters;     /**< more are too many; UINT64_MAX (default): never */
  uint64_t max_queue_bytes; /**< more are too many; UINT64_MAX (default): never */
  int64_t max_wait_ns;      /**< a longer oldest_wait_ns is too long; AFFLUX_FOREVER (default):
                                 never; needs statistics */
  int64_t max_still_ns; /**< a longer afflux_health.still_ns is an outage; default 5 s, also where
                            struct_size ends before this field; AFFLUX_FOREVER: never; needs
                            statistics. Choose it longer than regular work holds permits */
} afflux_health_limits;

/** afflux_health.reasons: which limits are passed. Since: 0.1 */
enum {
  AFFLUX_HEALTH_WAITERS = 1,     /**< max_waiters */
  AFFLUX_HEALTH_QUEUE_BYTES = 2, /**< max_queue_bytes */
  AFFLUX_HEALTH_WAIT = 4,        /**< max_wait_ns */
  AFFLUX_HEALTH_CLOSED = 8,      /**< the semaphore is closed */
  AFFLUX_HEALTH_DEBT = 16,       /**< more is held than the limit, after a shrink: told, but no
                                      reason to be unhealthy */
  AFFLUX_HEALTH_STANDSTILL = 32  /**< max_still_ns: requests want permits, and none comes back:
                                      permits are lost, or their holders hang */
};

/** How a semaphore is. Since: 0.1 */
typedef struct afflux_health {
  uint32_t struct_size; /**< sizeof(afflux_health); 0: as of version 0.1, up to oldest_wait_ns */
  uint32_t healthy;     /**< 1, or 0: one of the reasons but AFFLUX_HEALTH_DEBT */
  uint32_t reasons;     /**< AFFLUX_HEALTH_…, or-ed */
  uint32_t reserved;    /**< 0 */
  uint64_t waiters;
  uint64_t queue_bytes;
  int64_t oldest_wait_ns;
  int64_t still_ns;  /**< how long the semaphore has been found to stand still; 0: it moves, no
                          request wants permits, or this call is the first that finds it so */
  uint64_t unserved; /**< requests that have queued, were refused or had no time to wait, since a
                          call first found the permits where they are now */
} afflux_health;

/** Fill `limits` with the defaults, up to max_wait_ns, as struct_size then tells: max_still_ns is
 *  not written, and not read either. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1 */
AFFLUX_API afflux_status afflux_health_limits_init(afflux_health_limits *limits);

/**
 * Fill all of `limits` with the defaults.
 *
 * @param size  sizeof(afflux_health_limits) of the caller; struct_size tells it.
 * @return AFFLUX_OK      filled
 *         AFFLUX_EINVAL  limits is NULL, or size is below that of version 0.1 (up to max_wait_ns)
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_health_limits_init_sized(afflux_health_limits *limits,
                                                         uint32_t size);

/**
 * Compare queue, memory, age and movement with limits.
 *
 * A semaphore stands still while permits are held, requests wait or are refused, and no permit is
 * acquired or released. A request that was refused, or has left, counts for 5 s. Each call compares
 * the semaphore with what the call before saw, whichever thread made that; acquires and releases
 * record nothing for it. A standstill begins with the first call that finds a request unserved and
 * nothing moved since the call before. So make the call at regular intervals, shorter than
 * max_still_ns. Overload is no standstill, however many requests are refused, as long as permits
 * come back.
 *
 * @param limits      NULL: what the semaphore was created with: max_waiters and max_queue_bytes
 *                    (unless 0), also with AFFLUX_OVERFLOW_SUSPEND, and waiter_timeout_ns; and the
 *                    default max_still_ns.
 * @param ret_health  Only struct_size is read. Written on success only, as far as it reaches;
 *                    struct_size then tells how many bytes were.
 * @return AFFLUX_OK       told; healthy or not
 *         AFFLUX_EINVAL   sem or ret_health is NULL, max_wait_ns or max_still_ns is negative and
 *                         not AFFLUX_FOREVER, reserved is not 0, or a struct_size is too short
 *         AFFLUX_ENOTSUP  bytes beyond the known struct `limits` are not zero
 * Threads: as afflux_sem_get_stats().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_sem_health(const afflux_sem *sem,
                                           const afflux_health_limits *limits,
                                           afflux_health *ret_health);

/* ------------------------------------------------------------------------ */
/* Registry                                                                 */
/* ------------------------------------------------------------------------ */

/*
 * A registry adds semaphores and clients up, and renders them for Prometheus. Adding, removing
 * and reading need no lock; any number of threads may do each at once.
 *
 * A registry has a reference to each object in it. A removal answers at once, even while another
 * thread reads the object. The last such reader then drops the registry's reference, on its own
 * thread. If that is the last reference to a semaphore, the semaphore's requests complete on that
 * thread, as by afflux_sem_unref().
 *
 * Sums are exact while objects come and go: no total falls by it, and each object counts once. An
 * object that is added brings along all that it has done so far. What an object had done when it
 * was removed stays in the totals; what it does later does not count. An object that comes back to
 * the registry that it was in last counts from then on; one that has been in another registry
 * meanwhile counts anew, with all that it has done. The two laws of afflux_sem_stats hold for one
 * semaphore; they do not hold for the sums once a semaphore has been removed.
 *
 * A registry has room for 8,388,608 semaphores and as many clients.
 */

typedef struct afflux_registry afflux_registry; /**< an opaque, reference-counted handle */

/**
 * Create an empty registry.
 *
 * @return AFFLUX_OK, AFFLUX_EINVAL (NULL) or AFFLUX_ENOMEM
 * Owns:  the caller owes one afflux_registry_unref().
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_registry_create(afflux_registry **ret_registry);

/** One more reference. @return registry; NULL for NULL. Since: 0.1 */
AFFLUX_API afflux_registry *afflux_registry_ref(afflux_registry *registry);

/** Drop one reference; the last one removes everything and frees. NULL is fine. Since: 0.1 */
AFFLUX_API void afflux_registry_unref(afflux_registry *registry);

/**
 * Add a semaphore. It may be in one registry at a time.
 *
 * @return AFFLUX_OK        added
 *         AFFLUX_EALREADY  it is in a registry, this one or another
 *         AFFLUX_EINVAL    a pointer is NULL
 *         AFFLUX_ENOMEM    no memory (a registry grows from time to time), or it is full
 * Threads: any number at once. Lock-free.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_registry_add_sem(afflux_registry *registry, afflux_sem *sem);

/**
 * Remove a semaphore. What it has done stays in the totals.
 *
 * @return AFFLUX_OK        removed; the registry's reference has been or will be dropped
 *         AFFLUX_EALREADY  it is not in this registry
 *         AFFLUX_EINVAL    a pointer is NULL
 * Threads: any number at once. Lock-free.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_registry_remove_sem(afflux_registry *registry, afflux_sem *sem);

/** As afflux_registry_add_sem(). Since: 0.1 */
AFFLUX_API afflux_status afflux_registry_add_client(afflux_registry *registry,
                                                    afflux_client *client);
/** As afflux_registry_remove_sem(). Since: 0.1 */
AFFLUX_API afflux_status afflux_registry_remove_client(afflux_registry *registry,
                                                       afflux_client *client);

/** Events per second. Since: 0.1 */
typedef struct afflux_rates {
  double acquired; /**< permits got */
  double released; /**< permits given back */
  double queued;   /**< requests that queued */
  double refused;  /**< rejected and dropped */
  double requests; /**< of clients, all classes */
  double bytes;    /**< of clients */
  double errors;   /**< responses 4xx and 5xx of clients */
} afflux_rates;

/** All that a registry has, together. Since: 0.1 */
typedef struct afflux_registry_summary_t {
  uint32_t struct_size; /**< sizeof(afflux_registry_summary_t); 0: as of version 0.1 */
  uint32_t reserved;    /**< 0 */
  uint64_t sems;        /**< in it now */
  uint64_t clients;     /**< in it now */

  /** Sums over the semaphores; the totals include those that have been removed. oldest_wait_ns,
   * wait_max_ns and hold_max_ns are the largest of all. statistics, peak_held and peak_waiters are
   * 0. age_ns is the registry's. The rates have what a semaphore had done before it was added as if
   * it had done that when it was added. */
  afflux_sem_stats sem;

  /** Sums over the clients; the totals include those that have been removed. drop_rate is that of
   * the sums; peak_drop_rate and wait_max_ns are the largest of all. Of the clients in the registry
   * now, speed and drift_ns are averages, max_drift_ns is the largest, and stalled is how many are
   * stalled. uptime_ns is the registry's. */
  afflux_client_summary_t client;

  /** Of the clients in it now, to a tick of the system's clock; 0 without any. */
  int64_t min_uptime_ns, max_uptime_ns, average_uptime_ns;

  afflux_rates since_start; /**< since the registry was created */
  /** Since this struct was last filled; 0 at the first time. So every observer has its own. */
  afflux_rates since_look;
  int64_t looked_at_ns; /**< when it was filled, from the registry's creation on; 0: never */
} afflux_registry_summary_t;

/** Set struct_size, and the rest to 0: never filled. @return AFFLUX_OK, or AFFLUX_EINVAL for
 *  NULL. Since: 0.1 */
AFFLUX_API afflux_status afflux_registry_summary_init(afflux_registry_summary_t *summary);

/**
 * Add everything up.
 *
 * @param summary  Made by afflux_registry_summary_init(), and kept from call to call for
 *                 since_look.
 * @return AFFLUX_OK, or AFFLUX_EINVAL: a pointer is NULL, or struct_size is too short
 * Threads: any number at once, but not on one struct. Lock-free; does not allocate.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_registry_summary(afflux_registry *registry,
                                                 afflux_registry_summary_t *summary);

/** Sees one client of a registry. The client is borrowed for the call. 0: go on; else: stop. */
typedef int32_t (*afflux_client_visitor)(void *ctx, afflux_client *client);
/** Sees one semaphore of a registry, likewise. */
typedef int32_t (*afflux_sem_visitor)(void *ctx, afflux_sem *sem);

/**
 * Visit each client that is in the registry during the whole call, once. Clients that come or go
 * meanwhile may be visited or not; one that goes and comes back may be visited twice.
 *
 * @return AFFLUX_OK         all were visited
 *         AFFLUX_ECANCELED  the visitor stopped it
 *         AFFLUX_EINVAL     registry or visit is NULL
 * Threads: any number at once. The visitor may call anything, also remove what it sees.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_registry_visit_clients(afflux_registry *registry,
                                                       afflux_client_visitor visit, void *ctx);
/** Likewise, semaphores. Since: 0.1 */
AFFLUX_API afflux_status afflux_registry_visit_sems(afflux_registry *registry,
                                                    afflux_sem_visitor visit, void *ctx);

/* ------------------------------------------------------------------------ */
/* Export                                                                   */
/* ------------------------------------------------------------------------ */

/*
 * What is exported. Each semaphore that is in the registry when the text is begun, by the labels
 * `semaphore`, its name, and `id`, the number of its addition to the registry, which tells two of
 * one name apart:
 *
 *   afflux_semaphore_permits_limit, _permits_held, _permits_available, _waiters, _queue_bytes
 *   and, unless AFFLUX_STATS_OFF:
 *   afflux_semaphore_oldest_wait_seconds
 *   afflux_semaphore_permits_acquired_total{path="fast"|"queued"}, _permits_released_total,
 *   _queued_total, _resizes_total, _shed_total (of the outcome "dropped", below)
 *   afflux_semaphore_requests_total{outcome="fast"|"granted"|"canceled"|"timed_out"|"rejected"
 *                                   |"dropped"|"closed"|"impossible"|"try_failed"}
 *   and with AFFLUX_STATS_FULL the histograms, by powers of 4 from 1.024 us to 18 min,
 *   afflux_semaphore_wait_seconds, afflux_semaphore_hold_seconds
 *   and of one that has had a control (control.h), of all that it has had together
 *   afflux_semaphore_control_samples_total{result="served"|"dropped"|"ignored"},
 *   _control_windows_total, _control_changes_total{direction="up"|"down"}
 *   and of the last one's last window
 *   afflux_semaphore_control_latency_seconds
 *
 * Tenants (tenant.h) of each semaphore that has had any, by the labels of the semaphore, `tenant`,
 * its name, and `tenant_id`, the number of its creation in the semaphore:
 *
 *   afflux_tenants (how many there are; by the labels of the semaphore)
 *   afflux_tenant_permits_held, _waiters, _weight, _permits_guaranteed,
 *   _permits_cap (of those that have one)
 *   afflux_tenant_permits_acquired_total, _waits_total, _wait_seconds_total, _rejected_total,
 *   _timed_out_total, _canceled_total, _permit_seconds_total (used, as used_permit_seconds)
 *
 * Shown are as many tenants of a semaphore as the options say: those with most permits held and
 * requests waiting, added up. What differs by less than a factor of two, or is below 4, is ordered
 * by the permit-seconds used, then by age. The first four of tenants have a series
 * tenant="default" besides, of the requests that name none, and, where not all tenants are shown,
 * tenant="other", of all others together, both without tenant_id. So a sum over tenants is that of
 * the semaphore. Counters have no such series: that of the others would fall whenever one of them
 * comes to be shown by itself. What the others have done is what the semaphore has done less what
 * the shown ones have.
 *
 * All clients together, those that have been removed included:
 *
 *   afflux_clients (how many there are), afflux_clients_stalled (how many of these),
 *   afflux_clients_drop_ratio
 *   afflux_clients_requests_total{class="0"…"3"}, _bytes_total,
 *   _responses_total{class="4xx"|"5xx"|"other"}, _reconnections_total, _timeouts_total,
 *   _lines_read_total{pipeline="0"|"1"}, _lines_dropped_total{pipeline}, _permits_acquired_total,
 *   _waits_total, _wait_seconds_total, _rejected_total, _timed_out_total, _canceled_total
 *
 * With AFFLUX_EXPORT_CLIENTS the same of each as afflux_client_…, by the labels `client` and `id`,
 * with the client's own names of classes and pipelines (two of one name are one series), responses
 * by `code`, the codes that have occurred and "other", and afflux_client_speed_ratio,
 * _drift_seconds.
 *
 * In OpenMetrics counters and histograms have _created besides: when the semaphore, the client or,
 * of all clients, the registry was created. Invalid UTF-8 in names is replaced by U+FFFD.
 */

/** The text that is made. Since: 0.1 */
enum {
  AFFLUX_EXPORT_PROMETHEUS = 0, /**< Prometheus text exposition format 0.0.4 */
  AFFLUX_EXPORT_OPENMETRICS = 1 /**< OpenMetrics 1.0 */
};

/** afflux_export_options.flags. Since: 0.1 */
enum {
  /** Each client has series of its own, too. Without this flag only sums over all clients are
   *  exported: the number of series is what Prometheus can bear least. */
  AFFLUX_EXPORT_CLIENTS = 1
};

/** What to export. Fill by afflux_export_options_init(). Since: 0.1 */
typedef struct afflux_export_options {
  uint32_t struct_size; /**< sizeof(afflux_export_options) */
  uint32_t format;      /**< AFFLUX_EXPORT_…; default AFFLUX_EXPORT_PROMETHEUS */
  uint32_t flags;       /**< AFFLUX_EXPORT_CLIENTS; default 0 */
  uint32_t tenants;     /**< of each semaphore, that have series of their own, at most; default 10;
                             0: nothing of tenants is exported; UINT32_MAX: all are */
} afflux_export_options;

/** Fill `options` with the defaults. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1 */
AFFLUX_API afflux_status afflux_export_options_init(afflux_export_options *options);

/** The HTTP header Content-Type of a format; static text, "" for an unknown one. Since: 0.1 */
AFFLUX_API const char *afflux_export_content_type(uint32_t format);

/** Takes a piece of text, not 0-terminated, in order. 0: go on; else: stop. Since: 0.1 */
typedef int32_t (*afflux_sink_fn)(void *ctx, const char *text, size_t size);

/**
 * Render a registry as text, piece by piece.
 *
 * @param options  NULL: the defaults.
 * @return AFFLUX_OK         all was written
 *         AFFLUX_ECANCELED  the sink stopped it
 *         AFFLUX_EINVAL     registry or sink is NULL, an unknown format or flag, or struct_size is
 *                           too short
 *         AFFLUX_ENOTSUP    bytes beyond the known struct are not zero
 *         AFFLUX_ENOMEM     no memory for tenants; nothing was written
 * Threads: any number at once. Lock-free but for the sink, which may call anything, and for
 *          tenants; does not allocate but for those that are shown. While the tenants of a
 *          semaphore are read, which takes 2 to 5 ms for 100,000, the creation of a tenant and
 *          the last unref of one wait; requests and grants do not. What is removed meanwhile is
 *          kept until the text has ended.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_registry_write(afflux_registry *registry,
                                               const afflux_export_options *options,
                                               afflux_sink_fn sink, void *ctx);

/**
 * Render a registry into a buffer.
 *
 * @param buffer    Where the text goes, 0-terminated; NULL: `size` is 0, only measure, which
 *                  answers AFFLUX_EOVERFLOW.
 * @param ret_size  How many bytes the text has, the 0 not counted; written with AFFLUX_OK and
 *                  with AFFLUX_EOVERFLOW. NULL is fine.
 * @return AFFLUX_OK         all of it is there
 *         AFFLUX_EOVERFLOW  the buffer was too small: it has the beginning, 0-terminated if size
 *                           is not 0. The text may grow from call to call.
 *         AFFLUX_EINVAL, AFFLUX_ENOTSUP, AFFLUX_ENOMEM  as afflux_registry_write(); EINVAL also:
 *                           buffer is NULL and size is not 0
 * Threads: as afflux_registry_write().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_registry_print(afflux_registry *registry,
                                               const afflux_export_options *options, char *buffer,
                                               size_t size, size_t *ret_size);

/* ------------------------------------------------------------------------ */
/* Holder ledger                                                            */
/* ------------------------------------------------------------------------ */

/** One holder of permits. Since: 0.1 */
typedef struct afflux_holder {
  uint32_t struct_size; /**< set by the library */
  uint32_t reserved;    /**< 0 */
  uint64_t id;          /**< afflux_permit_id() */
  uint64_t permits;
  int64_t held_ns; /**< since it was acquired, or adopted */
  const char *tag; /**< afflux_request.tag, or afflux_permit_adopt()'s, cut after 47 bytes; ""
                      without one; valid for the call */
} afflux_holder;

/** Sees one holder. 0: go on; else: stop. */
typedef int32_t (*afflux_holder_visitor)(void *ctx, const afflux_holder *holder);

/**
 * Visit each holder of permits that has a token (afflux_permit_token) and a line in the ledger
 * (afflux_sem_options.ledger). A token that finds the ledger full when it is made has no line: its
 * tag is not kept, a token split from it has no tag, and permits merged into it leave the ledger.
 *
 * @param ret_untold  Permits that are held without a line; NULL is fine. Exact when no call is
 *                    under way.
 * @return AFFLUX_OK         all were visited
 *         AFFLUX_ECANCELED  the visitor stopped it
 *         AFFLUX_ENOTSUP    the semaphore has no ledger
 *         AFFLUX_EINVAL     sem or visit is NULL
 * Threads: any number at once. Never slows a writer for longer than it takes to copy a holder.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_sem_visit_holders(const afflux_sem *sem,
                                                  afflux_holder_visitor visit, void *ctx,
                                                  uint64_t *ret_untold);

/**
 * The ledger as text: a line for each holder, "id permits seconds tag", longest held first, and
 * "- permits - untold" for the rest, if there is one.
 *
 * @return as afflux_sem_visit_holders(); AFFLUX_ENOMEM: no memory to sort in
 * Threads: as afflux_sem_visit_holders(); allocates.
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_sem_dump_holders(const afflux_sem *sem, afflux_sink_fn sink,
                                                 void *ctx);

#  ifdef __cplusplus
}
#  endif

#endif
