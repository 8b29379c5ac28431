// SPDX-License-Identifier: MIT OR Apache-2.0
//
// System calls as entries of one io_uring. The port's doorbell is an entry of it, too.
#include <liburing.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <system_error>

#include "io.h"

namespace checksum_tree {
namespace {

constexpr unsigned kSubmissions = 256;
constexpr unsigned kCompletions = 4096;
constexpr std::uint64_t kDoorbell = 1;  // user_data; that of a call is its address

class uring_io final : public file_io {
 public:
  // Takes the ring over. The port is drained before each sleep: it need not ring for what the
  // loop's own coroutines give back.
  explicit uring_io(const io_uring& ring)
      : file_io({.kind = afflux::port_kind::uring, .drains_all = true, .user_data = kDoorbell}),
        ring_(ring) {}
  ~uring_io() override { io_uring_queue_exit(&ring_); }

  const char* name() const override { return "io_uring"; }

 private:
  void start(call& wanted) override { backlog_.push_back(&wanted); }

  void wait(std::chrono::milliseconds timeout, std::vector<call*>& ret_ended) override {
    fill();
    __kernel_timespec limit{timeout.count() / 1000, (timeout.count() % 1000) * 1'000'000};
    io_uring_cqe* cqe = nullptr;
    const int result = io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &limit, nullptr);
    // The last two: the kernel is short of memory or room for the moment.
    if (result < 0 && result != -ETIME && result != -EINTR && result != -EAGAIN &&
        result != -EBUSY) {
      throw std::system_error(-result, std::generic_category(), "io_uring");
    }
    while (io_uring_peek_cqe(&ring_, &cqe) == 0) {
      take(*cqe, ret_ended);
      io_uring_cqe_seen(&ring_, cqe);
    }
  }

  void fill() {
    if (!armed_) {
      io_uring_sqe* const sqe = io_uring_get_sqe(&ring_);
      armed_ = sqe != nullptr && port_.prep_uring(sqe) == afflux::status::ok;
    }
    for (; !backlog_.empty(); backlog_.pop_front()) {
      io_uring_sqe* const sqe = io_uring_get_sqe(&ring_);
      if (sqe == nullptr) return;  // full; the next turn has room
      call& wanted = *backlog_.front();
      if (wanted.path != nullptr) {
        io_uring_prep_openat(sqe, AT_FDCWD, wanted.path, kOpenFlags, 0);
      } else {
        io_uring_prep_read(sqe, wanted.fd, wanted.into.data(),
                           static_cast<unsigned>(wanted.into.size()), wanted.at);
      }
      io_uring_sqe_set_data(sqe, &wanted);
    }
  }

  void take(const io_uring_cqe& cqe, std::vector<call*>& ret_ended) {
    const afflux::status rung = port_.check_uring(&cqe);
    if (rung != afflux::status::invalid) {
      armed_ = rung == afflux::status::ok;  // again: to be armed anew
      return;
    }
    auto* const ended = static_cast<call*>(io_uring_cqe_get_data(&cqe));
    ended->result = cqe.res;
    if (cqe.res == -EINTR) {
      backlog_.push_back(ended);
    } else {
      ret_ended.push_back(ended);
    }
  }

  io_uring ring_;
  bool armed_ = false;
  std::deque<call*> backlog_;
};

}  // namespace

std::unique_ptr<file_io> make_uring_io(std::string& why) {
  io_uring_params params{};
  params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  params.cq_entries = kCompletions;
  io_uring ring{};
  const int result = io_uring_queue_init_params(kSubmissions, &ring, &params);
  if (result < 0) {
    why = std::strerror(-result);
  } else if ((params.features & IORING_FEAT_RW_CUR_POS) == 0) {
    io_uring_queue_exit(&ring);
    why = "before Linux 5.6 it cannot open and read";
  } else {
    return std::make_unique<uring_io>(ring);
  }
  return nullptr;
}

}  // namespace checksum_tree
