// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One limit for many machines. fleet.h is the manual; link afflux-fleet, too.
#ifndef AFFLUX_FLEET_HPP
#define AFFLUX_FLEET_HPP

#include <afflux/detail/config.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <afflux/fleet.h>
#include <afflux/detail/expect.hpp>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/resume.hpp>
#include <afflux/detail/time.hpp>
#include <afflux/semaphore.hpp>
#include <afflux/status.hpp>

namespace afflux {

/// How to open a fleet; fleet.h says more of each. Since: 0.1
struct fleet_options {
  const char* url = nullptr;    ///< of the engine; null: redis://127.0.0.1
  const char* name = nullptr;   ///< of the limit
  const char* label = nullptr;  ///< of this process; null: host name and process id
  std::uint64_t limit = 0;      ///< where the engine has no such limit; 0: take what it has
  std::uint64_t minimum = 0;    ///< a floor of its share, however small by weight
  std::uint32_t weight = 1;     ///< of this process
  std::chrono::nanoseconds lease = std::chrono::seconds(5);
  std::chrono::nanoseconds refresh = std::chrono::seconds(1);
  std::chrono::nanoseconds max_hold{};  ///< it stops granting so long before the lease ends
  std::chrono::nanoseconds margin{};    ///< 0: a hundredth of the lease
  std::chrono::nanoseconds timeout{};   ///< of a message; 0: chosen by refresh
  std::uint64_t fallback = 0;           ///< permits while the engine is away; 0: none, it stops
  std::uint64_t max_request = 0;  ///< the most that one request waits for; 0: limit, or 65,536
  bool manual = false;            ///< no threads: fleet::advance()
  bool fresh = false;             ///< nobody else uses a limit that the engine does not have
  const ::afflux_sem_options* sem = nullptr;  ///< the local semaphore; null: the defaults
  ::afflux_fleet_change_fn on_change = nullptr;
  void* ctx = nullptr;  ///< passed to on_change

  /// The same for the C API; pointers are borrowed from here.
  [[nodiscard]] explicit operator ::afflux_fleet_options() const noexcept {
    ::afflux_fleet_options c{};
    (void)::afflux_fleet_options_init(&c);
    c.flags = static_cast<std::uint32_t>((manual ? AFFLUX_FLEET_MANUAL : 0) |
                                         (fresh ? AFFLUX_FLEET_FRESH : 0));
    c.url = url;
    c.name = name;
    c.label = label;
    c.limit = limit;
    c.minimum = minimum;
    c.fallback = fallback;
    c.max_request = max_request;
    c.weight = weight;
    c.policy = fallback != 0 ? AFFLUX_FLEET_FALL_BACK : AFFLUX_FLEET_STOP;
    c.lease_ns = lease.count();
    c.refresh_ns = refresh.count();
    c.max_hold_ns = max_hold.count();
    c.margin_ns = margin.count();
    c.timeout_ns = timeout.count();
    c.sem = sem;
    c.on_change = on_change;
    c.ctx = ctx;
    return c;
  }
};

/// An owner of one reference of a fleet. Move-only; share() makes another owner. The last one
/// closes it without waiting for permits that are held; close() waits.
///
///   const fleet all({.url = "redis://cache.internal", .name = "backend", .limit = 200});
///   const semaphore& sem = all.sem();
///   permit p = co_await sem.acquire();
///
/// Threads: every member of one object from any thread at once, but for assignment, swap and the
///          destructor.
/// Since: 0.1
class fleet {
 public:
  /// Throws error (invalid, not_supported, os_error), std::bad_alloc.
  explicit fleet(const fleet_options& o) : fleet(nullptr, semaphore::from_handle(nullptr)) {
    status made = status::ok;
    *this = open(o, made);
    detail::throw_unless_made(made);
  }

  /// The same without exceptions: empty, and ret_status tells why, on failure.
  [[nodiscard]] AFFLUX_HPP_NOINLINE static fleet open(const fleet_options& o,
                                                      status& ret_status) noexcept {
    const detail::resume_scope scope;
    const auto c = static_cast<::afflux_fleet_options>(o);
    ::afflux_fleet* made = nullptr;
    ret_status = static_cast<status>(::afflux_fleet_open(&c, &made));
    return from_handle(made);
  }

  /// Own a reference that the caller has; null makes an empty owner.
  [[nodiscard]] static fleet from_handle(::afflux_fleet* handle) noexcept {
    return fleet(handle, semaphore::from_handle(::afflux_sem_ref(::afflux_fleet_sem(handle))));
  }

  fleet(fleet&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), sem_(std::move(other.sem_)) {}
  fleet& operator=(fleet&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(sem_, other.sem_);
    return *this;
  }
  fleet(const fleet&) = delete;
  fleet& operator=(const fleet&) = delete;
  ~fleet() {
    const detail::resume_scope scope;
    ::afflux_fleet_unref(handle_);
  }

  /// Another owner of the same fleet.
  [[nodiscard]] fleet share() const noexcept { return from_handle(::afflux_fleet_ref(handle_)); }

