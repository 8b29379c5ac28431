// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Afflux for C++20: owners, chrono and coroutines over the C ABI of afflux.h, which is the manual.
// Header-only; link with -lafflux.
//
// 1. Ownership
// ------------
// A semaphore owns one reference of its handle. A permit owns permits and borrows the semaphore:
// some owner must live until the permit is released. A permit_token keeps its semaphore alive.
//
// 2. Errors
// ---------
// Nothing throws but the constructors of semaphore, the variants that take afflux::throws, and
// acquire(n).or_throw(). Everything else answers a status, or a permit that is empty and tells
// why (permit::status). An empty semaphore answers status::invalid. The header needs exceptions
// to be enabled.
//
// 3. Cost
// -------
// Uncontended acquires and releases are one compare-and-swap inline (afflux.h, "Inline fast path");
// everything else is a call into the library.
//
// 4. Coroutines
// -------------
// `co_await sem.acquire(n)` never allocates: what the wait needs lies in the coroutine's frame. The
// same holds for `co_await event.wait()` and `co_await queue.wait_unless(condition)` of event.hpp,
// and so does what follows. So it does for `co_await any(...)` and `co_await all(...)` of
// several.hpp, each of which is one wait: it is resumed once, when none of its requests is left in
// a queue, and destroying it takes all of them back and returns whatever it held.
//
// Where it resumes. Without resume_on(), on the thread that completes it: inside a call on the
// semaphore (release, close, resize, a permit's destructor ...) or on the timer's thread. A call
// made through this header first finishes its own work, then resumes those that it completed, one
// after the other, and only the outermost such call of a thread does so: a chain in which every
// coroutine releases what the next one waits for runs at constant stack depth. So a nested
// release returns before the coroutines that it completed have run; they run when the coroutine
// that released suspends or ends. acquire_blocking() and acquire_token() run them before they
// block. A coroutine that blocks its thread by other means delays them. With resume_on(port), see
// port.hpp, in port::run_ready(), on the thread of an event loop.
//
// Cancelled by destruction. Destroying a coroutine that waits (coroutine_handle::destroy()) takes
// its request back: it holds no permits afterwards, and nothing touches its frame any more. The
// one rule is C++'s own: a coroutine must not be destroyed while it runs, and it runs from the
// moment at which its resumption has begun. Where permits are returned below, the notification of
// an auto-reset event, or the wake of a queue, is passed on. In detail:
//   D1  A wait that has not completed: any thread may destroy.
//   D2  Its completion is under way on another thread, but has not come to the coroutine: the
//       destructor wins; it waits until that thread has let go of the frame and returns the
//       permits that were granted. It may have to wait for the callbacks that run on that thread
//       before. That thread must therefore not wait for this one.
//   D3  It is completed and waits on this thread for its turn to be resumed (see above): it is
//       taken off, its permits are returned.
//   D4  Its resumption has begun on another thread: the program is wrong, as with any coroutine.
//       So where other threads may complete the wait, destruction is safe on the thread that
//       resumes it too. That is what an executor is for.
//   D5  resume_on(executor), completed and handed to the executor: the frame may be destroyed if
//       the executor will never resume that handle. An executor with a member `discard(handle)`
//       is told by the destructor, after the hand-over has ended, to drop it: then a coroutine may
//       be destroyed at any time on the thread that runs the executor's handles, whoever completes
//       the wait meanwhile.
//   D6  Its completion is under way on this very thread, which has resumed the coroutine that
//       destroys it from the same batch (the timer's thread; a C caller's release): the destructor
//       wins here too. It runs the rest of the batch first, so callbacks set by way of the C API
//       may run inside destroy().
//   D7  resume_on(port): the thread that calls run_ready() may destroy at any time, whoever
//       completes the wait meanwhile; another thread only while nobody uses the port.
//
// A coroutine resumed without an executor must not let exceptions leave resume().
#ifndef AFFLUX_HPP
#define AFFLUX_HPP

#include <atomic>
#include <chrono>
#include <concepts>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include <afflux/afflux.h>

// Slow paths stay out of line: the fast path inlines well, a thread-local address is never kept
// across a suspension, and no local of await_suspend is moved into a frame that may be gone
// (llvm issue 56301).
#if defined(_MSC_VER) && !defined(__clang__)
#  define AFFLUX_HPP_NOINLINE __declspec(noinline)
#else
#  define AFFLUX_HPP_NOINLINE [[gnu::noinline]]
#endif

namespace afflux {

// ---------------------------------------------------------------------------------------------
// Status, error
// ---------------------------------------------------------------------------------------------

/// What a call answers; the same numbers as afflux_status. Since: 0.1
enum class status : std::int32_t {
  ok = AFFLUX_OK,                  ///< done
  pending = AFFLUX_PENDING,        ///< queued
  again = AFFLUX_EAGAIN,           ///< it would have to wait
  timed_out = AFFLUX_ETIMEDOUT,    ///< the time ran out
  canceled = AFFLUX_ECANCELED,     ///< cancelled
  closed = AFFLUX_ECLOSED,         ///< the semaphore is closed
  rejected = AFFLUX_EREJECTED,     ///< refused or dropped by a queue limit
  already = AFFLUX_EALREADY,       ///< too late, done before, or nothing is held
  invalid = AFFLUX_EINVAL,         ///< an argument is out of its range
  overflow = AFFLUX_EOVERFLOW,     ///< more than is held, or a number too large
  busy = AFFLUX_EBUSY,             ///< in use
  no_memory = AFFLUX_ENOMEM,       ///< no memory
  not_supported = AFFLUX_ENOTSUP,  ///< not supported by this library, build or system
  os_error = AFFLUX_EOS            ///< an operating-system call failed: afflux_last_os_error()
};

/// The meaning of a status in English: static text, never null. Since: 0.1
[[nodiscard]] inline const char* to_string(status s) noexcept {
  return ::afflux_strerror(static_cast<std::int32_t>(s));
}

/// Thrown where exceptions are asked for. Since: 0.1
class error : public std::runtime_error {
 public:
  explicit error(status code) : std::runtime_error(to_string(code)), code_(code) {}
  error(status code, const char* what_failed)
      : std::runtime_error(std::string(what_failed) + ": " + to_string(code)), code_(code) {}

  /// The status that the call answered.
  [[nodiscard]] status code() const noexcept { return code_; }

