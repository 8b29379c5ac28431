/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * @file fleet.h
 * One limit for many machines: leases of permits into a local semaphore.
 *
 * A library of its own, afflux-fleet, beside afflux: link both (pkg-config name afflux-fleet). The
 * chapters on threads, ownership, errors, growing structs and time in afflux.h hold here, too.
 *
 * 1. What it is
 * -------------
 * A fleet is a limit by a name on an engine: a Redis or Valkey server, or an etcd cluster, that
 * many processes reach.
 * Each process that has opened it is a holder. An agent in the process leases permits of the limit
 * and sets the limit of a local afflux_sem to what is leased: acquire from that semaphore
 * (afflux_fleet_sem()) with all of afflux.h. An acquire never waits for the network; it waits in
 * the local queue when what is leased is taken.
 *
 * The agent sends one message in each refresh interval, and up to eight while permits move. With it
 * it prolongs its lease, tells its demand (permits held and asked for), and gives back what others
 * want more. Among holders that want more than there is, permits are shared by weight, but none
 * gets more than it asks for, and what one leaves goes to the others (max-min fairness). `minimum`
 * is a floor: a holder whose share by weight is less gets that many, not that many in addition.
 * What nobody asks for is spread, so that new demand finds permits there already. Where there are
 * fewer permits than holders that want one, they take turns, whatever their weights. Within a
 * process priorities, tenants and order are the semaphore's.
 *
 * 2. What it promises
 * -------------------
 * Holders never use more permits than the limit, all together. A holder that is not heard of for a
 * lease loses its permits; it has stopped granting `margin_ns` before that by its own clock, and
 * `max_hold_ns` before that again. No wall clock has any part in it. When the engine has lost its
 * memory (emptied, restarted, failed over) nothing is granted anew for one lease, and those whose
 * leases run go on.
 *
 * What may still go beyond the limit, and how to guard against it:
 *   - work that runs longer than max_hold_ns when its process has lost the engine: it holds a
 *     permit that may be another's by then. Choose max_hold_ns as long as work takes, or call
 *     afflux_fleet_check() while it runs.
 *   - a process that was stopped for longer than a lease (SIGSTOP, a virtual machine that was
 *     suspended or set back): it does not know until its agent runs, some milliseconds after the
 *     rest. Call afflux_fleet_begin() before an acquire and afflux_fleet_check() after it, and let
 *     the resource refuse old tokens.
 *   - a resize to less: those who hold more keep it until it is released.
 *   - afflux_fleet_expire(), and AFFLUX_FLEET_FALL_BACK: by intent.
 *   - a Redis master that was cut off while a replica took over answers those who still reach it.
 *     Where replicas are used set the option `replicas` of the URL to the number of all those that
 *     may take over, so that what only the old master knows does not count. A proxy or a service
 *     that shows one run_id over failovers hides them: there a newcomer may be granted at once what
 *     others still use.
 *   - an etcd whose disks were set back as a whole, log and all; a restore by etcdctl is noticed.
 *   - a child of fork(): its copy of the semaphore is of no lease. It must not use it, nor any call
 *     of this header on the parent's handles.
 *
 * 3. The local semaphore
 * ----------------------
 * So that a request waits for permits instead of being answered with AFFLUX_E2BIG while little is
 * leased, the agent holds `max_request` permits of the semaphore itself, from its creation to
 * afflux_fleet_close(), and its limit is as much higher: afflux_sem_limit() and the statistics have
 * these in addition; afflux_fleet_stats has the numbers without. A request for more than
 * max_request may be answered with AFFLUX_E2BIG, as ever unless AFFLUX_WAIT_FOR_RESIZE. One for
 * more than this process's share waits until the share is large enough: let large requests have a
 * `minimum`. afflux_sem_resize(), afflux_sem_close() and a control (control.h) are not for it:
 * after an afflux_sem_close() by others nothing is granted, but the fleet stays LEASED and keeps
 * its share until afflux_fleet_close(). Release no more than was acquired: the semaphore can't tell
 * that from a release of the agent's own. afflux_sem_wait_idle() waits for afflux_fleet_close().
 * Completions of requests that come to be granted because more is leased run on the agent's thread:
 * while one of them blocks, no lease is prolonged and none ends.
 *
 * 4. Failures
 * -----------
 *   the engine is away       nothing changes until the lease ends; then, by the policy, no permits
 *                            or `fallback`. It goes on by itself when the engine is back
 *   it has lost its memory   what is leased stays leased; no share grows for one lease
 *   a message is lost        the next one says all that is needed; late ones are ignored
 *   this process dies        its permits are free after one lease
 *   wall clocks step         nothing
 *   processes of one limit   nothing is refused. Each stops by its own lease, and the permits of
 *   name other lease_ns      the dead are free after the longest that any has ever named, also if
 *                            that one has gone: until the limit's key is deleted on the engine,
 *                            which is a loss of memory. So name the same everywhere
 */
