// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The requests as entries of one io_uring.
#include <fcntl.h>
#include <liburing.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "../support/port.h"
#include "io.h"

namespace checksum_tree {
namespace {

constexpr unsigned kSubmissions = 256;
constexpr unsigned kCompletions = 4096;
constexpr unsigned kDoorbells = 1;  // it rings once until the port has been drained

void prepare(io_uring_sqe* sqe, const io_request& request) {
  switch (request.call) {
    case io_call::open:
      io_uring_prep_openat(sqe, AT_FDCWD, request.path, open_flags(), 0);
      break;
    case io_call::stat:
      io_uring_prep_statx(sqe, request.fd, "", AT_EMPTY_PATH, STATX_TYPE, request.info);
      break;
    case io_call::read:
      io_uring_prep_read(sqe, request.fd, request.buffer, request.size, request.offset);
      break;
    case io_call::close:
      io_uring_prep_close(sqe, request.fd);
      break;
  }
}

class uring_io final : public io_backend {
 public:
  // Takes the ring over.
  explicit uring_io(const io_uring& ring) : ring_(ring), room_(ring.cq.ring_entries - kDoorbells) {}
  uring_io(const uring_io&) = delete;
  uring_io& operator=(const uring_io&) = delete;
  ~uring_io() override { io_uring_queue_exit(&ring_); }

  const char* name() const override { return "io_uring"; }

  void start(io_request& request) override { backlog_.push(request); }

  afflux_port* port() override { return port_.get(); }

  void wait(std::chrono::milliseconds timeout, request_queue& finished) override {
    fill();
    __kernel_timespec limit{timeout.count() / 1000, (timeout.count() % 1000) * 1'000'000};
    io_uring_cqe* first = nullptr;
    const int result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
    // The last two: the kernel is short of memory or room for the moment.
    if (result < 0 && result != -ETIME && result != -EINTR && result != -EAGAIN &&
        result != -EBUSY) {
      throw std::system_error(-result, std::generic_category(), "io_uring");
    }
    reap(finished);
  }

 private:
  // No more than the completion queue can take, so that it never overflows.
  void fill() {
    if (!armed_) arm();
    while (in_kernel_ < room_ && !backlog_.empty()) {
      io_uring_sqe* sqe = entry();
      if (sqe == nullptr) return;
      io_request* request = backlog_.pop();
      prepare(sqe, *request);
      io_uring_sqe_set_data(sqe, request);
      ++in_kernel_;
    }
  }

  // NULL: not at the moment.
  io_uring_sqe* entry() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe != nullptr || io_uring_submit(&ring_) <= 0) return sqe;
    return io_uring_get_sqe(&ring_);
  }

  void arm() {
    io_uring_sqe* sqe = entry();
    armed_ = sqe != nullptr && afflux_port_prep_uring(port_.get(), sqe) == AFFLUX_OK;
  }

  afflux_port_options port_options() {
    afflux_port_options options = example::port_options(AFFLUX_PORT_URING);
    options.user_data = reinterpret_cast<std::uintptr_t>(this);  // no request's
    return options;
  }

  void reap(request_queue& finished) {
    io_uring_cqe* cqe = nullptr;
    while (io_uring_peek_cqe(&ring_, &cqe) == 0) {
      const afflux_status rung = afflux_port_check_uring(port_.get(), cqe);
      if (rung != AFFLUX_EINVAL) {
        armed_ = rung == AFFLUX_OK;
        io_uring_cqe_seen(&ring_, cqe);
        continue;
      }
      auto* request = static_cast<io_request*>(io_uring_cqe_get_data(cqe));
      const int result = cqe->res;
      io_uring_cqe_seen(&ring_, cqe);
      // The kernel's own timeout of older systems carries no request.
      if (request == nullptr) continue;
      --in_kernel_;
      // A close is never repeated: its descriptor is gone either way.
      if (result == -EINTR && request->call != io_call::close) {
        backlog_.push(*request);
        continue;
      }
      request->result = result;
      finished.push(*request);
    }
  }

  io_uring ring_;
  example::port port_{port_options()};
  bool armed_ = false;
  request_queue backlog_;
  unsigned room_;
  unsigned in_kernel_ = 0;
};

// A kernel before 5.6 has rings, but lacks some of the calls.
bool has_all_calls(io_uring& ring) {
  io_uring_probe* probe = io_uring_get_probe_ring(&ring);
  if (probe == nullptr) return false;
  bool all = true;
  for (const int call : {IORING_OP_OPENAT, IORING_OP_STATX, IORING_OP_READ, IORING_OP_CLOSE}) {
    all = all && io_uring_opcode_supported(probe, call) != 0;
  }
  io_uring_free_probe(probe);
  return all;
}

}  // namespace

std::unique_ptr<io_backend> make_uring_io(std::string& why) {
  io_uring_params params{};
  params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  params.cq_entries = kCompletions;
  io_uring ring{};
  const int result = io_uring_queue_init_params(kSubmissions, &ring, &params);
  if (result < 0) {
    why = std::strerror(-result);
    return nullptr;
  }
  if (!has_all_calls(ring)) {
    io_uring_queue_exit(&ring);
    why = "this kernel's io_uring lacks openat, statx, read or close";
    return nullptr;
  }
  return std::make_unique<uring_io>(ring);
}

}  // namespace checksum_tree
