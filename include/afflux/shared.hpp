// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One semaphore for the processes of a machine. shared.h is the manual; link afflux-shared, too.
#ifndef AFFLUX_SHARED_HPP
#define AFFLUX_SHARED_HPP

#include <afflux/detail/config.hpp>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include <afflux/shared.h>
#include <afflux/detail/expect.hpp>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/resume.hpp>
#include <afflux/detail/time.hpp>
#include <afflux/status.hpp>

namespace afflux {

/// How to open a segment, and what to make; shared.h says more of each. Since: 0.1
struct shared_options {
  bool create = false;          ///< make it if there is none
  bool exclusive = false;       ///< with create: refuse one that is there
  bool keep_over_exec = false;  ///< what is held at an exec() is kept until the process ends
  std::uint64_t permits = 1;    ///< limit of a new one
  std::uint32_t mode = 0600;    ///< permission bits of a new named one, less the umask
  std::uint32_t max_handles = 256;
  std::uint32_t max_waiters = 1024;
  const char* tag = nullptr;  ///< told to observers; copied; null: none

  /// The same for the C API; the tag is borrowed from here.
  [[nodiscard]] explicit operator ::afflux_shared_options() const noexcept {
    ::afflux_shared_options c{};
    (void)::afflux_shared_options_init(&c);
    c.flags = static_cast<std::uint32_t>((create ? AFFLUX_SHARED_CREATE : 0) |
                                         (exclusive ? AFFLUX_SHARED_EXCLUSIVE : 0) |
                                         (keep_over_exec ? AFFLUX_SHARED_KEEP_OVER_EXEC : 0));
    c.permits = permits;
    c.mode = mode;
    c.max_handles = max_handles;
    c.max_waiters = max_waiters;
    c.tag = tag;
    return c;
  }
};

/// n permits of a shared_semaphore, given back by the destructor. Move-only. It borrows the
/// semaphore: some owner of it must live until the permits are given back.
/// Since: 0.1
class [[nodiscard]] shared_permit {
 public:
  /// Empty; status() is status::already.
  shared_permit() noexcept = default;
  shared_permit(shared_permit&& other) noexcept
      : handle_(other.handle_),
        count_(std::exchange(other.count_, 0)),
        status_(std::exchange(other.status_, status::already)) {}
  shared_permit& operator=(shared_permit&& other) noexcept {
    if (this == &other) return *this;
    release();
    handle_ = other.handle_;
    count_ = std::exchange(other.count_, 0);
    status_ = std::exchange(other.status_, status::already);
    return *this;
  }
  shared_permit(const shared_permit&) = delete;
  shared_permit& operator=(const shared_permit&) = delete;
  ~shared_permit() { release(); }

  /// Give all back and be empty. @return ok; already: it was empty; closed: in the child of a
  /// fork(), where they are the parent's.
  afflux::status release() noexcept {
    if (count_ == 0) return status::already;
    status_ = status::already;
    return static_cast<afflux::status>(::afflux_shared_release(handle_, std::exchange(count_, 0)));
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] explicit operator bool() const noexcept { return count_ != 0; }
  /// ok while permits are held; else why the acquire failed, or already when they are gone.
  [[nodiscard]] afflux::status status() const noexcept { return status_; }

 private:
  friend class shared_semaphore;
  shared_permit(::afflux_shared* handle, std::uint64_t n, ::afflux_status s) noexcept
      : handle_(handle), count_(s == AFFLUX_OK ? n : 0), status_(static_cast<afflux::status>(s)) {}

  ::afflux_shared* handle_ = nullptr;
  std::uint64_t count_ = 0;
  afflux::status status_ = status::already;
};

/// An owner of one reference of a segment's handle. Move-only; share() makes another owner.
///
///   const shared_semaphore builds("builds", {.create = true, .permits = 8, .tag = "compiler"});
///   const shared_permit held = builds.acquire();
///
/// Threads: every member of one object from any thread at once, but for assignment and the
///          destructor.
/// Since: 0.1
class shared_semaphore {
 public:
  /// Throws error (afflux_shared_open() tells which), std::bad_alloc.
  explicit shared_semaphore(const char* name, const shared_options& o = {}) {
    status made = status::ok;
    *this = open(name, o, made);
    detail::throw_unless_made(made);
  }