#ifndef AFFLUX_FLEET_H
#define AFFLUX_FLEET_H

#include <afflux/afflux.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct afflux_fleet afflux_fleet; /**< an opaque, reference-counted handle */

/* ------------------------------------------------------------------------ */
/* Opening                                                                  */
/* ------------------------------------------------------------------------ */

/** How a holder stands. Since: 0.1 */
enum {
  AFFLUX_FLEET_STARTING = 0,    /**< no answer has come yet; nothing is leased */
  AFFLUX_FLEET_LEASED = 1,      /**< all is well */
  AFFLUX_FLEET_SILENT = 2,      /**< the engine is new, or has lost its memory: as LEASED, but the
                                     engine grants nothing more for one lease */
  AFFLUX_FLEET_AWAY = 3,        /**< the engine does not answer; permits are granted as before */
  AFFLUX_FLEET_LAPSED = 4,      /**< nothing is granted: the lease has ended, or ends within
                                     max_hold_ns (remaining_ns tells which) */
  AFFLUX_FLEET_FALLEN_BACK = 5, /**< as LAPSED, but up to `fallback` permits are granted */
  AFFLUX_FLEET_UNDEFINED = 6,   /**< the engine has no such limit, and this holder names none */
  AFFLUX_FLEET_CLOSED = 7       /**< afflux_fleet_close() was called */
};

/** What to do when a lease has ended and the engine does not answer. Since: 0.1 */
enum {
  AFFLUX_FLEET_STOP = 0,     /**< grant nothing until it does */
  AFFLUX_FLEET_FALL_BACK = 1 /**< grant up to `fallback` permits. The limit holds as long as the
                                  fallbacks of all processes together are not above it, and the
                                  engine is away for all of them: otherwise what those who reach it
                                  lease is in addition */
};

/** afflux_fleet_options.flags. Since: 0.1 */
enum {
  /** No threads: afflux_fleet_advance() does what is due. */
  AFFLUX_FLEET_MANUAL = 1,
  /** Where the engine has no such limit: nobody else uses it, so it need not be silent for a lease.
   *  For limits that have just been thought of, and tests; an engine that was emptied looks the
   *  same. */
  AFFLUX_FLEET_FRESH = 2
};

enum {
  AFFLUX_FLEET_MAX_NAME = 255,    /**< bytes. Since: 0.1 */
  AFFLUX_FLEET_MAX_LABEL = 63,    /**< bytes that are kept. Since: 0.1 */
  AFFLUX_FLEET_MAX_WEIGHT = 65535 /**< Since: 0.1 */
};

/** Told when the permits of this process, or its state, have changed. Runs on the agent's thread
 * (or in afflux_fleet_advance(), or in the call that closes), with nothing held: it may call
 * anything but afflux_fleet_close() and afflux_fleet_advance(). It must not throw or longjmp, and
 * not block: no lease is prolonged and none ended meanwhile. The operator's calls (resize, holders,
 * expire, names) block for up to timeout_ns: for those have another thread.
 *  @param permits  What the local semaphore may grant in all, from now on; 0 with CLOSED.
 *  @param token    As afflux_fleet_fence.token.
 *  @param state    AFFLUX_FLEET_…
 *  Since: 0.1 */
typedef void (*afflux_fleet_change_fn)(void *ctx, uint64_t permits, uint64_t token, uint32_t state);