 private:
  status code_;
};

/// Tag: this variant throws afflux::error instead of answering a failure. Since: 0.1
struct throws_t {
  explicit throws_t() = default;
};
inline constexpr throws_t throws{};

// ---------------------------------------------------------------------------------------------
// Options
// ---------------------------------------------------------------------------------------------

/// How waiting requests are kept; see AFFLUX_QUEUE_.... Since: 0.1
enum class queue_strategy : std::uint32_t {
  automatic = AFFLUX_QUEUE_AUTO,
  intrusive = AFFLUX_QUEUE_INTRUSIVE,
  lockfree = AFFLUX_QUEUE_LOCKFREE,
  hybrid = AFFLUX_QUEUE_HYBRID,
  mutex = AFFLUX_QUEUE_MUTEX
};

/// Who may go first; afflux.h, chapter 7. Since: 0.1
enum class fairness_policy : std::uint32_t { fair = AFFLUX_FAIR, throughput = AFFLUX_THROUGHPUT };

/// What happens at a queue limit; see AFFLUX_OVERFLOW_.... Since: 0.1
enum class overflow_policy : std::uint32_t {
  suspend = AFFLUX_OVERFLOW_SUSPEND,
  drop_newest = AFFLUX_OVERFLOW_DROP_NEWEST,
  drop_oldest = AFFLUX_OVERFLOW_DROP_OLDEST,
  fail = AFFLUX_OVERFLOW_FAIL
};

/// A request's priority; afflux.h, chapter 7. Since: 0.1
enum class priority : std::uint32_t {
  low = AFFLUX_PRIORITY_LOW,
  normal = AFFLUX_PRIORITY_NORMAL,
  high = AFFLUX_PRIORITY_HIGH,
  critical = AFFLUX_PRIORITY_CRITICAL
};

/// What a semaphore counts; see AFFLUX_STATS_.... Since: 0.1
enum class statistics_level : std::uint32_t {
  automatic = AFFLUX_STATS_DEFAULT,
  off = AFFLUX_STATS_OFF,  ///< the fastest: permits are taken and given back inline
  counters = AFFLUX_STATS_COUNTERS,
  full = AFFLUX_STATS_FULL
};

/// How to create a semaphore. Since: 0.1
struct options {
  std::uint64_t permits = 1;  ///< the limit, 0 ... 2^42 - 1
  queue_strategy queue = queue_strategy::automatic;
  fairness_policy fairness = fairness_policy::fair;
  overflow_policy overflow = overflow_policy::suspend;
  std::uint64_t max_waiters = 0;      ///< bound on queued requests; 0: none
  std::uint64_t max_queue_bytes = 0;  ///< bound on queued requests' cost, in bytes; 0: none
  /// Longest wait of a request that names none, > 0; empty: no limit.
  std::optional<std::chrono::nanoseconds> waiter_timeout = std::nullopt;
  const char* name = nullptr;  ///< what name() answers, UTF-8; copied; null: none
  statistics_level statistics = statistics_level::automatic;

  /// The same for the C API; `name` is borrowed from here.
  [[nodiscard]] explicit operator ::afflux_sem_options() const noexcept {
    ::afflux_sem_options c{};
    c.struct_size = sizeof c;
    c.queue = static_cast<std::uint32_t>(queue);
    c.fairness = static_cast<std::uint32_t>(fairness);
    c.overflow = static_cast<std::uint32_t>(overflow);
    c.permits = permits;
    c.max_waiters = max_waiters;
    c.max_queue_bytes = max_queue_bytes;
    c.waiter_timeout_ns = AFFLUX_FOREVER;
    // A time of zero or below is a mistake, and -1 ns must not come to mean "no limit": 0 is
    // refused by the library.
    if (waiter_timeout) {
      c.waiter_timeout_ns = waiter_timeout->count() > 0 ? waiter_timeout->count() : 0;
    }
    c.name = name;
    c.statistics = static_cast<std::uint32_t>(statistics);
    return c;
  }
};

// ---------------------------------------------------------------------------------------------
// Time
// ---------------------------------------------------------------------------------------------

namespace detail {

inline constexpr std::int64_t kMaxNs = std::numeric_limits<std::int64_t>::max();
// A little below 2^63 - 1, so that what lies under it converts exactly; nobody waits 291 years.
inline constexpr long double kHugeNs = 9.2e18L;

using long_double_ns = std::chrono::duration<long double, std::nano>;

/// Nanoseconds of `d`, rounded up (a wait is never shorter than asked for), 0 for what is not
/// positive (never AFFLUX_FOREVER), saturated at the largest int64_t.
template <class Rep, class Period>
[[nodiscard]] constexpr std::int64_t ceil_ns(std::chrono::duration<Rep, Period> d) noexcept {
  if (!(d > d.zero())) return 0;  // a NaN too
  const long double wide = long_double_ns(d).count();
  if (wide >= kHugeNs) return kMaxNs;
  using to_ns = std::ratio_divide<Period, std::nano>;
  if constexpr (!std::chrono::treat_as_floating_point_v<Rep> &&
                (to_ns::num == 1 || to_ns::den == 1)) {
    return std::chrono::ceil<std::chrono::nanoseconds>(d).count();
  } else {
    const auto down = static_cast<std::int64_t>(wide);
    return static_cast<long double>(down) < wide ? down + 1 : down;
  }
}

/// Nanoseconds from `now` to `when`, as by ceil_ns.
template <class Clock, class Duration>
[[nodiscard]] constexpr std::int64_t remaining_ns(std::chrono::time_point<Clock, Duration> when,
                                                  typename Clock::time_point now) noexcept {
  // First in floating point: time_point::max() and min() leave no room for a difference.
  const long double when_ns = long_double_ns(when.time_since_epoch()).count();
  const long double now_ns = long_double_ns(now.time_since_epoch()).count();
  if (when_ns >= kHugeNs || when_ns - now_ns >= kHugeNs) return kMaxNs;
  if (when_ns <= -kHugeNs || when_ns - now_ns <= -kHugeNs) return 0;
  return ceil_ns(when - now);
}

// ---------------------------------------------------------------------------------------------
// The fast path, layout 1 of afflux_fastpath
// ---------------------------------------------------------------------------------------------

inline constexpr std::uint32_t kLayout = 1;
inline constexpr std::uint64_t kFlags = 0xff;
inline constexpr unsigned kHeldShift = 22;
inline constexpr std::uint64_t kMaxPermits = (std::uint64_t{1} << 42) - 1;

/// Stands in where there is no block, or one of another layout: its flag says "make the call", so
/// that the fast path needs no test of its own. Never written.
inline constinit ::afflux_fastpath call_block{0, 0, kFlags, 0};

/// A borrowed semaphore and its block.
struct target {
  ::afflux_sem* sem = nullptr;
  ::afflux_fastpath* fast = &call_block;

  [[nodiscard]] static target of(::afflux_sem* sem) noexcept {
    const ::afflux_fastpath* block = ::afflux_sem_fastpath(sem);
    // Where permits are counted, that is for the calls to do.
    if (block == nullptr || block->layout != kLayout || block->reserved != 0) {
      return {sem, &call_block};
    }
    return {sem, const_cast<::afflux_fastpath*>(block)};
  }
};

#ifdef __cpp_lib_atomic_ref
using word_ref = std::atomic_ref<std::uint64_t>;
#else
/// What is needed of it where the standard library has none: libc++ before 19.
class word_ref {
 public:
  explicit word_ref(std::uint64_t& word) noexcept : word_(&word) {}

