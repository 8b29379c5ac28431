// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a port costs in system calls, counted by ptrace: a ring is one, and nothing else makes any.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>

#include "support/build_kind.h"
#include "support/port.h"
#include "support/syscall_count.h"

namespace afflux_test {
namespace {

constexpr std::uint64_t kBurst = 1024;

class PortSyscalls : public per_port {};

// A burst to a sleeping loop: the ring. To an awake one: none.
TEST_P(PortSyscalls, ABurstCostsOneSystemCallAndNoneWhileAwake) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer makes system calls of its own";
  const sem_guard sem(options(2 * kBurst + 1));
  port_guard port(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), port, 2 * kBurst + 1);
  const syscalls found = count_syscalls(
      [&] { return afflux_sem_release(sem, 1) == AFFLUX_OK && port.drain_all().size() == 1; },
      [&] { return afflux_sem_release(sem, kBurst) == AFFLUX_OK && port.drain(1).size() == 1; },
      [&] { return afflux_sem_release(sem, kBurst) == AFFLUX_OK; });
  for (ported& p : waiting) p.cancel();
  if (!found.traced) GTEST_SKIP() << found.why_not;
  EXPECT_TRUE(found.right);
  EXPECT_EQ(found.first, port.by_level() ? 1u : 0u);  // CALLBACK's own code makes none here
  EXPECT_EQ(found.second, 0u);
}

INSTANTIATE_TEST_SUITE_P(Each, PortSyscalls, port_kinds(), port_variant_name);

}  // namespace
}  // namespace afflux_test
