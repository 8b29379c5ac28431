// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ports in trouble with their descriptors, each with its stated outcome:
//
//   the doorbell's counter or pipe full  no hang, it shows, the next sleep is rung
//   no descriptors                       EOS, last_os_error EMFILE; CALLBACK needs none
#include <afflux/afflux.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <deque>
#include <string>

#include "support/in_child.h"
#include "support/port.h"

namespace afflux_test {
namespace {

class PortDescriptors : public per_port {};

TEST_P(PortDescriptors, AFullDoorbellNeitherHangsNorGoesSilent) {
  if (kind() == AFFLUX_PORT_CALLBACK) GTEST_SKIP() << "nothing to fill";
  const sem_guard sem(options(2));
  port_guard port(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), port, 2);
  const auto handle = static_cast<int>(port.handle());
  if (kind() == AFFLUX_PORT_EVENTFD) {
    const std::uint64_t most = ~std::uint64_t{0} - 1;
    ASSERT_EQ(write(handle, &most, sizeof most), static_cast<ssize_t>(sizeof most));
  } else {
    const std::string path = "/proc/self/fd/" + std::to_string(handle);
    const int other_end = open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (other_end < 0) GTEST_SKIP() << "the pipe cannot be filled without /proc";
    const char bytes[1024] = {};
    while (write(other_end, bytes, sizeof bytes) > 0) {
    }
    while (write(other_end, bytes, 1) > 0) {
    }
    ASSERT_EQ(errno, EAGAIN);
    close(other_end);
  }
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(readable(handle));
  EXPECT_EQ(port.drain_all().size(), 1u);
  EXPECT_FALSE(readable(handle));
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(readable(handle));
  EXPECT_EQ(port.drain_all().size(), 1u);
}

TEST_P(PortDescriptors, WithoutDescriptorsCreateAnswersEos) {
  expect_in_child([](child_checks& checks) {
    afflux_port_options o;
    afflux_port_options_init(&o);
    o.kind = kind();
    if (kind() == AFFLUX_PORT_CALLBACK) o.doorbell = [](void*) {};
    afflux_port* const untouched = reinterpret_cast<afflux_port*>(&o);
    afflux_port* port = untouched;
    const int next = dup(0);
    close(next);
    const rlimit none{static_cast<rlim_t>(next), static_cast<rlim_t>(next)};
    CHILD_EXPECT(checks, setrlimit(RLIMIT_NOFILE, &none) == 0);
    const afflux_status answer = afflux_port_create(&o, &port);
    if (kind() == AFFLUX_PORT_CALLBACK) {
      CHILD_EXPECT(checks, answer == AFFLUX_OK);
      afflux_port_unref(port);
    } else {
      CHILD_EXPECT(checks, answer == AFFLUX_EOS);
      CHILD_EXPECT(checks, afflux_last_os_error() == EMFILE);
      CHILD_EXPECT(checks, port == untouched);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Each, PortDescriptors, port_kinds(), port_variant_name);

}  // namespace
}  // namespace afflux_test
