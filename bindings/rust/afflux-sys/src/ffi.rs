// SPDX-License-Identifier: MIT OR Apache-2.0
// Made by generate.py of the C headers.
use core::ffi::c_void;
use core::marker::{PhantomData, PhantomPinned};
use core::sync::atomic::AtomicU64;
use std::os::raw::c_char;

/// What a call answers: one of the values below. Since: 0.1
pub type afflux_status = i32;

/// done
pub const AFFLUX_OK: afflux_status = 0;

/// queued; exactly one completion follows
pub const AFFLUX_PENDING: afflux_status = 1;

/// it would have to wait
pub const AFFLUX_EAGAIN: afflux_status = -1;

/// the time ran out
pub const AFFLUX_ETIMEDOUT: afflux_status = -2;

/// cancelled: afflux_wait_group_cancel()
pub const AFFLUX_ECANCELED: afflux_status = -3;

/// the semaphore is closed
pub const AFFLUX_ECLOSED: afflux_status = -4;

/// refused or dropped by a queue limit, or shed (chapter 7)
pub const AFFLUX_EREJECTED: afflux_status = -5;

/// too late, or done before
pub const AFFLUX_EALREADY: afflux_status = -6;

/// an argument is out of its range
pub const AFFLUX_EINVAL: afflux_status = -7;

/// more than is held, or a number too large
pub const AFFLUX_EOVERFLOW: afflux_status = -8;

/// in use: afflux_port_close(), afflux_control_create()
pub const AFFLUX_EBUSY: afflux_status = -9;

/// no memory
pub const AFFLUX_ENOMEM: afflux_status = -10;

/// not supported by this library, build or system
pub const AFFLUX_ENOTSUP: afflux_status = -11;

/// an operating-system call failed: afflux_last_os_error()
pub const AFFLUX_EOS: afflux_status = -12;

/// more permits than the limit: it could never be served
pub const AFFLUX_E2BIG: afflux_status = -13;

/// A time: no limit of its own. A request that names this, or a blocking
/// call, waits at most the semaphore's waiter_timeout_ns. Since: 0.1
pub const AFFLUX_FOREVER: i64 = -1;

/// Resolution of the timers of asynchronous requests, in nanoseconds. Since: 0.1
pub const AFFLUX_TIMER_TICK_NS: i64 = 1000000;

/// AFFLUX_THROUGHPUT: newcomers that may pass the first request. Since: 0.1
pub const AFFLUX_OVERTAKING_BOUND: u32 = 256;

/// Grants of higher priorities that may pass the first request of a lower
/// one. Since: 0.1
pub const AFFLUX_AGEING_BOUND: u32 = 64;

/// The published target and interval of shedding (chapter 7), in nanoseconds: 5 and 100 ms.
///
/// ```text
///  Since: 0.1
/// ```
pub const AFFLUX_SHED_TARGET_NS: i64 = 5000000;

pub const AFFLUX_SHED_INTERVAL_NS: i64 = 100000000;

/// what measurement recommends: INTRUSIVE
pub const AFFLUX_QUEUE_AUTO: u32 = 0;

/// a lock bit, and while it is taken a lock-free inbox of the
/// callers' own waiters; never allocates
pub const AFFLUX_QUEUE_INTRUSIVE: u32 = 1;

/// the inbox is a lock-free queue of pointers: a wait may allocate,
/// and waits for the lock where there is no memory
pub const AFFLUX_QUEUE_LOCKFREE: u32 = 2;

/// the inbox is an atomic slot for one newcomer, more wait for the
/// lock; never allocates
pub const AFFLUX_QUEUE_HYBRID: u32 = 3;

/// no inbox: each arrival waits for the lock; the yardstick; never
/// allocates
pub const AFFLUX_QUEUE_MUTEX: u32 = 4;

/// Who may go first (afflux_sem_options.fairness); chapter 7. Since: 0.1
pub const AFFLUX_FAIR: u32 = 0;

/// Who may go first (afflux_sem_options.fairness); chapter 7. Since: 0.1
pub const AFFLUX_THROUGHPUT: u32 = 1;

/// limits refuse no request: newcomers wait; they are
/// marks for afflux_sem_health()
pub const AFFLUX_OVERFLOW_SUSPEND: u32 = 0;

/// the newcomer is refused: AFFLUX_EREJECTED
pub const AFFLUX_OVERFLOW_DROP_NEWEST: u32 = 1;

/// the oldest request of the lowest priority present
/// completes with AFFLUX_EREJECTED, as many as it takes,
/// and the newcomer queues, whatever its own priority;
/// refused only if its cost alone is above the bound
pub const AFFLUX_OVERFLOW_DROP_OLDEST: u32 = 2;

/// the newcomer is refused: AFFLUX_EREJECTED
pub const AFFLUX_OVERFLOW_FAIL: u32 = 3;

/// AFFLUX_STATS_COUNTERS
pub const AFFLUX_STATS_DEFAULT: u32 = 0;

/// nothing: the fastest, and the only one in which permits may be
/// taken inline without escaping the statistics
pub const AFFLUX_STATS_OFF: u32 = 1;

/// totals, and how long the oldest request has waited: a plain
/// addition or two for each call
pub const AFFLUX_STATS_COUNTERS: u32 = 2;

/// histograms of wait and hold times, too: the clock is read for
/// each request that queues
pub const AFFLUX_STATS_FULL: u32 = 3;

/// afflux_request.priority; chapter 7. Since: 0.1
pub const AFFLUX_PRIORITY_LOW: u32 = 0;

/// default; blocking calls have it too
pub const AFFLUX_PRIORITY_NORMAL: u32 = 1;

/// afflux_request.priority; chapter 7. Since: 0.1
pub const AFFLUX_PRIORITY_HIGH: u32 = 2;

/// afflux_request.priority; chapter 7. Since: 0.1
pub const AFFLUX_PRIORITY_CRITICAL: u32 = 3;

/// Wait although more permits are asked for than the limit allows, now or
/// after a shrink: a later afflux_sem_resize() is expected. Such a request
/// holds back those behind it like any other that does not fit.
pub const AFFLUX_WAIT_FOR_RESIZE: u32 = 1;

/// Complete as a CQE of the caller's io_uring: afflux_waiter_prep_uring(). Neither wake, port
/// nor notify may be set. Not for queues, groups and permit tokens.
pub const AFFLUX_WAIT_FOR_URING: u32 = 2;

/// Complete by a notification by value: afflux_request.notify is called with ctx and user_data,
/// and neither wake nor port may be set. The waiter's memory is the caller's again as soon as
/// afflux_waiter_status() answers something other than AFFLUX_PENDING, or a cancel has returned,
/// whatever it answered; no thread waits for a notification to run for that. So an owner may end
/// at any moment (a future that is dropped): it cancels, and frees. Not for groups and
/// permit tokens, and not together with AFFLUX_WAIT_FOR_URING.
pub const AFFLUX_WAIT_FOR_NOTE: u32 = 4;

