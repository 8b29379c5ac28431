// SPDX-License-Identifier: MIT OR Apache-2.0
//
// URING: the doorbell is a CQE of the caller's ring. Either by a poll of an eventfd, which goes on
// until it ends and is never read (each write is an event); or by a message to the ring, where the
// caller asks for it and the kernel knows how.
#include "port/uring.h"

#include <fcntl.h>
#include <poll.h>

#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>
#include <new>

#include "port/eventfd_linux.h"
#include "port/raw_syscalls_linux.h"
#include "port/uring_kernel.h"

namespace afflux::port {
namespace {

constexpr std::size_t kThirdAddress = 48;  // addr3, which older headers do not name

class polled_bell final : public eventfd_bell {
 public:
  polled_bell(int fd, std::uint64_t data, bool goes_on) noexcept
      : eventfd_bell(fd), user_data(data), multishot(goes_on) {}

  kind what() const noexcept override { return kind::uring; }
  // A poll that ends with each event begins anew with what shows.
  bool shows() const noexcept override { return !multishot; }

  const std::uint64_t user_data;
  const bool multishot;
};

class message_bell final : public doorbell, private forked {
 public:
  message_bell(int ring, std::uint64_t data) noexcept : user_data(data), ring_(ring) { enlist(); }
  ~message_bell() override {
    delist();
    raw::close(ring_);
  }

  kind what() const noexcept override { return kind::uring; }
  bool ring() noexcept override {
    if (another_process_) return true;  // there is no loop to ring
    const int saved = errno;
    // EAGAIN: another thread is inside a ring that is polled for its completions.
    const int error = tried([this] { return send_message(ring_, user_data); });
    errno = saved;
    return error == 0;
  }

  const std::uint64_t user_data;

 private:
  void begin_anew() noexcept override { another_process_ = true; }

  // Our own: the caller's number may be another file by the time of a ring.
  const int ring_;
  bool another_process_ = false;  // the ring is the parent's
};

}  // namespace

std::unique_ptr<doorbell> make_uring(const wanted& w, int& error) noexcept {
  const std::uint32_t features = uring_features();
  std::unique_ptr<doorbell> bell;
  if (w.by_message && (features & kMessages) != 0) {
    if (w.handle > std::numeric_limits<int>::max()) return error = kInvalid, nullptr;
    const int ring = fcntl(static_cast<int>(w.handle), F_DUPFD_CLOEXEC, 0);
    if (ring < 0) return error = errno, nullptr;
    if (!is_ring(ring)) return raw::close(ring), error = kInvalid, nullptr;
    bell.reset(new (std::nothrow) message_bell(ring, w.user_data));
    if (bell == nullptr) raw::close(ring), error = ENOMEM;
    return bell;
  }
  // With messages asked for there is a ring, whatever has been forbidden since.
  if ((features & kRings) == 0 && !w.by_message) return make_eventfd(error);
  const int fd = eventfd_bell::open();
  if (fd < 0) return error = errno, nullptr;
  bell.reset(new (std::nothrow) polled_bell(fd, w.user_data, (features & kMultishot) != 0));
  if (bell == nullptr) raw::close(fd), error = ENOMEM;
  return bell;
}

armed fill_doorbell(const doorbell& bell, io_uring_sqe& entry) noexcept {
  if (dynamic_cast<const message_bell*>(&bell) != nullptr) {
    fill_nothing(entry);
    entry.flags = kSkipSuccess;
    return armed::needless;
  }
  const auto* const polled = dynamic_cast<const polled_bell*>(&bell);
  if (polled == nullptr) return armed::not_uring;
  std::memset(&entry, 0, sizeof entry);
  entry.opcode = IORING_OP_POLL_ADD;
  entry.fd = static_cast<int>(polled->handle());
  entry.poll32_events = POLLIN;
  if constexpr (std::endian::native == std::endian::big) {
    entry.poll32_events = POLLIN << 16;  // the kernel's halves are the other way round
  }
  entry.len = polled->multishot ? IORING_POLL_ADD_MULTI : 0;
  entry.user_data = polled->user_data;
  return armed::filled;
}

rung look_at(const doorbell& bell, const io_uring_cqe& event) noexcept {
  if (const auto* const message = dynamic_cast<const message_bell*>(&bell)) {
    return event.user_data == message->user_data ? rung::rings_on : rung::not_ours;
  }
  const auto* const polled = dynamic_cast<const polled_bell*>(&bell);
  if (polled == nullptr || event.user_data != polled->user_data) return rung::not_ours;
  return (event.flags & IORING_CQE_F_MORE) != 0 ? rung::rings_on : rung::arm_again;
}

bool can_fill_wait() noexcept {
#ifdef AFFLUX_PARK_FUTEX
  return (uring_features() & kFutexWait) != 0;
#else
  return false;
#endif
}

void fill_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
               io_uring_sqe& entry) noexcept {
  const std::uint64_t user_data = entry.user_data;
  std::memset(&entry, 0, sizeof entry);
  entry.opcode = kOpFutexWait;
  entry.fd = kFutexU32;  // shared: see park::futex
  entry.addr = reinterpret_cast<std::uintptr_t>(&word);
  entry.off = expected;
  const std::uint64_t any_bit = UINT32_MAX;
  std::memcpy(reinterpret_cast<char*>(&entry) + kThirdAddress, &any_bit, sizeof any_bit);
  entry.user_data = user_data;
}

void fill_nothing(io_uring_sqe& entry) noexcept {
  const std::uint64_t user_data = entry.user_data;
  std::memset(&entry, 0, sizeof entry);
  entry.opcode = IORING_OP_NOP;
  entry.fd = -1;
  entry.user_data = user_data;
}

}  // namespace afflux::port
