// SPDX-License-Identifier: MIT OR Apache-2.0
//
// C++: coroutines on one thread. They wait for permits and for time in one loop, which is an
// io_uring; where there is none, it polls the descriptor of a port.
#include <afflux/afflux.hpp>

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <utility>

#ifdef ONE_QUEUE_HAS_LIBURING
#  include <liburing.h>
#endif

#include "one_queue.h"

namespace {

using std::chrono::nanoseconds;
constexpr std::size_t kReadyATurn = 64;

// --------------------------------------------------------------------------------------------
// Loops
// --------------------------------------------------------------------------------------------

class loop {
 public:
  explicit loop(const afflux::port_options& options) : port_(options) {}
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;
  virtual ~loop() = default;

  const afflux::port& port() const { return port_; }
  virtual const char* name() const = 0;

  // Resumes coroutines that have a permit. @return whether there may be more.
  bool resume_ready() { return port_.run_ready(kReadyATurn) == kReadyATurn; }
  // Resumes those that have slept. Unless `only_look`, sleeps until there are some, or permits.
  virtual void wait(bool only_look) = 0;

  auto sleep(nanoseconds time) { return sleeper(*this, time); }

 protected:
  class sleeper {
   public:
    sleeper(loop& owner, nanoseconds time) : owner_(owner), time_(time) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) {
      coroutine = awaiting;
      owner_.start(*this, time_);
    }
    void await_resume() const noexcept {}

    std::coroutine_handle<> coroutine;
#ifdef ONE_QUEUE_HAS_LIBURING
    __kernel_timespec limit{};
#endif

   private:
    loop& owner_;
    nanoseconds time_;
  };

  virtual void start(sleeper& s, nanoseconds time) = 0;

  afflux::port port_;
};

class poll_loop final : public loop {
  using clock = std::chrono::steady_clock;

 public:
  poll_loop() : loop({.kind = afflux::port_kind::automatic, .drains_all = true}) {}
  const char* name() const override { return "poll"; }

  void wait(bool only_look) override {
    int limit = -1;
    if (only_look) {
      limit = 0;
    } else if (!sleepers_.empty()) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(sleepers_.begin()->first - clock::now());
      limit = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    }
    pollfd bell{static_cast<int>(port_.native_handle()), POLLIN, 0};
    (void)::poll(&bell, 1, limit);
    const auto now = clock::now();
    while (!sleepers_.empty() && sleepers_.begin()->first <= now) {
      const std::coroutine_handle<> due = sleepers_.begin()->second;
      sleepers_.erase(sleepers_.begin());
      due.resume();
    }
  }

 private:
  void start(sleeper& s, nanoseconds time) override {
    sleepers_.emplace(clock::now() + time, s.coroutine);
  }

  std::multimap<clock::time_point, std::coroutine_handle<>> sleepers_;
};

#ifdef ONE_QUEUE_HAS_LIBURING

// Waits for permits end by the doorbell of the port, sleeps as timeouts: all are its events.
class uring_loop final : public loop {
 public:
  // Takes the ring over.
  explicit uring_loop(const io_uring& ring)
      : loop({.kind = afflux::port_kind::uring, .drains_all = true, .user_data = kDoorbell}),
        ring_(ring) {}
  ~uring_loop() override { io_uring_queue_exit(&ring_); }
  const char* name() const override { return "io_uring"; }

  void wait(bool only_look) override {
    if (!armed_) {
      io_uring_sqe* const sqe = io_uring_get_sqe(&ring_);
      armed_ = sqe != nullptr && port_.prep_uring(sqe) == afflux::status::ok;
    }
    while (!backlog_.empty()) {
      io_uring_sqe* const sqe = io_uring_get_sqe(&ring_);
      if (sqe == nullptr) break;  // full; the next turn has room
      io_uring_prep_timeout(sqe, &backlog_.front()->limit, 0, 0);
      io_uring_sqe_set_data(sqe, backlog_.front());
      backlog_.pop_front();
    }
    (void)io_uring_submit_and_wait(&ring_, only_look ? 0 : 1);
    io_uring_cqe* cqe = nullptr;
    while (io_uring_peek_cqe(&ring_, &cqe) == 0) {
      const afflux::status rung = port_.check_uring(cqe);
      auto* const slept = static_cast<sleeper*>(io_uring_cqe_get_data(cqe));
      io_uring_cqe_seen(&ring_, cqe);
      if (rung == afflux::status::invalid) {
        slept->coroutine.resume();
      } else if (rung == afflux::status::again) {
        armed_ = false;
      }
    }
  }

 private:
  static constexpr std::uint64_t kDoorbell = 1;  // that of a sleeper is its address

  void start(sleeper& s, nanoseconds time) override {
    s.limit = {time.count() / 1'000'000'000, time.count() % 1'000'000'000};
    backlog_.push_back(&s);
  }

  io_uring ring_;
  bool armed_ = false;
  std::deque<sleeper*> backlog_;
};

std::unique_ptr<loop> make_loop() {
  io_uring ring{};
  if (io_uring_queue_init(256, &ring, 0) == 0) return std::make_unique<uring_loop>(ring);
  return std::make_unique<poll_loop>();  // the kernel, or a container, refuses it
}

