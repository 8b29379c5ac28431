// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One io_uring and the thread that runs it. What is begun here ends here: in on_event(), for a
// coroutine by its resumption.
#pragma once

#include <liburing.h>
#include <sys/socket.h>

#include <chrono>
#include <coroutine>
#include <span>
#include <string_view>

namespace uring_server {

// An entry of the ring; stays where it is until on_event().
class entry {
 public:
  // All but the user_data.
  virtual void fill(io_uring_sqe& sqe) = 0;
  virtual void on_event(const io_uring_cqe& cqe) = 0;

 protected:
  entry() = default;
  entry(const entry&) = delete;
  entry& operator=(const entry&) = delete;
  ~entry() = default;

 private:
  friend class ring;
  entry* next_ = nullptr;
};

// What the CQEs of `e` carry.
inline std::uint64_t user_data_of(entry& e) { return reinterpret_cast<std::uintptr_t>(&e); }

class ring {
 public:
  ring();  // throws std::system_error
  ring(const ring&) = delete;
  ring& operator=(const ring&) = delete;
  ~ring();

  // The calling thread is the ring's from now on. Throws std::system_error.
  void own();

  // To be submitted by the next turn.
  void start(entry& e);

  // Submits, sleeps until something has happened, and tells whom it concerns; of much that has
  // happened a part. Throws std::system_error.
  void turn();

  // ---- `co_await` these: the value is the system call's, or a negative errno.

  auto accept(int listener) {
    return call(*this, [listener](io_uring_sqe& sqe) {
      io_uring_prep_accept(&sqe, listener, nullptr, nullptr, SOCK_CLOEXEC);
    });
  }
  auto receive(int fd, std::span<char> into) {
    return call(*this, [fd, into](io_uring_sqe& sqe) {
      io_uring_prep_recv(&sqe, fd, into.data(), into.size(), 0);
    });
  }
  auto send(int fd, std::string_view text) {
    return call(*this, [fd, text](io_uring_sqe& sqe) {
      io_uring_prep_send(&sqe, fd, text.data(), text.size(), MSG_NOSIGNAL);
    });
  }
  // -ETIME.
  auto sleep(std::chrono::nanoseconds time) {
    const auto ns = time.count();
    return call(*this,
                [limit = __kernel_timespec{ns / 1'000'000'000, ns % 1'000'000'000}](
                    io_uring_sqe& sqe) mutable { io_uring_prep_timeout(&sqe, &limit, 0, 0); });
  }

 private:
  template <class Fill>
  class call final : entry {
   public:
    call(ring& owner, Fill fill) : owner_(owner), fill_(fill) {}

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) {
      awaiting_ = awaiting;
      owner_.start(*this);
    }
    int await_resume() const noexcept { return result_; }

   private:
    void fill(io_uring_sqe& sqe) override { fill_(sqe); }
    void on_event(const io_uring_cqe& cqe) override {
      result_ = cqe.res;
      awaiting_.resume();
    }

    ring& owner_;
    Fill fill_;
    std::coroutine_handle<> awaiting_;
    int result_ = 0;
  };

  void fill_entries();

  io_uring ring_{};
  entry* first_ = nullptr;  // not yet in the ring, by `next_`
  entry* last_ = nullptr;
};

}  // namespace uring_server
