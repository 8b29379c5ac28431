// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Permits with an identity. A part of afflux.hpp, whose chapters hold here, too.
#ifndef AFFLUX_PERMIT_TOKEN_HPP
#define AFFLUX_PERMIT_TOKEN_HPP

#include <afflux/detail/config.hpp>

#include <chrono>
#include <cstdint>

#include <afflux/afflux.h>
#include <afflux/client.hpp>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/resume.hpp>
#include <afflux/detail/tenant_owner.hpp>
#include <afflux/options.hpp>
#include <afflux/permit.hpp>
#include <afflux/status.hpp>

namespace afflux {

class semaphore;

/// What a token is acquired for: `sem.acquire_token({.permits = 2, .tag = "upload"})`. Since: 0.1
struct token_request {
  std::uint64_t permits = 1;  ///< 1 ... limit
  const char* tag = nullptr;  ///< for the ledger (options::ledger), copied; null: none
  afflux::priority priority = afflux::priority::normal;
  std::uint64_t cost_bytes = 0;  ///< counts against options::max_queue_bytes while it waits
  bool wait_for_resize = false;  ///< wait although more is asked for than the limit allows
  /// It is accounted to this one, which must live until the acquire has ended; null, or empty:
  /// none.
  const client* account_to = nullptr;
  /// Whose request it is: a tenant of the same semaphore, as in `.of = &gold`. The token keeps it.
  /// Not together with account_to, which answers status::invalid then. Null: none's.
  const detail::tenant_owner* of = nullptr;

  /// The same for the C API; `tag` is borrowed from here.
  [[nodiscard]] explicit operator ::afflux_request() const noexcept {
    ::afflux_request c{};
    c.struct_size = sizeof c;
    c.flags = wait_for_resize ? std::uint32_t{AFFLUX_WAIT_FOR_RESIZE} : 0U;
    c.permits = permits;
    c.priority = static_cast<std::uint32_t>(priority);
    c.cost_bytes = cost_bytes;
    c.timeout_ns = AFFLUX_FOREVER;
    if (account_to != nullptr) c.client = account_to->used();
    c.tag = tag;
    if (of != nullptr) {
      c.tenant = of->used();
      if (c.tenant == nullptr) c.permits = 0;  // invalid
    }
    return c;
  }
};

/// n permits with an identity, which keep their semaphore alive; released at most once, however
/// many threads try. Made in place by semaphore::acquire_token() and adopt_token(), of a permit, or
/// of a semaphore. It neither moves nor copies; a pointer does:
///
///   auto held = std::make_unique<permit_token>(sem, 2, "upload");
///   if (!*held) return held->status();
///
/// An empty token is no error: its calls answer status::already, and 0.
/// Threads: every member from any number of threads at once; the destructor alone. Since: 0.1
class [[nodiscard]] permit_token {
 public:
  /// Empty; status() is status::already.
  permit_token() noexcept = default;
  /// Take over the permits of `from`, whose hold time counts from now on. `tag` is for the ledger,
  /// copied; null: none. Empty, with from.status(), where that is; or with overflow, where from
  /// keeps its permits: fewer are held.
  explicit permit_token(permit&& from, const char* tag = nullptr) noexcept
      : status_(from.status()) {
    if (!from) return;
    status_ = adopt(from.target_, from.count(), tag);
    if (status_ == afflux::status::ok) static_cast<void>(from.detach());
  }
  /// As sem.acquire_token(...), blocking the thread; semaphore.hpp has the semaphore.
  explicit permit_token(const semaphore& sem, std::uint64_t n = 1,
                        const char* tag = nullptr) noexcept;
  permit_token(const semaphore& sem, const token_request& request) noexcept;
  /// As sem.acquire_token_for(d, ...).
  template <class Rep, class Period>
  permit_token(const semaphore& sem, std::chrono::duration<Rep, Period> d, std::uint64_t n = 1,
               const char* tag = nullptr) noexcept;
  template <class Rep, class Period>
  permit_token(const semaphore& sem, std::chrono::duration<Rep, Period> d,
               const token_request& request) noexcept;

  permit_token(const permit_token&) = delete;
  permit_token& operator=(const permit_token&) = delete;
  ~permit_token() { release(); }

  /// Give all back. @return ok to exactly one caller, already to the others; overflow instead of
  /// ok: some of them have been released by other means; those that were held have been given back.
  AFFLUX_HPP_NOINLINE afflux::status release() noexcept {
    const detail::resume_scope scope;
    return static_cast<afflux::status>(::afflux_permit_release(&token_));
  }

  /// Move `n` permits (1 ... count() - 1) into a new token with an id of its own; empty, with
  /// status() already or invalid, where that cannot be.
  [[nodiscard]] permit_token split(std::uint64_t n) noexcept { return permit_token(*this, n); }

  /// Take over all permits of `other`.
  /// @return ok; already: one of them is empty; invalid: the same object, or another semaphore's
  ///         or tenant's.
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
  /// The token of the C API, borrowed.
  [[nodiscard]] ::afflux_permit_token* handle() noexcept { return &token_; }
  /// How making it ended: ok, or why it has been empty from the start.
  [[nodiscard]] afflux::status status() const noexcept { return status_; }

 private:
  friend class semaphore;
  friend class tenant;

  AFFLUX_HPP_NOINLINE permit_token(::afflux_sem* sem, const token_request& request,
                                   std::int64_t timeout_ns) noexcept {
    const detail::blocking_scope scope;
    const auto c = static_cast<::afflux_request>(request);
    status_ =
        static_cast<afflux::status>(::afflux_sem_acquire_permit(sem, &c, timeout_ns, &token_));
  }
  permit_token(const detail::target& t, std::uint64_t n, const char* tag) noexcept
      : status_(adopt(t, n, tag)) {}
  permit_token(permit_token& from, std::uint64_t n) noexcept
      : status_(static_cast<afflux::status>(::afflux_permit_split(&from.token_, n, &token_))) {}

  [[nodiscard]] afflux::status adopt(const detail::target& t, std::uint64_t n,
                                     const char* tag) noexcept {
    return static_cast<afflux::status>(t.is_tenants()
                                           ? ::afflux_tenant_adopt(t.tenant, n, tag, &token_)
                                           : ::afflux_permit_adopt_tagged(t.sem, n, tag, &token_));
  }

  ::afflux_permit_token token_{};
  afflux::status status_ = afflux::status::already;
};

}  // namespace afflux

#endif  // AFFLUX_PERMIT_TOKEN_HPP