  [[nodiscard]] std::uint64_t load(std::memory_order order) const noexcept {
    return __atomic_load_n(word_, static_cast<int>(order));
  }
  [[nodiscard]] bool compare_exchange_weak(std::uint64_t& seen, std::uint64_t wanted,
                                           std::memory_order success,
                                           std::memory_order failure) const noexcept {
    return __atomic_compare_exchange_n(word_, &seen, wanted, true, static_cast<int>(success),
                                       static_cast<int>(failure));
  }

 private:
  std::uint64_t* word_;
};
#endif

/// One compare-and-swap; false: nothing changed, make the call.
[[nodiscard]] inline bool fast_acquire(::afflux_fastpath* fast, std::uint64_t n) noexcept {
  if (n - 1 >= kMaxPermits) return false;  // 0 wraps round: refused as well
  const word_ref word(fast->word);
  const word_ref limit(fast->limit);
  // acquire: takes over what the releases before published, and orders the load of the limit.
  std::uint64_t seen = word.load(std::memory_order_acquire);
  while ((seen & kFlags) == 0) {
    // relaxed: it stays behind the acquire above it; a resize changes the word, too, and fails
    // the exchange.
    if ((seen >> kHeldShift) + n > limit.load(std::memory_order_relaxed)) return false;
    if (word.compare_exchange_weak(seen, seen + (n << kHeldShift), std::memory_order_acquire,
                                   std::memory_order_acquire)) {
      return true;
    }
  }
  return false;
}

/// One compare-and-swap; false: nothing changed, make the call. After true the semaphore may be
/// gone.
[[nodiscard]] inline bool fast_release(::afflux_fastpath* fast, std::uint64_t n) noexcept {
  const word_ref word(fast->word);
  // relaxed: a hint only, the exchange decides.
  std::uint64_t seen = word.load(std::memory_order_relaxed);
  while ((seen & kFlags) == 0 && n - 1 < (seen >> kHeldShift)) {  // 0 wraps round
    // release: pairs with the acquire of whoever gets these permits.
    if (word.compare_exchange_weak(seen, seen - (n << kHeldShift), std::memory_order_release,
                                   std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

// ---------------------------------------------------------------------------------------------
// Coroutines that wait for their turn on this thread
// ---------------------------------------------------------------------------------------------

class awaiter_base;
class port_loop;        // port.hpp
struct several_access;  // several.hpp

/// This thread's completed coroutines, and whether somebody further up the stack will resume them.
class resume_queue {
 public:
  [[nodiscard]] static resume_queue& mine() noexcept {
    static constinit thread_local resume_queue queue;
    return queue;
  }

  constexpr resume_queue() noexcept = default;
  resume_queue(const resume_queue&) = delete;
  resume_queue& operator=(const resume_queue&) = delete;

  void push(awaiter_base& a) noexcept;
  void remove(awaiter_base& a) noexcept;
  /// Resume the first. False: there is none.
  bool run_one() noexcept;
  void run() noexcept {
    while (run_one()) {
    }
  }
  [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }

  bool open = false;

 private:
  awaiter_base* head_ = nullptr;
  awaiter_base* tail_ = nullptr;
};

/// Around a call that may complete others: the outermost one resumes them when the call is over.
/// Only in functions that are never inlined into a coroutine, whose thread may change.
class resume_scope {
 public:
  resume_scope() noexcept : queue_(resume_queue::mine()), outermost_(!queue_.open) {
    queue_.open = true;
  }
  resume_scope(const resume_scope&) = delete;
  resume_scope& operator=(const resume_scope&) = delete;
  ~resume_scope() {
    if (!outermost_) return;
    queue_.run();
    queue_.open = false;
  }

 private:
  resume_queue& queue_;
  bool outermost_;
};

/// Around a call that may block: whom it completes is resumed at once, and those who wait for
/// their turn are resumed before, for this thread may be about to wait for them.
class blocking_scope {
 public:
  blocking_scope() noexcept : queue_(resume_queue::mine()), was_open_(queue_.open) {
    if (was_open_) queue_.run();
    queue_.open = false;
  }
  blocking_scope(const blocking_scope&) = delete;
  blocking_scope& operator=(const blocking_scope&) = delete;
  ~blocking_scope() { queue_.open = was_open_; }

 private:
  resume_queue& queue_;
  bool was_open_;
};

AFFLUX_HPP_NOINLINE inline status release_call(::afflux_sem* sem, std::uint64_t n) noexcept {
  const resume_scope scope;
  return static_cast<status>(::afflux_sem_release(sem, n));
}

AFFLUX_HPP_NOINLINE inline status acquire_call(::afflux_sem* sem, std::uint64_t n,
                                               std::int64_t timeout_ns) noexcept {
  const blocking_scope scope;
  return static_cast<status>(::afflux_sem_acquire(sem, n, timeout_ns));
}

AFFLUX_HPP_NOINLINE inline void unref_call(::afflux_sem* sem) noexcept {
  const resume_scope scope;
  ::afflux_sem_unref(sem);
}

inline status release(const target& t, std::uint64_t n) noexcept {
  return fast_release(t.fast, n) ? status::ok : release_call(t.sem, n);
}

}  // namespace detail

// ---------------------------------------------------------------------------------------------
// Permit
// ---------------------------------------------------------------------------------------------

/// n permits of a semaphore, released by the destructor. Move-only.
///
/// It borrows the semaphore: some owner of it must live until the permits are released.
/// Threads: as any object; may be released on another thread than it was acquired on.
/// Since: 0.1
class [[nodiscard]] permit {
 public:
  /// Empty; status() is status::already.
  permit() noexcept = default;

  permit(permit&& other) noexcept
      : target_(other.target_),
        count_(std::exchange(other.count_, 0)),
        status_(std::exchange(other.status_, status::already)) {}

  /// Releases what it held, then takes over. To itself: nothing happens.
  permit& operator=(permit&& other) noexcept {
    if (this == &other) return *this;
    release();
    target_ = other.target_;
    count_ = std::exchange(other.count_, 0);
    status_ = std::exchange(other.status_, status::already);
    return *this;
  }

  permit(const permit&) = delete;
  permit& operator=(const permit&) = delete;

  ~permit() { release(); }

  /// Give all back and be empty.
  /// @return ok; already: it was empty; overflow: somebody else released what was held here.
  /// Threads: resumes coroutines (chapter 4). Order: happens before the acquires that it satisfies.
  afflux::status release() noexcept {
    if (count_ == 0) return status::already;
    status_ = status::already;
    return detail::release(target_, std::exchange(count_, 0));
  }

  /// Permits held; 0 when empty.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

  /// Whether any are held.
  [[nodiscard]] explicit operator bool() const noexcept { return count_ != 0; }

  /// ok while permits are held; else why the acquire failed, or already when they are gone.
  [[nodiscard]] afflux::status status() const noexcept { return status_; }

  /// Move `n` permits (1 ... count() - 1) into a new one; empty with invalid when out of range.
  [[nodiscard]] permit split(std::uint64_t n) noexcept {
    if (n == 0 || n >= count_) return permit(afflux::status::invalid);
    count_ -= n;
    return permit(target_, n);
  }

  /// Take over the permits of `other`; an empty one becomes other.
  /// @return ok; already: other is empty; invalid: the same object, or another semaphore's.
  ///         other keeps its permits unless ok.
  afflux::status merge(permit&& other) noexcept {
    if (this == &other) return afflux::status::invalid;
    if (other.count_ == 0) return afflux::status::already;
    if (count_ != 0 && target_.sem != other.target_.sem) return afflux::status::invalid;
    target_ = other.target_;
    count_ += std::exchange(other.count_, 0);
    status_ = std::exchange(other.status_, afflux::status::already);
    return afflux::status::ok;
  }

  /// Be empty without releasing.
  /// @return the permits that the caller now owes to semaphore::release().
  [[nodiscard]] std::uint64_t detach() noexcept {
    status_ = afflux::status::already;
    return std::exchange(count_, 0);
  }

 private:
  friend class semaphore;
  friend struct detail::several_access;
  template <class, bool>
  friend class acquire_awaiter;

  explicit permit(afflux::status why) noexcept : status_(why) {}
  permit(const detail::target& t, std::uint64_t n) noexcept
      : target_(t), count_(n), status_(afflux::status::ok) {}

  detail::target target_;
  std::uint64_t count_ = 0;
  afflux::status status_ = afflux::status::already;
};

// ---------------------------------------------------------------------------------------------
// Permit token
// ---------------------------------------------------------------------------------------------

/// n permits with an identity, which keep their semaphore alive; released at most once, however
/// many threads try. Made by semaphore::acquire_token(), in place: it neither moves nor copies
/// (std::unique_ptr<permit_token> does).
/// Threads: every member from any number of threads at once; the destructor alone.
/// Since: 0.1
class [[nodiscard]] permit_token {
 public:
  /// Empty; status() is status::already.
  permit_token() noexcept = default;
  permit_token(const permit_token&) = delete;
  permit_token& operator=(const permit_token&) = delete;
  ~permit_token() { release(); }

  /// Give all back. @return ok to exactly one caller; already to the others.
  AFFLUX_HPP_NOINLINE afflux::status release() noexcept {
    const detail::resume_scope scope;
    return static_cast<afflux::status>(::afflux_permit_release(&token_));
  }

  /// Move `n` permits (1 ... count() - 1) into a new token with an id of its own; empty, with
  /// status() already or invalid, where that cannot be.
  [[nodiscard]] permit_token split(std::uint64_t n) noexcept { return permit_token(*this, n); }

  /// Take over all permits of `other`.
  /// @return ok; already: one of them is empty; invalid: the same object, or another semaphore's.
  afflux::status merge(permit_token& other) noexcept {
    return static_cast<afflux::status>(::afflux_permit_merge(&token_, &other.token_));
  }

  /// Be empty without releasing: the permits stay counted as held. @return ok; already.
  AFFLUX_HPP_NOINLINE afflux::status forget() noexcept {
    const detail::resume_scope scope;  // it may drop the last reference
    return static_cast<afflux::status>(::afflux_permit_forget(&token_));
  }

  /// Permits held; 0 when empty.
  [[nodiscard]] std::uint64_t count() const noexcept { return ::afflux_permit_count(&token_); }
  /// Unique in the process, never 0; 0 when empty.
  [[nodiscard]] std::uint64_t id() const noexcept { return ::afflux_permit_id(&token_); }
  /// Time since the permits were acquired; 0 when empty.
  [[nodiscard]] std::chrono::nanoseconds held_for() const noexcept {
    return std::chrono::nanoseconds(::afflux_permit_held_ns(&token_));
  }
  /// Whether any are held now.
  [[nodiscard]] explicit operator bool() const noexcept { return count() != 0; }
  /// How making it ended: ok, or why it has been empty from the start.
  [[nodiscard]] afflux::status status() const noexcept { return status_; }

 private:
  friend class semaphore;

  AFFLUX_HPP_NOINLINE permit_token(::afflux_sem* sem, const ::afflux_request& request,
                                   std::int64_t timeout_ns) noexcept {
    const detail::blocking_scope scope;
    status_ = static_cast<afflux::status>(
        ::afflux_sem_acquire_permit(sem, &request, timeout_ns, &token_));
  }
  permit_token(permit_token& from, std::uint64_t n) noexcept
      : status_(static_cast<afflux::status>(::afflux_permit_split(&from.token_, n, &token_))) {}

  ::afflux_permit token_{};
  afflux::status status_ = afflux::status::already;
};

// ---------------------------------------------------------------------------------------------
// co_await sem.acquire(n)
// ---------------------------------------------------------------------------------------------

/// What resume_on() takes: called once with the handle, on the completing thread; it resumes the
/// handle some time, or never. It must not throw. It is stored by value and moved to the completing
/// thread's stack before the call, so that it may resume the handle (and so end the coroutine) at
/// once; pass std::ref(pool) to store a reference. Since: 0.1
template <class E>
concept executor = std::move_constructible<E> && std::invocable<E&, std::coroutine_handle<>>;

/// An executor that can drop a handle handed to it and not yet resumed (chapter 4, D5).
/// `discard(handle)` is called on the thread that destroys the coroutine. Such an executor only
/// posts: its call neither resumes the handle itself nor waits until another thread has.
/// It is copied before each hand-over. Since: 0.1
template <class E>
concept discarding_executor = executor<E> && std::copy_constructible<E> &&
    requires(std::unwrap_reference_t<E>& e, std::coroutine_handle<> h) {
  e.discard(h);
};

/// The default: the completing thread resumes. Since: 0.1
struct resume_inline {
  void operator()(std::coroutine_handle<> h) const { h.resume(); }
};

class port;

namespace detail {

/// In the place of an executor: port::run_ready() resumes.
struct on_port {
  port_loop* loop;
};
[[nodiscard]] on_port resume_in(const port& p) noexcept;

/// What is told of a completion: a wake function, or a port.
struct destination {
  ::afflux_wake_fn wake = nullptr;
  void* ctx = nullptr;
  ::afflux_port* port = nullptr;
  std::uint64_t user_data = 0;
};

/// What a co_await asks for.
struct acquire_terms {
  std::uint64_t permits = 1;
  std::uint64_t cost_bytes = 0;
  std::uint32_t flags = 0;
  afflux::priority prio = afflux::priority::normal;
  /// Relative; or absolute on steady_clock where has_deadline.
  std::int64_t time_ns = AFFLUX_FOREVER;
  bool has_deadline = false;

  template <class Rep, class Period>
  void within(std::chrono::duration<Rep, Period> d) noexcept {
    time_ns = ceil_ns(d);
    has_deadline = false;
  }

  template <class Clock, class Duration>
  void until(std::chrono::time_point<Clock, Duration> when) noexcept {
    until_after(remaining_ns(when, Clock::now()));
  }

  /// A deadline, `ns` from now on.
  void until_after(std::int64_t ns) noexcept {
    const std::int64_t now = steady_now_ns();
    time_ns = ns > kMaxNs - now ? kMaxNs : now + ns;
    has_deadline = true;
  }

  [[nodiscard]] std::int64_t timeout_ns() const noexcept {
    if (!has_deadline) return time_ns;
    const std::int64_t now = steady_now_ns();
    return time_ns > now ? time_ns - now : 0;
  }

  [[nodiscard]] static std::int64_t steady_now_ns() noexcept {
    return ceil_ns(std::chrono::steady_clock::now().time_since_epoch());
  }
};

/// The part of an awaiter that knows neither what it waits for nor executor nor result.
///
/// I1  The library borrows waiter_ from a PENDING answer until on_completed() begins or a cancel
///     has answered OK.
/// I2  state_ leaves kWaiting once, by a compare-and-swap: to kQueued or kClaimed by the
///     completion, to kIdle by start() with an answer, to kDestroying by the destructor. kQueued
///     likewise, to kClaimed by the thread on whose queue it is, to kDestroying by a destructor
///     elsewhere. (On that same thread the destructor unlinks it.)
/// I3  Who claimed it may resume; the completion touches the frame no more, but for a discarding
///     executor's kHandedOver. Who finds kDestroying stores kAbandoned as its last touch, and the
///     destructor waits for that.
/// I4  result_ is written by the completion before it leaves kWaiting or stores kAbandoned, and
///     read after one of these was seen (or in the coroutine, which the claim resumed).
class awaiter_base {
 public:
  awaiter_base(const awaiter_base&) = delete;
  awaiter_base& operator=(const awaiter_base&) = delete;

 protected:
  enum : std::uint32_t {
    kIdle,        // no completion is outstanding
    kWaiting,     // the call that queues it is under way or has answered PENDING
    kQueued,      // completed; on the resume queue of a thread
    kClaimed,     // somebody resumes it, or hands it over
    kHandedOver,  // discarding executors only: the hand-over has ended
    kDestroying,  // the destructor waits for the completion to let go
    kAbandoned    // the completion has let go; nobody will resume
  };

  explicit awaiter_base(const acquire_terms& terms) noexcept : terms_(terms) {}
  ~awaiter_base() = default;

  /// Queue, by source.start(request, waiter); false: there is an answer in result_ already.
  template <class Source>
  AFFLUX_HPP_NOINLINE bool start(Source& source, std::coroutine_handle<> h,
                                 const destination& to) noexcept {
    handle_ = h;
    ::afflux_request request{};
    request.struct_size = sizeof request;
    request.flags = terms_.flags;
    request.permits = terms_.permits;
    request.priority = static_cast<std::uint32_t>(terms_.prio);
    request.cost_bytes = terms_.cost_bytes;
    request.timeout_ns = terms_.timeout_ns();
    request.wake = to.wake;
    request.ctx = to.ctx;
    request.port = to.port;
    request.user_data = to.user_data;
    // relaxed: whoever completes it has it through the library, which orders this.
    state_.store(kWaiting, std::memory_order_relaxed);
    const resume_scope scope;  // touches this thread's queue only, never the frame
    const ::afflux_status answer = source.start(request, waiter_);
    if (answer == AFFLUX_PENDING) return true;  // the frame may be gone
    result_ = answer;
    if (leave(kWaiting, kIdle)) return false;
    abandon();  // another thread destroys it, and waits
    return true;
  }

  /// The completion of a wait without an executor.
  AFFLUX_HPP_NOINLINE void complete_inline() noexcept {
    resume_queue& queue = resume_queue::mine();
    if (queue.open) {
      queue_ = &queue;
      if (leave(kWaiting, kQueued)) {
        // The destructor, on another thread, may have turned it to kDestroying since; it waits
        // until run() has taken it off here.
        queue.push(*this);
      } else {
        abandon();
      }
      return;
    }
    // Nobody further up will see to it: this is the outermost one.
    if (!leave(kWaiting, kClaimed)) return abandon();
    const resume_scope scope;
    handle_.resume();
  }

  /// [claim] acq_rel: release publishes result_ and queue_ to a destructor that sees the new
  /// state; acquire on failure takes over that the destructor waits.
  bool leave(std::uint32_t from, std::uint32_t to) noexcept {
    return state_.compare_exchange_strong(from, to, std::memory_order_acq_rel,
                                          std::memory_order_acquire);
  }

  void abandon() noexcept {
    // [abandoned] release; pairs with await_other(). Publishes result_. The last touch.
    state_.store(kAbandoned, std::memory_order_release);
  }

  /// Wait until another thread has moved state_ on from `from`. Rare and short: no notification,
  /// which would have to touch the frame after the store that ends its life.
  void await_other(std::uint32_t from) const noexcept {
    while (state_.load(std::memory_order_acquire) == from) std::this_thread::yield();
  }

  /// The frame is being destroyed and the wait has not come to its end. Within a resume_scope.
  /// @return kIdle: cancelled; nobody will touch the frame any more, nothing is held
  ///         kAbandoned: nobody will touch the frame any more, result_ tells what is held
  ///         kClaimed, kHandedOver: completed and handed over, result_ tells with what
  template <class Source>
  AFFLUX_HPP_NOINLINE std::uint32_t take_back(Source& source) noexcept {
    std::uint32_t seen = state_.load(std::memory_order_acquire);
    if (seen == kWaiting) {
      if (cancel(source) == AFFLUX_OK) return kIdle;
      if (!leave(kWaiting, kDestroying)) {
        seen = state_.load(std::memory_order_acquire);
      } else {
        seen = kDestroying;
      }
    }
    if (seen == kQueued) {
      if (queue_ == &resume_queue::mine()) {
        queue_->remove(*this);
        return kAbandoned;
      }
      seen = leave(kQueued, kDestroying) ? std::uint32_t{kDestroying}
                                         : state_.load(std::memory_order_acquire);
    }
    if (seen != kDestroying) return seen;
    // The completion may be this thread's own: next in a batch that we were resumed from.
    ::afflux_completions_run();
    await_other(kDestroying);
    return kAbandoned;
  }

  template <class Source>
  ::afflux_status cancel(Source& source) noexcept {
    if constexpr (requires { source.cancel(); }) {
      return source.cancel();
    } else {
      return ::afflux_waiter_cancel(&waiter_);
    }
  }

  acquire_terms terms_;
  ::afflux_status result_ = AFFLUX_OK;
  std::atomic<std::uint32_t> state_{kIdle};
  std::coroutine_handle<> handle_;
  ::afflux_waiter waiter_;  // needs no initialisation: cancelled only while kWaiting
  resume_queue* queue_ = nullptr;

 private:
  friend class resume_queue;

  awaiter_base* prev_ = nullptr;
  awaiter_base* next_ = nullptr;
};

inline void resume_queue::push(awaiter_base& a) noexcept {
  a.prev_ = tail_;
  a.next_ = nullptr;
  (tail_ != nullptr ? tail_->next_ : head_) = &a;
  tail_ = &a;
}

inline void resume_queue::remove(awaiter_base& a) noexcept {
  (a.prev_ != nullptr ? a.prev_->next_ : head_) = a.next_;
  (a.next_ != nullptr ? a.next_->prev_ : tail_) = a.prev_;
}

inline bool resume_queue::run_one() noexcept {
  if (head_ == nullptr) return false;
  awaiter_base& first = *head_;
  remove(first);
  if (first.leave(awaiter_base::kQueued, awaiter_base::kClaimed)) {
    first.handle_.resume();
  } else {
    first.abandon();
  }
  return true;
}

/// The awaiter but for its result. What it waits for is the business of a Source, which has
///   afflux_status start(const afflux_request&, afflux_waiter&)   as afflux_sem_acquire_async
///   void give_back(const acquire_terms&)   return what a completion with AFFLUX_OK gave to a
///                                          coroutine that will not see it
///   afflux_status cancel()                 optional: where there is more to it than the waiter
/// neither of which throws.
template <class Source, class Executor>
class awaiter : private awaiter_base {
 public:
  awaiter(Source source, const acquire_terms& terms, Executor executor)
      : awaiter_base(terms), source_(std::move(source)), executor_(std::move(executor)) {}

  awaiter(const awaiter&) = delete;
  awaiter& operator=(const awaiter&) = delete;

  bool await_suspend(std::coroutine_handle<> h) noexcept {
    return start(source_, h, {.wake = &on_completed, .ctx = this});
  }

 protected:
  ~awaiter() {
    // relaxed: after a wait that ended in await_resume this thread wrote it itself.
    if (state_.load(std::memory_order_relaxed) != kIdle) destroyed_while_waiting();
  }

  /// For await_resume: the wait is over; with what?
  [[nodiscard]] ::afflux_status finish() noexcept {
    if constexpr (discarding_executor<Executor>) await_other(kClaimed);
    state_.store(kIdle, std::memory_order_relaxed);
    return result_;
  }

  [[nodiscard]] const Source& source() const noexcept { return source_; }
  [[nodiscard]] const acquire_terms& terms() const noexcept { return terms_; }

 private:
  static void on_completed(void* ctx, ::afflux_status result) noexcept {
    auto* self = static_cast<awaiter*>(ctx);
    self->result_ = result;
    if constexpr (std::is_same_v<Executor, resume_inline>) {
      self->complete_inline();
    } else {
      self->hand_over();
    }
  }

  void hand_over() noexcept {
    // Off the frame first: from the claim on it may go at any moment.
    Executor executor = take_executor();
    const std::coroutine_handle<> h = handle_;
    if (!leave(kWaiting, kClaimed)) return abandon();
    executor(h);
    if constexpr (discarding_executor<Executor>) {
      // [handed over] release; pairs with await_other() in finish() and in the destructor,
      // one of which waits for it. The last touch.
      state_.store(kHandedOver, std::memory_order_release);
    }
  }

  [[nodiscard]] Executor take_executor() noexcept {
    if constexpr (discarding_executor<Executor>) {
      return executor_;  // the destructor needs it, too
    } else {
      return std::move(executor_);
    }
  }

  AFFLUX_HPP_NOINLINE void destroyed_while_waiting() noexcept {
    // Others may be completed by the cancel or by what is given back; they are resumed at the
    // very end.
    const resume_scope scope;
    const std::uint32_t seen = take_back(source_);
    if (seen == kIdle) return;
    if constexpr (discarding_executor<Executor>) {
      if (seen != kAbandoned) {
        await_other(kClaimed);
        static_cast<std::unwrap_reference_t<Executor>&>(executor_).discard(handle_);
      }
    }
    if (result_ == AFFLUX_OK) source_.give_back(terms_);
  }

  Source source_;
  [[no_unique_address]] Executor executor_;
};

/// Permits of a semaphore.
struct permit_source {
  target from;

  [[nodiscard]] ::afflux_status start(const ::afflux_request& request,
                                      ::afflux_waiter& waiter) const noexcept {
    return ::afflux_sem_acquire_async(from.sem, &request, &waiter);
  }
  void give_back(const acquire_terms& terms) const noexcept { release(from, terms.permits); }
};

}  // namespace detail

/// What co_await makes of an acquire_operation; it lives in the coroutine's frame. Since: 0.1
template <class Executor, bool Throws>
class acquire_awaiter : public detail::awaiter<detail::permit_source, Executor> {
 public:
  acquire_awaiter(const detail::target& t, const detail::acquire_terms& terms, Executor executor)
      : detail::awaiter<detail::permit_source, Executor>({t}, terms, std::move(executor)) {}

  [[nodiscard]] bool await_ready() noexcept {
    return detail::fast_acquire(this->source().from.fast, this->terms().permits);
  }

  permit await_resume() noexcept(!Throws) {
    const ::afflux_status result = this->finish();
    if (result == AFFLUX_OK) return permit(this->source().from, this->terms().permits);
    if constexpr (Throws) throw error(static_cast<status>(result), "afflux: acquire");
    return permit(static_cast<status>(result));
  }
};

/// An acquire to be awaited: a small value with options. The semaphore must live until the wait
/// has ended. Nothing happens before co_await. Since: 0.1
template <class Executor = resume_inline, bool Throws = false>
class [[nodiscard]] acquire_operation {
 public:
  /// Default: priority::normal.
  [[nodiscard]] acquire_operation priority(afflux::priority p) && noexcept {
    terms_.prio = p;
    return std::move(*this);
  }
  /// Bytes that count against options::max_queue_bytes while it waits; default 0.
  [[nodiscard]] acquire_operation cost(std::uint64_t bytes) && noexcept {
    terms_.cost_bytes = bytes;
    return std::move(*this);
  }
  /// Wait at most `d`, counted from the co_await, rounded up to nanoseconds; zero or less never
  /// waits (status::again). Replaces until().
  template <class Rep, class Period>
  [[nodiscard]] acquire_operation within(std::chrono::duration<Rep, Period> d) && noexcept {
    terms_.within(d);
    return std::move(*this);
  }
  /// Wait until `when` at the latest, on any clock; its distance is measured here and now, later
  /// adjustments of that clock do not count. Replaces within().
  template <class Clock, class Duration>
  [[nodiscard]] acquire_operation until(std::chrono::time_point<Clock, Duration> when) && noexcept {
    terms_.until(when);
    return std::move(*this);
  }
  /// Wait although more is asked for than the limit allows: a resize is expected.
  [[nodiscard]] acquire_operation wait_for_resize() && noexcept {
    terms_.flags |= AFFLUX_WAIT_FOR_RESIZE;
    return std::move(*this);
  }
  /// Resume by `e(handle)` when it had to wait; where it had not, the coroutine just goes on.
  template <class E>
  requires executor<std::decay_t<E>>
  [[nodiscard]] acquire_operation<std::decay_t<E>, Throws> resume_on(E&& e) && {
    return {target_, terms_, std::forward<E>(e)};
  }
  /// Resume in p.run_ready() when it had to wait. The port must live until the wait has ended.
  [[nodiscard]] acquire_operation<detail::on_port, Throws> resume_on(const port& p) && noexcept {
    return {target_, terms_, detail::resume_in(p)};
  }
  /// Throw afflux::error from the co_await instead of an empty permit.
  [[nodiscard]] acquire_operation<Executor, true> or_throw() && {
    return {target_, terms_, std::move(executor_)};
  }

  /// co_await: a permit, empty with a status when it failed.
  [[nodiscard]] acquire_awaiter<Executor, Throws> operator co_await() && {
    return {target_, terms_, std::move(executor_)};
  }

 private:
  friend class semaphore;
  friend struct detail::several_access;
  template <class, bool>
  friend class acquire_operation;

  acquire_operation(const detail::target& t, const detail::acquire_terms& terms, Executor executor)
      : target_(t), terms_(terms), executor_(std::move(executor)) {}

  detail::target target_;
  detail::acquire_terms terms_;
  [[no_unique_address]] Executor executor_;
};

// ---------------------------------------------------------------------------------------------
// Semaphore
// ---------------------------------------------------------------------------------------------

/// An owner of one reference of a semaphore. Move-only; share() makes another owner. The last one
/// closes the semaphore: those who wait get status::closed.
///
/// An empty owner (default-made, moved from) answers status::invalid and 0.
/// Threads: every member of one object from any thread at once, but for assignment, swap and the
///          destructor; an acquire that has returned may be followed by the destruction of the
///          last owner at once, even while the release that satisfied it is still returning.
/// Since: 0.1
class semaphore {
 public:
  /// Empty.
  semaphore() noexcept = default;

  /// With a limit of `permits`, 0 ... 2^42 - 1, all free; defaults else.
  /// Throws error (status::invalid), std::bad_alloc.
  explicit semaphore(std::uint64_t permits) : semaphore(make_options(permits)) {}

  /// Throws error (invalid: a field is out of its range; not_supported: that queue strategy),
  /// std::bad_alloc.
  explicit semaphore(const options& o) {
    status made = status::ok;
    *this = create(o, made);
    if (made == status::no_memory) throw std::bad_alloc();
    if (made != status::ok) throw error(made, "afflux: create");
  }

  /// The same without exceptions: empty, and ret_status tells why, on failure.
  // Out of line: g++ 12 with a sanitizer takes an empty optional inlined here for an uninitialised
  // one.
  [[nodiscard]] AFFLUX_HPP_NOINLINE static semaphore create(const options& o,
                                                            status& ret_status) noexcept {
    const auto c = static_cast<::afflux_sem_options>(o);
    ::afflux_sem* sem = nullptr;
    ret_status = static_cast<status>(::afflux_sem_create(&c, &sem));
    return from_handle(ret_status == status::ok ? sem : nullptr);
  }

  /// Own a reference that the caller has; null makes an empty owner.
  [[nodiscard]] static semaphore from_handle(::afflux_sem* sem) noexcept {
    semaphore s;
    if (sem != nullptr) s.target_ = detail::target::of(sem);
    return s;
  }

  semaphore(semaphore&& other) noexcept : target_(std::exchange(other.target_, {})) {}
  semaphore& operator=(semaphore&& other) noexcept {
    if (this == &other) return *this;
    const semaphore old(std::exchange(target_, std::exchange(other.target_, {})));
    return *this;
  }
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;

  ~semaphore() {
    if (target_.sem != nullptr) detail::unref_call(target_.sem);
  }

  /// Another owner of the same semaphore.
  [[nodiscard]] semaphore share() const noexcept {
    semaphore s;
    s.target_ = target_;
    ::afflux_sem_ref(target_.sem);
    return s;
  }

  /// The C handle, borrowed; null when empty.
  [[nodiscard]] ::afflux_sem* handle() const noexcept { return target_.sem; }
  [[nodiscard]] explicit operator bool() const noexcept { return target_.sem != nullptr; }
  friend void swap(semaphore& a, semaphore& b) noexcept { std::swap(a.target_, b.target_); }

  // ------------------------------------------------------------------------------------------
  // Acquire
  // ------------------------------------------------------------------------------------------

  /// Take `n` permits (1 ... limit()) if they are free and nobody queues.
  /// @return the permits; empty: again, closed, invalid.
  /// Threads: lock-free. Order: happens after the releases that supplied the permits.
  permit try_acquire(std::uint64_t n = 1) const noexcept { return make(try_acquire_raw(n), n); }

  /// Take `n` permits, blocking the thread as long as options::waiter_timeout allows.
  /// @return the permits; empty: timed_out, closed, rejected, invalid.
  /// Threads: may block. Order: as try_acquire.
  permit acquire_blocking(std::uint64_t n = 1) const noexcept {
    return make(acquire_raw(n, AFFLUX_FOREVER), n);
  }
  /// The same for at most `d`, rounded up to nanoseconds; zero or less never waits.
  template <class Rep, class Period>
  permit acquire_blocking_for(std::chrono::duration<Rep, Period> d,
                              std::uint64_t n = 1) const noexcept {
    return make(acquire_raw(n, detail::ceil_ns(d)), n);
  }
  /// The same until `when` at the latest, on any clock; its distance is measured once, at the call.
  template <class Clock, class Duration>
  permit acquire_blocking_until(std::chrono::time_point<Clock, Duration> when,
                                std::uint64_t n = 1) const noexcept {
    if (detail::fast_acquire(target_.fast, n)) return permit(target_, n);
    return make(acquire_raw(n, detail::remaining_ns(when, Clock::now())), n);
  }

  /// The same, throwing afflux::error where the others answer an empty permit.
  permit acquire_blocking(throws_t, std::uint64_t n = 1) const {
    return or_throw(acquire_blocking(n));
  }
  template <class Rep, class Period>
  permit acquire_blocking_for(throws_t, std::chrono::duration<Rep, Period> d,
                              std::uint64_t n = 1) const {
    return or_throw(acquire_blocking_for(d, n));
  }
  template <class Clock, class Duration>
  permit acquire_blocking_until(throws_t, std::chrono::time_point<Clock, Duration> when,
                                std::uint64_t n = 1) const {
    return or_throw(acquire_blocking_until(when, n));
  }

  /// To be awaited: `permit p = co_await sem.acquire(n).within(50ms);`
  /// co_await answers the permits; empty: again (within(0)), timed_out, closed, rejected, invalid,
  /// os_error.
  acquire_operation<> acquire(std::uint64_t n = 1) const noexcept {
    detail::acquire_terms terms;
    terms.permits = n;
    return {target_, terms, resume_inline{}};
  }

  /// Take `n` permits into a token, blocking the thread. Statuses as for acquire_blocking.
  permit_token acquire_token(std::uint64_t n = 1) const noexcept {
    return permit_token(target_.sem, token_request(n), AFFLUX_FOREVER);
  }
  template <class Rep, class Period>
  permit_token acquire_token_for(std::chrono::duration<Rep, Period> d,
                                 std::uint64_t n = 1) const noexcept {
    return permit_token(target_.sem, token_request(n), detail::ceil_ns(d));
  }

  /// Take all permits that are free now; empty, with status::again, when there are none.
  permit drain() const noexcept {
    std::uint64_t n = 0;
    const auto s = static_cast<status>(::afflux_sem_drain(target_.sem, &n));
    if (s == status::ok && n == 0) return permit(status::again);
    return make(s, n);
  }

  // ------------------------------------------------------------------------------------------
  // By hand
  // ------------------------------------------------------------------------------------------

  /// As try_acquire; with ok the caller owes `n` permits to release().
  [[nodiscard]] status try_acquire_raw(std::uint64_t n = 1) const noexcept {
    if (detail::fast_acquire(target_.fast, n)) return status::ok;
    return static_cast<status>(::afflux_sem_try_acquire(target_.sem, n));
  }
  /// Give `n` permits back and complete the requests that now fit.
  /// @return ok; overflow: fewer than n are held; invalid: n is 0.
  /// Threads: any; resumes coroutines (chapter 4). Order: happens before the acquires that its
  ///          permits satisfy.
  status release(std::uint64_t n = 1) const noexcept { return detail::release(target_, n); }
  /// Make a permit of `n` permits that the caller owes; 0 makes an empty one.
  permit adopt(std::uint64_t n) const noexcept {
    return n == 0 ? permit(status::already) : permit(target_, n);
  }

  // ------------------------------------------------------------------------------------------
  // The rest
  // ------------------------------------------------------------------------------------------

  /// Close for good; those who wait get status::closed. @return ok; already.
  AFFLUX_HPP_NOINLINE status close() const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_sem_close(target_.sem));
  }
  /// Change the limit, 0 ... 2^42 - 1. @return ok; invalid.
  AFFLUX_HPP_NOINLINE status resize(std::uint64_t permits) const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_sem_resize(target_.sem, permits));
  }
  /// The limit on permits held at once.
  [[nodiscard]] std::uint64_t limit() const noexcept { return ::afflux_sem_permits(target_.sem); }
  /// Free now; 0 while in debt after a shrink and while anybody queues. Counts on after a close.
  [[nodiscard]] std::uint64_t available() const noexcept {
    return ::afflux_sem_available(target_.sem);
  }
  /// Held now; above the limit while in debt.
  [[nodiscard]] std::uint64_t held() const noexcept { return ::afflux_sem_held(target_.sem); }
  /// Requests queued now, blocked threads included.
  [[nodiscard]] std::uint64_t waiters() const noexcept { return ::afflux_sem_waiters(target_.sem); }
  /// The strategy that it really uses, never automatic.
  [[nodiscard]] queue_strategy queue() const noexcept {
    return static_cast<queue_strategy>(::afflux_sem_queue(target_.sem));
  }
  /// The name given at creation, "" without one.
  [[nodiscard]] const char* name() const noexcept { return ::afflux_sem_name(target_.sem); }
  /// What it has done; all 0 where the handle is empty. Never waits, never allocates.
  [[nodiscard]] ::afflux_sem_stats_t stats() const noexcept {
    ::afflux_sem_stats_t now{};
    ::afflux_sem_stats(target_.sem, &now);
    return now;
  }