  /// The C handle, borrowed; null when empty.
  [[nodiscard]] ::afflux_fleet* handle() const noexcept { return handle_; }
  [[nodiscard]] explicit operator bool() const noexcept { return handle_ != nullptr; }

  /// The local semaphore: what this process has of the limit.
  [[nodiscard]] const semaphore& sem() const noexcept { return sem_; }
  [[nodiscard]] const char* name() const noexcept { return ::afflux_fleet_name(used()); }
  [[nodiscard]] std::string id() const { return text_of(&::afflux_fleet_id); }

  /// @return ok; timed_out: permits are still held; again: the engine did not take them back;
  ///         already; busy.
  AFFLUX_HPP_NOINLINE status close() const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_fleet_close(used(), AFFLUX_FOREVER));
  }
  /// The same, waiting at most `d` for permits that are held.
  template <class Rep, class Period>
  status close_within(std::chrono::duration<Rep, Period> d) const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_fleet_close(used(), detail::ceil_ns(d)));
  }

  /// Of a manual fleet: do what is due. ret_next: when to call again.
  /// @return ok, closed, busy, invalid.
  status advance(std::chrono::nanoseconds& ret_next) const noexcept {
    const detail::resume_scope scope;
    std::int64_t next = 0;
    const status s = static_cast<status>(::afflux_fleet_advance(used(), &next));
    if (s == status::ok) ret_next = std::chrono::nanoseconds(next);
    return s;
  }

  /// Before an acquire: what check() compares with. ret_fence needs no init.
  /// @return ok; again: no lease runs, so that what is acquired now will not pass check().
  status begin(::afflux_fleet_fence& ret_fence) const noexcept {
    ret_fence.struct_size = sizeof ret_fence;
    return static_cast<status>(::afflux_fleet_begin(used(), &ret_fence));
  }
  /// Just after the acquire and before each step of the work: whether the lease has run since
  /// begin(). Sets token and floor, to be sent with the step.
  /// @return ok; canceled: the permit may be another's by now: stop, and release.
  [[nodiscard]] status check(::afflux_fleet_fence& fence) const noexcept {
    return static_cast<status>(::afflux_fleet_check(used(), &fence));
  }

  /// 0 where the owner is empty.
  [[nodiscard]] ::afflux_fleet_fence fence() const noexcept {
    ::afflux_fleet_fence f{};
    (void)::afflux_fleet_get_fence(used(), &f);
    return f;
  }
  [[nodiscard]] ::afflux_fleet_stats stats() const noexcept {
    ::afflux_fleet_stats s{};
    (void)::afflux_fleet_get_stats(used(), &s);
    return s;
  }
  /// "" without a failure since the newest answer.
  [[nodiscard]] std::string last_failure() const { return text_of(&::afflux_fleet_last_failure); }

  /// @return ok, timed_out, rejected, invalid, no_memory.
  status resize(std::uint64_t permits) const noexcept {
    return static_cast<status>(::afflux_fleet_resize(used(), permits));
  }
  /// @return ok; again: no such holder; timed_out, rejected, invalid, no_memory.
  status expire(const char* id) const noexcept {
    return static_cast<status>(::afflux_fleet_expire(used(), id));
  }
  /// `see(const afflux_fleet_holder&)` for each holder. @return ok; again: the engine has no such
  /// limit; timed_out, rejected, no_memory.
  template <class F>
  status holders(F&& see, ::afflux_fleet_totals* ret_totals = nullptr) const {
    return static_cast<status>(::afflux_fleet_holders(
        used(),
        [](void* ctx, const ::afflux_fleet_holder* h) noexcept -> std::int32_t {
          (*static_cast<std::remove_reference_t<F>*>(ctx))(*h);
          return 0;
        },
        const_cast<void*>(static_cast<const void*>(std::addressof(see))), ret_totals));
  }
  /// `see(const char*)` for the name of each limit of the engine. @return ok, timed_out, rejected,
  /// no_memory.
  template <class F>
  status names(F&& see) const {
    return static_cast<status>(::afflux_fleet_names(
        used(),
        [](void* ctx, const char* name) noexcept -> std::int32_t {
          (*static_cast<std::remove_reference_t<F>*>(ctx))(name);
          return 0;
        },
        const_cast<void*>(static_cast<const void*>(std::addressof(see)))));
  }

 private:
  fleet(::afflux_fleet* handle, semaphore sem) noexcept : handle_(handle), sem_(std::move(sem)) {}

  /// What does not fit into 255 bytes is cut.
  template <class Call>
  std::string text_of(Call call) const {
    std::string text(256, '\0');
    std::size_t n = 0;
    if (call(used(), text.data(), text.size(), &n) != AFFLUX_OK) n = 0;
    text.resize(n < 256 ? n : 255);
    return text;
  }

  [[nodiscard]] ::afflux_fleet* used() const noexcept {
    AFFLUX_ASSERT(handle_ != nullptr && "afflux::fleet: empty");
    return handle_;
  }

  ::afflux_fleet* handle_;
  semaphore sem_;
};

}  // namespace afflux

#endif  // AFFLUX_FLEET_HPP