/** How to open a fleet. Fill by afflux_fleet_options_init(). Since: 0.1 */
typedef struct afflux_fleet_options {
  uint32_t struct_size; /**< sizeof(afflux_fleet_options) */
  uint32_t flags;       /**< AFFLUX_FLEET_MANUAL, AFFLUX_FLEET_FRESH; default 0 */
  const char *url;      /**< of the engine, copied: redis://[[user:]password@]host[:port][/db] or
                             unix:///path/of/socket, with options ?replicas=N (an exchange counts
                             when N replicas have it, too), db=N, user=, password=, joined by &;
                             or etcd://[user:password@]host[:port][,host[:port]…][/prefix], or
                             etcds:// for TLS with options ?cacert=PATH, cert=PATH, key=PATH.
                             Default redis://127.0.0.1 */
  const char *name;  /**< of the limit, 1 … AFFLUX_FLEET_MAX_NAME bytes of UTF-8 without control
                          characters; copied; no default */
  const char *label; /**< what afflux_fleet_holders() calls this process; copied, with U+FFFD for
                          what is not UTF-8, cut after AFFLUX_FLEET_MAX_LABEL bytes; NULL
                          (default): host name and process id */
  uint64_t limit;    /**< permits, up to 2^42 − 1, where the engine has no such limit; what it has
                          counts more. 0 (default): take what it has */
  uint64_t minimum;  /**< a floor of this process's share, however small that is by weight, when it
                          asks for as many; 0 … 2^42 − 1; default 0. Minimums of all processes that
                          are above the limit together are cut in proportion */
  uint64_t fallback; /**< permits, with AFFLUX_FLEET_FALL_BACK; otherwise 0, the default */
  uint64_t max_request; /**< the most permits that one request waits for (chapter 3), up to
                             2^41; 0 (default): `limit`, or 65,536 without that. One process can use
                             at most 2^42 − 1 − max_request permits, whatever it has leased */
  uint32_t weight;      /**< of this process, 1 … AFFLUX_FLEET_MAX_WEIGHT; default 1 */
  uint32_t policy;      /**< AFFLUX_FLEET_STOP (default) or AFFLUX_FLEET_FALL_BACK */
  int64_t lease_ns; /**< 10 ms … 1 day; default 5 s. After that long a dead process's permits are
                         free, and an engine that is away is felt; the same in all processes */
  int64_t refresh_ns;  /**< between two messages at rest, at least 1 ms; default 1 s. Twice that,
                            max_hold_ns and twice margin_ns together must not be above lease_ns */
  int64_t max_hold_ns; /**< how long before the end of its lease the agent stops granting, so that
                            work of that length ends within it; default 0 */
  int64_t margin_ns;   /**< by how much holders stop before, and take permits away after, a lease is
                            over; for clocks that run differently and threads that run late: any
                            number up to a quarter of lease_ns is taken, but less than 0.1 % of it
                            trusts clocks too far. 0 (default): a hundredth of lease_ns */
  int64_t timeout_ns;  /**< the longest that a message is waited for, up to lease_ns. 0 (default):
                            refresh_ns, but at least 250 ms, and at most half of lease_ns */
  const afflux_sem_options *sem; /**< the local semaphore, copied; its permits are ignored, its name
                                      is `name` where it has none. NULL (default): the defaults */
  afflux_fleet_change_fn on_change; /**< NULL (default): no function is called */
  void *ctx;                        /**< passed to it; default NULL */
} afflux_fleet_options;

/** Fill `options` with the defaults. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1 */
AFFLUX_API afflux_status afflux_fleet_options_init(afflux_fleet_options *options);

/**
 * Open a fleet: become a holder of a limit. Does not wait for the engine: until its first answer
 * the semaphore grants nothing, and requests queue.
 *
 * @param ret_fleet  One reference; written on success only.
 * @return AFFLUX_OK       open
 *         AFFLUX_EINVAL   a pointer is NULL, the name, the URL, an enumerator, a flag or a number
 *                         is out of its range, times do not fit each other, a fallback without its
 *                         policy or the reverse, options of the semaphore that afflux_sem_create()
 *                         refuses so, or struct_size is too short
 *         AFFLUX_ENOTSUP  the URL's scheme is of no engine in this build; bytes beyond the known
 *                         struct are not zero; or as afflux_sem_create()
 *         AFFLUX_ENOMEM   no memory
 *         AFFLUX_EOS      no thread, or no random number: errno tells
 * Threads: any number at once. Starts two threads named afflux-fleet and afflux-fleet-io, with all
 *          signals blocked, unless AFFLUX_FLEET_MANUAL.
 * Owns:    the caller owes one afflux_fleet_unref().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_fleet_open(const afflux_fleet_options *options,
                                           afflux_fleet **ret_fleet);

/** One more reference. @return fleet; NULL for NULL. Since: 0.1 */
AFFLUX_API afflux_fleet *afflux_fleet_ref(afflux_fleet *fleet);