 private:
  explicit semaphore(const detail::target& t) noexcept : target_(t) {}

  [[nodiscard]] static options make_options(std::uint64_t permits) noexcept {
    options o;
    o.permits = permits;
    return o;
  }

  [[nodiscard]] static ::afflux_request token_request(std::uint64_t n) noexcept {
    ::afflux_request request{};
    request.struct_size = sizeof request;
    request.permits = n;
    request.priority = AFFLUX_PRIORITY_NORMAL;
    request.timeout_ns = AFFLUX_FOREVER;
    return request;
  }

  [[nodiscard]] status acquire_raw(std::uint64_t n, std::int64_t timeout_ns) const noexcept {
    if (detail::fast_acquire(target_.fast, n)) return status::ok;
    return detail::acquire_call(target_.sem, n, timeout_ns);
  }

  permit make(status s, std::uint64_t n) const noexcept {
    return s == status::ok ? permit(target_, n) : permit(s);
  }

  static permit or_throw(permit p) {
    if (!p) throw error(p.status(), "afflux: acquire");
    return p;
  }

  detail::target target_;
};

// ---------------------------------------------------------------------------------------------
// Timers
// ---------------------------------------------------------------------------------------------

/// Choose who runs the timers: the process' own thread (false), or whoever calls timers_advance().
/// @return ok; os_error. Since: 0.1
inline status timers_manual(bool manual) noexcept {
  return static_cast<status>(::afflux_timers_manual(manual ? 1 : 0));
}

/// Complete the requests whose time has run out, on this thread.
/// @return when it should be called again; empty: no request has a time limit. Since: 0.1
AFFLUX_HPP_NOINLINE inline std::optional<std::chrono::nanoseconds> timers_advance() noexcept {
  const detail::resume_scope scope;
  const std::int64_t ns = ::afflux_timers_advance();
  if (ns < 0) return std::nullopt;
  return std::chrono::nanoseconds(ns);
}

}  // namespace afflux

#undef AFFLUX_HPP_NOINLINE

#include <afflux/event.hpp>  // and by its end several.hpp, and by that one's port.hpp

#endif  // AFFLUX_HPP
