// SPDX-License-Identifier: MIT OR Apache-2.0
#include "port/uring_kernel.h"

#include "port/uring.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "port/raw_syscalls_linux.h"

namespace afflux::port {
namespace {

// The same on every architecture but alpha.
constexpr long kSetup = 425;
constexpr long kRegister = 427;

long call_register(int fd, unsigned what, void* argument, unsigned count) noexcept {
  return syscall(kRegister, fd, what, argument, count);
}

bool has_operation(int ring, std::uint8_t operation) noexcept {
  constexpr unsigned kMost = 256;
  alignas(io_uring_probe) char answer[sizeof(io_uring_probe) + kMost * sizeof(io_uring_probe_op)]{};
  if (call_register(ring, kRegisterProbe, answer, kMost) < 0) return false;
  const auto* const probe = static_cast<const io_uring_probe*>(static_cast<const void*>(answer));
  return operation <= probe->last_op && (probe->ops[operation].flags & IO_URING_OP_SUPPORTED) != 0;
}

// Not `lasting`: a shortage kept it from finding out.
std::uint32_t ask(bool& lasting) noexcept {
  io_uring_params parameters{};
  const auto ring = static_cast<int>(syscall(kSetup, 1U, &parameters));
  lasting = ring >= 0 || (errno != EMFILE && errno != ENFILE && errno != ENOMEM);
  if (ring < 0) return 0;
  std::uint32_t found = kRings;
  if ((parameters.features & kFeatureTags) != 0) found |= kMultishot;
  if (has_operation(ring, kOpFutexWait)) found |= kFutexWait;
  // To this very ring: what a kernel answers to a message to no ring tells nothing, for older ones
  // look at the descriptor before they look at the call.
  if (send_message(ring, 0) == 0) found |= kMessages;
  raw::close(ring);
  return found;
}

}  // namespace

// Asked once in each process.
std::uint32_t uring_features() noexcept {
  constexpr std::uint32_t kAsked = 1U << 31;
  static std::atomic<std::uint32_t> known{0};
  // relaxed, both: the number is all there is to it, and asking twice does no harm.
  std::uint32_t features = known.load(std::memory_order_relaxed);
  if (features == 0) {
    const int saved = errno;
    bool lasting = true;
    features = ask(lasting) | kAsked;
    errno = saved;
    if (lasting) known.store(features, std::memory_order_relaxed);
  }
  return features & ~kAsked;
}

bool is_ring(int fd) noexcept {
  alignas(io_uring_probe) char answer[sizeof(io_uring_probe) + sizeof(io_uring_probe_op)]{};
  const int saved = errno;
  // Another's ring may refuse to tell; a file that is none says so.
  const bool is =
      call_register(fd, kRegisterProbe, answer, 1) >= 0 || (errno != EBADF && errno != EOPNOTSUPP);
  errno = saved;
  return is;
}

int send_message(int ring, std::uint64_t user_data) noexcept {
  io_uring_sqe message{};
  message.opcode = kOpMessage;
  message.fd = ring;
  message.off = user_data;
  return call_register(-1, kRegisterSendMessage, &message, 1) < 0 ? errno : 0;
}

}  // namespace afflux::port