/// A semaphore: an opaque, reference-counted handle. Since: 0.1
#[repr(C)]
pub struct afflux_sem {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// A request that waited too long; see afflux_sem_options.slow_wait. Since: 0.1
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_slow_wait {
    /// set by the library
    pub struct_size: u32,
    /// AFFLUX_PRIORITY_…
    pub priority: u32,
    /// granted to it
    pub permits: u64,
    /// from queueing to grant; in steps of 1,024 ns
    pub wait_ns: i64,
    /// afflux_request.ctx; NULL for a blocked thread and for waits for several
    pub ctx: *mut c_void,
}

/// Told of a slow wait. Runs on the thread that made the grant, just before the request
/// completes (of a note: just before the note), with nothing internal held: it may call anything,
/// but what belongs to the request, and to others that were granted in the same call, must stay,
/// apart from the waiters of notes. The semaphore may be gone. It must not throw or longjmp.
/// What the function itself lets in is counted, and told to none. \`wait\` is valid for the call.
///
/// ```text
///  Since: 0.1
/// ```
pub type afflux_slow_wait_fn =
    Option<unsafe extern "C" fn(ctx: *mut c_void, wait: *const afflux_slow_wait)>;

/// How to create a semaphore. Fill by afflux_sem_options_init(). Since: 0.1
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_sem_options {
    /// sizeof(afflux_sem_options)
    pub struct_size: u32,
    /// AFFLUX_QUEUE_…; default AFFLUX_QUEUE_AUTO
    pub queue: u32,
    /// AFFLUX_FAIR (default) or AFFLUX_THROUGHPUT
    pub fairness: u32,
    /// AFFLUX_OVERFLOW_…; default AFFLUX_OVERFLOW_SUSPEND
    pub overflow: u32,
    /// the limit, 0 … 2^42 − 1; default 1. With 0 a request
    /// answers AFFLUX_E2BIG, or with AFFLUX_WAIT_FOR_RESIZE
    /// waits for afflux_sem_resize()
    pub permits: u64,
    /// bound on queued requests; 0 (default): none
    pub max_waiters: u64,
    /// bound on the sum of queued requests' cost_bytes;
    /// 0 (default): none
    pub max_queue_bytes: u64,
    /// longest wait of a request or blocking call whose own
    /// time is AFFLUX_FOREVER; \> 0, or AFFLUX_FOREVER (default)
    pub waiter_timeout_ns: i64,
    /// what afflux_sem_name() answers; UTF-8, copied; NULL (default): none
    pub name: *const c_char,
    /// AFFLUX_STATS_…; default AFFLUX_STATS_DEFAULT
    pub statistics: u32,
    /// how many holders of permit tokens are remembered for
    /// afflux_sem_visit_holders(), 0 … 65,536; default 0: no ledger
    pub ledger: u32,
    /// waits as long as this are told to slow_wait, 0 (default) or more; of
    /// no effect without slow_wait
    pub slow_wait_ns: i64,
    /// NULL (default): no function is called
    pub slow_wait: afflux_slow_wait_fn,
    /// passed to it; default NULL
    pub slow_wait_ctx: *mut c_void,
    /// longest wait while the queue stands, ns; 0 (default): no request is
    /// shed; chapter 7. AFFLUX_SHED_TARGET_NS is a good one
    pub shed_target_ns: i64,
    /// longest wait otherwise, and after how long a line that has not been
    /// empty is a queue that stands, ns; not below shed_target_ns; 0
    /// (default) without that; AFFLUX_SHED_INTERVAL_NS is a good one
    pub shed_interval_ns: i64,
    /// 1: while the queue stands, the newest request of a priority goes
    /// first; 0 (default): always the oldest. Not without
    /// shed_target_ns, nor with AFFLUX_THROUGHPUT
    pub adaptive_lifo: u32,
    /// 0
    pub reserved: u32,
}

/// A completion.
///
/// ```text
/// @param ctx     afflux_request.ctx
/// @param status  AFFLUX_OK (the permits are held), AFFLUX_ETIMEDOUT, AFFLUX_ECLOSED,
///                AFFLUX_EREJECTED (dropped by a queue limit) or AFFLUX_E2BIG (more than
///                the limit, by a shrink)
/// Chapter 8 tells where it runs and what it may do. Since: 0.1
/// ```
pub type afflux_wake_fn =
    Option<unsafe extern "C" fn(ctx: *mut c_void, status: afflux_status)>;

/// A notification by value: look at the waiter that these two words belong to, if it is still there
/// (afflux_waiter_status()). Comes exactly once for each AFFLUX_PENDING, unless a cancel has
/// answered AFFLUX_OK.
///
/// ```text
/// @param ctx        afflux_request.ctx
/// @param user_data  afflux_request.user_data
/// Runs where a wake function does (chapter 8), perhaps within one, never within another note. It
/// may make any call of this header that does not block, and must not block in another way: others
/// wait behind it. It must not longjmp; an exception or a pthread_exit() out of it ends the process.
/// Order: the outcome is set before it runs, by a sequentially consistent operation. An owner that
/// stores a word, and after a sequentially consistent fence still finds AFFLUX_PENDING, has stored
/// it before a sequentially consistent load of that word within the note.
/// Since: 0.1
/// ```
pub type afflux_notify_fn =
    Option<unsafe extern "C" fn(ctx: *mut c_void, user_data: u64)>;

/// Where requests complete for an event loop: see "Port". Since: 0.1
#[repr(C)]
pub struct afflux_port {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// What requests are accounted to: see afflux/client.h. Since: 0.1
#[repr(C)]
pub struct afflux_client {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// One of those who share a semaphore: see afflux/tenant.h. Since: 0.1
#[repr(C)]
pub struct afflux_tenant {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// What is asked for. Fill by afflux_request_init(). Since: 0.1
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_request {
    /// sizeof(afflux_request)
    pub struct_size: u32,
    /// AFFLUX_WAIT_FOR_…; default 0
    pub flags: u32,
    /// 1 … limit; default 1
    pub permits: u64,
    /// AFFLUX_PRIORITY_…; default AFFLUX_PRIORITY_NORMAL
    pub priority: u32,
    /// 0
    pub reserved: u32,
    /// counted against max_queue_bytes while queued; default 0
    pub cost_bytes: u64,
    /// longest wait; 0 never waits; default AFFLUX_FOREVER
    pub timeout_ns: i64,
    /// called once on completion; required without a port
    pub wake: afflux_wake_fn,
    /// passed to wake, or into the port; default NULL
    pub ctx: *mut c_void,
    /// complete there, and wake is not called; default NULL. The request
    /// counts as a reference until it has completed or is cancelled
    pub port: *mut afflux_port,
    /// into the port; default 0
    pub user_data: u64,
    /// it is accounted to; must live until it has completed, or is
    /// cancelled. Default NULL: none. Only in requests to a
    /// semaphore; elsewhere AFFLUX_EINVAL
    pub client: *mut afflux_client,
    /// copied into the ledger (afflux_sem_options.ledger) by
    /// afflux_sem_acquire_permit(), else ignored; default NULL: none
    pub tag: *const c_char,
    /// AFFLUX_WAIT_FOR_NOTE: called on completion; NULL (default) without
    /// that flag
    pub notify: afflux_notify_fn,
    /// whose request it is (tenant.h): a tenant of the same semaphore, to
    /// which the caller has a reference during the call; the last unref
    /// ends what queues. client is NULL then. Default NULL: none's. Only in requests to a semaphore;
    /// elsewhere AFFLUX_EINVAL
    pub tenant: *mut afflux_tenant,
}

/// A waiting request's memory: caller-owned, opaque, 128 bytes. It needs no
/// initialisation before afflux_sem_acquire_async(); zero it if cancel may be
/// called on it before. Put it on a 64-byte boundary for speed. It must not be
/// moved or copied while its request is pending. Since: 0.1
#[repr(C)]
pub struct afflux_waiter {
    pub opaque: [u64; 16],
}

/// Bytes of a waiter, from its beginning, that a request without a time limit uses: neither its
/// own nor the semaphore's waiter_timeout_ns. The library does not touch the others then, and
/// they need not be there. Since: 0.1
pub const AFFLUX_WAITER_UNTIMED_SIZE: usize = 88;

/// Linux: EVENTFD; with a handle KQUEUE or IOCP where there is that;
/// else PIPE, or AFFLUX_ENOTSUP on Windows
pub const AFFLUX_PORT_AUTO: u32 = 0;

/// Linux: a descriptor that becomes readable
pub const AFFLUX_PORT_EVENTFD: u32 = 1;

/// Linux: a CQE in the caller's io_uring
pub const AFFLUX_PORT_URING: u32 = 2;

/// macOS, BSD: an event of the caller's kqueue
pub const AFFLUX_PORT_KQUEUE: u32 = 3;

/// Windows: a packet of the caller's completion port
pub const AFFLUX_PORT_IOCP: u32 = 4;

/// a function of the caller's
pub const AFFLUX_PORT_CALLBACK: u32 = 5;

/// POSIX: a descriptor that becomes readable
pub const AFFLUX_PORT_PIPE: u32 = 6;

/// The loop promises to drain until 0 comes before each sleep. Then a completion that
/// comes while it handles others rings no bell, one of its own thread included. The kinds
/// that are polled by level do so without this.
pub const AFFLUX_PORT_DRAINS_ALL: u32 = 1;

/// URING: ring by a message to the ring (Linux 6.13) instead of a poll in it, where the
/// kernel can. \`handle\` is the ring's descriptor then. A ring that was made disabled
/// (IORING_SETUP_R_DISABLED) must be enabled before anything completes: it hears nothing.
pub const AFFLUX_PORT_MSG_RING: u32 = 2;

/// Wakes the caller's loop. Runs as a wake function does (chapter 8). Since: 0.1
pub type afflux_doorbell_fn =
    Option<unsafe extern "C" fn(ctx: *mut c_void)>;

/// How to create a port. Fill by afflux_port_options_init(). Since: 0.1
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_port_options {
    /// sizeof(afflux_port_options)
    pub struct_size: u32,
    /// AFFLUX_PORT_…; default AFFLUX_PORT_AUTO
    pub kind: u32,
    /// AFFLUX_PORT_DRAINS_ALL | AFFLUX_PORT_MSG_RING; default 0
    pub flags: u32,
    /// 0
    pub reserved: u32,
    /// URING with MSG_RING: the ring's descriptor, KQUEUE: the
    /// kqueue; IOCP: the completion port; else ignored; default −1.
    /// It must stay open during the call only: the port has a
    /// duplicate, which keeps a ring and its requests, say, until
    /// the port ends
    pub handle: isize,
    /// URING, KQUEUE, IOCP: of the doorbell's own event, by which it
    /// is known: unlike any other's; default 0
    pub user_data: u64,
    /// CALLBACK: what rings, and NULL for every other kind
    pub doorbell: afflux_doorbell_fn,
    /// passed to doorbell; default NULL
    pub ctx: *mut c_void,
}

/// One completion. Since: 0.1
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_completion {
    /// afflux_request.user_data
    pub user_data: u64,
    /// as afflux_wake_fn gets it
    pub status: afflux_status,
    /// afflux_request.ctx
    pub ctx: *mut c_void,
}

#[repr(C)]
pub struct io_uring_sqe {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

#[repr(C)]
pub struct io_uring_cqe {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// io_uring is there and allowed
pub const AFFLUX_URING_RINGS: u32 = 1;

/// a poll that goes on (5.13)
pub const AFFLUX_URING_MULTISHOT: u32 = 2;

/// messages to a ring from outside (6.13)
pub const AFFLUX_URING_MSG_RING: u32 = 4;

/// a wait on a futex as an entry (6.7)
pub const AFFLUX_URING_FUTEX: u32 = 8;

/// afflux_fastpath.reserved: the semaphore has statistics. With layout 3 what is done inline
/// is in the totals; with layout 2 it is not: make the calls. Since: 0.1
pub const AFFLUX_FASTPATH_COUNTED: u32 = 1;

/// What an uncontended acquire or release needs, so that a binding can do it by one
/// compare-and-swap in its own language. Its 64-bit words are to be read and written as atomics in
/// native byte order. Which layout a semaphore has never changes: 2 without statistics, 3 with
/// them.
///
/// layouts 2 and 3:
/// word   bits 20 … 63  permits available, a signed number: negative while in debt
/// bits 10 … 19  opaque; an exchange must leave them as it found them, but for the
/// counting of layout 3
/// bits  0 …  9  flags; any of them set: make the call instead
/// limit  permits that may be held
///
/// acquire(n), 1 ≤ n ≤ 2^42 − 1:
/// w = load word, acquire;  if (w & 0x3ff) call afflux_sem_try_acquire() or another;
/// if ((int64_t)w \>\> 20 \< n) call;
/// compare-and-swap word from w to w - (n \<\< 20), acquire on success and on failure; on
/// failure begin again with the value seen.
/// release(n), n ≥ 1:
/// w = load word, acquire;  if (w & 0x3ff) call afflux_sem_release();
/// l = load limit, after w; if (n \> l - ((int64_t)w \>\> 20)) call: fewer are held;
/// compare-and-swap word from w to w + (n \<\< 20), release on success, acquire on failure;
/// on failure begin again. After a success touch the block no more.
///
/// layout 3: bits 14 … 19 of the word count the acquires, so that statistics' totals are exact at
/// rest. An acquire changes them in the same exchange, and a release leaves them as they are:
/// bit 19 of w clear: exchange w for w - (n \<\< 20) + (1 \<\< 14)
/// bit 19 of w set:   exchange w for (w - (n \<\< 20)) & ~(0x3f \<\< 14), and after the success add
/// ((w \>\> 14) & 0x3f) + 1 to \`taken\`, release
/// and when it has succeeded, with v for what it put into the word:
/// n \> 1:                                   add n - 1 to \`beyond\`, relaxed
/// load limit - ((int64_t)v \>\> 20) \> peak:  call afflux_sem_note_peak(sem, v)
///
/// (Layout 1, of the library's first versions, counted what is held.)
///
/// ```text
/// Since: 0.1
/// ```
#[repr(C)]
pub struct afflux_fastpath {
    /// 2, 3: as above. Unknown to you, or 0: make the calls
    pub layout: u32,
    /// AFFLUX_FASTPATH_COUNTED, or 0
    pub reserved: u32,
    pub word: AtomicU64,
    pub limit: AtomicU64,
    /// layout 3: acquires by callers, but for those that the word counts
    pub taken: AtomicU64,
    /// layout 3: their permits beyond each one's first
    pub beyond: AtomicU64,
    /// layout 3: held at most, as far as callers need to know
    pub peak: AtomicU64,
}

/// Permits with an owner: released at most once however often and from however
/// many threads that is tried. Caller-owned, opaque. A token keeps its semaphore
/// alive until it is released, forgotten or merged away. Zeroed it is an empty
/// token. It must not be copied. Since: 0.1
#[repr(C)]
pub struct afflux_permit_token {
    pub opaque: [u64; 8],
}

/// An event: set by a notification, waited for by threads and requests. An opaque,
/// reference-counted handle.
///
/// Auto-reset: a wait takes the notification with it; several notifications while
/// no thread and no request waits count as one. Manual-reset: once set, every wait passes until
/// afflux_event_clear(). A notification that finds no waiter is remembered, and a
/// waiter that is cancelled or times out never takes one with it. Waiters are
/// served in the order of chapter 7 (AFFLUX_FAIR). Since: 0.1
#[repr(C)]
pub struct afflux_event {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// A condition variable for any lock: threads wait for a change of what the lock
/// guards. A notification that finds no waiter is not remembered. Waits end without a
/// notification only by their time limit, yet the condition may have changed again
/// before the lock is had: wait in a loop. Opaque, reference-counted. Since: 0.1
#[repr(C)]
pub struct afflux_cond {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// Locks or unlocks the caller's lock; must not fail, throw or longjmp. Since: 0.1
pub type afflux_lock_fn =
    Option<unsafe extern "C" fn(lock: *mut c_void)>;

/// The queue of waiters by itself, for those who build a primitive of their own: a
/// mutex, a channel, a latch. It holds no state but who waits. Opaque,
/// reference-counted. Since: 0.1
#[repr(C)]
pub struct afflux_queue {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// Whether there is nothing to wait for: 0 no, else yes. It may be called at any moment of
/// afflux_queue_add_waiter_if(), once; it must not use the waiter, but may make any other call,
/// on the queue too. Since: 0.1
pub type afflux_condition_fn =
    Option<unsafe extern "C" fn(ctx: *mut c_void) -> i32>;

/// One of several semaphores and events to wait for. Set the first three fields, for events
/// and semaphores alike; the rest is the library's and needs no initialisation. Caller-owned:
/// the library borrows the items, like a waiter, until the wait has ended; they must not be
/// moved, copied or changed meanwhile. Since: 0.1
#[repr(C)]
pub struct afflux_wait_item {
    /// wait for its permits; or NULL
    pub sem: *mut afflux_sem,
    /// wait for its signal; exactly one of both is not NULL
    pub event: *mut afflux_event,
    /// 1 … limit; 1 for an event
    pub permits: u64,
    pub opaque: [u64; 21],
}

/// A wait for several: caller-owned, opaque. It needs no initialisation before a call begins
/// it; zero it if afflux_wait_group_cancel() may be called on it before. It must not be moved
/// or copied while it waits. Since: 0.1
#[repr(C)]
pub struct afflux_wait_group {
    pub opaque: [u64; 16],
}

/// Items that one call takes at most. Since: 0.1
pub const AFFLUX_WAIT_ITEMS_MAX: usize = 64;

/// classes of requests
pub const AFFLUX_CLIENT_CLASSES: usize = 4;

/// pipelines of lines
pub const AFFLUX_CLIENT_PIPELINES: usize = 2;

/// status codes 400 … 599, and one slot for all others
pub const AFFLUX_CLIENT_RESPONSES: usize = 201;

/// How to create a client. Fill by afflux_client_options_init(). Since: 0.1
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_client_options {
    /// sizeof(afflux_client_options)
    pub struct_size: u32,
    /// 0
    pub reserved: u32,
    /// label in the exposition; UTF-8, copied; NULL (default): none
    pub name: *const c_char,
    /// The classes' names; NULL: "0" … "3", the default. Copied.
    pub classes: [*const c_char; AFFLUX_CLIENT_CLASSES],
    /// The pipelines' names; NULL: "0" and "1", the default. Copied.
    pub pipelines: [*const c_char; AFFLUX_CLIENT_PIPELINES],
    /// a lower speed is a stall once it has lasted for stall_after_ns;
    /// default 0.9; 0: never
    pub stall_speed: f64,
    /// default 5 s; 0: a low speed is a stall at once
    pub stall_after_ns: i64,
}

/// What a client has done. Since: 0.1
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_client_summary_t {
    /// sizeof(afflux_client_summary_t); 0: as of version 0.1
    pub struct_size: u32,
    /// 1: slower than stall_speed for stall_after_ns or longer
    pub stalled: u32,
    pub requests: [u64; AFFLUX_CLIENT_CLASSES],
    /// of all runs
    pub bytes: u64,
    /// afflux_client_begin_run()
    pub runs: u64,
    /// codes 400 … 499
    pub responses_4xx: u64,
    /// codes 500 … 599
    pub responses_5xx: u64,
    /// all others
    pub responses_other: u64,
    pub reconnections: u64,
    pub timeouts: u64,
    pub lines_read: [u64; AFFLUX_CLIENT_PIPELINES],
    pub lines_dropped: [u64; AFFLUX_CLIENT_PIPELINES],
    /// dropped / read of both pipelines, 0 … 1
    pub drop_rate: f64,
    /// the highest it has been
    pub peak_drop_rate: f64,
    /// as set last; 0 before
    pub speed: f64,
    /// as of the last afflux_client_set_position(); may be negative
    pub drift_ns: i64,
    /// the largest of this run, 0 at least
    pub max_drift_ns: i64,
    /// permits
    pub acquired: u64,
    /// requests that queued and have ended, however
    pub waits: u64,
    /// their waits
    pub wait_sum_ns: u64,
    /// the longest
    pub wait_max_ns: u64,
    /// requests that a queue limit refused or dropped
    pub rejected: u64,
    /// queued ones whose time ran out, and blocking calls with a time of 0
    pub timed_out: u64,
    pub canceled: u64,
    /// since the client was created; off by at most a tick of the system's clock,
    /// 1 … 16 ms
    pub uptime_ns: i64,
    /// 0; what later versions add comes here, so that the size stays
    pub later: [u64; 8],
}

/// What a semaphore has done since it was created. Since: 0.1
///
/// At rest, for a semaphore that counts, permits taken inline (afflux_sem_fastpath(), layout 3)
/// included:
///
/// acquired_fast + acquired_after_wait = released + held
/// (released is what was acquired and is no longer held: it is not counted by itself)
/// queued = waiters + granted + canceled + timed_out + dropped + closed_out + impossible
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_sem_stats {
    /// sizeof(afflux_sem_stats); 0: as of version 0.1
    pub struct_size: u32,
    /// AFFLUX_STATS_OFF, COUNTERS or FULL; with OFF the totals are 0
    pub statistics: u32,
    /// permits
    pub limit: u64,
    /// as afflux_sem_available()
    pub available: u64,
    /// permits
    pub held: u64,
    /// requests queued, blocked threads included; those that are arriving
    /// at this moment may be missing
    pub waiters: u64,
    /// sum of the queued requests' cost_bytes, modulo 2^64; as waiters
    pub queue_bytes: u64,
    /// how long the request that has queued longest has waited, 0 without
    /// one; too long by at most 1,024 ns and, with COUNTERS, a tick of the
    /// system's clock (1 … 16 ms); 0 with OFF
    pub oldest_wait_ns: i64,
    /// permits got without queueing, drained ones included
    pub acquired_fast: u64,
    /// permits got by requests that had queued
    pub acquired_after_wait: u64,
    /// requests that were not to wait and found no permits
    pub try_failed: u64,
    /// permits given back: acquired − held. The number never falls, so
    /// beside other calls it may be a moment late
    pub released: u64,
    /// queued requests that were cancelled, or that a group
    /// (afflux_wait_group) took back when it ended
    pub canceled: u64,
    /// queued requests whose time ran out
    pub timed_out: u64,
    /// newcomers that a queue limit refused
    pub rejected: u64,
    /// queued requests that a queue limit dropped (DROP_OLDEST), or that
    /// were shed
    pub dropped: u64,
    /// queued requests that a close ended
    pub closed_out: u64,
    /// changes of the limit, to the same number included
    pub resizes: u64,
    /// requests behind acquired_fast
    pub requests_fast: u64,
    /// requests behind acquired_after_wait
    pub granted: u64,
    /// queued requests for more than the limit, after a shrink
    pub impossible: u64,
    /// requests that have queued
    pub queued: u64,
    /// requests granted after a wait
    pub wait_count: u64,
    /// their waits together
    pub wait_sum_ns: u64,
    /// the longest
    pub wait_max_ns: u64,
    /// permit tokens (afflux_permit_token) that have been released
    pub hold_count: u64,
    pub hold_sum_ns: u64,
    pub hold_max_ns: u64,
    /// since the semaphore was created, to a tick of the system's clock
    pub age_ns: i64,
    /// the most permits held at once, looked at just after each take: a short
    /// overlap may be missed, and a permit that is given back just when a
    /// request is granted may count as held beside it. 0 with OFF
    pub peak_held: u64,
    /// the most requests queued at once; 0 with OFF
    pub peak_waiters: u64,
    /// of those dropped: for a wait too long (afflux_sem_options.shed_target_ns)
    pub shed: u64,
    /// 0; what later versions add comes here, so that the size stays
    pub later: [u64; 5],
}

/// Buckets of a histogram. Since: 0.1
pub const AFFLUX_HISTOGRAM_BUCKETS: usize = 624;

/// A histogram of times: log-linear, 16 buckets for each power of two from 32 ns up to 2^42 ns
/// (73 minutes), one for each nanosecond up to 32; longer times fall into the last. Bucket i holds
/// the times above afflux_histogram_bound(i - 1) up to and including afflux_histogram_bound(i), the
/// first one 0 and 1 ns. The middle of a bucket is off by at most 1/32 (3.1 %) of the time, and one
/// nanosecond. The layout is HdrHistogram's (G. Tene) with 16 sub-buckets, shifted by one.
///
/// ```text
/// Since: 0.1
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_histogram {
    /// sizeof(afflux_histogram); 0: as of version 0.1
    pub struct_size: u32,
    /// 0
    pub reserved: u32,
    /// times recorded
    pub count: u64,
    /// their sum
    pub sum_ns: u64,
    /// the longest
    pub max_ns: u64,
    pub buckets: [u64; AFFLUX_HISTOGRAM_BUCKETS],
}

/// What is too much. Fill by afflux_health_limits_init_sized(). Since: 0.1
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_health_limits {
    /// sizeof(afflux_health_limits)
    pub struct_size: u32,
    /// 0
    pub reserved: u32,
    /// more are too many; UINT64_MAX (default): never
    pub max_waiters: u64,
    /// more are too many; UINT64_MAX (default): never
    pub max_queue_bytes: u64,
    /// a longer oldest_wait_ns is too long; AFFLUX_FOREVER (default):
    /// never; needs statistics
    pub max_wait_ns: i64,
    /// a longer afflux_health.still_ns is an outage; default 5 s, also where
    /// struct_size ends before this field; AFFLUX_FOREVER: never; needs
    /// statistics. Choose it longer than regular work holds permits
    pub max_still_ns: i64,
}

/// max_waiters
pub const AFFLUX_HEALTH_WAITERS: u32 = 1;

/// max_queue_bytes
pub const AFFLUX_HEALTH_QUEUE_BYTES: u32 = 2;

/// max_wait_ns
pub const AFFLUX_HEALTH_WAIT: u32 = 4;

/// the semaphore is closed
pub const AFFLUX_HEALTH_CLOSED: u32 = 8;

/// more is held than the limit, after a shrink: told, but no
/// reason to be unhealthy
pub const AFFLUX_HEALTH_DEBT: u32 = 16;

/// max_still_ns: requests want permits, and none comes back:
/// permits are lost, or their holders hang
pub const AFFLUX_HEALTH_STANDSTILL: u32 = 32;

/// How a semaphore is. Since: 0.1
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_health {
    /// sizeof(afflux_health); 0: as of version 0.1, up to oldest_wait_ns
    pub struct_size: u32,
    /// 1, or 0: one of the reasons but AFFLUX_HEALTH_DEBT
    pub healthy: u32,
    /// AFFLUX_HEALTH_…, or-ed
    pub reasons: u32,
    /// 0
    pub reserved: u32,
    pub waiters: u64,
    pub queue_bytes: u64,
    pub oldest_wait_ns: i64,
    /// how long the semaphore has been found to stand still; 0: it moves, no
    /// request wants permits, or this call is the first that finds it so
    pub still_ns: i64,
    /// requests that have queued, were refused or had no time to wait, since a
    /// call first found the permits where they are now
    pub unserved: u64,
}

/// an opaque, reference-counted handle
#[repr(C)]
pub struct afflux_registry {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// Events per second. Since: 0.1
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_rates {
    /// permits got
    pub acquired: f64,
    /// permits given back
    pub released: f64,
    /// requests that queued
    pub queued: f64,
    /// rejected and dropped
    pub refused: f64,
    /// of clients, all classes
    pub requests: f64,
    /// of clients
    pub bytes: f64,
    /// responses 4xx and 5xx of clients
    pub errors: f64,
}

/// All that a registry has, together. Since: 0.1
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_registry_summary_t {
    /// sizeof(afflux_registry_summary_t); 0: as of version 0.1
    pub struct_size: u32,
    /// 0
    pub reserved: u32,
    /// in it now
    pub sems: u64,
    /// in it now
    pub clients: u64,
    /// Sums over the semaphores; the totals include those that have been removed. oldest_wait_ns,
    /// wait_max_ns and hold_max_ns are the largest of all. statistics, peak_held and peak_waiters are
    /// 0. age_ns is the registry's. The rates have what a semaphore had done before it was added as if
    /// it had done that when it was added.
    pub sem: afflux_sem_stats,
    /// Sums over the clients; the totals include those that have been removed. drop_rate is that of
    /// the sums; peak_drop_rate and wait_max_ns are the largest of all. Of the clients in the registry
    /// now, speed and drift_ns are averages, max_drift_ns is the largest, and stalled is how many are
    /// stalled. uptime_ns is the registry's.
    pub client: afflux_client_summary_t,
    /// Of the clients in it now, to a tick of the system's clock; 0 without any.
    pub min_uptime_ns: i64,
    /// Of the clients in it now, to a tick of the system's clock; 0 without any.
    pub max_uptime_ns: i64,
    /// Of the clients in it now, to a tick of the system's clock; 0 without any.
    pub average_uptime_ns: i64,
    /// since the registry was created
    pub since_start: afflux_rates,
    /// Since this struct was last filled; 0 at the first time. So every observer has its own.
    pub since_look: afflux_rates,
    /// when it was filled, from the registry's creation on; 0: never
    pub looked_at_ns: i64,
}

/// Sees one client of a registry. The client is borrowed for the call. 0: go on; else: stop.
pub type afflux_client_visitor =
    Option<unsafe extern "C" fn(ctx: *mut c_void, client: *mut afflux_client) -> i32>;

/// Sees one semaphore of a registry, likewise.
pub type afflux_sem_visitor =
    Option<unsafe extern "C" fn(ctx: *mut c_void, sem: *mut afflux_sem) -> i32>;

/// Prometheus text exposition format 0.0.4
pub const AFFLUX_EXPORT_PROMETHEUS: u32 = 0;

/// OpenMetrics 1.0
pub const AFFLUX_EXPORT_OPENMETRICS: u32 = 1;

/// Each client has series of its own, too. Without this flag only sums over all clients are
/// exported: the number of series is what Prometheus can bear least.
pub const AFFLUX_EXPORT_CLIENTS: u32 = 1;

/// What to export. Fill by afflux_export_options_init(). Since: 0.1
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_export_options {
    /// sizeof(afflux_export_options)
    pub struct_size: u32,
    /// AFFLUX_EXPORT_…; default AFFLUX_EXPORT_PROMETHEUS
    pub format: u32,
    /// AFFLUX_EXPORT_CLIENTS; default 0
    pub flags: u32,
    /// of each semaphore, that have series of their own, at most; default 10;
    /// 0: nothing of tenants is exported; UINT32_MAX: all are
    pub tenants: u32,
}

/// Takes a piece of text, not 0-terminated, in order. 0: go on; else: stop. Since: 0.1
pub type afflux_sink_fn =
    Option<unsafe extern "C" fn(ctx: *mut c_void, text: *const c_char, size: usize) -> i32>;

/// One holder of permits. Since: 0.1
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_holder {
    /// set by the library
    pub struct_size: u32,
    /// 0
    pub reserved: u32,
    /// afflux_permit_id()
    pub id: u64,
    pub permits: u64,
    /// since it was acquired, or adopted
    pub held_ns: i64,
    /// afflux_request.tag, or afflux_permit_adopt()'s, cut after 47 bytes; ""
    /// without one; valid for the call
    pub tag: *const c_char,
}

/// Sees one holder. 0: go on; else: stop.
pub type afflux_holder_visitor =
    Option<unsafe extern "C" fn(ctx: *mut c_void, holder: *const afflux_holder) -> i32>;

/// Steers the limit of a semaphore. Since: 0.1
#[repr(C)]
pub struct afflux_control {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// by what a little more in flight brings, which it tries all the
/// time: the limit goes a few per cent up and down \[1, 1000\]
pub const AFFLUX_CONTROL_DEFAULT: u32 = 0;

/// one more after a good request, a tenth less after a drop; as in
/// Netflix concurrency-limits \[20, 200\]
pub const AFFLUX_CONTROL_AIMD: u32 = 1;

/// by the queue that the least latency seen does not explain; as
/// in Netflix concurrency-limits \[1, 1000\]
pub const AFFLUX_CONTROL_VEGAS: u32 = 2;

/// by a long average of latencies over the latest; as in Netflix
/// concurrency-limits \[20, 200\]
pub const AFFLUX_CONTROL_GRADIENT2: u32 = 3;

/// by the latency of probes at a low limit, which is min; as
/// Envoy's adaptive concurrency filter \[3, 1000\]
pub const AFFLUX_CONTROL_GRADIENT: u32 = 4;

/// how many there are
pub const AFFLUX_CONTROL_ALGORITHMS: u32 = 5;

/// it was done; an error of its own counts as well
pub const AFFLUX_CONTROL_SERVED: u32 = 0;

/// overload ended it: its time ran out, or the server refused it
pub const AFFLUX_CONTROL_DROPPED: u32 = 1;

/// its latency says nothing: it failed early, came from a cache, was
/// cancelled
pub const AFFLUX_CONTROL_IGNORED: u32 = 2;

/// What the end of the last window did to the limit. Since: 0.1
pub const AFFLUX_CONTROL_KEPT: u32 = 0;

/// What the end of the last window did to the limit. Since: 0.1
pub const AFFLUX_CONTROL_RAISED: u32 = 1;

/// What the end of the last window did to the limit. Since: 0.1
pub const AFFLUX_CONTROL_LOWERED: u32 = 2;

/// no window has ended
pub const AFFLUX_CONTROL_BECAUSE_NONE: u32 = 0;

/// nothing calls for another limit
pub const AFFLUX_CONTROL_BECAUSE_STEADY: u32 = 1;

/// latency shows no queue
pub const AFFLUX_CONTROL_BECAUSE_ROOM: u32 = 2;

/// latency shows a queue
pub const AFFLUX_CONTROL_BECAUSE_QUEUE: u32 = 3;

/// requests were dropped, or took too long
pub const AFFLUX_CONTROL_BECAUSE_DROPS: u32 = 4;

/// too little of the limit was in use to judge it
pub const AFFLUX_CONTROL_BECAUSE_UNUSED: u32 = 5;

/// too few samples
pub const AFFLUX_CONTROL_BECAUSE_TOO_FEW: u32 = 6;

/// a probe began or ended
pub const AFFLUX_CONTROL_BECAUSE_PROBE: u32 = 7;

/// max keeps it from growing
pub const AFFLUX_CONTROL_BECAUSE_MAX: u32 = 8;

/// min keeps it from shrinking
pub const AFFLUX_CONTROL_BECAUSE_MIN: u32 = 9;

/// Called when a control has changed the limit.
///
/// Changes are told in order, one call at a time. It runs in afflux_control_sample(),
/// afflux_control_release(), afflux_control_resume() or afflux_control_create(), without anything
/// internal held but this: until it returns no other window of this control ends, and no call waits
/// for that. It may call anything in this header, on this control too: the last
/// afflux_control_unref() (not within afflux_control_create()) as well. An exception out of it ends
/// the process.
///
/// ```text
/// @param ctx     As given in the options.
/// @param before  The limit as it was, permits.
/// @param after   As it is, permits.
/// @param reason  One of AFFLUX_CONTROL_BECAUSE_….
/// Since: 0.1
/// ```
pub type afflux_control_change_fn =
    Option<unsafe extern "C" fn(ctx: *mut c_void, before: u64, after: u64, reason: u32)>;

/// How to create a control. Fill by afflux_control_options_init(). Since: 0.1
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_control_options {
    /// sizeof(afflux_control_options)
    pub struct_size: u32,
    /// AFFLUX_CONTROL_…; DEFAULT
    pub algorithm: u32,
    /// permits, 1 … max; 0 (default): the algorithm's, or max if less
    pub min: u64,
    /// permits, min … 2^42 − 1; 0 (default): the algorithm's, or min if
    /// more
    pub max: u64,
    /// permits, min … max; 0 (default): the semaphore's limit, brought within
    /// min and max. GRADIENT begins with a probe, at min, whatever it is
    pub initial: u64,
    /// of the jitter of DEFAULT, VEGAS and GRADIENT; any number, default 1
    pub seed: u64,
    /// how long a window lasts; 0 (default): with VEGAS and GRADIENT2 each
    /// request is one, as in the original without its WindowedLimit; 100 ms
    /// with GRADIENT. With AIMD each request is one, whatever it is
    pub window_ns: i64,
    /// AIMD: what took longer counts as dropped; 0 (default): 5 s
    pub timeout_ns: i64,
    /// GRADIENT: from probe to probe; 0 (default): 60 s
    pub probe_interval_ns: i64,
    /// told of each change of the limit; NULL (default): none
    pub on_change: afflux_control_change_fn,
    /// passed to on_change
    pub ctx: *mut c_void,
}

/// What a control knows, and what it has done. Since: 0.1
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_control_stats {
    /// sizeof(afflux_control_stats); 0: as of version 0.1
    pub struct_size: u32,
    /// AFFLUX_CONTROL_…
    pub algorithm: u32,
    /// 1: it is
    pub paused: u32,
    /// of the last window: AFFLUX_CONTROL_KEPT, RAISED, LOWERED
    pub decision: u32,
    /// for that: AFFLUX_CONTROL_BECAUSE_…
    pub reason: u32,
    /// 0
    pub reserved: u32,
    /// the semaphore's, now
    pub limit: u64,
    /// as in force
    pub min: u64,
    pub max: u64,
    /// the limit as the algorithm sees it, without rounding, bounds, and what it
    /// tries for one window
    pub center: f64,
    /// samples, those of pauses included, as all totals
    pub served: u64,
    pub dropped: u64,
    pub ignored: u64,
    /// of these, samples in no window, as their threads found other threads
    /// stopped inside a sample in each of 8 … 32 places
    pub missed: u64,
    /// that have ended
    pub windows: u64,
    /// changes of the limit by this control, the first one included
    pub raised: u64,
    pub lowered: u64,
    /// how long it lasted
    pub window_ns: i64,
    /// samples
    pub window_served: u64,
    /// samples
    pub window_dropped: u64,
    /// mean latency
    pub window_latency_ns: f64,
    /// mean of the permits held when a request of it ended
    pub window_in_flight: f64,
    /// requests served in a second
    pub window_throughput: f64,
    /// 0; what later versions add comes here, so that the size stays
    pub later: [u64; 8],
}

/// of one tenant. Since: 0.1
pub const AFFLUX_TENANT_MAX_WEIGHT: u32 = 65535;

/// A tenant's share. Fill by afflux_tenant_options_init(). Since: 0.1
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_tenant_options {
    /// sizeof(afflux_tenant_options)
    pub struct_size: u32,
    /// of permit-seconds, relative to the other tenants that wait; 1 …
    /// AFFLUX_TENANT_MAX_WEIGHT; default 1
    pub weight: u32,
    /// permits that come before all weights; 0 (default) … cap
    pub guaranteed: u64,
    /// permits that it holds at most; 0 (default): no cap. A request for more
    /// is answered, or completes, with AFFLUX_E2BIG, but for
    /// AFFLUX_WAIT_FOR_RESIZE, which waits for the cap, too
    pub cap: u64,
    /// requests that queue at most; another is answered with
    /// AFFLUX_EREJECTED. 0 (default): no limit but the semaphore's
    pub max_waiters: u64,
    /// label in the exposition; UTF-8, copied; NULL (default): none
    pub name: *const c_char,
}

/// What a tenant has, and has had. Since: 0.1
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct afflux_tenant_stats {
    /// sizeof(afflux_tenant_stats); 0: as of version 0.1
    pub struct_size: u32,
    pub weight: u32,
    /// permits
    pub guaranteed: u64,
    /// permits; 0: none
    pub cap: u64,
    /// 0: no limit of its own
    pub max_waiters: u64,
    /// permits, now
    pub held: u64,
    /// requests that queue now
    pub waiting: u64,
    /// how long a permit of it has been held lately, which the next requests are
    /// charged by; 0: none has been given back yet
    pub hold_ns: f64,
    /// permits
    pub acquired: u64,
    /// that got their permits
    pub requests: u64,
    /// of these, after a wait
    pub waits: u64,
    /// of these waits, ended by its guaranteed share
    pub by_guarantee: u64,
    /// of these waits; each is off by a tick of the system's clock, 1
    /// … 16 ms, unless the semaphore has AFFLUX_STATS_FULL
    pub wait_sum_ns: u64,
    /// the longest
    pub wait_max_ns: u64,
    /// afflux_tenant_try_acquire(), and a time of 0, with EAGAIN
    pub try_failed: u64,
    /// by a queue limit
    pub rejected: u64,
    pub timed_out: u64,
    pub canceled: u64,
    /// by a close, or as too big after a change
    pub ended: u64,
    /// what it has held: permits times seconds, until its last
    /// acquire or release
    pub used_permit_seconds: f64,
    /// 0; what later versions add comes here, so that the size
    /// stays
    pub later: [u64; 8],
}

extern "C" {
    /// The name and meaning of a status, in English.
    ///
    /// ```text
    /// @param status  Any value.
    /// @return static text, never NULL ("unknown status" for an unknown value).
    /// Since: 0.1
    /// ```
    pub fn afflux_strerror(status: afflux_status) -> *const c_char;

    /// The operating system's error number behind this thread's newest AFFLUX_EOS:
    /// errno, or GetLastError() for a port of the kind IOCP; 0 when there was none.
    ///
    /// ```text
    /// Since: 0.1
    /// ```
    pub fn afflux_last_os_error() -> i32;

    /// The library's version at run time: major \<\< 16 | minor \<\< 8 | patch. Since: 0.1
    pub fn afflux_version() -> u32;

    /// The library's version at run time as static text, for example "0.1.0". Since: 0.1
    pub fn afflux_version_string() -> *const c_char;

    /// Fill \`options\` with the defaults.
    ///
    /// ```text
    /// @return AFFLUX_OK      filled
    ///         AFFLUX_EINVAL  options is NULL
    /// Since: 0.1
    /// ```
    pub fn afflux_sem_options_init(options: *mut afflux_sem_options) -> afflux_status;

    /// Create a semaphore with all permits free.
    ///
    /// ```text
    /// @param options  Borrowed for the call.
    /// @param ret_sem  The handle, one reference; written on success only.
    /// @return AFFLUX_OK       created
    ///         AFFLUX_EINVAL   a pointer is NULL, an enumerator is unknown, permits is above
    ///                         2^42 − 1, waiter_timeout_ns is 0 or below AFFLUX_FOREVER, ledger is
    ///                         above 65,536, slow_wait_ns is negative, slow_wait is set with
    ///                         AFFLUX_STATS_OFF, shed_target_ns or shed_interval_ns is negative, the
    ///                         target is above the interval, the interval is set without a target,
    ///                         adaptive_lifo is neither 0 nor 1, or set without a target or with
    ///                         AFFLUX_THROUGHPUT, reserved is not 0, or struct_size is too short to
    ///                         be one
    ///         AFFLUX_ENOTSUP  the queue strategy is not in this library, or bytes beyond the
    ///                         known struct are not zero
    ///         AFFLUX_ENOMEM   no memory
    /// Owns:  the caller owes one afflux_sem_unref().
    /// Since: 0.1
    /// ```
    pub fn afflux_sem_create(options: *const afflux_sem_options, ret_sem: *mut *mut afflux_sem) -> afflux_status;

    /// One more reference. @return sem; NULL for NULL. Since: 0.1
    pub fn afflux_sem_ref(sem: *mut afflux_sem) -> *mut afflux_sem;

    /// Drop one reference. The last one closes the semaphore (waiting requests complete with
    /// AFFLUX_ECLOSED, on this thread or on the one that is at the line at this moment) and
    /// frees it. NULL is fine.
    ///
    /// ```text
    /// Threads: any number at once, from any callback too. The last one waits, and runs
    ///          completions, as afflux_sem_close().
    /// Since:   0.1
    /// ```
    pub fn afflux_sem_unref(sem: *mut afflux_sem);

    /// Close for good: every queued request completes with AFFLUX_ECLOSED, new
    /// acquires answer it. Permits that are held may still be released and counted.
    ///
    /// ```text
    /// @return AFFLUX_OK        closed; the queued requests complete before this call returns,
    ///                          or by the thread that is at the line at this moment
    ///         AFFLUX_EALREADY  it was closed before
    ///         AFFLUX_EINVAL    sem is NULL
    /// Threads: any number at once, from any callback too. It may wait, for a few instructions, for
    ///          a thread that is alone at the line (chapter 2). Runs the completions of those that it
    ///          ends, and no others.
    /// Order:   AFFLUX_ECLOSED happens after it.
    /// Since:   0.1
    /// ```
    pub fn afflux_sem_close(sem: *mut afflux_sem) -> afflux_status;

    /// Take \`n\` permits if they are free and, with AFFLUX_FAIR, no request queues
    /// (AFFLUX_THROUGHPUT: chapter 7).
    ///
    /// ```text
    /// @param n  Permits, 1 … afflux_sem_limit(sem).
    /// @return AFFLUX_OK       all n are held
    ///         AFFLUX_EAGAIN   none taken: too few are free, or others wait (AFFLUX_FAIR)
    ///         AFFLUX_ECLOSED  none taken: closed
    ///         AFFLUX_E2BIG    none taken: n is above the limit
    ///         AFFLUX_EINVAL   none taken: sem is NULL or n is 0
    /// Threads: any number at once. Never waits for permits. Where they are free and no request
    ///          queues it may wait, for a few instructions, for the thread that is at the line, and then
    ///          run completions that came meanwhile (chapter 8).
    /// Order:   AFFLUX_OK happens after the releases that supplied the permits.
    /// Owns:    the caller owes n permits to afflux_sem_release().
    /// Since:   0.1
    /// ```
    pub fn afflux_sem_try_acquire(sem: *mut afflux_sem, n: u64) -> afflux_status;

    /// Take \`n\` permits, blocking the calling thread for at most \`timeout_ns\`.
    ///
    /// ```text
    /// @param n           Permits, 1 … afflux_sem_limit(sem).
    /// @param timeout_ns  Nanoseconds; 0 never waits; AFFLUX_FOREVER waits as long as the
    ///                    semaphore's waiter_timeout_ns allows.
    /// @return AFFLUX_OK         all n are held
    ///         AFFLUX_ETIMEDOUT  none taken: the time ran out (also at once, for 0)
    ///         AFFLUX_ECLOSED    none taken: closed
    ///         AFFLUX_EREJECTED  none taken: a queue limit refused or dropped the request, or it was
    ///                           shed
    ///         AFFLUX_E2BIG      none taken: n is above the limit, or came to be by a shrink
    ///         AFFLUX_EINVAL     none taken: sem is NULL, n is 0, or timeout_ns is negative and not
    ///                           AFFLUX_FOREVER
    ///         AFFLUX_ENOMEM     reserved: a wait without memory queues all the same
    /// Threads: any number at once. May block. Before it sleeps it may run completions that came while
    ///          it was at the line; when its time runs out, those that its leaving lets in.
    /// Order:   AFFLUX_OK happens after the releases that supplied the permits.
    /// Owns:    the caller owes n permits to afflux_sem_release().
    /// Since:   0.1
    /// ```
    pub fn afflux_sem_acquire(sem: *mut afflux_sem, n: u64, timeout_ns: i64) -> afflux_status;

    /// Give \`n\` permits back and complete the requests that now fit. Any thread may
    /// release what another acquired. A thread that gets its permits may drop the last
    /// reference at once: this call does not depend on it after that moment.
    ///
    /// ```text
    /// @param n  Permits, 1 … what is held.
    /// @return AFFLUX_OK         given back
    ///         AFFLUX_EOVERFLOW  nothing changed: fewer than n are held
    ///         AFFLUX_EINVAL     nothing changed: sem is NULL or n is 0
    /// Threads: any number at once, from any callback too. It may wait, for a few instructions, for a
    ///          thread that is alone at the line (chapter 2), for no other. Where another thread
    ///          is at the line it leaves the permits to that one; else it runs the completions of those
    ///          that now fit, and of others that came meanwhile. Takes a short lock to disarm the time
    ///          limit of a request that it completes.
    /// Order:   happens before the acquires that its permits satisfy.
    /// Since:   0.1
    /// ```
    pub fn afflux_sem_release(sem: *mut afflux_sem, n: u64) -> afflux_status;

    /// Change the limit. Growth grants at once. A shrink below what is held leaves a
    /// debt, paid by releases; no permit is revoked. Queued requests for more than the
    /// new limit complete with AFFLUX_E2BIG unless AFFLUX_WAIT_FOR_RESIZE is set.
    ///
    /// ```text
    /// @param permits  The new limit, 0 … 2^42 − 1.
    /// @return AFFLUX_OK      changed (on a closed semaphore too; it stays closed)
    ///         AFFLUX_EINVAL  nothing changed: sem is NULL or permits is above 2^42 − 1
    /// Threads: any number at once; the last one to store wins. It may wait, for a few instructions,
    ///          for the thread that is at the line. Runs the completions of the requests that it lets in
    ///          or makes impossible, and no others.
    /// Since:   0.1
    /// ```
    pub fn afflux_sem_resize(sem: *mut afflux_sem, permits: u64) -> afflux_status;

    /// Take all permits that are free now, 0 of them while a request queues.
    ///
    /// ```text
    /// @param ret_n  How many the caller now holds, 0 … limit; written on success only.
    /// @return AFFLUX_OK       ret_n permits are held
    ///         AFFLUX_ECLOSED  none taken: closed
    ///         AFFLUX_EINVAL   none taken: a pointer is NULL
    /// Threads: as afflux_sem_try_acquire().
    /// Order:   as afflux_sem_try_acquire().
    /// Owns:    the caller owes ret_n permits to afflux_sem_release().
    /// Since:   0.1
    /// ```
    pub fn afflux_sem_drain(sem: *mut afflux_sem, ret_n: *mut u64) -> afflux_status;

    /// Take as many permits as are free, between \`min\` and \`max\`, in one step.
    ///
    /// ```text
    /// @param min    0 … limit. With 0 the answer is AFFLUX_OK whatever is free.
    /// @param max    min … 2^64 − 1, not 0.
    /// @param ret_n  How many the caller now holds, min … max; written on success only.
    /// @return AFFLUX_OK       ret_n permits are held
    ///         AFFLUX_EAGAIN   none taken: fewer than min are free, or others wait
    ///         AFFLUX_ECLOSED  none taken: closed
    ///         AFFLUX_E2BIG    none taken: min is above the limit
    ///         AFFLUX_EINVAL   none taken: a pointer is NULL, or max is 0 or below min
    /// Threads: as afflux_sem_try_acquire(). Overtakes no queued request, even with AFFLUX_THROUGHPUT.
    /// Order:   AFFLUX_OK happens after the releases that supplied the permits.
    /// Owns:    the caller owes ret_n permits to afflux_sem_release().
    /// Since:   0.1
    /// ```
    pub fn afflux_sem_try_acquire_up_to(sem: *mut afflux_sem, min: u64, max: u64, ret_n: *mut u64) -> afflux_status;

    /// Change the limit by a difference, in one step beside others who do so.
    ///
    /// ```text
    /// @param delta      Permits to add, or if negative to take away; 0 tells the limit.
    /// @param ret_limit  The new limit; written on success only; NULL: not wanted.
    /// @return AFFLUX_OK         changed, as by afflux_sem_resize()
    ///         AFFLUX_EOVERFLOW  nothing changed: the limit would be below 0 or above 2^42 − 1
    ///         AFFLUX_EINVAL     nothing changed: sem is NULL
    /// Threads: as afflux_sem_resize().
    /// Since:   0.1
    /// ```
    pub fn afflux_sem_resize_by(sem: *mut afflux_sem, delta: i64, ret_limit: *mut u64) -> afflux_status;

    /// Wait until the semaphore is idle, blocking the calling thread for at most \`timeout_ns\`: nothing
    /// is held and no request queues. Others may come in the next moment, unless they are kept out. To
    /// shut down:
    ///
    /// afflux_sem_close(sem);                        newcomers and those in line get AFFLUX_ECLOSED
    /// afflux_sem_wait_idle(sem, AFFLUX_FOREVER);    all permits have been given back
    /// afflux_sem_unref(sem);
    ///
    /// To let those in line through first, begin with afflux_sem_wait_idle() and keep newcomers out by
    /// other means. Permits that were forgotten (afflux_permit_forget()) count as held. The completion
    /// of the request whose leaving makes the semaphore idle may still be on its way when this call
    /// returns.
    ///
    /// ```text
    /// @param timeout_ns  Nanoseconds; 0 never waits; AFFLUX_FOREVER waits without limit: the
    ///                    semaphore's waiter_timeout_ns is for requests.
    /// @return AFFLUX_OK         it was idle at a moment during the call; on a closed semaphore, too
    ///         AFFLUX_ETIMEDOUT  the time ran out (also at once, for 0)
    ///         AFFLUX_ECLOSED    the last reference was dropped meanwhile
    ///         AFFLUX_EINVAL     sem is NULL, or timeout_ns is negative and not AFFLUX_FOREVER
    /// Threads: any number at once. May block. While such a call waits each release works on the line.
    ///          Runs completions that came while it was at the line.
    /// Order:   AFFLUX_OK happens after the releases that made it idle.
    /// Since:   0.1
    /// ```
    pub fn afflux_sem_wait_idle(sem: *mut afflux_sem, timeout_ns: i64) -> afflux_status;

    /// Whether afflux_sem_close() has been called: 1 or 0; 0 for NULL. Order: 1 happens after the
    /// close. Since: 0.1
    pub fn afflux_sem_is_closed(sem: *const afflux_sem) -> i32;

    /// The limit; 0 for NULL. Since: 0.1
    pub fn afflux_sem_limit(sem: *const afflux_sem) -> u64;

    /// Permits free now; 0 while in debt after a shrink, while a request queues, and for
    /// NULL. Counts on after a close, although no request is let in. Since: 0.1
    pub fn afflux_sem_available(sem: *const afflux_sem) -> u64;

    /// Permits held now; above the limit while in debt after a shrink; 0 for NULL. Since: 0.1
    pub fn afflux_sem_held(sem: *const afflux_sem) -> u64;

    /// Requests queued now, blocked threads included: exact when nothing is moving; 0 for
    /// NULL. Since: 0.1
    pub fn afflux_sem_waiters(sem: *const afflux_sem) -> u64;

    /// The strategy that the semaphore really uses, never AFFLUX_QUEUE_AUTO; 0 for NULL.
    ///
    /// ```text
    ///  Since: 0.1
    /// ```
    pub fn afflux_sem_queue(sem: *const afflux_sem) -> u32;

    /// The name given at creation, "" without one; valid while sem is; "" for NULL.
    ///
    /// ```text
    ///  Since: 0.1
    /// ```
    pub fn afflux_sem_name(sem: *const afflux_sem) -> *const c_char;

    /// Fill \`request\` with the defaults.
    ///
    /// ```text
    /// @return AFFLUX_OK      filled
    ///         AFFLUX_EINVAL  request is NULL
    /// Since: 0.1
    /// ```
    pub fn afflux_request_init(request: *mut afflux_request) -> afflux_status;

    /// sizeof(afflux_waiter) of the library, in bytes. Since: 0.1
    pub fn afflux_waiter_size() -> usize;

    /// The alignment that an afflux_waiter needs, in bytes; 64 is for speed only. Since: 0.1
    pub fn afflux_waiter_align() -> usize;

    /// Take permits now, or queue and complete later through request-\>wake.
    ///
    /// ```text
    /// @param request  Borrowed for the call; what it points to is copied.
    /// @param waiter   Borrowed by AFFLUX_PENDING until the wake function begins or a cancel answers
    ///                 AFFLUX_OK; with a note, a port or io_uring as the table at
    ///                 afflux_waiter_cancel() says.
    /// @return AFFLUX_OK         all permits are held; no completion follows, the waiter is free
    ///         AFFLUX_PENDING    queued: exactly one completion follows (perhaps before this
    ///                           call returns, mostly on another thread), or a cancel that
    ///                           answers AFFLUX_OK
    ///         AFFLUX_EAGAIN     timeout_ns is 0 and it would have to wait
    ///         AFFLUX_ECLOSED    closed, or it would have to wait for a port that is
    ///         AFFLUX_EREJECTED  refused by a queue limit
    ///         AFFLUX_E2BIG      permits is above the limit; with AFFLUX_WAIT_FOR_RESIZE: above
    ///                           2^42 − 1
    ///         AFFLUX_EINVAL     a pointer is NULL, permits is 0, an unknown flag or priority, a
    ///                           negative time other than AFFLUX_FOREVER, reserved is not 0, neither
    ///                           wake function nor port (with AFFLUX_WAIT_FOR_URING or
    ///                           AFFLUX_WAIT_FOR_NOTE: either), both of those flags, notify without
    ///                           AFFLUX_WAIT_FOR_NOTE or the flag without it, or struct_size is too
    ///                           short to be one
    ///         AFFLUX_ENOTSUP    AFFLUX_WAIT_FOR_URING on a kernel that cannot, or bytes beyond the
    ///                           known struct are not zero
    ///         AFFLUX_EOS        the timer thread could not be started (afflux_last_os_error()
    ///                           tells why; afflux_timers_manual(1) does without it)
    ///         AFFLUX_ENOMEM     reserved: a wait without memory queues all the same
    ///         After an error no completion follows and the waiter is free.
    /// Threads: any number at once, from any callback too. Never waits for permits and never allocates,
    ///          but for the start of the timer thread by the process' first request with a time limit,
    ///          and with AFFLUX_QUEUE_LOCKFREE. Takes a short lock to arm a time limit. Which threads
    ///          it may wait for, for a few instructions, depends on the queue: chapter 2. Runs
    ///          completions that came while it was at the line, and those that it drops.
    /// Order:   AFFLUX_OK, and a completion with it, happen after the releases that supplied
    ///          the permits.
    /// Owns:    with AFFLUX_OK, here or in the completion, the caller owes the permits to
    ///          afflux_sem_release().
    /// Since:   0.1
    /// ```
    pub fn afflux_sem_acquire_async(sem: *mut afflux_sem, request: *const afflux_request, waiter: *mut afflux_waiter) -> afflux_status;

    /// Wait until the semaphore is idle, as afflux_sem_wait_idle(), by a request: \`permits\` 1, no flags
    /// but AFFLUX_WAIT_FOR_NOTE and AFFLUX_WAIT_FOR_URING, no cost_bytes and no client.
    /// afflux_waiter_cancel() takes it back.
    ///
    /// ```text
    /// @return AFFLUX_OK       it is idle; no completion follows, the waiter is free
    ///         AFFLUX_PENDING  exactly one completion follows, or a cancel that answers AFFLUX_OK. Its
    ///                         status: AFFLUX_OK, AFFLUX_ETIMEDOUT, AFFLUX_ECLOSED (the last reference
    ///                         was dropped)
    ///         AFFLUX_EAGAIN   timeout_ns is 0 and it is not idle
    ///         AFFLUX_ECLOSED  it would have to wait for a port that is closed
    ///         AFFLUX_EINVAL, AFFLUX_ENOTSUP, AFFLUX_EOS
    ///                         as for afflux_sem_acquire_async(); EINVAL also for what is not allowed
    ///                         here
    /// The completion may come before that of the request whose leaving made it idle.
    /// Threads: any number at once. It may wait, for a few instructions, for the thread that is at the
    ///          line, and runs no completion.
    /// Order:   as afflux_sem_wait_idle().
    /// Owns:    nothing is owed; the waiter is borrowed as by afflux_sem_acquire_async().
    /// Since:   0.1
    /// ```
    pub fn afflux_sem_wait_idle_async(sem: *mut afflux_sem, request: *const afflux_request, waiter: *mut afflux_waiter) -> afflux_status;

    /// Take a queued request back.
    ///
    /// When its memory is free:
    ///
    /// answer           completes by   free
    /// AFFLUX_OK        anything       now
    /// AFFLUX_EALREADY  wake           when the wake function begins, or has begun
    /// notify         now; the notification has come, or comes
    /// port           when its completion has been drained
    /// io_uring       when its CQE has come, and afflux_waiter_status() tells the
    /// outcome
    ///
    /// After AFFLUX_EALREADY exactly one completion has come or comes, by itself:
    /// an AFFLUX_OK owns its permits, release them. Two calls answer it without that, for there is
    /// nothing to take back: on a waiter never used, or whose own call (afflux_sem_acquire_async())
    /// another thread has not begun, and while afflux_queue_add_waiter_if() asks its condition.
    ///
    /// ```text
    /// @param waiter  Its memory must stay valid until this call has returned. Never used
    ///                (and zeroed) or already finished is fine. If another request is queued in it
    ///                meanwhile, the call may take that one back.
    /// @return AFFLUX_OK        it will never complete and holds nothing. Those behind it that now fit
    ///                          have been granted
    ///         AFFLUX_EALREADY  it is not queued: it has completed or is completing
    ///         AFFLUX_EINVAL    waiter is NULL
    /// Threads: any number at once, from any callback too. O(1). It may wait, for a few instructions,
    ///          for the thread that is at the line, for the one that is just queueing this waiter or
    ///          about to tell its note, and for the timer's thread if its time runs out at this moment;
    ///          never for a callback. Runs the completions of the requests that its leaving lets in,
    ///          and no others.
    /// Since:   0.1
    /// ```
    pub fn afflux_waiter_cancel(waiter: *mut afflux_waiter) -> afflux_status;

    /// What has become of a request of any kind.
    ///
    /// ```text
    /// @return AFFLUX_PENDING   it is queued, or its completion has not begun (port: has not been
    ///                          drained)
    ///         AFFLUX_OK        the permits are held
    ///         AFFLUX_ECANCELED afflux_waiter_cancel() took it back
    ///         AFFLUX_ETIMEDOUT, AFFLUX_ECLOSED, AFFLUX_EREJECTED, AFFLUX_E2BIG
    ///                          as a completion carries them
    ///         AFFLUX_EINVAL    waiter is NULL, or has never been queued
    /// Threads: the owner of the waiter, after an answer of AFFLUX_PENDING from the call that queued
    ///          it and while its memory is there: with a wake function not after that has given the
    ///          memory back. For AFFLUX_WAIT_FOR_NOTE: with any other answer than AFFLUX_PENDING the
    ///          memory is free, whether the notification has come or not. Never waits, but for the
    ///          timer's thread where an io_uring's request has a time limit.
    /// Order:   an outcome happens after what caused it.
    /// Since:   0.1
    /// ```
    pub fn afflux_waiter_status(waiter: *mut afflux_waiter) -> afflux_status;

    /// Run the completions that wait for the wake function that calls this to return;
    /// see chapter 8. Outside of a wake function there are none. Within a wake function that such
    /// a call runs, another one leaves them to helpers instead, so that the stack does not grow.
    ///
    /// ```text
    /// @return how many this call ran, those included that they caused, or left to helpers; not those
    ///         that a wake function within left to helpers.
    /// Threads: concerns the calling thread alone.
    /// Since:   0.1
    /// ```
    pub fn afflux_completions_run() -> u64;

    /// Fill \`options\` with the defaults.
    ///
    /// ```text
    /// @return AFFLUX_OK      filled
    ///         AFFLUX_EINVAL  options is NULL
    /// Since: 0.1
    /// ```
    pub fn afflux_port_options_init(options: *mut afflux_port_options) -> afflux_status;

    /// Create a port.
    ///
    /// Where io_uring is forbidden altogether, URING becomes EVENTFD: afflux_port_kind() tells.
    /// On kernels before 5.13 URING's poll ends with each event and is armed again.
    ///
    /// ```text
    /// @param options   Borrowed for the call.
    /// @param ret_port  The new handle, one reference; written on success only.
    /// @return AFFLUX_OK       created
    ///         AFFLUX_EINVAL   a pointer is NULL, an unknown kind or flag, reserved is not 0, CALLBACK
    ///                         without doorbell or another kind with it, MSG_RING for another kind
    ///                         or without a ring's handle, KQUEUE or IOCP without a handle, or
    ///                         struct_size is too short to be one
    ///         AFFLUX_ENOTSUP  not a kind of this platform, or bytes beyond the known struct are
    ///                         not zero
    ///         AFFLUX_EOS      no descriptor to be had, or the handle is of something else, where it
    ///                         is not a ring's: afflux_last_os_error() tells why
    ///         AFFLUX_ENOMEM   no memory
    /// Owns:  the caller owes one afflux_port_unref().
    /// Since: 0.1
    /// ```
    pub fn afflux_port_create(options: *const afflux_port_options, ret_port: *mut *mut afflux_port) -> afflux_status;

    /// Add a reference. @return port; NULL for NULL. Threads: any number at once. Since: 0.1
    pub fn afflux_port_ref(port: *mut afflux_port) -> *mut afflux_port;

    /// Drop a reference; NULL is fine. With the last one the doorbell is closed, when no request
    /// is pending any more. May be called between two drains, also for a completion just drained.
    ///
    /// ```text
    ///  Threads: any number at once. Since: 0.1
    /// ```
    pub fn afflux_port_unref(port: *mut afflux_port);

    /// Close the port if nothing is on its way: requests that would have to wait for it answer
    /// AFFLUX_ECLOSED from now on.
    ///
    /// ```text
    /// @return AFFLUX_OK        closed; nothing is pending and nothing is left to drain
    ///         AFFLUX_EBUSY     nothing changed: requests are pending, or completions not drained, or
    ///                          a thread that has put one in is still on its way out (the caller
    ///                          itself, within its doorbell): try again
    ///         AFFLUX_EALREADY  it was closed before
    ///         AFFLUX_EINVAL    port is NULL
    /// Threads: the thread that drains.
    /// Since:   0.1
    /// ```
    pub fn afflux_port_close(port: *mut afflux_port) -> afflux_status;

    /// What the port really is: AFFLUX_PORT_…, never AUTO; 0 for NULL. Since: 0.1
    pub fn afflux_port_kind(port: *const afflux_port) -> u32;

    /// EVENTFD, PIPE: the descriptor to poll for reading; the library reads it. −1: there is none, and
    /// for NULL. With URING it is the one that afflux_port_prep_uring() polls, not for the caller.
    /// Valid while the port is. Since: 0.1
    pub fn afflux_port_handle(port: *const afflux_port) -> isize;

    /// Requests that wait, or whose completion is just being put in; an observation; 0 for NULL.
    ///
    /// ```text
    ///  Since: 0.1
    /// ```
    pub fn afflux_port_pending(port: *const afflux_port) -> u64;

    /// Completions that lie in the port and have not been drained; 0 for NULL. Takes longer the more
    /// there are. Threads: the one that drains. Since: 0.1
    pub fn afflux_port_undrained(port: *const afflux_port) -> u64;

    /// Take completions out, in the order in which they came.
    ///
    /// ```text
    /// @param out  Room for `max` completions.
    /// @return how many were written; 0 also for NULL or max 0. Less than `max`: that was all.
    /// Threads: one at a time. Never waits.
    /// Order:   what led to a completion happens before the drain that takes it out.
    /// Owns:    the caller owes the permits of each completion that is AFFLUX_OK.
    /// Since:   0.1
    /// ```
    pub fn afflux_port_drain(port: *mut afflux_port, out: *mut afflux_completion, max: usize) -> usize;

    /// What this kernel allows, asked once in each process; 0 elsewhere. Since: 0.1
    pub fn afflux_uring_features() -> u32;

    /// Fill an entry of the ring that is to hear the doorbell; submit it like any other, in the
    /// loop's thread. It stays armed when the port has gone: cancel it by its user_data, or it lasts
    /// as long as the ring.
    ///
    /// ```text
    /// @param sqe  All of it is written.
    /// @return AFFLUX_OK        filled; its CQEs carry the port's user_data
    ///         AFFLUX_EALREADY  nothing needs to be armed (MSG_RING): give the entry another use.
    ///                          Submitted it does nothing and leaves no CQE, by a flag after which
    ///                          the kernel refuses IOSQE_IO_DRAIN on that ring
    ///         AFFLUX_ENOTSUP   the port is not of the kind URING; the entry was not touched
    ///         AFFLUX_EINVAL    a pointer is NULL
    /// Since: 0.1
    /// ```
    pub fn afflux_port_prep_uring(port: *mut afflux_port, sqe: *mut io_uring_sqe) -> afflux_status;

    /// Look whether a CQE is the doorbell.
    ///
    /// ```text
    /// @return AFFLUX_OK      it is: drain
    ///         AFFLUX_EAGAIN  it is, and the last of its entry: fill another, and drain
    ///         AFFLUX_EINVAL  it is another's, the port is not of the kind URING, or a pointer is NULL
    /// Since: 0.1
    /// ```
    pub fn afflux_port_check_uring(port: *mut afflux_port, cqe: *const io_uring_cqe) -> afflux_status;

    /// The second way: one request, one CQE, by a wait of the kernel's on the waiter's own memory
    /// (Linux 6.7). Dearer than a port for the thread that completes it: a system call each.
    ///
    /// Fills the entry for a request that was queued with AFFLUX_WAIT_FOR_URING. Set the entry's
    /// user_data before, and its flags after this call, which writes all else; it may be linked to a
    /// timeout and be cancelled like any other. When its CQE has come, whatever its res,
    /// afflux_waiter_status() tells the outcome. Once submitted, the waiter's memory must stay valid
    /// until the CQE has come, and until afflux_waiter_status() has answered something other than
    /// AFFLUX_PENDING or afflux_waiter_cancel() AFFLUX_OK, which makes the CQE come.
    ///
    /// ```text
    /// @return AFFLUX_OK      filled; what has completed already completes the entry at once
    ///         AFFLUX_EINVAL  a pointer is NULL, or the waiter is of another request
    /// Threads: the owner of the ring.
    /// Since:   0.1
    /// ```
    pub fn afflux_waiter_prep_uring(waiter: *mut afflux_waiter, sqe: *mut io_uring_sqe) -> afflux_status;

    /// Choose who runs the timers of asynchronous requests: one thread, started when
    /// the first such request queues (default), or the caller's own event loop.
    ///
    /// ```text
    /// @param manual  1: nothing happens but in afflux_timers_advance(); 0: the thread.
    /// @return AFFLUX_OK      chosen
    ///         AFFLUX_EINVAL  manual is neither 0 nor 1
    ///         AFFLUX_EOS     the thread was needed and could not be started; nothing changed
    /// Threads: any number at once; the choice is the process'.
    /// Since:   0.1
    /// ```
    pub fn afflux_timers_manual(manual: i32) -> afflux_status;

    /// Complete the requests whose time has run out, on the calling thread.
    ///
    /// ```text
    /// @return nanoseconds until it should be called again (0: at once; also within a note that such
    ///         a call tells, where nothing is done), or AFFLUX_FOREVER while no request
    ///         has a time limit. A request that queues later may need an earlier call.
    /// Threads: any number at once, in both modes.
    /// Since:   0.1
    /// ```
    pub fn afflux_timers_advance() -> i64;

    /// The fast-path block of a semaphore.
    ///
    /// ```text
    /// @return valid while the semaphore is; NULL for NULL.
    /// Since: 0.1
    /// ```
    pub fn afflux_sem_fastpath(sem: *mut afflux_sem) -> *const afflux_fastpath;

    /// Note, for the statistics, that an acquire by the caller's own exchange has left more permits
    /// held than the block's \`peak\` says. The caller holds permits of the semaphore. Rare: each call
    /// raises \`peak\`.
    ///
    /// ```text
    /// @param sem   NULL: nothing happens. Without statistics: likewise.
    /// @param word  What the exchange put into the word.
    /// Threads: any number at once.
    /// Since:   0.1
    /// ```
    pub fn afflux_sem_note_peak(sem: *mut afflux_sem, word: u64);

    /// Acquire permits into a token, blocking for at most \`timeout_ns\`.
    ///
    /// ```text
    /// @param request     Borrowed; permits, priority, cost_bytes, client, tag and the flag
    ///                    AFFLUX_WAIT_FOR_RESIZE count; reserved must be 0; timeout_ns, wake, ctx,
    ///                    port, user_data and notify are ignored. NULL: one permit, normal priority.
    /// @param timeout_ns  As for afflux_sem_acquire().
    /// @param ret_permit  Written on success only. Empty or uninitialised: permits that it held
    ///                    before are lost.
    /// @return AFFLUX_OK         the token holds the permits
    ///         AFFLUX_ETIMEDOUT, AFFLUX_ECLOSED, AFFLUX_EREJECTED, AFFLUX_E2BIG, AFFLUX_EINVAL
    ///                           as for afflux_sem_acquire(); EINVAL also for a bad request
    ///         AFFLUX_ENOTSUP    bytes beyond the known request are not zero
    ///         AFFLUX_ENOMEM     reserved, as for afflux_sem_acquire()
    /// Owns:  the caller owes one afflux_permit_release() (or forget, or merge).
    /// Since: 0.1
    /// ```
    pub fn afflux_sem_acquire_permit(sem: *mut afflux_sem, request: *const afflux_request, timeout_ns: i64, ret_permit: *mut afflux_permit_token) -> afflux_status;

    /// Make a token of permits that the caller holds already, however they were got: by
    /// afflux_sem_try_acquire(), a wake function, a port, a coroutine. From now on they are the token's:
    /// it gives them back, counts its hold time from this call on, and stands in the ledger.
    ///
    /// ```text
    /// @param n           Permits, 1 … what the caller holds.
    /// @param ret_permit  As for afflux_sem_acquire_permit().
    /// @return AFFLUX_OK         the token holds the permits
    ///         AFFLUX_EOVERFLOW  fewer than n are held in all
    ///         AFFLUX_EINVAL     sem or ret_permit is NULL, or n is 0
    /// Owns:  the caller owes one afflux_permit_release() (or forget, or merge) instead of n permits.
    /// Since: 0.1
    /// ```
    pub fn afflux_permit_adopt(sem: *mut afflux_sem, n: u64, ret_permit: *mut afflux_permit_token) -> afflux_status;

    /// As afflux_permit_adopt(), under a tag in the ledger: copied; NULL: none. Since: 0.1
    pub fn afflux_permit_adopt_tagged(sem: *mut afflux_sem, n: u64, tag: *const c_char, ret_permit: *mut afflux_permit_token) -> afflux_status;

    /// Release all that the token holds.
    ///
    /// ```text
    /// @return AFFLUX_OK         the token is empty now, and its permits are given back
    ///         AFFLUX_EOVERFLOW  the token is empty now; fewer than its permits were held, for
    ///                           afflux_sem_release() has given some back by mistake. Those that
    ///                           were held are given back
    ///         AFFLUX_EALREADY   the token is empty
    ///         AFFLUX_EINVAL    permit is NULL
    /// Threads: any number at once on one token: exactly one does not get AFFLUX_EALREADY.
    /// Since:   0.1
    /// ```
    pub fn afflux_permit_release(permit: *mut afflux_permit_token) -> afflux_status;

    /// Move \`n\` permits of a token into a new one with an id of its own and the same
    /// time of acquisition.
    ///
    /// ```text
    /// @param n          1 … afflux_permit_count(permit) − 1.
    /// @param ret_other  The new token; written on success only. Empty or uninitialised: permits
    ///                   that it held before are lost.
    /// @return AFFLUX_OK        split
    ///         AFFLUX_EALREADY  the token is empty
    ///         AFFLUX_EINVAL    a pointer is NULL, both are the same, or n is out of range
    /// Threads: any number at once on one token.
    /// Since:   0.1
    /// ```
    pub fn afflux_permit_split(permit: *mut afflux_permit_token, n: u64, ret_other: *mut afflux_permit_token) -> afflux_status;

    /// Move all permits of \`other\` into \`permit\`, which keeps its id and its time of
    /// acquisition; \`other\` is then empty.
    ///
    /// ```text
    /// @return AFFLUX_OK        merged
    ///         AFFLUX_EALREADY  one of them is empty
    ///         AFFLUX_EINVAL    a pointer is NULL, both are the same, or their semaphores differ
    /// Threads: any number at once on one token.
    /// Since:   0.1
    /// ```
    pub fn afflux_permit_merge(permit: *mut afflux_permit_token, other: *mut afflux_permit_token) -> afflux_status;

    /// Permits that the token holds; 0 when empty and for NULL. Since: 0.1
    pub fn afflux_permit_count(permit: *const afflux_permit_token) -> u64;

    /// The token's number, unique in the process, never 0; 0 when empty and for NULL.
    ///
    /// ```text
    ///  Since: 0.1
    /// ```
    pub fn afflux_permit_id(permit: *const afflux_permit_token) -> u64;

    /// Nanoseconds since the token's permits were acquired; 0 when empty and for NULL.
    ///
    /// ```text
    ///  Since: 0.1
    /// ```
    pub fn afflux_permit_held_ns(permit: *const afflux_permit_token) -> i64;

    /// Empty the token without releasing: its permits stay counted as held until
    /// as many are given to afflux_sem_release(), or a resize makes up for them.
    ///
    /// ```text
    /// @return AFFLUX_OK        forgotten
    ///         AFFLUX_EALREADY  the token is empty
    ///         AFFLUX_EINVAL    permit is NULL
    /// Since: 0.1
    /// ```
    pub fn afflux_permit_forget(permit: *mut afflux_permit_token) -> afflux_status;

    /// Create an event that is not set.
    ///
    /// ```text
    /// @param manual_reset  0: auto-reset; 1: manual-reset.
    /// @param queue         How waiters are kept: AFFLUX_QUEUE_….
    /// @param ret_event     The new handle, one reference; written on success only.
    /// @return AFFLUX_OK       created
    ///         AFFLUX_EINVAL   ret_event is NULL, manual_reset is neither 0 nor 1, or queue unknown
    ///         AFFLUX_ENOTSUP  the queue strategy is not in this library
    ///         AFFLUX_ENOMEM   no memory
    /// Owns:  the caller owes one afflux_event_unref().
    /// Since: 0.1
    /// ```
    pub fn afflux_event_create(manual_reset: i32, queue: u32, ret_event: *mut *mut afflux_event) -> afflux_status;

    /// Add a reference. @return event; NULL for NULL. Threads: any number at once. Since: 0.1
    pub fn afflux_event_ref(event: *mut afflux_event) -> *mut afflux_event;

    /// Drop a reference; NULL is fine. The last one frees the event: who waits completes with
    /// AFFLUX_ECLOSED. Threads: as afflux_sem_unref(). Since: 0.1
    pub fn afflux_event_unref(event: *mut afflux_event);

    /// Wait until the event is set, blocking the calling thread for at most \`timeout_ns\`.
    ///
    /// ```text
    /// @param timeout_ns  Nanoseconds; 0 never waits; AFFLUX_FOREVER waits without limit.
    /// @return AFFLUX_OK         it was set; auto-reset: it no longer is
    ///         AFFLUX_ETIMEDOUT  the time ran out (also at once, for 0)
    ///         AFFLUX_ECLOSED    the last reference was dropped meanwhile
    ///         AFFLUX_EINVAL     event is NULL, or timeout_ns is negative and not AFFLUX_FOREVER
    ///         AFFLUX_ENOMEM     reserved, as for afflux_sem_acquire()
    /// Threads: any number at once. May block. Runs completions as afflux_sem_acquire().
    /// Order:   AFFLUX_OK happens after the notification.
    /// Since:   0.1
    /// ```
    pub fn afflux_event_wait(event: *mut afflux_event, timeout_ns: i64) -> afflux_status;

    /// Wait by a request: as afflux_sem_acquire_async(), with \`permits\` 1, no flags but
    /// AFFLUX_WAIT_FOR_NOTE and AFFLUX_WAIT_FOR_URING, no client, and no permits to give back.
    /// afflux_waiter_cancel() takes it back.
    ///
    /// ```text
    /// @return AFFLUX_OK       it was set; no completion follows, the waiter is free
    ///         AFFLUX_PENDING  queued: exactly one completion follows, or a cancel that answers
    ///                         AFFLUX_OK
    ///         AFFLUX_EAGAIN, AFFLUX_ECLOSED, AFFLUX_EINVAL, AFFLUX_ENOTSUP, AFFLUX_EOS,
    ///         AFFLUX_ENOMEM   as for afflux_sem_acquire_async(); EINVAL also for permits other
    ///                         than 1 and for other flags
    /// Owns:  the waiter's memory is borrowed as by afflux_sem_acquire_async().
    /// Since: 0.1
    /// ```
    pub fn afflux_event_wait_async(event: *mut afflux_event, request: *const afflux_request, waiter: *mut afflux_waiter) -> afflux_status;

    /// Notify one: the first waiter completes; without any the event is set.
    /// Manual-reset: the event is set, and all who wait complete.
    ///
    /// ```text
    /// @return AFFLUX_OK      notified, or set already
    ///         AFFLUX_EINVAL  event is NULL
    /// Threads: as afflux_sem_release(). Where the event is set already it may wait, for a few
    ///          instructions, for the thread that is at the line.
    /// Order:   happens before the waits that it ends, also where the event was set already.
    /// Since:   0.1
    /// ```
    pub fn afflux_event_notify_one(event: *mut afflux_event) -> afflux_status;

    /// Notify all: every waiter completes; without any the event is set.
    /// Manual-reset: as afflux_event_notify_one().
    ///
    /// ```text
    /// @return AFFLUX_OK      notified, or set already
    ///         AFFLUX_EINVAL  event is NULL
    /// Threads: any number at once, from any callback too. It may wait, for a few instructions, for the
    ///          thread that is at the line, never for a callback. Runs the completions of those that it
    ///          wakes.
    /// Order:   happens before the waits that it ends, also where the event was set already.
    /// Since:   0.1
    /// ```
    pub fn afflux_event_notify_all(event: *mut afflux_event) -> afflux_status;

    /// Wake all who wait now, and remember nothing: without a waiter nothing happens, and the event
    /// is set afterwards if it was before. A wait for several that ends without needing the signal gives
    /// it back, which sets an auto-reset event.
    ///
    /// ```text
    /// @return AFFLUX_OK      done
    ///         AFFLUX_EINVAL  event is NULL
    /// Threads: as afflux_event_notify_all().
    /// Order:   happens before the waits that it ends. Who waits later sees what the caller did before.
    /// Since:   0.1
    /// ```
    pub fn afflux_event_pulse(event: *mut afflux_event) -> afflux_status;

    /// Clear: the event is not set any more. Who waits goes on waiting.
    ///
    /// ```text
    /// @return AFFLUX_OK      cleared, or not set anyway
    ///         AFFLUX_EINVAL  event is NULL
    /// Threads: any number at once, from any callback too. It may wait, for a few instructions, for the
    ///          thread that is at the line, never for a callback.
    /// Since:   0.1
    /// ```
    pub fn afflux_event_clear(event: *mut afflux_event) -> afflux_status;

    /// 1: set at this moment; 0: not, and for NULL. Since: 0.1
    pub fn afflux_event_is_set(event: *const afflux_event) -> i32;

    /// Waiters now, blocked threads included: exact when nothing is moving; 0 for NULL. Since: 0.1
    pub fn afflux_event_waiters(event: *const afflux_event) -> u64;

    /// Create a condition.
    ///
    /// ```text
    /// @param queue     How waiters are kept: AFFLUX_QUEUE_….
    /// @param ret_cond  The new handle, one reference; written on success only.
    /// @return AFFLUX_OK, AFFLUX_EINVAL, AFFLUX_ENOTSUP, AFFLUX_ENOMEM  as afflux_event_create()
    /// Owns:  the caller owes one afflux_cond_unref().
    /// Since: 0.1
    /// ```
    pub fn afflux_cond_create(queue: u32, ret_cond: *mut *mut afflux_cond) -> afflux_status;

    /// Add a reference. @return cond; NULL for NULL. Since: 0.1
    pub fn afflux_cond_ref(cond: *mut afflux_cond) -> *mut afflux_cond;

    /// Drop a reference; NULL is fine. With the last one waits end with AFFLUX_ECLOSED. Since: 0.1
    pub fn afflux_cond_unref(cond: *mut afflux_cond);

    /// Wait for a notification: queue, unlock, sleep for at most \`timeout_ns\`, lock again.
    /// A thread that takes the lock after this one has let it go finds this one queued.
    ///
    /// ```text
    /// @param lock, unlock  Called with `lock_ctx`; unlock once, then lock once, on this thread.
    /// @param timeout_ns    Nanoseconds; 0 never waits; AFFLUX_FOREVER waits without limit.
    /// @return AFFLUX_OK         notified; the lock is held again
    ///         AFFLUX_ETIMEDOUT  the time ran out; the lock is held again. For 0 at once, without
    ///                           unlocking
    ///         AFFLUX_ECLOSED    the last reference was dropped; the lock is held again
    ///         AFFLUX_EINVAL     cond, lock or unlock is NULL, or timeout_ns is negative and not
    ///                           AFFLUX_FOREVER; the lock was not touched
    ///         AFFLUX_ENOMEM     reserved, as for afflux_sem_acquire()
    /// Threads: any number at once. May block.
    /// Since:   0.1
    /// ```
    pub fn afflux_cond_wait(cond: *mut afflux_cond, lock: afflux_lock_fn, unlock: afflux_lock_fn, lock_ctx: *mut c_void, timeout_ns: i64) -> afflux_status;

    /// Wake the first waiter, if there is one. @return AFFLUX_OK; AFFLUX_EINVAL: cond is NULL.
    ///
    /// ```text
    ///  Threads: as afflux_queue_wake_n(), with the lock or without. Since: 0.1
    /// ```
    pub fn afflux_cond_notify_one(cond: *mut afflux_cond) -> afflux_status;

    /// Wake all who wait now. @return AFFLUX_OK; AFFLUX_EINVAL: cond is NULL.
    ///
    /// ```text
    ///  Threads: as afflux_queue_wake_n(), with the lock or without. Since: 0.1
    /// ```
    pub fn afflux_cond_notify_all(cond: *mut afflux_cond) -> afflux_status;

    /// Threads that wait now: exact when nothing is moving; 0 for NULL. Since: 0.1
    pub fn afflux_cond_waiters(cond: *const afflux_cond) -> u64;

    /// Create a queue.
    ///
    /// ```text
    /// @param strategy   How waiters are kept: AFFLUX_QUEUE_….
    /// @param ret_queue  The new handle, one reference; written on success only.
    /// @return AFFLUX_OK, AFFLUX_EINVAL, AFFLUX_ENOTSUP, AFFLUX_ENOMEM  as afflux_event_create()
    /// Owns:  the caller owes one afflux_queue_unref().
    /// Since: 0.1
    /// ```
    pub fn afflux_queue_create(strategy: u32, ret_queue: *mut *mut afflux_queue) -> afflux_status;

    /// Add a reference. @return queue; NULL for NULL. Since: 0.1
    pub fn afflux_queue_ref(queue: *mut afflux_queue) -> *mut afflux_queue;

    /// Drop a reference; NULL is fine. With the last one all waiters complete with
    /// AFFLUX_ECLOSED. Since: 0.1
    pub fn afflux_queue_unref(queue: *mut afflux_queue);

    /// Queue a request unless the condition holds already. The condition is asked when the
    /// request has its place: a thread that makes it true and then wakes cannot be missed, without
    /// any lock. A wake that meets a request which then need not wait goes to the next one.
    ///
    /// ```text
    /// @param condition  Asked once, on this thread; NULL: it does not hold.
    /// @param request    As for afflux_sem_acquire_async(), with `permits` 1, no client, and no flag but
    ///                   AFFLUX_WAIT_FOR_NOTE.
    /// @param waiter     Borrowed from now on; yours again after any answer other than AFFLUX_PENDING,
    ///                   and after that answer as by afflux_sem_acquire_async().
    /// @return AFFLUX_OK       the condition holds: not queued, no completion follows
    ///         AFFLUX_PENDING  queued: exactly one completion follows (AFFLUX_OK: woken,
    ///                         AFFLUX_ETIMEDOUT, AFFLUX_ECLOSED), or a cancel that answers
    ///                         AFFLUX_OK
    ///         AFFLUX_EAGAIN   the condition does not hold, and timeout_ns is 0
    ///         AFFLUX_ECLOSED  the port is closed and timeout_ns is not 0; the condition was not asked
    ///         AFFLUX_EINVAL, AFFLUX_ENOTSUP, AFFLUX_EOS, AFFLUX_ENOMEM
    ///                         as for afflux_sem_acquire_async(); EINVAL also for permits other
    ///                         than 1, a client and other flags; the condition was not asked
    /// Threads: any number at once, from any callback too. Waits for others, and runs completions, as
    ///          afflux_sem_acquire_async(); where the condition holds also as afflux_waiter_cancel().
    /// Order:   a completion with AFFLUX_OK happens after the wake; AFFLUX_OK orders nothing
    ///          but what the condition itself does.
    /// Since:   0.1
    /// ```
    pub fn afflux_queue_add_waiter_if(queue: *mut afflux_queue, condition: afflux_condition_fn, condition_ctx: *mut c_void, request: *const afflux_request, waiter: *mut afflux_waiter) -> afflux_status;

    /// Complete the first waiter with AFFLUX_OK, if there is one.
    ///
    /// ```text
    ///  @return AFFLUX_OK; AFFLUX_EAGAIN: no request waits; AFFLUX_EINVAL: queue is NULL.
    ///  Threads: as afflux_queue_wake_n(). Since: 0.1
    /// ```
    pub fn afflux_queue_wake_one(queue: *mut afflux_queue) -> afflux_status;

    /// Complete the first \`n\` waiters with AFFLUX_OK, or as many as there are.
    ///
    /// ```text
    /// @param n          1 … 2^64 − 1.
    /// @param ret_woken  How many there were; NULL: not wanted.
    /// @return AFFLUX_OK      ret_woken were woken, perhaps 0
    ///         AFFLUX_EINVAL  queue is NULL or n is 0
    /// Threads: any number at once, from any callback too. It may wait, for a few instructions, for the
    ///          thread that is at the line, never for a callback. Runs the completions of those that it
    ///          wakes.
    /// Order:   happens before the completions. A request that is added later sees what the
    ///          caller did before.
    /// Since:   0.1
    /// ```
    pub fn afflux_queue_wake_n(queue: *mut afflux_queue, n: u64, ret_woken: *mut u64) -> afflux_status;

    /// Complete all who wait now with AFFLUX_OK. @return AFFLUX_OK; AFFLUX_EINVAL: queue is NULL.
    ///
    /// ```text
    ///  Threads: as afflux_queue_wake_n(). Since: 0.1
    /// ```
    pub fn afflux_queue_wake_all(queue: *mut afflux_queue) -> afflux_status;

    /// Waiters now: exact when nothing is moving; 0 for NULL. Since: 0.1
    pub fn afflux_queue_waiters(queue: *const afflux_queue) -> u64;

    /// Wait for any one of several, blocking the calling thread for at most \`timeout_ns\`. Exactly
    /// one item is taken. Of those that are free at once it is the first in the array; later, the
    /// one that comes first. The others are untouched: a request that stood in a queue has left
    /// it, and permits that came to it at the same moment have been given back; so has the signal
    /// of an auto-reset event, to the next who waits or to be remembered (a signal of
    /// afflux_event_notify_all(), too).
    ///
    /// ```text
    /// @param items       They may name one semaphore several times.
    /// @param count       1 … AFFLUX_WAIT_ITEMS_MAX.
    /// @param timeout_ns  As for afflux_sem_acquire(). AFFLUX_FOREVER: the shortest
    ///                    waiter_timeout_ns of the semaphores.
    /// @param ret_index   Which one: its place in the array; written with AFFLUX_OK only.
    /// @return AFFLUX_OK         the permits of items[*ret_index] are held, or its signal is taken
    ///         AFFLUX_ETIMEDOUT  nothing is held: the time ran out (also at once, for 0)
    ///         AFFLUX_ECLOSED    nothing is held: a semaphore was closed, before any item came
    ///         AFFLUX_EREJECTED  nothing is held: a queue limit refused or dropped a request
    ///                           before any item came
    ///         AFFLUX_E2BIG      nothing is held: an item's permits are above the limit, or came to be
    ///                           by a shrink
    ///         AFFLUX_EINVAL     nothing is held: a pointer is NULL, count is out of range, an item
    ///                           has both or none of sem and event, permits is 0, or not 1 for an
    ///                           event, or timeout_ns is negative and not AFFLUX_FOREVER
    ///         AFFLUX_ENOMEM     reserved, as for afflux_sem_acquire()
    ///         An item that is taken at once wins over an error of those behind it in the array,
    ///         but for AFFLUX_EINVAL, and for AFFLUX_E2BIG of an open semaphore (beside a closed one:
    ///         AFFLUX_ECLOSED). A closed one is closed whatever is asked of it.
    /// Threads: any number at once. May block. Runs others' completions. The items are the
    ///          caller's again when it returns. Waits by way of a completion, which other wake
    ///          functions on the thread that runs it may delay (chapter 8).
    /// Order:   AFFLUX_OK happens after the releases that supplied the permits.
    /// Owns:    the caller owes the permits to afflux_sem_release(); nothing for an event. A
    ///          reference of each item is held until the end.
    /// Since:   0.1
    /// ```
    pub fn afflux_acquire_any(items: *mut afflux_wait_item, count: usize, timeout_ns: i64, ret_index: *mut usize) -> afflux_status;

    /// The same without blocking: take an item now, or queue at all of them.
    ///
    /// ```text
    /// @param group      Borrowed, and so are the items, until the completion begins (with a port: has
    ///                   been drained), or until a cancel has answered AFFLUX_OK.
    /// @param request    Borrowed for the call. `permits` is ignored, the rest holds for each of the
    ///                   items: flags (not for events), priority, cost_bytes (counted by each
    ///                   semaphore), and for the whole: timeout_ns, wake, ctx, port, user_data.
    /// @param ret_index  Written with AFFLUX_OK only; NULL: afflux_wait_group_index() tells.
    /// @return AFFLUX_OK        items[*ret_index] is taken; no completion follows
    ///         AFFLUX_PENDING   exactly one completion follows (perhaps before this call returns),
    ///                          or a cancel that answers AFFLUX_OK. Its status: AFFLUX_OK
    ///                          (afflux_wait_group_index() tells which one), AFFLUX_ETIMEDOUT,
    ///                          AFFLUX_ECLOSED, AFFLUX_EREJECTED, AFFLUX_E2BIG or AFFLUX_ENOMEM
    ///                          as for afflux_acquire_any(), or AFFLUX_ECANCELED
    ///         AFFLUX_EAGAIN    timeout_ns is 0, and none is free
    ///         AFFLUX_ECLOSED, AFFLUX_EREJECTED, AFFLUX_E2BIG, AFFLUX_EINVAL, AFFLUX_ENOMEM
    ///                          as for afflux_acquire_any(); EINVAL also for a bad request
    ///         AFFLUX_ECANCELED another thread has cancelled the group during this call
    ///         AFFLUX_ETIMEDOUT the time ran out during this call
    ///         AFFLUX_ENOTSUP, AFFLUX_EOS
    ///                          as for afflux_sem_acquire_async()
    ///         After any answer other than AFFLUX_PENDING group and items are yours again; after an
    ///         error nothing is held.
    /// Threads: any number at once, each with a group and items of its own. Never waits for
    ///          permits. Runs others' completions. Its own runs as chapter 8 says, within a call
    ///          on any of the items.
    /// Order:   as for afflux_acquire_any().
    /// Owns:    as for afflux_acquire_any(). Unlike other requests, a group that waits has a
    ///          reference of each item.
    /// Since:   0.1
    /// ```
    pub fn afflux_acquire_any_async(group: *mut afflux_wait_group, items: *mut afflux_wait_item, count: usize, request: *const afflux_request, ret_index: *mut usize) -> afflux_status;

    /// Wait for all of several, blocking the calling thread for at most \`timeout_ns\`: all of them
    /// are held in the end, or none. They are acquired one after the other, each by a place in its
    /// queue, in ascending order of their handles' addresses, whatever the order of the array: calls
    /// of this kind never wait for each other in a circle, and neither does a thread that acquires by
    /// single calls in that order. While it waits for one it holds those
    /// before, and watches all: an item that is closed, or whose limit shrinks below its share (but with
    /// AFFLUX_WAIT_FOR_RESIZE), ends the wait for all. Closed counts first: where an item is closed at
    /// the beginning the answer is AFFLUX_ECLOSED, whatever else is true of the others. Not to be called
    /// while holding permits that another such call may wait for.
    ///
    /// ```text
    /// @param items       A semaphore that is named several times is acquired once, with the sum of
    ///                    the permits.
    /// @param count       1 … AFFLUX_WAIT_ITEMS_MAX.
    /// @param timeout_ns  For the whole; as for afflux_acquire_any().
    /// @return AFFLUX_OK         the permits of all items are held
    ///         AFFLUX_ETIMEDOUT, AFFLUX_EREJECTED, AFFLUX_ENOMEM
    ///                           nothing is held any more: as for afflux_sem_acquire(), for one
    ///                           of them
    ///         AFFLUX_ECLOSED    nothing is held any more: one of them is closed, or was while this
    ///                           call waited at another
    ///         AFFLUX_E2BIG      nothing is held: the sum of what is asked for of one semaphore is above
    ///                           its limit, or came to be by a shrink while this call waited at another
    ///         AFFLUX_EINVAL     nothing is held: as for afflux_acquire_any(); also if an event is named
    ///                           twice
    /// Threads: as for afflux_acquire_any().
    /// Order:   AFFLUX_OK happens after the releases that supplied the permits.
    /// Owns:    the caller owes the permits of every item to afflux_sem_release(). A reference of
    ///          each item is held until the end.
    /// Since:   0.1
    /// ```
    pub fn afflux_acquire_all(items: *mut afflux_wait_item, count: usize, timeout_ns: i64) -> afflux_status;

    /// The same without blocking: take all now, or complete later through request-\>wake.
    ///
    /// ```text
    /// @param group, request  As for afflux_acquire_any_async(). cost_bytes counts at one semaphore
    ///                        at a time: the one whose turn it is.
    /// @return AFFLUX_OK        all are held; no completion follows
    ///         AFFLUX_PENDING   exactly one completion follows, or a cancel that answers AFFLUX_OK.
    ///                          Its status: AFFLUX_OK (all are held) or, with nothing held,
    ///                          AFFLUX_ETIMEDOUT, AFFLUX_ECLOSED, AFFLUX_EREJECTED, AFFLUX_E2BIG,
    ///                          AFFLUX_ENOMEM, AFFLUX_EOS or AFFLUX_ECANCELED
    ///         AFFLUX_EAGAIN    timeout_ns is 0, and not all are free
    ///         AFFLUX_ECLOSED, AFFLUX_EREJECTED, AFFLUX_E2BIG, AFFLUX_EINVAL, AFFLUX_ENOMEM
    ///                          as for afflux_acquire_all(); EINVAL also for a bad request
    ///         AFFLUX_ECANCELED, AFFLUX_ETIMEDOUT, AFFLUX_ENOTSUP, AFFLUX_EOS
    ///                          as for afflux_acquire_any_async()
    /// Threads: as for afflux_acquire_any_async().
    /// Order:   as for afflux_acquire_all().
    /// Owns:    as for afflux_acquire_all(). A group that waits has a reference of each item.
    /// Since:   0.1
    /// ```
    pub fn afflux_acquire_all_async(group: *mut afflux_wait_group, items: *mut afflux_wait_item, count: usize, request: *const afflux_request) -> afflux_status;

    /// End a wait for several.
    ///
    /// ```text
    /// @param group  Its memory and that of its items must stay valid, and not be used for
    ///               another wait, until this call has returned. Never used (and zeroed) or
    ///               already finished is fine.
    /// @return AFFLUX_OK        it will never complete and holds nothing; the memory is free
    ///         AFFLUX_EALREADY  it has ended or ends soon, without waiting for permits: the
    ///                          completion, or the answer of the call that is beginning it, is the
    ///                          one that was coming, or AFFLUX_ECANCELED
    ///         AFFLUX_EINVAL    group is NULL
    /// Threads: any number at once, from any callback too. It waits for others, at each of the items,
    ///          as afflux_waiter_cancel(), never for a callback. Runs the completions of the requests
    ///          that its leaving lets in.
    /// Since:   0.1
    /// ```
    pub fn afflux_wait_group_cancel(group: *mut afflux_wait_group) -> afflux_status;

    /// The item that afflux_acquire_any_async() has taken: its place in the array.
    ///
    /// ```text
    /// @return valid once the group has completed with AFFLUX_OK; 0 for NULL.
    /// Since: 0.1
    /// ```
    pub fn afflux_wait_group_index(group: *const afflux_wait_group) -> usize;

    /// Fill \`options\` with the defaults. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1
    pub fn afflux_client_options_init(options: *mut afflux_client_options) -> afflux_status;

    /// Create a client, everything at 0.
    ///
    /// ```text
    /// @param options     NULL: the defaults.
    /// @param ret_client  One reference; written on success only.
    /// @return AFFLUX_OK       created
    ///         AFFLUX_EINVAL   ret_client is NULL, reserved is not 0, stall_speed is negative or not a
    ///                         number, stall_after_ns is negative, or struct_size is too short
    ///         AFFLUX_ENOTSUP  bytes beyond the known struct are not zero
    ///         AFFLUX_ENOMEM   no memory
    /// Owns:  the caller owes one afflux_client_unref().
    /// Since: 0.1
    /// ```
    pub fn afflux_client_create(options: *const afflux_client_options, ret_client: *mut *mut afflux_client) -> afflux_status;

    /// One more reference. @return client; NULL for NULL. Since: 0.1
    pub fn afflux_client_ref(client: *mut afflux_client) -> *mut afflux_client;

    /// Drop one reference; the last one frees. NULL is fine. Since: 0.1
    pub fn afflux_client_unref(client: *mut afflux_client);

    /// The name given at creation, "" without one; valid while client is; "" for NULL. Since: 0.1
    pub fn afflux_client_name(client: *const afflux_client) -> *const c_char;

    /// Count \`n\` requests of a class, 0 … 3; EINVAL for another.
    pub fn afflux_client_count_requests(client: *mut afflux_client, request_class: u32, n: u64) -> afflux_status;

    /// Count bytes.
    pub fn afflux_client_count_bytes(client: *mut afflux_client, n: u64) -> afflux_status;

    /// Set the bytes of the current run, as known from a source that counts from 0 in each run (a child
    /// process, say). \`bytes\` replaces the number that was set before, even a larger one; the bytes
    /// counted by afflux_client_count_bytes() are added to it.
    pub fn afflux_client_set_run_bytes(client: *mut afflux_client, bytes: u64) -> afflux_status;

    /// Begin a run: the bytes of the run before stay counted; bytes, speed, position and drift of the
    /// new run begin at 0. Until the first call the run is taken to have begun with the client; that
    /// call counts in afflux_client_summary_t.runs like every other. A number that another thread sets
    /// at the same moment may go to either run.
    pub fn afflux_client_begin_run(client: *mut afflux_client) -> afflux_status;

    /// Count a response. 400 … 599 have a slot each, all others share one.
    pub fn afflux_client_count_response(client: *mut afflux_client, code: u32) -> afflux_status;

    /// Count a reconnection.
    pub fn afflux_client_count_reconnection(client: *mut afflux_client) -> afflux_status;

    /// Count a timeout.
    pub fn afflux_client_count_timeout(client: *mut afflux_client) -> afflux_status;

    /// Count lines of a pipeline, 0 or 1 (EINVAL for another): \`read\` that arrived, \`dropped\` of
    /// them that were thrown away (EINVAL for more than read). Follows the peak of the drop rate.
    pub fn afflux_client_count_lines(client: *mut afflux_client, pipeline: u32, read: u64, dropped: u64) -> afflux_status;

    /// Set how fast the client runs, 1 being as fast as it should; EINVAL for a negative speed and NaN.
    /// A stall counts from the first call with too low a speed until a call with one that is high
    /// enough, or until a run begins.
    pub fn afflux_client_set_speed(client: *mut afflux_client, speed: f64) -> afflux_status;

    /// Set how far the client has come in the current run, ns; EINVAL for a negative position. The
    /// drift is by how much the position lags behind the time since the run began.
    pub fn afflux_client_set_position(client: *mut afflux_client, position_ns: i64) -> afflux_status;

    /// Set struct_size, and the rest to 0. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1
    pub fn afflux_client_summary_init(summary: *mut afflux_client_summary_t) -> afflux_status;

    /// Read a client's counters.
    ///
    /// ```text
    /// @param ret_summary  As ret_stats of afflux_sem_get_stats().
    /// @return AFFLUX_OK, or AFFLUX_EINVAL: a pointer is NULL, or struct_size is too short
    /// Threads: any number at once. Never waits, never slows a writer, never allocates.
    /// Since:   0.1
    /// ```
    pub fn afflux_client_summary(client: *const afflux_client, ret_summary: *mut afflux_client_summary_t) -> afflux_status;

    /// How many responses had that code; for one outside of 400 … 599 all such. 0 for NULL.
    ///
    /// ```text
    ///  Since: 0.1
    /// ```
    pub fn afflux_client_responses(client: *const afflux_client, code: u32) -> u64;

    /// Set struct_size, and the rest to 0.
    ///
    /// ```text
    /// @return AFFLUX_OK, or AFFLUX_EINVAL: stats is NULL
    /// Since: 0.1
    /// ```
    pub fn afflux_sem_stats_init(stats: *mut afflux_sem_stats) -> afflux_status;

    /// Read the statistics of a semaphore.
    ///
    /// ```text
    /// @param ret_stats  Only struct_size is read. Written on success only, as far as it reaches;
    ///                   struct_size then tells how many bytes were.
    /// @return AFFLUX_OK      read
    ///         AFFLUX_EINVAL  a pointer is NULL, or struct_size is neither 0 nor at least that of
    ///                        version 0.1
    /// Threads: any number at once. Never waits, never slows a writer, never allocates.
    /// Since:   0.1
    /// ```
    pub fn afflux_sem_get_stats(sem: *const afflux_sem, ret_stats: *mut afflux_sem_stats) -> afflux_status;

    /// How long the requests waited that were granted after they had queued.
    ///
    /// ```text
    /// @return AFFLUX_OK       read
    ///         AFFLUX_ENOTSUP  the semaphore was not created with AFFLUX_STATS_FULL
    ///         AFFLUX_EINVAL   a pointer is NULL, or struct_size is not as in afflux_sem_get_stats()
    /// Threads: as afflux_sem_get_stats().
    /// Since:   0.1
    /// ```
    pub fn afflux_sem_wait_times(sem: *const afflux_sem, ret_times: *mut afflux_histogram) -> afflux_status;

    /// How long permit tokens (afflux_permit_token) were held until they were released; plain permits
    /// have no identity and are not in it. Otherwise as afflux_sem_wait_times(). Since: 0.1
    pub fn afflux_sem_hold_times(sem: *const afflux_sem, ret_times: *mut afflux_histogram) -> afflux_status;

    /// About the time that a share \`quantile\` of those recorded did not exceed: the middle of the
    /// bucket that it is in.
    ///
    /// ```text
    /// @param quantile  0 … 1; 0.99 for the 99th percentile. Outside of that, and NaN: as the
    ///                  nearer end, NaN as 1.
    /// @return nanoseconds, the middle of the bucket, never above max_ns; 0 when nothing was
    ///         recorded, and for NULL
    /// Since: 0.1
    /// ```
    pub fn afflux_histogram_quantile(histogram: *const afflux_histogram, quantile: f64) -> u64;

    /// The longest time in bucket \`index\`, ns; UINT64_MAX for the last one and beyond. Since: 0.1
    pub fn afflux_histogram_bound(index: u32) -> u64;

    /// Fill \`limits\` with the defaults, up to max_wait_ns, as struct_size then tells: max_still_ns is
    /// not written, and not read either. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1
    pub fn afflux_health_limits_init(limits: *mut afflux_health_limits) -> afflux_status;

    /// Fill all of \`limits\` with the defaults.
    ///
    /// ```text
    /// @param size  sizeof(afflux_health_limits) of the caller; struct_size tells it.
    /// @return AFFLUX_OK      filled
    ///         AFFLUX_EINVAL  limits is NULL, or size is below that of version 0.1 (up to max_wait_ns)
    /// Since: 0.1
    /// ```
    pub fn afflux_health_limits_init_sized(limits: *mut afflux_health_limits, size: u32) -> afflux_status;

    /// Compare queue, memory, age and movement with limits.
    ///
    /// A semaphore stands still while permits are held, requests wait or are refused, and no permit is
    /// acquired or released. A request that was refused, or has left, counts for 5 s. Each call compares
    /// the semaphore with what the call before saw, whichever thread made that; acquires and releases
    /// record nothing for it. A standstill begins with the first call that finds a request unserved and
    /// nothing moved since the call before. So make the call at regular intervals, shorter than
    /// max_still_ns. Overload is no standstill, however many requests are refused, as long as permits
    /// come back.
    ///
    /// ```text
    /// @param limits      NULL: what the semaphore was created with: max_waiters and max_queue_bytes
    ///                    (unless 0), also with AFFLUX_OVERFLOW_SUSPEND, and waiter_timeout_ns; and the
    ///                    default max_still_ns.
    /// @param ret_health  Only struct_size is read. Written on success only, as far as it reaches;
    ///                    struct_size then tells how many bytes were.
    /// @return AFFLUX_OK       told; healthy or not
    ///         AFFLUX_EINVAL   sem or ret_health is NULL, max_wait_ns or max_still_ns is negative and
    ///                         not AFFLUX_FOREVER, reserved is not 0, or a struct_size is too short
    ///         AFFLUX_ENOTSUP  bytes beyond the known struct `limits` are not zero
    /// Threads: as afflux_sem_get_stats().
    /// Since:   0.1
    /// ```
    pub fn afflux_sem_health(sem: *const afflux_sem, limits: *const afflux_health_limits, ret_health: *mut afflux_health) -> afflux_status;

    /// Create an empty registry.
    ///
    /// ```text
    /// @return AFFLUX_OK, AFFLUX_EINVAL (NULL) or AFFLUX_ENOMEM
    /// Owns:  the caller owes one afflux_registry_unref().
    /// Since: 0.1
    /// ```
    pub fn afflux_registry_create(ret_registry: *mut *mut afflux_registry) -> afflux_status;

    /// One more reference. @return registry; NULL for NULL. Since: 0.1
    pub fn afflux_registry_ref(registry: *mut afflux_registry) -> *mut afflux_registry;

    /// Drop one reference; the last one removes everything and frees. NULL is fine. Since: 0.1
    pub fn afflux_registry_unref(registry: *mut afflux_registry);

    /// Add a semaphore. It may be in one registry at a time.
    ///
    /// ```text
    /// @return AFFLUX_OK        added
    ///         AFFLUX_EALREADY  it is in a registry, this one or another
    ///         AFFLUX_EINVAL    a pointer is NULL
    ///         AFFLUX_ENOMEM    no memory (a registry grows from time to time), or it is full
    /// Threads: any number at once. Lock-free.
    /// Since:   0.1
    /// ```
    pub fn afflux_registry_add_sem(registry: *mut afflux_registry, sem: *mut afflux_sem) -> afflux_status;

    /// Remove a semaphore. What it has done stays in the totals.
    ///
    /// ```text
    /// @return AFFLUX_OK        removed; the registry's reference has been or will be dropped
    ///         AFFLUX_EALREADY  it is not in this registry
    ///         AFFLUX_EINVAL    a pointer is NULL
    /// Threads: any number at once. Lock-free.
    /// Since:   0.1
    /// ```
    pub fn afflux_registry_remove_sem(registry: *mut afflux_registry, sem: *mut afflux_sem) -> afflux_status;

    /// As afflux_registry_add_sem(). Since: 0.1
    pub fn afflux_registry_add_client(registry: *mut afflux_registry, client: *mut afflux_client) -> afflux_status;

    /// As afflux_registry_remove_sem(). Since: 0.1
    pub fn afflux_registry_remove_client(registry: *mut afflux_registry, client: *mut afflux_client) -> afflux_status;

    /// Set struct_size, and the rest to 0: never filled. @return AFFLUX_OK, or AFFLUX_EINVAL for
    /// NULL. Since: 0.1
    pub fn afflux_registry_summary_init(summary: *mut afflux_registry_summary_t) -> afflux_status;

    /// Add everything up.
    ///
    /// ```text
    /// @param summary  Made by afflux_registry_summary_init(), and kept from call to call for
    ///                 since_look.
    /// @return AFFLUX_OK, or AFFLUX_EINVAL: a pointer is NULL, or struct_size is too short
    /// Threads: any number at once, but not on one struct. Lock-free; does not allocate.
    /// Since:   0.1
    /// ```
    pub fn afflux_registry_summary(registry: *mut afflux_registry, summary: *mut afflux_registry_summary_t) -> afflux_status;

    /// Visit each client that is in the registry during the whole call, once. Clients that come or go
    /// meanwhile may be visited or not; one that goes and comes back may be visited twice.
    ///
    /// ```text
    /// @return AFFLUX_OK         all were visited
    ///         AFFLUX_ECANCELED  the visitor stopped it
    ///         AFFLUX_EINVAL     registry or visit is NULL
    /// Threads: any number at once. The visitor may call anything, also remove what it sees.
    /// Since:   0.1
    /// ```
    pub fn afflux_registry_visit_clients(registry: *mut afflux_registry, visit: afflux_client_visitor, ctx: *mut c_void) -> afflux_status;

    /// Likewise, semaphores. Since: 0.1
    pub fn afflux_registry_visit_sems(registry: *mut afflux_registry, visit: afflux_sem_visitor, ctx: *mut c_void) -> afflux_status;

    /// Fill \`options\` with the defaults. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1
    pub fn afflux_export_options_init(options: *mut afflux_export_options) -> afflux_status;

    /// The HTTP header Content-Type of a format; static text, "" for an unknown one. Since: 0.1
    pub fn afflux_export_content_type(format: u32) -> *const c_char;

    /// Render a registry as text, piece by piece.
    ///
    /// ```text
    /// @param options  NULL: the defaults.
    /// @return AFFLUX_OK         all was written
    ///         AFFLUX_ECANCELED  the sink stopped it
    ///         AFFLUX_EINVAL     registry or sink is NULL, an unknown format or flag, or struct_size is
    ///                           too short
    ///         AFFLUX_ENOTSUP    bytes beyond the known struct are not zero
    ///         AFFLUX_ENOMEM     no memory for tenants; nothing was written
    /// Threads: any number at once. Lock-free but for the sink, which may call anything, and for
    ///          tenants; does not allocate but for those that are shown. While the tenants of a semaphore
    ///          are read, which takes 2 to 5 ms for 100,000, the creation of a tenant and the last
    ///          unref of one wait; requests and grants do not. What is removed meanwhile is kept until
    ///          the text has ended.
    /// Since:   0.1
    /// ```
    pub fn afflux_registry_write(registry: *mut afflux_registry, options: *const afflux_export_options, sink: afflux_sink_fn, ctx: *mut c_void) -> afflux_status;

    /// Render a registry into a buffer.
    ///
    /// ```text
    /// @param buffer    Where the text goes, 0-terminated; NULL: `size` is 0, only measure, which
    ///                  answers AFFLUX_EOVERFLOW.
    /// @param ret_size  How many bytes the text has, the 0 not counted; written with AFFLUX_OK and
    ///                  with AFFLUX_EOVERFLOW. NULL is fine.
    /// @return AFFLUX_OK         all of it is there
    ///         AFFLUX_EOVERFLOW  the buffer was too small: it has the beginning, 0-terminated if size
    ///                           is not 0. The text may grow from call to call.
    ///         AFFLUX_EINVAL, AFFLUX_ENOTSUP, AFFLUX_ENOMEM  as afflux_registry_write(); EINVAL also:
    ///                           buffer is NULL and size is not 0
    /// Threads: as afflux_registry_write().
    /// Since:   0.1
    /// ```
    pub fn afflux_registry_print(registry: *mut afflux_registry, options: *const afflux_export_options, buffer: *mut c_char, size: usize, ret_size: *mut usize) -> afflux_status;

    /// Visit each holder of permits that has a token (afflux_permit_token) and a line in the ledger
    /// (afflux_sem_options.ledger). A token that finds the ledger full when it is made has no line: its
    /// tag is not kept, a token split from it has no tag, and permits merged into it leave the ledger.
    ///
    /// ```text
    /// @param ret_untold  Permits that are held without a line; NULL is fine. Exact when no call is
    ///                    under way.
    /// @return AFFLUX_OK         all were visited
    ///         AFFLUX_ECANCELED  the visitor stopped it
    ///         AFFLUX_ENOTSUP    the semaphore has no ledger
    ///         AFFLUX_EINVAL     sem or visit is NULL
    /// Threads: any number at once. Never slows a writer for longer than it takes to copy a holder.
    /// Since:   0.1
    /// ```
    pub fn afflux_sem_visit_holders(sem: *const afflux_sem, visit: afflux_holder_visitor, ctx: *mut c_void, ret_untold: *mut u64) -> afflux_status;

    /// The ledger as text: a line for each holder, "id permits seconds tag", longest held first, and
    /// "- permits - untold" for the rest, if there is one.
    ///
    /// ```text
    /// @return as afflux_sem_visit_holders(); AFFLUX_ENOMEM: no memory to sort in
    /// Threads: as afflux_sem_visit_holders(); allocates.
    /// Since: 0.1
    /// ```
    pub fn afflux_sem_dump_holders(sem: *const afflux_sem, sink: afflux_sink_fn, ctx: *mut c_void) -> afflux_status;

    /// Fill \`options\` with the defaults. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1
    pub fn afflux_control_options_init(options: *mut afflux_control_options) -> afflux_status;

    /// The name of an algorithm: "default", "aimd", "vegas", "gradient2", "gradient"; NULL for an
    /// unknown one. Static text. Since: 0.1
    pub fn afflux_control_algorithm_name(algorithm: u32) -> *const c_char;

    /// The algorithm of that name, as a configuration file may have it.
    ///
    /// ```text
    /// @param name           As afflux_control_algorithm_name() has it, in small letters.
    /// @param ret_algorithm  Written on success only.
    /// @return AFFLUX_OK, or AFFLUX_EINVAL: a pointer is NULL, or there is none of that name
    /// Since: 0.1
    /// ```
    pub fn afflux_control_find_algorithm(name: *const c_char, ret_algorithm: *mut u32) -> afflux_status;

    /// Create a control, which steers \`sem\` from now on.
    ///
    /// ```text
    /// @param sem          Borrowed for the call; the control keeps it alive. So its last unref closes
    /// it only when the control is gone, too; afflux_sem_close() closes it at once.
    /// @param options      NULL: the defaults.
    /// @param ret_control  One reference; written on success only.
    /// @return AFFLUX_OK       created; the limit is the algorithm's first
    ///         AFFLUX_EINVAL   sem or ret_control is NULL, the algorithm is unknown, min is above max,
    ///                         max above 2^42 − 1, initial not 0 and not within them, a time is
    ///                         negative, or struct_size is too short
    ///         AFFLUX_ENOTSUP  bytes beyond the known struct are not zero
    ///         AFFLUX_ECLOSED  the semaphore is closed
    ///         AFFLUX_EBUSY    another control steers it
    ///         AFFLUX_ENOMEM   no memory
    /// Threads: as afflux_sem_resize(), which it may call.
    /// Owns:    the caller owes one afflux_control_unref().
    /// Since:   0.1
    /// ```
    pub fn afflux_control_create(sem: *mut afflux_sem, options: *const afflux_control_options, ret_control: *mut *mut afflux_control) -> afflux_status;

    /// One more reference. @return control; NULL for NULL. Since: 0.1
    pub fn afflux_control_ref(control: *mut afflux_control) -> *mut afflux_control;

    /// Drop one reference. The last one frees the control: the limit stays as it is, the semaphore may
    /// have another control, and loses the reference that this one had. NULL is fine. Since: 0.1
    pub fn afflux_control_unref(control: *mut afflux_control);

    /// Tell of a request that has ended.
    ///
    /// ```text
    /// @param latency_ns  How long the work took, 0 or more.
    /// @param outcome     AFFLUX_CONTROL_SERVED, DROPPED or IGNORED.
    /// @return AFFLUX_OK      counted (on a closed semaphore too)
    ///         AFFLUX_EINVAL  not counted: control is NULL, latency_ns is negative, or the outcome is
    ///                        unknown
    /// Threads: any number at once, from any callback too. Adds the sample without waiting and without
    ///          memory. The call that ends a window does what afflux_sem_resize() does, if the limit
    ///          changes, and calls on_change.
    /// Since:   0.1
    /// ```
    pub fn afflux_control_sample(control: *mut afflux_control, latency_ns: i64, outcome: u32) -> afflux_status;

    /// Give back the permits of a token, as afflux_permit_release(), and tell of them: their hold time
    /// is the sample's latency.
    ///
    /// ```text
    /// @param permit   A token of the control's semaphore.
    /// @param outcome  AFFLUX_CONTROL_SERVED, DROPPED or IGNORED.
    /// @return AFFLUX_OK         given back and counted
    ///         AFFLUX_EALREADY   nothing to do: the token is empty; nothing was counted
    ///         AFFLUX_EOVERFLOW  as of afflux_permit_release(): given back what was held; counted
    ///         AFFLUX_EINVAL     nothing done: a pointer is NULL, the outcome is unknown, or the token
    /// is of another semaphore Threads: as afflux_permit_release(), then as afflux_control_sample().
    /// Since:   0.1
    /// ```
    pub fn afflux_control_release(control: *mut afflux_control, permit: *mut afflux_permit_token, outcome: u32) -> afflux_status;

    /// Leave the limit alone until afflux_control_resume(): for a deployment, a test, a known outage.
    /// Samples go on being counted, and do not count for a window. A window that is being closed at this
    /// moment may still change the limit.
    ///
    /// ```text
    /// @return AFFLUX_OK        paused
    ///         AFFLUX_EALREADY  it is paused already
    ///         AFFLUX_EINVAL    control is NULL
    /// Threads: any number at once, from any callback too. Never waits.
    /// Since:   0.1
    /// ```
    pub fn afflux_control_pause(control: *mut afflux_control) -> afflux_status;

    /// Go on: a window begins now. The algorithm knows what it knew before the pause.
    ///
    /// ```text
    /// @return AFFLUX_OK        steering again
    ///         AFFLUX_EALREADY  it is not paused
    ///         AFFLUX_EINVAL    control is NULL
    /// Threads: as afflux_control_pause().
    /// Since:   0.1
    /// ```
    pub fn afflux_control_resume(control: *mut afflux_control) -> afflux_status;

    /// Set struct_size, and the rest to 0. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1
    pub fn afflux_control_stats_init(stats: *mut afflux_control_stats) -> afflux_status;

    /// Read what a control knows. While a window is being closed on another thread, numbers may be of
    /// before and of after.
    ///
    /// ```text
    /// @param ret_stats  As ret_stats of afflux_sem_get_stats().
    /// @return AFFLUX_OK, or AFFLUX_EINVAL: a pointer is NULL, or struct_size is too short
    /// Threads: any number at once, from any callback too. Never waits, never allocates.
    /// Since:   0.1
    /// ```
    pub fn afflux_control_get_stats(control: *const afflux_control, ret_stats: *mut afflux_control_stats) -> afflux_status;

    /// A reason in English, for example "latency shows a queue"; "unknown reason" for an unknown one.
    /// Static text. Since: 0.1
    pub fn afflux_control_reason_text(reason: u32) -> *const c_char;

    /// Fill \`options\` with the defaults. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1
    pub fn afflux_tenant_options_init(options: *mut afflux_tenant_options) -> afflux_status;

    /// Create a tenant of \`sem\`.
    ///
    /// ```text
    /// @param sem         Borrowed for the call; the tenant keeps it alive. So its last unref closes it
    ///                    only when the tenant is gone, too; afflux_sem_close() closes it at once.
    /// @param options     NULL: the defaults.
    /// @param ret_tenant  One reference; written on success only.
    /// @return AFFLUX_OK       created
    ///         AFFLUX_EINVAL   sem or ret_tenant is NULL, a weight of 0 or above
    ///                         AFFLUX_TENANT_MAX_WEIGHT, guaranteed above the cap or 2^42 − 1, or
    ///                         struct_size is too short
    ///         AFFLUX_ENOTSUP  the semaphore is AFFLUX_THROUGHPUT or sheds its queue, or bytes beyond
    /// the known struct are not zero AFFLUX_ECLOSED  the semaphore is closed AFFLUX_ENOMEM   no memory
    /// Threads: any number at once. The first tenant of a semaphore allocates 0.1 MB for the order.
    ///          Requests and grants allocate nothing afterwards.
    /// Owns:    the caller owes one afflux_tenant_unref().
    /// Since:   0.1
    /// ```
    pub fn afflux_tenant_create(sem: *mut afflux_sem, options: *const afflux_tenant_options, ret_tenant: *mut *mut afflux_tenant) -> afflux_status;

    /// One more reference. @return tenant; NULL for NULL. Since: 0.1
    pub fn afflux_tenant_ref(tenant: *mut afflux_tenant) -> *mut afflux_tenant;

    /// Drop one reference. The last one closes the tenant, as afflux_tenant_close(), and frees it when
    /// its queued requests have completed. What it holds then counts as held by those who name no
    /// tenant, and is given back by afflux_sem_release(). A token keeps its tenant. NULL is fine.
    ///
    /// ```text
    ///  Threads: as afflux_tenant_close(). Since: 0.1
    /// ```
    pub fn afflux_tenant_unref(tenant: *mut afflux_tenant);

    /// End a tenant: its queued requests complete with AFFLUX_ECLOSED, later ones are refused with it.
    /// What it holds it goes on holding until it is given back. The semaphore is open as before.
    ///
    /// ```text
    /// @return AFFLUX_OK        closed
    ///         AFFLUX_EALREADY  it was closed already
    ///         AFFLUX_EINVAL    tenant is NULL
    /// Threads: any number at once, from any callback too. Runs completions, as afflux_sem_close().
    /// Since:   0.1
    /// ```
    pub fn afflux_tenant_close(tenant: *mut afflux_tenant) -> afflux_status;

    /// The name given at creation, "" without one; valid while tenant is; "" for NULL. Since: 0.1
    pub fn afflux_tenant_name(tenant: *const afflux_tenant) -> *const c_char;

    /// Its semaphore, borrowed: valid while the tenant is; NULL for NULL. Since: 0.1
    pub fn afflux_tenant_sem(tenant: *const afflux_tenant) -> *mut afflux_sem;

    /// Change a tenant's share, from now on. What it holds beyond a lower cap it keeps; queued requests
    /// for more than that complete with AFFLUX_E2BIG.
    ///
    /// ```text
    /// @param options  All of it counts but the name, which is to be NULL.
    /// @return AFFLUX_OK       changed
    ///         AFFLUX_EINVAL   nothing changed: a pointer is NULL, the name is not, or as of
    ///                         afflux_tenant_create()
    ///         AFFLUX_ENOTSUP  bytes beyond the known struct are not zero
    ///         AFFLUX_ECLOSED  the tenant, or the semaphore, is closed
    /// Threads: any number at once, from any callback too. Runs completions, as afflux_sem_resize().
    /// Since:   0.1
    /// ```
    pub fn afflux_tenant_set(tenant: *mut afflux_tenant, options: *const afflux_tenant_options) -> afflux_status;

    /// Set the weight of the requests of \`sem\` that name no tenant, which have 1 at first.
    ///
    /// ```text
    /// @param weight  1 … AFFLUX_TENANT_MAX_WEIGHT.
    /// @return AFFLUX_OK       set
    ///         AFFLUX_EINVAL   sem is NULL, or the weight is out of range
    ///         AFFLUX_ENOTSUP  the semaphore is AFFLUX_THROUGHPUT or sheds its queue
    ///         AFFLUX_ECLOSED  it is closed
    ///         AFFLUX_ENOMEM   no memory
    /// Threads: any number at once, from any callback too. Runs completions, as afflux_sem_resize().
    /// Since:   0.1
    /// ```
    pub fn afflux_tenant_set_default_weight(sem: *mut afflux_sem, weight: u32) -> afflux_status;

    /// As afflux_sem_try_acquire(), for the tenant; AFFLUX_E2BIG also for more than its cap. May wait
    /// for the few instructions in which another call has the semaphore locked. Since: 0.1
    pub fn afflux_tenant_try_acquire(tenant: *mut afflux_tenant, n: u64) -> afflux_status;

    /// As afflux_sem_acquire(), for the tenant; AFFLUX_E2BIG also for more than its cap,
    /// AFFLUX_EREJECTED also beyond its max_waiters. Since: 0.1
    pub fn afflux_tenant_acquire(tenant: *mut afflux_tenant, n: u64, timeout_ns: i64) -> afflux_status;

    /// Give back permits of the tenant.
    ///
    /// ```text
    /// @return AFFLUX_OK         given back, and granted to those whose turn it is
    ///         AFFLUX_EOVERFLOW  nothing done: the tenant holds less than n
    ///         AFFLUX_EINVAL     tenant is NULL, or n is 0
    /// Threads: any number at once, from any callback too. Runs completions, as afflux_sem_release().
    ///          May wait for the few instructions in which another call has the semaphore locked.
    /// Since:   0.1
    /// ```
    pub fn afflux_tenant_release(tenant: *mut afflux_tenant, n: u64) -> afflux_status;

    /// Put permits that the tenant holds into a token, as afflux_permit_adopt_tagged().
    ///
    /// ```text
    /// @param n    1 … what it holds.
    /// @param tag  As of afflux_permit_adopt_tagged(); may be NULL.
    /// @return AFFLUX_OK         ret_permit is written
    ///         AFFLUX_EOVERFLOW  the tenant holds less
    ///         AFFLUX_EINVAL     tenant or ret_permit is NULL, or n is 0
    /// Threads: any number at once.
    /// Owns:    the token holds a reference of the tenant, and of the semaphore.
    /// Since:   0.1
    /// ```
    pub fn afflux_tenant_adopt(tenant: *mut afflux_tenant, n: u64, tag: *const c_char, ret_permit: *mut afflux_permit_token) -> afflux_status;

    /// Set struct_size, and the rest to 0. @return AFFLUX_OK, or AFFLUX_EINVAL for NULL. Since: 0.1
    pub fn afflux_tenant_stats_init(stats: *mut afflux_tenant_stats) -> afflux_status;

    /// Read what a tenant has. While requests come and go, numbers may be of different moments.
    ///
    /// ```text
    /// @param ret_stats  As ret_stats of afflux_sem_get_stats().
    /// @return AFFLUX_OK, or AFFLUX_EINVAL: a pointer is NULL, or struct_size is too short
    /// Threads: any number at once, from any callback too. Never waits, never allocates.
    /// Since:   0.1
    /// ```
    pub fn afflux_tenant_get_stats(tenant: *const afflux_tenant, ret_stats: *mut afflux_tenant_stats) -> afflux_status;
}
