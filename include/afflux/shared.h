/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * @file shared.h
 * One semaphore for the processes of a machine.
 *
 * A library of its own, libafflux-shared (pkg-config name `afflux-shared`), for Linux. What this
 * header does not say again holds as in afflux.h: threads (chapter 2), errors (4), structs that
 * grow (5), time (6).
 */
#ifndef AFFLUX_SHARED_H
#define AFFLUX_SHARED_H

#include <afflux/afflux.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What it is. A semaphore in a piece of shared memory, the segment: named (shm_open()), or without
 * a name, in a memory file whose descriptor is passed on. Any process that may write to the
 * segment can open it; each gets a handle. Permits belong to the handle that took them, and to its
 * process. docs/beyond.md compares it with the semaphore in a process and with a limit for many
 * machines.
 *
 * Order. As AFFLUX_FAIR with one priority: grants follow arrival in line, across all processes,
 * and no newcomer overtakes a request in line. A call that can't take its permits at once gets in
 * line when it has spun for some microseconds; while permits change hands faster than a sleeper
 * wakes, up to some milliseconds. A request that does not fit holds back those behind it.
 *
 * Death. What a process holds is given back when it has ended, however that came about (exit,
 * SIGKILL, out of memory) and wherever it was: no instruction leaves a permit lost or doubled, or
 * a line that does not go on. Those who wait notice an end by a pidfd, give back what the dead
 * held, and the line goes on in order. Where nobody waits, the next afflux_shared_open() does it,
 * and the next call that finds too few permits (such calls ask at most once in 10 ms, all
 * together): until then permits of the dead look held. A process that waits has one descriptor
 * open for each other process that has a handle, up to a fourth of what its limit on descriptors
 * allows; it asks after the others every 20 ms, and after all where there are no pidfds (before
 * Linux 5.3).
 *
 * Standstill. A process that is stopped (SIGSTOP, a debugger, a frozen container) keeps the
 * permits that it has, and keeps nobody else from going on: no call waits for another process, but
 * for permits. A request in line whose process stands still when its turn comes is passed over
 * until the process goes on, and then is the next. No event tells of that, nor of a process that
 * is stopped in the few instructions between giving back and waking. So one of those who wait
 * looks every 10 ms; where those stand still, too, another one does within 50 ms.
 *
 * Processes. fork(): a child inherits no permits, and the handle is closed there (AFFLUX_ECLOSED):
 * it opens the segment itself. Asynchronous requests stay the parent's, and do not complete in the
 * child. exec(): permits stay with the process, as record locks do. When the new program opens the
 * segment, what its process held before is given back, but for handles with
 * AFFLUX_SHARED_KEEP_OVER_EXEC: these end with the process. A request that another thread had in
 * line at the exec() is passed over a second after its turn. Two copies of this library in one
 * process (one of them in a plugin, say) take each other for such an earlier program. Process ids
 * that are used again are told apart by the process' start time. All who share a segment must be
 * in one pid namespace and one time namespace, with /proc: another is refused (AFFLUX_ENOTSUP),
 * for it could not tell who is alive.
 *
 * Trust. The permissions of the segment decide who may use it. Whoever may write to it can spoil
 * the limit: take what is not theirs, end the line, keep others waiting. They cannot make this
 * process read or write outside the segment. A named segment can be cut short by its owner, and a
 * process that touches what is gone gets SIGBUS; a memory file made here is sealed against that.
 *
 * A segment outlives its processes until it is removed, or the system restarts. (Where logind has
 * RemoveIPC=yes, a user's named segments go at the end of the last session.) A file that has been
 * kept over a restart is refused (AFFLUX_ENOTSUP).
 *
 * Threads: every call may be made from any thread at any time, unless its comment says otherwise.
 * No call is async-signal-safe, and none is a thread-cancellation point. The threads of a process
 * take turns at a handle, for some instructions each; several handles of one process do not. The
 * first request that has to wait starts a thread of the library (afflux-shared), which looks after
 * those who wait; an asynchronous one, another for its handle.
 */

/** A handle to a segment. Opaque, reference-counted. Since: 0.1 */
typedef struct afflux_shared afflux_shared;

enum {
  AFFLUX_SHARED_MAX_PERMITS = 4194303, /**< 2^22 − 1: the largest limit */
  AFFLUX_SHARED_MAX_HANDLES = 1024,    /**< open at once, in all processes */
  AFFLUX_SHARED_MAX_WAITERS = 4096,    /**< requests in line, of all processes */
  AFFLUX_SHARED_TAG_SIZE = 32          /**< bytes of a tag, with the final zero */
};

/** How to open (afflux_shared_options.flags). Since: 0.1 */
enum {
  AFFLUX_SHARED_CREATE = 1,        /**< make the segment if there is none */
  AFFLUX_SHARED_EXCLUSIVE = 2,     /**< with CREATE: refuse one that is there (AFFLUX_EALREADY) */
  AFFLUX_SHARED_KEEP_OVER_EXEC = 4 /**< what this handle holds at an exec() is given back when the
                                        process ends, whatever it opens then */
};

/** How to open, and what to make. Fill by afflux_shared_options_init(). Since: 0.1 */
typedef struct afflux_shared_options {
  uint32_t struct_size; /**< sizeof(afflux_shared_options) */
  uint32_t flags;       /**< AFFLUX_SHARED_…; default 0 */
  uint64_t permits;     /**< limit of a new segment, 0 … AFFLUX_SHARED_MAX_PERMITS; default 1. One
                             that is there keeps its own */
  uint32_t mode;        /**< permission bits of a new named segment, less the umask; default 0600 */
  uint32_t max_handles; /**< of a new segment, 1 … AFFLUX_SHARED_MAX_HANDLES; default 256. Each
                             takes 128 bytes */
  uint32_t max_waiters; /**< of a new segment, 1 … AFFLUX_SHARED_MAX_WAITERS; default 1024. Each
                             takes 24 bytes, and a grant looks at all that were ever in use at
                             once */
  uint32_t reserved;    /**< 0 */
  const char *tag;      /**< told to observers of this handle; UTF-8, copied, cut after 31 bytes;
                             NULL (default): none */
} afflux_shared_options;

/** Fill `options` with the defaults. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1 */
AFFLUX_API afflux_status afflux_shared_options_init(afflux_shared_options *options);

/**
 * Open a segment by its name, or make it (AFFLUX_SHARED_CREATE). A new one appears whole: of
 * several that create at once one makes it, and the others open that.
 *
 * @param name        1 … 250 bytes without '/' but a leading one, which changes nothing: the name
 *                    that shm_open() knows. NULL: a new memory file without a name, in which case
 *                    flags must hold AFFLUX_SHARED_CREATE; afflux_shared_fd() gives the descriptor
 *                    to pass on.
 * @param options     NULL: the defaults.
 * @param ret_shared  One reference; written on success only.
 * @return AFFLUX_OK        open
 *         AFFLUX_EINVAL    ret_shared is NULL, a name out of its form, an unknown flag, EXCLUSIVE
 *                          without CREATE, a number out of its range, or struct_size is too short
 *         AFFLUX_ENOTSUP   what is there is no segment, or of another layout, or of another pid or
 *                          time namespace, or from before a restart; /proc is missing; or bytes
 *                          beyond the known struct are not zero
 *         AFFLUX_EALREADY  EXCLUSIVE, and it is there
 *         AFFLUX_EREJECTED max_handles are open, by living processes
 *         AFFLUX_ENOMEM    no memory
 *         AFFLUX_EOS       a system call failed: afflux_shared_last_os_error(); ENOENT: there is no
 *                          such segment; EACCES: its permissions refuse this process
 * Threads: any number at once. Gives back what dead processes hold.
 * Owns:    the caller owes one afflux_shared_unref().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_shared_open(const char *name, const afflux_shared_options *options,
                                            afflux_shared **ret_shared);

/**
 * Open the segment in a file by its descriptor: a memory file (memfd_create()) that another process
 * made by afflux_shared_open() without a name, or a file on tmpfs.
 *
 * @param fd  Open for reading and writing; borrowed: the handle has its own copy.
 * @return as afflux_shared_open(); AFFLUX_EINVAL also for AFFLUX_SHARED_CREATE and EXCLUSIVE, and
 *         for an fd that is none.
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_shared_open_fd(int32_t fd, const afflux_shared_options *options,
                                               afflux_shared **ret_shared);

/** The descriptor of the segment's file, to be passed on; closed with the handle, and by an exec().
 *  −1 for NULL. Since: 0.1 */
AFFLUX_API int32_t afflux_shared_fd(const afflux_shared *shared);

/** One more reference. @return shared; NULL for NULL. Since: 0.1 */
AFFLUX_API afflux_shared *afflux_shared_ref(afflux_shared *shared);

/** Drop a reference. The last one gives back what the handle holds, ends its asynchronous requests
 *  (AFFLUX_ECLOSED) and lets go of the segment, which stays. A blocking call needs a reference of
 *  its own while it runs. NULL is fine. Since: 0.1 */
AFFLUX_API void afflux_shared_unref(afflux_shared *shared);

/**
 * Remove the name of a segment. Those who have it open go on; the memory goes with the last of
 * them.
 *
 * @return AFFLUX_OK       removed
 *         AFFLUX_EINVAL   name is NULL or none
 *         AFFLUX_EOS      afflux_shared_last_os_error(): ENOENT, EACCES
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_shared_remove(const char *name);

/** errno behind this thread's newest AFFLUX_EOS of a call of this header; 0: none. Since: 0.1 */
AFFLUX_API int32_t afflux_shared_last_os_error(void);

/* ------------------------------------------------------------------------ */
/* Permits                                                                  */
/* ------------------------------------------------------------------------ */

/**
 * Take `n` permits if that needs no wait.
 *
 * @param n  1 … the limit.
 * @return AFFLUX_OK      all n are held
 *         AFFLUX_EAGAIN  too few are free, or requests are in line (of processes that go on)
 *         AFFLUX_ECLOSED the segment is closed, or the handle is from before a fork()
 *         AFFLUX_E2BIG   n is above the limit
 *         AFFLUX_EINVAL  shared is NULL or n is 0
 * Order:  AFFLUX_OK happens after the releases that supplied the permits, also those of other
 *         processes.
 * Owns:   the caller owes n permits to afflux_shared_release() of this handle.
 * Since:  0.1
 */
AFFLUX_API afflux_status afflux_shared_try_acquire(afflux_shared *shared, uint64_t n);

/**
 * Take `n` permits, waiting in line at most `timeout_ns`.
 *
 * @param timeout_ns  Nanoseconds; 0 never waits; AFFLUX_FOREVER waits without limit.
 * @return AFFLUX_OK         all n are held
 *         AFFLUX_ETIMEDOUT  none taken; the time ran out
 *         AFFLUX_ECLOSED    none taken; closed, before or meanwhile, or the handle is from before a
 *                           fork()
 *         AFFLUX_E2BIG      none taken; n is above the limit, or has come to be by a resize
 *         AFFLUX_EREJECTED  none taken; max_waiters are in line
 *         AFFLUX_EINVAL     shared is NULL, n is 0, or a negative time other than AFFLUX_FOREVER
 *         AFFLUX_EOS        none taken; the library's thread could not be started, or has no
 *                           descriptor
 * Threads: any number at once. Spins some microseconds before it gets in line.
 * Order, Owns: as afflux_shared_try_acquire().
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_shared_acquire(afflux_shared *shared, uint64_t n,
                                               int64_t timeout_ns);

/**
 * Take permits now, or get in line and complete later: by a wake function, by a note, or in a port.
 *
 * @param request  As for afflux_sem_acquire_async(): permits, timeout_ns, wake, notify, ctx, port
 *                 and user_data; priority NORMAL, flags 0 or AFFLUX_WAIT_FOR_NOTE, no cost_bytes,
 *                 client, tenant and tag.
 * @param waiter   As for afflux_sem_acquire_async(), for as long. afflux_waiter_cancel() takes the
 *                 request back, afflux_shared_waiter_cancel() its place in line, too.
 * @return AFFLUX_OK         all are held; no completion follows
 *         AFFLUX_PENDING    in line: exactly one completion follows, or a cancel that answers
 *                           AFFLUX_OK. Its status: AFFLUX_OK, AFFLUX_ETIMEDOUT, or AFFLUX_ECLOSED,
 *                           which is also that of one that a resize has made larger than the limit
 *         AFFLUX_EAGAIN     timeout_ns is 0 and it would have to wait
 *         AFFLUX_ECLOSED, AFFLUX_E2BIG, AFFLUX_EREJECTED   as afflux_shared_acquire()
 *         AFFLUX_EINVAL, AFFLUX_ENOTSUP   as afflux_sem_acquire_async(); EINVAL also for what is
 *                           not for this call
 *         AFFLUX_ENOMEM     no memory for the request
 *         AFFLUX_EOS        a thread could not be started
 * Threads: any number at once. Completions come on a thread of the library, and in
 *          afflux_shared_waiter_cancel(). One whose time has run out keeps its place in line for a
 *          few milliseconds more, one that afflux_waiter_cancel() took back for some ten; what is
 *          granted to it then is given back at once.
 * Order, Owns: as afflux_shared_try_acquire(), for the completion with AFFLUX_OK too. The caller
 *          keeps a reference from before the call until the permits are given back.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_shared_acquire_async(afflux_shared *shared,
                                                     const afflux_request *request,
                                                     afflux_waiter *waiter);

/**
 * Take an asynchronous request back, and its place in line at once.
 *
 * @param waiter  Of a request to `shared`.
 * @return as afflux_waiter_cancel(); AFFLUX_EINVAL also for a NULL shared.
 * Threads: as afflux_waiter_cancel(). May run completions of other requests of this handle.
 * Since:   0.1
 */
AFFLUX_API afflux_status afflux_shared_waiter_cancel(afflux_shared *shared, afflux_waiter *waiter);

/**
 * Give back `n` permits that this handle holds.
 *
 * @return AFFLUX_OK         given back, also after a close
 *         AFFLUX_EOVERFLOW  the handle holds fewer; nothing is given back
 *         AFFLUX_ECLOSED    the handle is from before a fork()
 *         AFFLUX_EINVAL     shared is NULL or n is 0
 * Order:  happens before the acquires that get the permits.
 * Since:  0.1
 */
AFFLUX_API afflux_status afflux_shared_release(afflux_shared *shared, uint64_t n);

/* ------------------------------------------------------------------------ */
/* The segment                                                              */
/* ------------------------------------------------------------------------ */

/**
 * Change the limit, for all processes. A lower one takes back nothing: until enough has been given
 * back, more is held than the limit says. Requests in line for more than the limit end when they
 * are the first (AFFLUX_E2BIG).
 *
 * @param permits  0 … AFFLUX_SHARED_MAX_PERMITS.
 * @return AFFLUX_OK; AFFLUX_EOVERFLOW: above the maximum; AFFLUX_ECLOSED: closed, or the handle is
 *         from before a fork(); AFFLUX_EINVAL: shared is NULL.
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_shared_resize(afflux_shared *shared, uint64_t permits);

/**
 * Close the segment, for all processes and for ever: requests in line end with AFFLUX_ECLOSED,
 * later ones are refused with it; what is held is given back as before.
 *
 * @return AFFLUX_OK; AFFLUX_EALREADY: it was closed; AFFLUX_ECLOSED: the handle is from before a
 *         fork(); AFFLUX_EINVAL: shared is NULL.
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_shared_close(afflux_shared *shared);

/** A segment at a moment. Since: 0.1 */
typedef struct afflux_shared_stats {
  uint32_t struct_size; /**< sizeof(afflux_shared_stats), or 0 */
  uint32_t closed;      /**< 1: closed */
  uint64_t limit;       /**< permits */
  uint64_t held;        /**< permits, by all handles; above the limit after a shrink */
  uint64_t waiters;     /**< requests in line */
  uint64_t handles;     /**< open, of the living and of the dead that nobody has buried yet */
  uint64_t max_handles;
  uint64_t max_waiters;
  uint64_t acquired;  /**< requests granted, since the segment was made; also those below */
  uint64_t waited;    /**< of these, after a wait */
  uint64_t timed_out; /**< calls of afflux_shared_acquire() whose time ran out */
  uint64_t recovered; /**< permits of the dead that were given back */
} afflux_shared_stats;

/**
 * Read the numbers. Held and waiters are those of one moment; the counters may miss what is being
 * counted just now.
 *
 * @return AFFLUX_OK; AFFLUX_EINVAL: a pointer is NULL or struct_size is too short; AFFLUX_ECLOSED:
 *         the handle is from before a fork().
 * Since: 0.1
 */
AFFLUX_API afflux_status afflux_shared_get_stats(afflux_shared *shared,
                                                 afflux_shared_stats *ret_stats);

/** One handle of a segment. Since: 0.1 */
typedef struct afflux_shared_holder {
  uint32_t pid;                     /**< of its process */
  uint32_t own;                     /**< 1: of the calling process */
  uint64_t held;                    /**< permits */
  uint64_t waiters;                 /**< its requests in line */
  int64_t open_ns;                  /**< since it was opened, nanoseconds */
  char tag[AFFLUX_SHARED_TAG_SIZE]; /**< as given at its opening, "" without */
} afflux_shared_holder;

/**
 * List the open handles, in no order. Each line is read by itself; one that is just being opened
 * may show an earlier one's tag.
 *
 * @param ret_holders  Room for `count` of them; NULL with a count of 0.
 * @param ret_count    How many there are, perhaps more than `count`.
 * @return AFFLUX_OK; AFFLUX_EINVAL: shared or ret_count is NULL, or ret_holders is, with a count
 * above 0; AFFLUX_ECLOSED: the handle is from before a fork(). Since: 0.1
 */
AFFLUX_API afflux_status afflux_shared_holders(afflux_shared *shared,
                                               afflux_shared_holder *ret_holders, size_t count,
                                               size_t *ret_count);

/** Permits that this handle holds; 0 for NULL, and for a handle from before a fork(). Since: 0.1 */
AFFLUX_API uint64_t afflux_shared_held(const afflux_shared *shared);

/** The limit now; 0 for NULL, and for a handle from before a fork(). Since: 0.1 */
AFFLUX_API uint64_t afflux_shared_limit(const afflux_shared *shared);

#ifdef __cplusplus
}
#endif

#endif