  /// The same without exceptions: empty, and ret_status tells why, on failure.
  [[nodiscard]] static shared_semaphore open(const char* name, const shared_options& o,
                                             status& ret_status) noexcept {
    const auto c = static_cast<::afflux_shared_options>(o);
    ::afflux_shared* made = nullptr;
    ret_status = static_cast<status>(::afflux_shared_open(name, &c, &made));
    return from_handle(made);
  }
  /// The segment in a memory file. Empty, and ret_status tells why, on failure.
  [[nodiscard]] static shared_semaphore open_fd(int fd, const shared_options& o,
                                                status& ret_status) noexcept {
    const auto c = static_cast<::afflux_shared_options>(o);
    ::afflux_shared* made = nullptr;
    ret_status = static_cast<status>(::afflux_shared_open_fd(fd, &c, &made));
    return from_handle(made);
  }
  /// Remove a name. @return ok, invalid, os_error.
  static status remove(const char* name) noexcept {
    return static_cast<status>(::afflux_shared_remove(name));
  }
  /// errno behind this thread's newest os_error of a call here, 0 without. (Of these calls alone:
  /// the text of a thrown error does not have it.)
  [[nodiscard]] static std::int32_t last_os_error() noexcept {
    return ::afflux_shared_last_os_error();
  }
  /// Own a reference that the caller has; null makes an empty owner.
  [[nodiscard]] static shared_semaphore from_handle(::afflux_shared* handle) noexcept {
    return shared_semaphore(handle);
  }

  shared_semaphore(shared_semaphore&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)) {}
  shared_semaphore& operator=(shared_semaphore&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  shared_semaphore(const shared_semaphore&) = delete;
  shared_semaphore& operator=(const shared_semaphore&) = delete;
  AFFLUX_HPP_NOINLINE ~shared_semaphore() {
    const detail::resume_scope scope;
    ::afflux_shared_unref(handle_);
  }

  [[nodiscard]] shared_semaphore share() const noexcept {
    return from_handle(::afflux_shared_ref(handle_));
  }
  /// The C handle, borrowed; null when empty.
  [[nodiscard]] ::afflux_shared* handle() const noexcept { return handle_; }
  [[nodiscard]] explicit operator bool() const noexcept { return handle_ != nullptr; }

  /// Empty with again, closed, too_big or invalid on failure.
  shared_permit try_acquire(std::uint64_t n = 1) const noexcept {
    return {used(), n, ::afflux_shared_try_acquire(used(), n)};
  }
  /// Waits in line. Empty with closed, too_big, rejected, invalid or os_error on failure.
  shared_permit acquire(std::uint64_t n = 1) const noexcept {
    return {used(), n, ::afflux_shared_acquire(used(), n, AFFLUX_FOREVER)};
  }
  /// Likewise at most `d`; then empty with timed_out.
  template <class Rep, class Period>
  shared_permit acquire_for(std::chrono::duration<Rep, Period> d,
                            std::uint64_t n = 1) const noexcept {
    return {used(), n, ::afflux_shared_acquire(used(), n, detail::ceil_ns(d))};
  }
  /// Give back what was taken by the C API. @return ok, overflow, invalid, closed.
  status release(std::uint64_t n = 1) const noexcept {
    return static_cast<status>(::afflux_shared_release(used(), n));
  }

  /// @return ok, overflow, closed.
  status resize(std::uint64_t permits) const noexcept {
    return static_cast<status>(::afflux_shared_resize(used(), permits));
  }
  /// For all processes. @return ok, already, closed.
  status close() const noexcept { return static_cast<status>(::afflux_shared_close(used())); }

  [[nodiscard]] std::uint64_t limit() const noexcept { return ::afflux_shared_limit(used()); }
  [[nodiscard]] std::uint64_t held() const noexcept { return ::afflux_shared_held(used()); }
  [[nodiscard]] ::afflux_shared_stats stats() const noexcept {
    ::afflux_shared_stats s{};
    (void)::afflux_shared_get_stats(used(), &s);
    return s;
  }
  /// The open handles, in no order. Throws std::bad_alloc.
  [[nodiscard]] std::vector<::afflux_shared_holder> holders() const {
    std::vector<::afflux_shared_holder> all(16);
    for (;;) {
      std::size_t count = 0;
      if (::afflux_shared_holders(used(), all.data(), all.size(), &count) != AFFLUX_OK) count = 0;
      const bool whole = count <= all.size();
      all.resize(count);
      if (whole) return all;
    }
  }

 private:
  explicit shared_semaphore(::afflux_shared* handle) noexcept : handle_(handle) {}

  [[nodiscard]] ::afflux_shared* used() const noexcept {
    AFFLUX_ASSERT(handle_ != nullptr && "afflux::shared_semaphore: empty");
    return handle_;
  }

  ::afflux_shared* handle_ = nullptr;
};

}  // namespace afflux

#endif  // AFFLUX_SHARED_HPP
