// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What ends an event loop's sleep; one file for each kind. The build picks those that the
// platform has.
#pragma once

#include <cerrno>
#include <cstdint>
#include <memory>

namespace afflux::port {

// As in afflux.h.
enum class kind : std::uint32_t { any, eventfd, uring, kqueue, iocp, callback, pipe };

class doorbell {
 public:
  doorbell() = default;
  doorbell(const doorbell&) = delete;
  doorbell& operator=(const doorbell&) = delete;
  virtual ~doorbell() = default;

  // What it really is.
  virtual kind what() const noexcept = 0;
  // What to poll; -1: nothing.
  virtual std::intptr_t handle() const noexcept { return -1; }
  // It shows until it is silenced, so that a loop which sleeps without having looked wakes at
  // once.
  virtual bool shows() const noexcept { return false; }
  // It runs the caller's code: only where nothing internal is held, and never nested.
  virtual bool calls_back() const noexcept { return false; }

  // Any thread. False: the system has refused, the loop may sleep on.
  virtual bool ring() noexcept = 0;
  // The loop's thread, if it shows: how many rings no longer do.
  virtual std::uint64_t silence() noexcept { return 0; }
  // The loop's thread: it shows although ring() has not been called.
  virtual bool rung_unasked() const noexcept { return false; }
};

// What `attempt` answers, 0 or an errno value; tried again where that may pass by itself (a signal,
// another thread inside), but not for ever: the thread that rings cannot wait.
template <class Attempt>
int tried(Attempt&& attempt) noexcept {
  int error = attempt();
  for (int left = 16; left != 0 && (error == EINTR || error == EAGAIN); --left) error = attempt();
  return error;
}

struct wanted {
  kind what = kind::any;
  bool by_message = false;            // URING: ask for MSG_RING
  std::intptr_t handle = -1;          // the loop's own: ring, kqueue, completion port
  std::uint64_t user_data = 0;        // of the doorbell's event
  void (*function)(void*) = nullptr;  // CALLBACK
  void* context = nullptr;
};

// nullptr: `error` is an errno value, or kUnsupported, kInvalid.
inline constexpr int kUnsupported = -1;
inline constexpr int kInvalid = -2;
std::unique_ptr<doorbell> make_doorbell(const wanted& w, int& error) noexcept;

// ---- by kind; what a platform lacks is not defined there

std::unique_ptr<doorbell> make_callback(const wanted& w, int& error) noexcept;
std::unique_ptr<doorbell> make_pipe(int& error) noexcept;
std::unique_ptr<doorbell> make_eventfd(int& error) noexcept;
std::unique_ptr<doorbell> make_uring(const wanted& w, int& error) noexcept;
std::unique_ptr<doorbell> make_kqueue(const wanted& w, int& error) noexcept;
std::unique_ptr<doorbell> make_iocp(const wanted& w, int& error) noexcept;

}  // namespace afflux::port
