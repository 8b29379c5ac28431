/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * @file tenant.h
 * Tenants: callers of one semaphore that can't starve each other.
 *
 * A part of afflux.h: whichever of the two is included includes the other. The chapters on threads,
 * ownership, errors and growing structs there hold here, too.
 */
#ifndef AFFLUX_H
#  include <afflux/afflux.h>
#endif

#ifndef AFFLUX_TENANT_H
#  define AFFLUX_TENANT_H

#  ifdef __cplusplus
extern "C" {
#  endif

/* ------------------------------------------------------------------------ */
/* Tenant                                                                   */
/* ------------------------------------------------------------------------ */

/*
 * A tenant is one of those who share a semaphore: a customer, a user, a kind of request. Its
 * requests stand in a line of their own. Among tenants that wait, permits are shared by weight;
 * within a tenant they are granted by priority and in order, as without tenants. docs/tenants.md
 * helps to choose.
 *
 * What is shared are permit-seconds: one permit, held for one second. So a tenant whose requests
 * hold their permits ten times as long gets a tenth as many of them. A request is charged when it
 * is granted, by how long its tenant's permits have been held lately (1 us at first), and what has
 * been used in truth is settled when permits are given back. Charges count while requests wait:
 * what a tenant uses while nobody waits is not held against it, and a tenant that does not ask
 * saves nothing up. The order is that of worst-case fair queueing (WF2Q+; Bennett and Zhang, 1997)
 * with the grouping of QFQ (Checconi, Rizzo and Valente, 2013): each step is as many
 * instructions for one tenant as for 100,000.
 *
 * Nothing lies idle: what a tenant does not use is lent to the others. `guaranteed` permits of a
 * tenant come back first: while it waits and would not hold more than these with its next request,
 * that is granted before all others, by turns with other such tenants. A larger request that is
 * next by weight is passed so AFFLUX_AGEING_BOUND times; then they wait until it has its permits.
 * `cap` is the most that a tenant ever holds: a request that would make it more waits, with those
 * of its tenant behind it, and keeps no other tenant from a free permit. Guaranteed shares that
 * cover the limit, and are in use, leave nothing to the others: together they should be less.
 *
 * As without tenants, the request that is next waits until all its permits are free, and no other
 * passes it. That goes for one that waits for a resize (AFFLUX_WAIT_FOR_RESIZE), too. A request is
 * charged for at most an hour of the whole limit.
 *
 * A request names its tenant (afflux_request.tenant), or is made by the calls below. Requests that
 * name none are, together, those of one more tenant of weight 1 (afflux_tenant_set_default_weight),
 * without a guaranteed share and a cap.
 *
 * Permits of a tenant are given back by afflux_tenant_release(), or by their token, which knows
 * its tenant (afflux_sem_acquire_permit() with a request that names it; afflux_tenant_adopt()).
 * Given back by afflux_sem_release() they would count as still held by the tenant.
 *
 * A semaphore with tenants is AFFLUX_FAIR, and does not shed its queue (shed_target_ns). A tenant's
 * calls lock the semaphore for a few instructions; requests that name none take and give back free
 * permits as ever, by one exchange. Of a full queue (max_waiters and max_queue_bytes of the
 * semaphore, for all together) the victims of AFFLUX_OVERFLOW_DROP_OLDEST are of the tenant with
 * most requests in line, by their number within a factor of two; of the newcomer's own if that is
 * one of them. A tenant's own max_waiters refuses newcomers under every policy.
 * afflux_sem_stats.oldest_wait_ns is that of the next request, or else of one that a cap holds
 * back.
 *
 * In the child of a fork() tenants can be used as before, but for those of a semaphore of which
 * another thread of the parent was just creating or dropping a tenant, or writing the registry's
 * text: there a creation or a last unref may wait for ever. Make a new semaphore in the child.
 */

enum {
  AFFLUX_TENANT_MAX_WEIGHT = 65535 /**< of one tenant. Since: 0.1 */
};

/** A tenant's share. Fill by afflux_tenant_options_init(). Since: 0.1 */
typedef struct afflux_tenant_options {
  uint32_t struct_size; /**< sizeof(afflux_tenant_options) */
  uint32_t weight;      /**< of permit-seconds, relative to the other tenants that wait; 1 …
                             AFFLUX_TENANT_MAX_WEIGHT; default 1 */
  uint64_t guaranteed; /**< permits that come before all weights; 0 (default) … cap, or 2^42 − 1
                            without one; the limit may be lower */
  uint64_t cap;        /**< permits that it holds at most; 0 (default): no cap. A request for more
                            is answered, or completes, with AFFLUX_E2BIG, but for
                            AFFLUX_WAIT_FOR_RESIZE, which waits for the cap, too */
  uint64_t max_waiters; /**< requests that queue at most; another is answered with
                             AFFLUX_EREJECTED. 0 (default): no limit but the semaphore's */
  const char *name;     /**< label in the exposition; UTF-8, copied; NULL (default): none */
} afflux_tenant_options;

/** Fill `options` with the defaults. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1 */
AFFLUX_API afflux_status afflux_tenant_options_init(afflux_tenant_options *options);

/**
 * Create a tenant of `sem`.
 *
 * @param sem         Borrowed for the call; the tenant keeps it alive. So its last unref closes it
 *                    only when the tenant is gone, too; afflux_sem_close() closes it at once.
 * @param options     NULL: the defaults.
 * @param ret_tenant  One reference; written on success only.
 * @return AFFLUX_OK       created
 *         AFFLUX_EINVAL   sem or ret_tenant is NULL, a weight of 0 or above
 *                         AFFLUX_TENANT_MAX_WEIGHT, guaranteed above the cap or 2^42 − 1, or
 *                         struct_size is too short
 *         AFFLUX_ENOTSUP  the semaphore is AFFLUX_THROUGHPUT or sheds its queue; or bytes beyond
 *                         the known struct are not zero
 *         AFFLUX_ECLOSED  the semaphore is closed
 *         AFFLUX_ENOMEM   no memory
 * Threads: any number at once. The first tenant of a semaphore allocates 0.1 MB for the order.
 *          Requests and grants allocate nothing afterwards.
 * Owns:    the caller owes one afflux_tenant_unref().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_tenant_create(afflux_sem *sem, const afflux_tenant_options *options,
                                              afflux_tenant **ret_tenant);

/** One more reference. @return tenant; NULL for NULL. Since: 0.1 */
AFFLUX_API afflux_tenant *afflux_tenant_ref(afflux_tenant *tenant);

/** Drop one reference. The last one closes the tenant, as afflux_tenant_close(), and frees it when
 *  its queued requests have completed. What it holds then counts as held by those who name no
 *  tenant, and is given back by afflux_sem_release(). Calls that block for the tenant end with
 *  AFFLUX_ECLOSED. A token keeps its tenant, which then goes on. NULL is fine.
 *  Threads: as afflux_tenant_close(). Since: 0.1 */
AFFLUX_API void afflux_tenant_unref(afflux_tenant *tenant);

/**
 * End a tenant: its queued requests complete with AFFLUX_ECLOSED, later ones are refused with it.
 * What it holds it goes on holding until it is given back. The semaphore is open as before.
 *
 * @return AFFLUX_OK        closed
 *         AFFLUX_EALREADY  it was closed already
 *         AFFLUX_EINVAL    tenant is NULL
 * Threads: any number at once, from any callback too. Runs completions, as afflux_sem_close().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_tenant_close(afflux_tenant *tenant);

/** The name given at creation, "" without one; valid while tenant is; "" for NULL. Since: 0.1 */
AFFLUX_API const char *afflux_tenant_name(const afflux_tenant *tenant);

/** Its semaphore, borrowed: valid while the tenant is; NULL for NULL. Since: 0.1 */
AFFLUX_API afflux_sem *afflux_tenant_sem(const afflux_tenant *tenant);

/**
 * Change a tenant's share, from now on. What it holds beyond a lower cap it keeps; queued requests
 * for more than that complete with AFFLUX_E2BIG.
 *
 * @param options  All of it counts but the name, which is to be NULL.
 * @return AFFLUX_OK       changed
 *         AFFLUX_EINVAL   nothing changed: a pointer is NULL, the name is not, or as of
 *                         afflux_tenant_create()
 *         AFFLUX_ENOTSUP  bytes beyond the known struct are not zero
 *         AFFLUX_ECLOSED  the tenant, or the semaphore, is closed
 * Threads: any number at once, from any callback too. Runs completions, as afflux_sem_resize().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_tenant_set(afflux_tenant *tenant,
                                           const afflux_tenant_options *options);

/**
 * Set the weight of the requests of `sem` that name no tenant, which have 1 at first.
 *
 * @param weight  1 … AFFLUX_TENANT_MAX_WEIGHT.
 * @return AFFLUX_OK       set
 *         AFFLUX_EINVAL   sem is NULL, or the weight is out of range
 *         AFFLUX_ENOTSUP  the semaphore is AFFLUX_THROUGHPUT or sheds its queue
 *         AFFLUX_ECLOSED  it is closed
 *         AFFLUX_ENOMEM   no memory
 * Threads: any number at once, from any callback too. Runs completions, as afflux_sem_resize().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_tenant_set_default_weight(afflux_sem *sem, uint32_t weight);

/** As afflux_sem_try_acquire(), for the tenant; AFFLUX_E2BIG also for more than its cap. May wait
 *  for the few instructions in which another call has the semaphore locked. Since: 0.1 */
AFFLUX_API afflux_status afflux_tenant_try_acquire(afflux_tenant *tenant, uint64_t n);

/** As afflux_sem_acquire(), for the tenant; AFFLUX_E2BIG also for more than its cap,
 *  AFFLUX_EREJECTED also beyond its max_waiters. Since: 0.1 */
AFFLUX_API afflux_status afflux_tenant_acquire(afflux_tenant *tenant, uint64_t n,
                                               int64_t timeout_ns);

/**
 * Give back permits of the tenant.
 *
 * @return AFFLUX_OK         given back, and granted to those whose turn it is
 *         AFFLUX_EOVERFLOW  nothing done: the tenant, or the semaphore, holds less than n
 *         AFFLUX_EINVAL     tenant is NULL, or n is 0
 * Threads: any number at once, from any callback too. Runs completions, as afflux_sem_release().
 *          May wait for the few instructions in which another call has the semaphore locked.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_tenant_release(afflux_tenant *tenant, uint64_t n);

/**
 * Put permits that the tenant holds into a token, as afflux_permit_adopt_tagged().
 *
 * @param n    1 … what it holds.
 * @param tag  As of afflux_permit_adopt_tagged(); may be NULL.
 * @return AFFLUX_OK         ret_permit is written
 *         AFFLUX_EOVERFLOW  the tenant holds less
 *         AFFLUX_EINVAL     tenant or ret_permit is NULL, or n is 0
 * Threads: any number at once.
 * Owns:    the token holds a reference of the tenant, and of the semaphore.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_tenant_adopt(afflux_tenant *tenant, uint64_t n, const char *tag,
                                             afflux_permit_token *ret_permit);

/** What a tenant has, and has had. Since: 0.1 */
typedef struct afflux_tenant_stats {
  uint32_t struct_size; /**< sizeof(afflux_tenant_stats); 0: as of version 0.1 */
  uint32_t weight;
  uint64_t guaranteed;  /**< permits */
  uint64_t cap;         /**< permits; 0: none */
  uint64_t max_waiters; /**< 0: no limit of its own */

  uint64_t held;    /**< permits, now */
  uint64_t waiting; /**< requests that queue now */
  double hold_ns;   /**< how long a permit of it has been held lately, which the next requests are
                         charged by; 0: none has been given back yet */

  /* Totals. */
  uint64_t acquired;     /**< permits */
  uint64_t requests;     /**< that got their permits */
  uint64_t waits;        /**< of these, after a wait */
  uint64_t by_guarantee; /**< of these waits, ended by its guaranteed share */
  uint64_t wait_sum_ns;  /**< of these waits; each is off by a tick of the system's clock, 1
                              … 16 ms, unless the semaphore has AFFLUX_STATS_FULL */
  uint64_t wait_max_ns;  /**< the longest */
  uint64_t try_failed;   /**< afflux_tenant_try_acquire(), and a time of 0, with EAGAIN */
  uint64_t rejected;     /**< by a queue limit */
  uint64_t timed_out;
  uint64_t canceled;
  uint64_t ended;             /**< by a close, or as too big after a change */
  double used_permit_seconds; /**< what it has held: permits times seconds, until its last
                                   acquire or release */
  uint64_t later[8];          /**< 0; what later versions add comes here, so that the size
                                   stays */
} afflux_tenant_stats;

/** Set struct_size, and the rest to 0. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1 */
AFFLUX_API afflux_status afflux_tenant_stats_init(afflux_tenant_stats *stats);

/**
 * Read what a tenant has. While requests come and go, numbers may be of different moments.
 *
 * @param ret_stats  As ret_stats of afflux_sem_get_stats().
 * @return AFFLUX_OK, or AFFLUX_EINVAL: a pointer is NULL, or struct_size is too short
 * Threads: any number at once, from any callback too. Never waits, never allocates.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_tenant_get_stats(const afflux_tenant *tenant,
                                                 afflux_tenant_stats *ret_stats);

#  ifdef __cplusplus
}
#  endif

#endif