/** Drop one reference. The last one closes the fleet, as afflux_fleet_close() with a time of 0, and
 *  frees it. NULL is fine. Threads: as afflux_fleet_close(); from on_change and from completions
 *  that the agent's thread runs, too: the agent then ends when they have returned. Within
 *  afflux_fleet_advance() that call gives back what is leased, and answers AFFLUX_ECLOSED: the
 *  handle has gone by then. Since: 0.1 */
AFFLUX_API void afflux_fleet_unref(afflux_fleet *fleet);

/**
 * Close: the local semaphore is closed (afflux_sem_close()), and what is leased is given back.
 *
 * @param timeout_ns  How long to wait for permits that are held, so that they are given back, too;
 *                    0 does not wait for them, AFFLUX_FOREVER waits without limit. The lease is
 *                    prolonged meanwhile, also with AFFLUX_FLEET_MANUAL. What is still held then
 *                    stays leased until the lease has ended.
 * @return AFFLUX_OK         all is given back
 *         AFFLUX_ETIMEDOUT  closed; permits are still held
 *         AFFLUX_EAGAIN     closed; the engine did not take what was given back, in timeout_ns of
 *                           the options: it is free when the lease has ended
 *         AFFLUX_EALREADY   it was closed before, or another thread is closing it: this call does
 *                           not wait for that
 *         AFFLUX_EBUSY      nothing done: called by on_change, or by a completion on the agent's
 *                           thread; or, with AFFLUX_FLEET_MANUAL, while afflux_fleet_advance() runs
 *         AFFLUX_EINVAL     fleet is NULL, or timeout_ns is below AFFLUX_FOREVER
 * Threads: any number at once. Blocks for held permits, and for the messages that give back: up to
 *          two times timeout_ns of the options where the engine does not answer, with a time of 0,
 *          too. With AFFLUX_FLEET_MANUAL runs on_change and sends what is due.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_fleet_close(afflux_fleet *fleet, int64_t timeout_ns);

/** The local semaphore, borrowed: valid while fleet is; NULL for NULL. afflux_sem_ref() keeps it
 *  longer; it grants nothing after the fleet is closed. Since: 0.1 */
AFFLUX_API afflux_sem *afflux_fleet_sem(const afflux_fleet *fleet);

/** The name of the limit; valid while fleet is; "" for NULL. Since: 0.1 */
AFFLUX_API const char *afflux_fleet_name(const afflux_fleet *fleet);

/**
 * Do what is due: set the semaphore's limit, and send a message when it is time to.
 *
 * @param ret_next_ns  When to call again at the latest, ns from now; it may be called sooner. The
 *                     lease is not prolonged, and does not end in time, if the calls come late.
 *                     NULL is fine.
 * @return AFFLUX_OK      done, whether the engine answered or not
 *         AFFLUX_ECLOSED the fleet is closed, or is being closed
 *         AFFLUX_EBUSY   another thread is in this call
 *         AFFLUX_EINVAL  fleet is NULL, or has threads (no AFFLUX_FLEET_MANUAL)
 * Threads: one at a time. Blocks for a round trip to the engine when a message is due: at most for
 *          timeout_ns, and not beyond the end of what may be granted; but resolving a host name may
 *          take longer, so name an address. Runs completions, as afflux_sem_resize(), and
 *          on_change.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_fleet_advance(afflux_fleet *fleet, int64_t *ret_next_ns);

/* ------------------------------------------------------------------------ */
/* Fencing                                                                  */
/* ------------------------------------------------------------------------ */

