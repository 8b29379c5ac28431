// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sums over semaphores and clients, and their text for Prometheus. A part of afflux.hpp, whose
// chapters hold here, too; stats.h ("Registry", "Export") is the manual.
#ifndef AFFLUX_REGISTRY_HPP
#define AFFLUX_REGISTRY_HPP

#include <afflux/detail/config.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <afflux/afflux.h>
#include <afflux/client.hpp>
#include <afflux/detail/expect.hpp>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/owner.hpp>
#include <afflux/detail/resume.hpp>
#include <afflux/detail/visit.hpp>
#include <afflux/semaphore.hpp>
#include <afflux/status.hpp>

namespace afflux {

/// The text that is made; see AFFLUX_EXPORT_.... Since: 0.1
enum class export_format : std::uint32_t {
  prometheus = AFFLUX_EXPORT_PROMETHEUS,
  openmetrics = AFFLUX_EXPORT_OPENMETRICS
};

/// The HTTP header Content-Type of a format; static text, "" for an unknown one. Since: 0.1
[[nodiscard]] inline const char* content_type(export_format format) noexcept {
  return ::afflux_export_content_type(static_cast<std::uint32_t>(format));
}

/// What to export. Since: 0.1
struct export_options {
  export_format format = export_format::prometheus;
  bool clients = false;  ///< each client has its own series, too (AFFLUX_EXPORT_CLIENTS)
  /// Tenants of each semaphore that have series of their own, at most; 0: nothing of tenants.
  std::uint32_t tenants = 10;

  /// The same for the C API.
  [[nodiscard]] explicit operator ::afflux_export_options() const noexcept {
    ::afflux_export_options c{};
    c.struct_size = sizeof c;
    c.format = static_cast<std::uint32_t>(format);
    c.flags = clients ? std::uint32_t{AFFLUX_EXPORT_CLIENTS} : 0U;
    c.tenants = tenants;
    return c;
  }
};

/// An owner of one reference of a registry. Move-only; share() makes another owner. What is in a
/// registry is kept alive by it; the last owner removes everything.
///
/// An owner is empty after it was moved from, where create() failed, and of a null handle;
/// chapter 1 says what an empty one may be used for.
/// Threads: every member of one object from any thread at once, but for assignment, swap and the
///          destructor. Lock-free. Each call may end the last reference of a semaphore that another
///          thread has removed: it then resumes coroutines (chapter 4).
/// Since: 0.1
class registry {
 public:
  /// With nothing in it. Throws std::bad_alloc.
  registry() {
    status made = status::ok;
    *this = create(made);
    detail::throw_unless_made(made);
  }

  /// The same without exceptions: empty, and ret_status tells why, on failure.
  [[nodiscard]] static registry create(status& ret_status) noexcept {
    ::afflux_registry* made = nullptr;
    ret_status = static_cast<status>(::afflux_registry_create(&made));
    return from_handle(made);
  }

  /// Own a reference that the caller has; null makes an empty owner.
  [[nodiscard]] static registry from_handle(::afflux_registry* handle) noexcept {
    return registry(detail::owner<::afflux_registry>(handle));
  }

  /// Another owner of the same registry.
  [[nodiscard]] registry share() const noexcept { return registry(handle_.share()); }

  /// The C handle, borrowed; null when empty.
  [[nodiscard]] ::afflux_registry* handle() const noexcept { return handle_.get(); }
  [[nodiscard]] explicit operator bool() const noexcept { return handle() != nullptr; }
  friend void swap(registry& a, registry& b) noexcept { std::swap(a.handle_, b.handle_); }

  // ------------------------------------------------------------------------------------------
  // What is in it
  // ------------------------------------------------------------------------------------------

