// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Counters of a tenant, a connection, a worker. A part of afflux.hpp, whose chapters hold here,
// too; client.h is the manual.
#ifndef AFFLUX_CLIENT_HPP
#define AFFLUX_CLIENT_HPP

#include <afflux/detail/config.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <afflux/afflux.h>
#include <afflux/detail/expect.hpp>
#include <afflux/detail/owner.hpp>
#include <afflux/status.hpp>

namespace afflux {

/// How to create a client. Since: 0.1
struct client_options {
  const char* name = nullptr;  ///< label in the exposition, UTF-8; copied; null: none
  /// The classes' names; copied; null: "0" ... "3".
  std::array<const char*, AFFLUX_CLIENT_CLASSES> classes{};
  /// The pipelines' names; copied; null: "0" and "1".
  std::array<const char*, AFFLUX_CLIENT_PIPELINES> pipelines{};
  double stall_speed = 0.9;  ///< a client slower than this stalls; 0: never
  /// ... once that has lasted so long; 0: at once.
  std::chrono::nanoseconds stall_after = std::chrono::seconds(5);

  /// The same for the C API; the names are borrowed from here.
  [[nodiscard]] explicit operator ::afflux_client_options() const noexcept {
    ::afflux_client_options c{};
    c.struct_size = sizeof c;
    c.name = name;
    for (std::size_t i = 0; i < classes.size(); ++i) c.classes[i] = classes[i];
    for (std::size_t i = 0; i < pipelines.size(); ++i) c.pipelines[i] = pipelines[i];
    c.stall_speed = stall_speed;
    c.stall_after_ns = stall_after.count();
    return c;
  }
};

/// An owner of one reference of a client. Move-only; share() makes another owner. Acquires are
/// accounted to a client by acquire_operation::account_to() and token_request::account_to.
///
/// An owner is empty after it was moved from, where create() failed, and of a null handle;
/// chapter 1 says what an empty one may be used for.
/// Threads: every member of one object from any thread at once, but for assignment, swap and the
///          destructor. Counting and reading never wait and never allocate.
/// Since: 0.1
class client {
 public:
  /// With client_options' defaults. Throws std::bad_alloc.
  client() : client(client_options{}) {}

  /// Everything at 0. Throws error (invalid: stall_speed or stall_after is negative or not a
  /// number), std::bad_alloc.
  explicit client(const client_options& o) {
    status made = status::ok;
    *this = create(o, made);
    detail::throw_unless_made(made);
  }

  /// The same without exceptions: empty, and ret_status tells why, on failure.
  [[nodiscard]] static client create(const client_options& o, status& ret_status) noexcept {
    const auto c = static_cast<::afflux_client_options>(o);
    ::afflux_client* made = nullptr;
    ret_status = static_cast<status>(::afflux_client_create(&c, &made));
    return from_handle(made);
  }

  /// Own a reference that the caller has; null makes an empty owner.
  [[nodiscard]] static client from_handle(::afflux_client* handle) noexcept {
    return client(detail::owner<::afflux_client>(handle));
  }

  /// Another owner of the same client.
  [[nodiscard]] client share() const noexcept { return client(handle_.share()); }

  /// The C handle, borrowed; null when empty.
  [[nodiscard]] ::afflux_client* handle() const noexcept { return handle_.get(); }
  [[nodiscard]] explicit operator bool() const noexcept { return handle() != nullptr; }
  friend void swap(client& a, client& b) noexcept { std::swap(a.handle_, b.handle_); }

  /// The name given at creation, "" without one.
  [[nodiscard]] const char* name() const noexcept { return ::afflux_client_name(used()); }

  // ------------------------------------------------------------------------------------------
  // Counting
  // ------------------------------------------------------------------------------------------

  /// Count `n` requests of a class, 0 ... 3. @return ok; invalid: another class.
  status count_requests(std::uint32_t request_class, std::uint64_t n = 1) const noexcept {
    return to_status(::afflux_client_count_requests(used(), request_class, n));
  }
  /// Count bytes. @return ok.
  status count_bytes(std::uint64_t n) const noexcept {
    return to_status(::afflux_client_count_bytes(used(), n));
  }
  /// The bytes of the current run, from a source that counts from 0 in each run; replaces the
  /// number before. @return ok.
  status set_run_bytes(std::uint64_t bytes) const noexcept {
    return to_status(::afflux_client_set_run_bytes(used(), bytes));
  }
  /// A run begins: the bytes of the one before are kept, speed, position and drift begin at 0.
  /// @return ok.
  status begin_run() const noexcept { return to_status(::afflux_client_begin_run(used())); }
  /// Count a response: 400 ... 599 have a slot each, all others share one. @return ok.
  status count_response(std::uint32_t code) const noexcept {
    return to_status(::afflux_client_count_response(used(), code));
  }
  /// Count a reconnection. @return ok.
  status count_reconnection() const noexcept {
    return to_status(::afflux_client_count_reconnection(used()));
  }
  /// Count a timeout. @return ok.
  status count_timeout() const noexcept { return to_status(::afflux_client_count_timeout(used())); }
  /// Count lines of a pipeline, 0 or 1: `read` that arrived, `dropped` of them thrown away.
  /// @return ok; invalid: another pipeline, or more dropped than read.
  status count_lines(std::uint32_t pipeline, std::uint64_t read,
                     std::uint64_t dropped) const noexcept {
    return to_status(::afflux_client_count_lines(used(), pipeline, read, dropped));
  }
  /// How fast it runs; 1: as fast as it should. @return ok; invalid: negative, or not a number.
  status set_speed(double speed) const noexcept {
    return to_status(::afflux_client_set_speed(used(), speed));
  }
  /// How far it has come in the current run; drift is by how much that lags behind the time since
  /// the run began. @return ok; invalid: negative.
  status set_position(std::chrono::nanoseconds position) const noexcept {
    return to_status(::afflux_client_set_position(used(), position.count()));
  }

  // ------------------------------------------------------------------------------------------
  // Reading
  // ------------------------------------------------------------------------------------------

  /// All counters; 0 where the owner is empty.
  [[nodiscard]] ::afflux_client_summary_t summary() const noexcept {
    ::afflux_client_summary_t now{};
    (void)::afflux_client_summary(used(), &now);
    return now;
  }
  /// How many responses had that code; for one outside of 400 ... 599 all such.
  [[nodiscard]] std::uint64_t responses(std::uint32_t code) const noexcept {
    return ::afflux_client_responses(used(), code);
  }

 private:
  friend class registry;
  friend struct token_request;
  template <class, bool>
  friend class acquire_operation;

  explicit client(detail::owner<::afflux_client> handle) noexcept : handle_(std::move(handle)) {}

  [[nodiscard]] static status to_status(::afflux_status s) noexcept {
    return static_cast<status>(s);
  }
  [[nodiscard]] ::afflux_client* used() const noexcept {
    AFFLUX_ASSERT(handle() != nullptr && "afflux::client: empty");
    return handle();
  }

  detail::owner<::afflux_client> handle_;
};

}  // namespace afflux

#endif  // AFFLUX_CLIENT_HPP