/**
 * What tells that work still has its permit, and what lets a resource refuse work that has lost it.
 *
 * Read it before the acquire, and compare after it: afflux_fleet_begin() and afflux_fleet_check()
 * do both.
 *
 *   afflux_fleet_begin(fleet, &fence);
 *   afflux_sem_acquire(sem, 1, timeout);
 *   if (afflux_fleet_check(fleet, &fence) != AFFLUX_OK) …   release it, and begin again
 *   … and check again before each step that must not be taken without a permit.
 *
 * A fence that is first read after the acquire tells nothing of the permit: a process that was
 * stopped meanwhile may read the lease that its agent has got anew, while the permit is of the one
 * before, and another's by now.
 *
 * Send `token` and `floor` with each step, as the check before it wrote them. The resource keeps
 * the highest floor that it was ever sent, and refuses a step whose token is not above it: every
 * such token is of a lease that is over. Where the limit is 1, it may refuse every token below the
 * highest it was sent, instead. Since: 0.1
 */
typedef struct afflux_fleet_fence {
  uint32_t struct_size; /**< sizeof(afflux_fleet_fence); 0: as of version 0.1 */
  uint32_t state;       /**< AFFLUX_FLEET_… */
  uint64_t token;       /**< of the newest exchange: greater than any that a holder of this limit
                             got before, also before a loss of memory. (After one, if no holder
                             is there to tell, because all are gone or stopped, and the server's
                             clock was set back besides, it may be less: the resource then refuses
                             too much, but can't tell a stopped holder's old token.) 0: none yet */
  uint64_t tenure;      /**< the token with which the unbroken lease began; 0: none yet */
  uint64_t floor;       /**< holders whose newest token is up to this have stopped */
  int64_t remaining_ns; /**< of the lease, now; 0: it has lapsed */
} afflux_fleet_fence;

/** Set struct_size, and the rest to 0. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1 */
AFFLUX_API afflux_status afflux_fleet_fence_init(afflux_fleet_fence *fence);

/**
 * Read the fence. The clock is read, so that it is true even before the agent has seen that the
 * lease has lapsed.
 *
 * @return AFFLUX_OK, or AFFLUX_EINVAL: a pointer is NULL, or struct_size is too short
 * Threads: any number at once. Waits for no message, never for a callback.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_fleet_get_fence(const afflux_fleet *fleet,
                                                afflux_fleet_fence *ret_fence);

/**
 * Begin work: read the fence before the acquire, for afflux_fleet_check().
 *
 * @param ret_fence  As of afflux_fleet_get_fence(); written with AFFLUX_EAGAIN, too.
 * @return AFFLUX_OK      a lease runs
 *         AFFLUX_EAGAIN  none does: what is acquired now will not pass afflux_fleet_check(). An
 *                        acquire that waits comes back when there is a lease (or a fallback:
 *                        `state`): then release, and begin again
 *         AFFLUX_EINVAL  a pointer is NULL, or struct_size is too short
 * Threads: as afflux_fleet_get_fence(). A fence is used by one thread at a time.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_fleet_begin(const afflux_fleet *fleet,
                                            afflux_fleet_fence *ret_fence);

/**
 * Check, just after the acquire and before each step of the work, that the lease has run without a
 * gap since afflux_fleet_begin(). If so, a permit that was acquired since then is nobody else's.
 * Permits of a fallback do not pass: no lease is behind them.
 *
 * @param fence  As afflux_fleet_begin() wrote it. All but `tenure` is read anew, whatever the
 *               answer is.
 * @return AFFLUX_OK         it has
 *         AFFLUX_ECANCELED  it has not, and never will again for this fence: the permit may be
 *                           another's. End the work, and release
 *         AFFLUX_EINVAL     a pointer is NULL, or struct_size is too short
 * Threads: as afflux_fleet_begin().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_fleet_check(const afflux_fleet *fleet, afflux_fleet_fence *fence);

/* ------------------------------------------------------------------------ */
/* Statistics                                                               */
/* ------------------------------------------------------------------------ */

