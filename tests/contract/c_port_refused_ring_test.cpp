// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The system refuses a ring while the loop sleeps, as one does that has no memory left: the call
// that completed something ends well, nothing is lost, and the next completion rings. A filter of
// system calls concerns the thread that sets it, so one thread here cannot ring and all others can.
#include <afflux/afflux.h>
#include <gtest/gtest.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <thread>

#include "support/port.h"
#include "support/seccomp.h"

namespace afflux_test {
namespace {

constexpr std::uint32_t kSetup = 425;
constexpr std::uint32_t kRegister = 427;

// Whether a thread may filter its own calls here: one does so for a call that it never makes.
bool may_filter() {
  bool allowed = false;
  std::thread([&] { allowed = refuse_syscall(kSetup, ENOSYS); }).join();
  return allowed;
}

// One release by a thread whose calls of that number fail.
void release_without(std::uint32_t call, int error, afflux_sem* sem) {
  std::thread([&] {
    EXPECT_TRUE(refuse_syscall(call, error));
    errno = 4711;
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    EXPECT_EQ(errno, 4711);
  }).join();
}

class PortRefusedRing : public per_port {
 protected:
  void SetUp() override {
    if (kind() == AFFLUX_PORT_CALLBACK) GTEST_SKIP() << "no system call rings";
    if (!may_filter()) GTEST_SKIP() << "no filters of system calls here";
  }
};

TEST_P(PortRefusedRing, TheNextCompletionRings) {
  const sem_guard sem(options(3));
  port_guard port(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), port, 3);
  for (int refused = 0; refused < 2; ++refused) {
    release_without(SYS_write, ENOMEM, sem);
    EXPECT_FALSE(port.shows());
  }
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(port.shows());
  EXPECT_EQ(port.rings(), 1u);
  EXPECT_EQ(user_data_of(port.drain_all()), numbers_to(3));
  EXPECT_FALSE(port.shows());
}

TEST_P(PortRefusedRing, ADrainMeanwhileFindsWhatItWasFor) {
  const sem_guard sem(options(2));
  port_guard port(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), port, 2);
  release_without(SYS_write, ENOMEM, sem);
  EXPECT_EQ(user_data_of(port.drain_all()), numbers_to(1));
  EXPECT_FALSE(port.shows());
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(port.rings(), 1u);
  EXPECT_EQ(user_data_of(port.drain_all()), numbers_to(2, 1));
  EXPECT_FALSE(port.shows());
}

INSTANTIATE_TEST_SUITE_P(Each, PortRefusedRing, port_kinds(), port_variant_name);

// A ring whose events are counted and nothing else. Source: man 2 io_uring_setup.
class bare_ring {
 public:
  bare_ring() : descriptor_(static_cast<int>(syscall(kSetup, 4U, &parameters_))) {
    if (descriptor_ < 0) return;
    const io_cqring_offsets& at = parameters_.cq_off;
    size_ = at.cqes + parameters_.cq_entries * sizeof(io_uring_cqe);
    memory_ =
        mmap(nullptr, size_, PROT_READ, MAP_SHARED | MAP_POPULATE, descriptor_, IORING_OFF_CQ_RING);
  }
  ~bare_ring() {
    if (descriptor_ < 0) return;
    if (memory_ != MAP_FAILED) munmap(memory_, size_);
    close(descriptor_);
  }
  bare_ring(const bare_ring&) = delete;
  bare_ring& operator=(const bare_ring&) = delete;

  bool open() const { return descriptor_ >= 0 && memory_ != MAP_FAILED; }
  int descriptor() const { return descriptor_; }
  std::uint32_t events() const {
    const auto* const word = static_cast<const std::uint32_t*>(
        static_cast<const void*>(static_cast<const char*>(memory_) + parameters_.cq_off.tail));
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);  // the kernel writes it
  }

 private:
  io_uring_params parameters_{};
  const int descriptor_;
  std::size_t size_ = 0;
  void* memory_ = MAP_FAILED;
};

TEST(PortRefusedMessage, TheNextCompletionRings) {
  const bare_ring ring;
  if (!ring.open()) GTEST_SKIP() << "no io_uring here";
  if ((afflux_uring_features() & AFFLUX_URING_MSG_RING) == 0)
    GTEST_SKIP() << "no messages to rings";
  if (!may_filter()) GTEST_SKIP() << "no filters of system calls here";
  afflux_port_options o;
  afflux_port_options_init(&o);
  o.kind = AFFLUX_PORT_URING;
  o.flags = AFFLUX_PORT_MSG_RING;
  o.handle = ring.descriptor();
  afflux_port* port = nullptr;
  ASSERT_EQ(afflux_port_create(&o, &port), AFFLUX_OK);
  afflux_sem_options of_three;
  afflux_sem_options_init(&of_three);
  of_three.permits = 3;
  const sem_guard sem(of_three);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  std::deque<ported> waiting;
  queue_up(waiting, sem, port, 3);
  release_without(kRegister, ENOMEM, sem);
  release_without(kRegister, EAGAIN, sem);  // what may pass by itself is tried again, and given up
  EXPECT_EQ(ring.events(), 0u);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(ring.events(), 1u);
  afflux_completion done[4];
  EXPECT_EQ(afflux_port_drain(port, done, 4), 3u);
  afflux_sem_close(sem);
  afflux_port_unref(port);
}

}  // namespace
}  // namespace afflux_test