#else

std::unique_ptr<loop> make_loop() { return std::make_unique<poll_loop>(); }

#endif

// --------------------------------------------------------------------------------------------
// Coroutines
// --------------------------------------------------------------------------------------------

// One whose frame goes when its body ends.
struct detached {
  struct promise_type {
    static detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

// One that its owner may give up: the destructor takes its request back.
class attempt {
 public:
  struct promise_type {
    attempt get_return_object() noexcept {
      return attempt(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };

  attempt(attempt&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  attempt& operator=(attempt&&) = delete;
  ~attempt() {
    if (frame_) frame_.destroy();
  }
  bool done() const { return frame_.done(); }

 private:
  explicit attempt(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  std::coroutine_handle<promise_type> frame_;
};

class side {
 public:
  explicit side(const one_queue_host& host)
      : host_(host),
        sem_(afflux::semaphore::from_handle(::afflux_sem_ref(host.sem))),
        loop_(make_loop()),
        thread_([this] { run(); }) {}
  ~side() { thread_.join(); }  // after halt()

  const char* loop_name() const { return loop_->name(); }

  // These begin on the thread that calls them, and go on in the loop: so all below is its alone.

  detached arrive(std::uint32_t ticket) {
    co_await loop_->port().enter();
    waiting_.emplace(ticket, wait_for(ticket));
  }

  detached cancel(std::uint32_t ticket) {
    co_await loop_->port().enter();
    waiting_.erase(ticket);
  }

  detached finish(std::uint32_t ticket) {
    co_await loop_->port().enter();
    waiting_.erase(ticket);
    tokens_.erase(ticket);  // which releases
  }

  void load(std::uint32_t workers) {
    working_ = workers;
    for (std::uint32_t i = 0; i < workers; ++i) work(i);
  }

  void join() {
    while (const std::uint32_t left = working_.load()) working_.wait(left);
  }

  detached halt() {
    co_await loop_->port().enter();
    over_ = true;
  }

 private:
  void run() {
    for (;;) {
      const bool more = loop_->resume_ready();
      if (over_) return;
      loop_->wait(more);
    }
  }

  attempt wait_for(std::uint32_t ticket) {
    afflux::permit got = co_await sem_.acquire().resume_on(loop_->port());
    if (!got) host_.fail("c++: a ticket was refused");
    tokens_.emplace(ticket, std::make_unique<afflux::permit_token>(std::move(got), "c++"));
    host_.granted(ticket);
  }

  attempt ask(std::uint32_t n, afflux::permit& ret_got) {
    ret_got = co_await sem_.acquire(n).resume_on(loop_->port());
  }

  detached work(std::uint32_t seed) {
    co_await loop_->port().enter();
    std::minstd_rand random(seed + 1);
    const auto below = [&random](std::uint32_t n) {
      return static_cast<std::uint32_t>(random() % n);
    };
    while (host_.is_over() == 0) {
      const std::uint32_t n = 1 + below(3);
      afflux::permit got;
      if (below(8) == 0) {
        const attempt asked = ask(n, got);
        co_await loop_->sleep(std::chrono::microseconds(below(2000)));
        if (!asked.done()) {
          host_.gave_up(ONE_QUEUE_CPP);
          continue;
        }
      } else {
        got = co_await sem_.acquire(n).resume_on(loop_->port());
      }
      const afflux::permit_token held(std::move(got), "c++");
      if (held.status() != afflux::status::ok) {
        host_.fail("c++: an acquire failed under load");
        break;
      }
      host_.enter(ONE_QUEUE_CPP, n);
      if (below(4) == 0) {
        co_await loop_->sleep(std::chrono::milliseconds(1));
      } else {
        co_await loop_->port().enter();  // the others' turn
      }
      host_.leave(ONE_QUEUE_CPP, n);
    }
    working_.fetch_sub(1);
    working_.notify_all();
  }

  const one_queue_host& host_;
  afflux::semaphore sem_;
  std::unique_ptr<loop> loop_;
  std::map<std::uint32_t, attempt> waiting_;
  std::map<std::uint32_t, std::unique_ptr<afflux::permit_token>> tokens_;
  std::atomic<std::uint32_t> working_ = 0;
  bool over_ = false;
  std::thread thread_;  // last: it uses the others
};

std::unique_ptr<side> the_side;

}  // namespace

void one_queue_cpp(const one_queue_host* host, one_queue_side* ret_side) {
  the_side = std::make_unique<side>(*host);
  ret_side->version = ::afflux_version_string();
  ret_side->arrive = [](std::uint32_t ticket, std::int32_t) { the_side->arrive(ticket); };
  ret_side->cancel = [](std::uint32_t ticket) { the_side->cancel(ticket); };
  ret_side->finish = [](std::uint32_t ticket) { the_side->finish(ticket); };
  ret_side->load = [](std::uint32_t workers) { the_side->load(workers); };
  ret_side->join = [] { the_side->join(); };
  ret_side->stop = [] {
    the_side->halt();
    the_side.reset();
  };
}

const char* one_queue_cpp_loop() { return the_side->loop_name(); }