/** How a holder stands, and what it has done. Since: 0.1 */
typedef struct afflux_fleet_stats {
  uint32_t struct_size; /**< sizeof(afflux_fleet_stats); 0: as of version 0.1 */
  uint32_t state;       /**< AFFLUX_FLEET_… */

  /* Now. */
  uint64_t permits;       /**< that the local semaphore may grant in all */
  uint64_t leased;        /**< that the engine has for this process, at least */
  uint64_t target;        /**< its share, by the newest answer */
  uint64_t demand;        /**< what it asks for */
  uint64_t held;          /**< of the local semaphore, without the agent's own */
  uint64_t waiters;       /**< requests that queue there */
  uint64_t limit;         /**< of the fleet, as last heard */
  uint64_t version;       /**< how often that was changed */
  uint64_t fleet_leased;  /**< by all holders, by the newest answer */
  uint64_t fleet_holders; /**< likewise */
  int64_t lease_remaining_ns;

  /* Totals. */
  uint64_t exchanges;        /**< messages answered */
  uint64_t failures;         /**< messages without an answer, or refused */
  uint64_t lapses;           /**< leases that had lapsed when the next answer came */
  uint64_t epochs;           /**< losses of memory of the engine */
  uint64_t changes;          /**< of permits */
  int64_t round_trip_ns;     /**< the newest one that was answered; 0: none */
  int64_t round_trip_max_ns; /**< the longest */
  int64_t round_trip_sum_ns; /**< all together */
  uint64_t later[8];         /**< 0; what later versions add comes here, so that the size stays */
} afflux_fleet_stats;

/** Set struct_size, and the rest to 0. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1 */
AFFLUX_API afflux_status afflux_fleet_stats_init(afflux_fleet_stats *stats);

/**
 * Read how this holder stands. What acquires and waits there were afflux_sem_get_stats() tells.
 *
 * @return AFFLUX_OK, or AFFLUX_EINVAL: a pointer is NULL, or struct_size is too short
 * Threads: as afflux_fleet_get_fence().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_fleet_get_stats(const afflux_fleet *fleet,
                                                afflux_fleet_stats *ret_stats);

/**
 * What the newest failure of a message was, in English, for a log.
 *
 * @param buffer    Where the text goes, 0-terminated and cut to fit; NULL: `size` is 0.
 * @param ret_size  How many bytes the text has, the 0 not counted; 0: there was no failure since
 *                  the newest answer. NULL is fine.
 * @return AFFLUX_OK; AFFLUX_EINVAL: fleet is NULL, or buffer is and size is not 0; AFFLUX_ENOMEM
 * Threads: as afflux_fleet_get_fence().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_fleet_last_failure(const afflux_fleet *fleet, char *buffer,
                                                   size_t size, size_t *ret_size);

/**
 * Render fleets for Prometheus, beside a registry: by the labels `fleet`, the name, and `id`, which
 * tells apart those of one name in this process,
 *
 *   afflux_fleet_state, _permits, _permits_leased, _permits_target, _permits_demand, _permits_held,
 *   _waiters, _limit, _fleet_permits_leased, _holders, _lease_remaining_seconds,
 *   _round_trip_seconds, _exchanges_total, _failures_total, _lapses_total, _epochs_total,
 *   _changes_total
 *
 * The local semaphore's own series, if it is in a registry, have the agent's permits, too
 * (chapter 3).
 *
 * @param fleets  `n` handles, none NULL.
 * @param format  AFFLUX_EXPORT_PROMETHEUS or AFFLUX_EXPORT_OPENMETRICS. The text has no "# EOF":
 *                in OpenMetrics write it before the registry's.
 * @return AFFLUX_OK         all was written
 *         AFFLUX_ECANCELED  the sink stopped it
 *         AFFLUX_EINVAL     a pointer is NULL (fleets may be with n 0), or an unknown format
 *         AFFLUX_ENOMEM     no memory; nothing was written
 * Threads: any number at once. The sink may call anything.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_fleet_write(const afflux_fleet *const *fleets, size_t n,
                                            uint32_t format, afflux_sink_fn sink, void *ctx);

/* ------------------------------------------------------------------------ */
/* Operating                                                                */
/* ------------------------------------------------------------------------ */

/*
 * These calls talk to the engine by a connection of their own, one at a time for each fleet, and
 * block for a round trip, at most for timeout_ns of the options (and for those before them). They
 * work on a closed fleet, too. Answers of all:
 *
 *   AFFLUX_ETIMEDOUT  the engine did not answer; a change may have been made, or may be made yet
 *   AFFLUX_EREJECTED  it refused: afflux_fleet_last_failure() has its words
 *   AFFLUX_ENOMEM     no memory
 */