  /// Add a semaphore, which may be in one registry at a time.
  /// @return ok; already: it is in a registry, this one or another; no_memory.
  [[nodiscard]] status add(const semaphore& sem) const noexcept {
    return static_cast<status>(::afflux_registry_add_sem(used(), sem.used().sem));
  }
  /// Add a client. As for a semaphore.
  [[nodiscard]] status add(const client& c) const noexcept {
    return static_cast<status>(::afflux_registry_add_client(used(), c.used()));
  }
  /// Remove a semaphore; what it has done stays in the totals.
  /// @return ok; already: it is not in this registry.
  AFFLUX_HPP_NOINLINE status remove(const semaphore& sem) const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_registry_remove_sem(used(), sem.used().sem));
  }
  /// Remove a client. As for a semaphore.
  status remove(const client& c) const noexcept {
    return static_cast<status>(::afflux_registry_remove_client(used(), c.used()));
  }

  /// Visit each semaphore that is in the registry during the whole call, once, and perhaps some of
  /// those that come or go meanwhile: `visit(const semaphore&)`, whose answer, if it is a bool,
  /// says whether to go on. It may call anything, remove() too, and share() what it sees.
  /// @return ok; canceled: visit stopped it. Throws what `visit` throws, which stops it.
  template <detail::visitor_of<const semaphore&> Visit>
  status visit_semaphores(Visit&& visit) const {
    detail::visit_call<Visit> call(visit);
    return call.finish(visit_sems(
        [](void* ctx, ::afflux_sem* sem) noexcept -> std::int32_t {
          const semaphore seen = semaphore::from_handle(::afflux_sem_ref(sem));
          return static_cast<detail::visit_call<Visit>*>(ctx)->see(seen);
        },
        &call));
  }
  /// Likewise, clients: `visit(const client&)`.
  template <detail::visitor_of<const client&> Visit>
  status visit_clients(Visit&& visit) const {
    detail::visit_call<Visit> call(visit);
    return call.finish(::afflux_registry_visit_clients(
        used(),
        [](void* ctx, ::afflux_client* c) noexcept -> std::int32_t {
          const client seen = client::from_handle(::afflux_client_ref(c));
          return static_cast<detail::visit_call<Visit>*>(ctx)->see(seen);
        },
        &call));
  }

  // ------------------------------------------------------------------------------------------
  // What it tells
  // ------------------------------------------------------------------------------------------

  /// Everything added up; its since_look is 0.
  [[nodiscard]] ::afflux_registry_summary_t summary() const noexcept {
    ::afflux_registry_summary_t now{};
    (void)summary(now);
    return now;
  }
  /// The same into a struct that is kept from call to call: since_look has the rates since it was
  /// last filled. Zeroed, `afflux_registry_summary_t kept{}`, it was never filled.
  /// @return ok. Threads: not on one struct at once; does not allocate.
  AFFLUX_HPP_NOINLINE status summary(::afflux_registry_summary_t& kept) const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_registry_summary(used(), &kept));
  }

  /// Render as text, piece by piece: `sink(std::string_view)`, whose answer, if it is a bool, says
  /// whether to go on. Allocates for tenants only.
  /// @return ok; canceled: the sink stopped it; invalid: an unknown format; no_memory: for tenants,
  ///         and nothing was written. Throws what the sink throws, which stops it.
  template <detail::visitor_of<std::string_view> Sink>
  status write(Sink&& sink, const export_options& o = {}) const {
    detail::visit_call<Sink> call(sink);
    return call.finish(write_to(o, &detail::visit_call<Sink>::take, &call));
  }
  /// The text as a whole. Throws error (invalid: an unknown format; no_memory), std::bad_alloc.
  [[nodiscard]] std::string text(const export_options& o = {}) const {
    std::string all;
    const status s = write([&all](std::string_view piece) { all += piece; }, o);
    if (s != status::ok) throw error(s, "afflux: registry::text");
    return all;
  }

 private:
  explicit registry(detail::owner<::afflux_registry> handle) noexcept
      : handle_(std::move(handle)) {}

  [[nodiscard]] ::afflux_registry* used() const noexcept {
    AFFLUX_ASSERT(handle() != nullptr && "afflux::registry: empty");
    return handle();
  }

  AFFLUX_HPP_NOINLINE ::afflux_status visit_sems(::afflux_sem_visitor visit,
                                                 void* ctx) const noexcept {
    const detail::resume_scope scope;
    return ::afflux_registry_visit_sems(used(), visit, ctx);
  }
  AFFLUX_HPP_NOINLINE ::afflux_status write_to(const export_options& o, ::afflux_sink_fn sink,
                                               void* ctx) const noexcept {
    const detail::resume_scope scope;
    const auto c = static_cast<::afflux_export_options>(o);
    return ::afflux_registry_write(used(), &c, sink, ctx);
  }

  detail::owner<::afflux_registry> handle_;
};

}  // namespace afflux

#endif  // AFFLUX_REGISTRY_HPP