/**
 * Change the limit, for all. Growth is leased from the next messages on. After a shrink shares are
 * less, and holders give back as permits are released; until then, or until leases end, more than
 * the limit may be held, and nothing is granted. Where the engine has no such limit it is made, and
 * is silent for one lease unless this fleet is AFFLUX_FLEET_FRESH.
 *
 * @param permits  0 … 2^42 − 1; 0 stops all.
 * @return AFFLUX_OK      changed
 *         AFFLUX_EINVAL  fleet is NULL, or permits is out of range
 *         and those above
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_fleet_resize(afflux_fleet *fleet, uint64_t permits);

/** A holder of a limit. Since: 0.1 */
typedef struct afflux_fleet_holder {
  uint32_t struct_size; /**< set by the library */
  uint32_t weight;
  const char *id;    /**< for afflux_fleet_expire(); valid for the call */
  const char *label; /**< likewise */
  uint64_t permits;  /**< leased to it */
  uint64_t target;   /**< its share */
  uint64_t demand;
  uint64_t minimum;
  uint64_t token; /**< of its newest message */
  uint64_t age;   /**< how many messages of all holders have come since that */
} afflux_fleet_holder;

/** Sees one holder. 0: go on; else: stop. Since: 0.1 */
typedef int32_t (*afflux_fleet_holder_visitor)(void *ctx, const afflux_fleet_holder *holder);

/** A limit as the engine has it. Since: 0.1 */
typedef struct afflux_fleet_totals {
  uint32_t struct_size; /**< sizeof(afflux_fleet_totals); 0: as of version 0.1 */
  uint32_t silent;      /**< 1: the engine is new, or has lost its memory, and grants nothing yet */
  uint64_t limit;
  uint64_t version; /**< how often that was changed */
  uint64_t leased;  /**< permits, all holders together */
  uint64_t demand;  /**< likewise */
  uint64_t holders; /**< how many */
  uint64_t token;   /**< of the newest message */
  int64_t lease_ns; /**< the longest that a holder has ever named, also one that has gone */
} afflux_fleet_totals;

/**
 * Visit each holder as the engine has them, in the order of their ids. Those that have died are
 * there until others have found their leases over.
 *
 * @param visit       NULL: only the totals.
 * @param ret_totals  Only struct_size is read. Written before the first visit; NULL is fine.
 * @return AFFLUX_OK         all were visited
 *         AFFLUX_ECANCELED  the visitor stopped it
 *         AFFLUX_EAGAIN     the engine has no such limit; ret_totals is not written
 *         AFFLUX_EINVAL     fleet is NULL, or a struct_size is too short
 *         and those above
 * Threads: the visitor may call anything but these calls on this fleet.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_fleet_holders(afflux_fleet *fleet,
                                              afflux_fleet_holder_visitor visit, void *ctx,
                                              afflux_fleet_totals *ret_totals);

/**
 * End a holder at once: its permits are free for others. For one that is known to be dead, when a
 * lease is too long to wait for. If it lives it may use them until its next message tells it; it
 * then goes on as a new holder.
 *
 * @param id  As afflux_fleet_holder.id: 1 … 32 characters of 0 … 9 and a … z.
 * @return AFFLUX_OK      ended
 *         AFFLUX_EAGAIN  there is no such holder
 *         AFFLUX_EINVAL  a pointer is NULL, or the id is not of the form of one
 *         and those above
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_fleet_expire(afflux_fleet *fleet, const char *id);

/** Sees the name of one limit, valid for the call. 0: go on; else: stop. Since: 0.1 */
typedef int32_t (*afflux_fleet_name_visitor)(void *ctx, const char *name);

/**
 * Visit the names of all limits that the engine of this fleet has, by their bytes. A large Redis
 * takes a while for it: all its keys are looked through, in steps.
 *
 * @return AFFLUX_OK         all were visited
 *         AFFLUX_ECANCELED  the visitor stopped it
 *         AFFLUX_EINVAL     fleet or visit is NULL
 *         and those above
 * Threads: as afflux_fleet_holders().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_fleet_names(afflux_fleet *fleet, afflux_fleet_name_visitor visit,
                                            void *ctx);

/** The id of this process's holder, as afflux_fleet_last_failure() writes its text; less than 33
 *  bytes. It changes only where another process has the same one, after a copy of a virtual
 *  machine. @return likewise. Since: 0.1 */
AFFLUX_API afflux_status afflux_fleet_id(const afflux_fleet *fleet, char *buffer, size_t size,
                                         size_t *ret_size);

#ifdef __cplusplus
}
#endif

#endif
