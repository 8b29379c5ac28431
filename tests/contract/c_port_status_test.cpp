// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The statuses of ports: every one that the calls document, provoked. Where:
//
//   port_options_init   OK EINVAL                      PortOptions.Init…
//   port_create         OK                             all
//                       EINVAL ENOTSUP                 PortOptions.*
//                       EOS                            c_port_descriptors_test,
//                       c_port_refused_test,
//                                                      c_iocp_test
//                       ENOMEM                         c_port_alloc_test
//   port_ref, _unref, kind, handle, pending   NULL     PortStatus.TheRest…
//   port_close          OK EBUSY EALREADY EINVAL       PortStatus.Close…
//   port_drain          0                              PortStatus.DrainAnswers…
//   prep_uring, check_uring   ENOTSUP EINVAL           PortStatus.EntriesAreRefused…
//                       OK EALREADY EAGAIN             c_uring_test, c_port_refused_test
//   waiter_prep_uring, waiter_status                   c_uring_wait_test
//   a request's own     OK PENDING EAGAIN ECLOSED EREJECTED   c_port_test
//                       EINVAL                         PortStatus.ARequest…
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <vector>

#include "support/per_queue.h"
#include "support/port.h"

namespace afflux_test {
namespace {

// The kinds that this build is to have beside CALLBACK, the one of AUTO first.
constexpr std::uint32_t kBuiltIn[] = {AFFLUX_TEST_PORT_KINDS};

bool to_be_offered(std::uint32_t kind) {
  return kind == AFFLUX_PORT_CALLBACK ||
         std::find(std::begin(kBuiltIn), std::end(kBuiltIn), kind) != std::end(kBuiltIn);
}

// Room for the entries of a ring, whose types the header does not know.
struct alignas(8) room {
  unsigned char bytes[128];
};
io_uring_sqe* entry_in(room& r) { return reinterpret_cast<io_uring_sqe*>(r.bytes); }
io_uring_cqe* event_in(room& r) { return reinterpret_cast<io_uring_cqe*>(r.bytes); }

class PortStatus : public per_port {};

class PortOptions : public per_port {
 protected:
  void SetUp() override {
    ASSERT_EQ(afflux_port_options_init(&good), AFFLUX_OK);
    good.kind = kind();
    if (kind() == AFFLUX_PORT_CALLBACK) {
      good.doorbell = [](void*) {};
    } else {
      ear.prepare(good);
    }
  }
  // Not ignored, and what it is must be right: c_iocp_test.
  static bool needs_a_handle() { return kind() == AFFLUX_PORT_IOCP; }
  static void expect_created(const afflux_port_options* o) {
    afflux_port* port = nullptr;
    EXPECT_EQ(afflux_port_create(o, &port), AFFLUX_OK);
    EXPECT_EQ(afflux_port_kind(port), kind());
    afflux_port_unref(port);
  }
  // And nothing is written.
  static void expect_refused(const afflux_port_options* o, afflux_status expected) {
    afflux_port* const untouched = reinterpret_cast<afflux_port*>(&expected);
    afflux_port* port = untouched;
    EXPECT_EQ(afflux_port_create(o, &port), expected);
    EXPECT_EQ(port, untouched);
    if (port != untouched) afflux_port_unref(port);
  }
  template <class Spoil>
  void spoilt(afflux_status expected, Spoil spoil) const {
    afflux_port_options o = good;
    spoil(o);
    expect_refused(&o, expected);
  }

  listener ear;
  afflux_port_options good;
};

TEST(PortOptionsInit, FillsTheDefaults) {
  EXPECT_EQ(afflux_port_options_init(nullptr), AFFLUX_EINVAL);
  afflux_port_options o;
  std::memset(&o, 0xa5, sizeof o);
  EXPECT_EQ(afflux_port_options_init(&o), AFFLUX_OK);
  EXPECT_EQ(o.struct_size, sizeof o);
  EXPECT_EQ(o.kind, static_cast<std::uint32_t>(AFFLUX_PORT_AUTO));
  EXPECT_EQ(o.flags, 0u);
  EXPECT_EQ(o.reserved, 0u);
  EXPECT_EQ(o.handle, -1);
  EXPECT_EQ(o.user_data, 0u);
  EXPECT_EQ(o.doorbell, nullptr);
  EXPECT_EQ(o.ctx, nullptr);
}

TEST(PortOptionsInit, AutoIsWhatThePlatformPollsBest) {
  const listener ear;
  afflux_port_options o;
  afflux_port_options_init(&o);
  ear.prepare(o);
  afflux_port* port = nullptr;
  ASSERT_EQ(afflux_port_create(&o, &port), AFFLUX_OK);
  EXPECT_EQ(afflux_port_kind(port), kBuiltIn[0]);
  EXPECT_EQ(afflux_port_handle(port) >= 0, listener::kByLevel);
  afflux_port_unref(port);
}

// The system's own kind may need a handle of the loop's; then there is the one that needs none.
TEST(PortOptionsInit, AutoWithoutAHandleIsAPipeIfNothingElse) {
  afflux_port_options o;
  afflux_port_options_init(&o);
  afflux_port* port = nullptr;
  const bool any = to_be_offered(AFFLUX_PORT_EVENTFD) || to_be_offered(AFFLUX_PORT_PIPE);
  EXPECT_EQ(afflux_port_create(&o, &port), any ? AFFLUX_OK : AFFLUX_ENOTSUP);
  const std::uint32_t expected =
      to_be_offered(AFFLUX_PORT_EVENTFD) ? AFFLUX_PORT_EVENTFD : AFFLUX_PORT_PIPE;
  EXPECT_EQ(afflux_port_kind(port), any ? expected : 0u);
  afflux_port_unref(port);
}

TEST(PortOptionsInit, KindsOfOtherPlatformsAreNotSupported) {
  for (const std::uint32_t kind : {AFFLUX_PORT_EVENTFD, AFFLUX_PORT_URING, AFFLUX_PORT_KQUEUE,
                                   AFFLUX_PORT_IOCP, AFFLUX_PORT_PIPE}) {
    SCOPED_TRACE(kind_name(kind));
    const listener ear;
    afflux_port_options o;
    afflux_port_options_init(&o);
    o.kind = kind;
    ear.prepare(o);
    afflux_port* port = nullptr;
    const afflux_status answer = afflux_port_create(&o, &port);
    if (kind == AFFLUX_PORT_KQUEUE && to_be_offered(kind)) {
      EXPECT_EQ(answer, AFFLUX_EINVAL);  // it has no kqueue here
    } else {
      EXPECT_EQ(answer, to_be_offered(kind) ? AFFLUX_OK : AFFLUX_ENOTSUP);
    }
    EXPECT_EQ(port != nullptr, answer == AFFLUX_OK);
    afflux_port_unref(port);
  }
}

// Whatever the kernel could do.
TEST(PortOptionsInit, WithoutUringThereAreNoFeaturesOfIt) {
  if (to_be_offered(AFFLUX_PORT_URING)) GTEST_SKIP() << "this build has URING";
  EXPECT_EQ(afflux_uring_features(), 0u);
  const event_guard event(false, AFFLUX_QUEUE_AUTO);
  afflux_request request;
  afflux_request_init(&request);
  request.flags = AFFLUX_WAIT_FOR_URING;
  afflux_waiter waiter{};
  EXPECT_EQ(afflux_event_wait_async(event, &request, &waiter), AFFLUX_ENOTSUP);
  EXPECT_EQ(afflux_event_waiters(event), 0u);
}

TEST_P(PortOptions, NullIsRefused) {
  EXPECT_EQ(afflux_port_create(&good, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_port_create(nullptr, nullptr), AFFLUX_EINVAL);
  expect_refused(nullptr, AFFLUX_EINVAL);
}

TEST_P(PortOptions, UnknownKindsFlagsAndReservedAreRefused) {
  for (const std::uint32_t bad : {7u, 8u, 256u, 0x80000001u, 0xffffffffu}) {
    spoilt(AFFLUX_EINVAL, [bad](afflux_port_options& o) { o.kind = bad; });
  }
  for (const std::uint32_t bad : {4u, 5u, 0x80000000u, 0xffffffffu}) {
    spoilt(AFFLUX_EINVAL, [bad](afflux_port_options& o) { o.flags = bad; });
  }
  for (const std::uint32_t bad : {1u, 0x80000000u}) {
    spoilt(AFFLUX_EINVAL, [bad](afflux_port_options& o) { o.reserved = bad; });
  }
}

TEST_P(PortOptions, ADoorbellBelongsToCallbackAndToNoOtherKind) {
  afflux_doorbell_fn wrong = nullptr;
  if (kind() != AFFLUX_PORT_CALLBACK) wrong = [](void*) {};
  spoilt(AFFLUX_EINVAL, [wrong](afflux_port_options& o) { o.doorbell = wrong; });
}

TEST_P(PortOptions, MessagesAreForRingsWithAHandle) {
  for (const std::intptr_t handle : {-1, 0, 5}) {
    spoilt(AFFLUX_EINVAL, [handle](afflux_port_options& o) {
      o.flags = AFFLUX_PORT_MSG_RING;
      o.handle = handle;
    });
  }
  spoilt(AFFLUX_EINVAL, [](afflux_port_options& o) {
    o.kind = AFFLUX_PORT_URING;
    o.flags = AFFLUX_PORT_MSG_RING;
    o.handle = -1;
    o.doorbell = nullptr;
  });
}

TEST_P(PortOptions, AHandleIsIgnoredWhereNoneIsNeeded) {
  if (needs_a_handle()) GTEST_SKIP() << "one is needed";
  for (const std::intptr_t handle : {-2, -1, 0, 12345}) {
    afflux_port_options o = good;
    o.handle = handle;
    o.user_data = 7;
    expect_created(&o);
  }
}

// Chapter 5. What a shorter struct lacks, wholly or in part, takes its default.
TEST_P(PortOptions, AShorterStructTakesDefaults) {
  for (const std::uint32_t size : {0u, 4u, 7u}) {
    spoilt(AFFLUX_EINVAL, [size](afflux_port_options& o) { o.struct_size = size; });
  }
  afflux_port_options o = good;
  if (kind() != AFFLUX_PORT_CALLBACK) {
    // Behind `kind` lies nothing of the caller's.
    for (std::size_t size = offsetof(afflux_port_options, flags);
         size < offsetof(afflux_port_options, flags) + sizeof o.flags; ++size) {
      std::memset(&o.flags, 0xa5, sizeof o - offsetof(afflux_port_options, flags));
      o.struct_size = static_cast<std::uint32_t>(size);
      if (needs_a_handle()) {
        expect_refused(&o, AFFLUX_EINVAL);
      } else {
        expect_created(&o);
      }
    }
  }
  o = good;
  o.struct_size = offsetof(afflux_port_options, ctx);
  std::memset(&o.ctx, 0xa5, sizeof o.ctx);
  expect_created(&o);
}

// Each field counts from the size on with which it is whole.
TEST_P(PortOptions, AFieldThatIsWholeIsRead) {
  const auto refused_from = [this](std::size_t end, auto spoil) {
    SCOPED_TRACE(end);
    afflux_port_options o = good;
    spoil(o);
    o.struct_size = static_cast<std::uint32_t>(end);
    expect_refused(&o, AFFLUX_EINVAL);
  };
  refused_from(offsetof(afflux_port_options, flags), [](afflux_port_options& o) { o.kind = 7; });
  refused_from(offsetof(afflux_port_options, reserved),
               [](afflux_port_options& o) { o.flags = 4; });
  refused_from(offsetof(afflux_port_options, handle),
               [](afflux_port_options& o) { o.reserved = 1; });
  if (needs_a_handle()) {
    refused_from(offsetof(afflux_port_options, handle), [](afflux_port_options&) {});
    afflux_port_options o = good;
    o.struct_size = offsetof(afflux_port_options, user_data);
    expect_created(&o);
  }
  const bool calls_back = kind() == AFFLUX_PORT_CALLBACK;
  if (!calls_back) {
    refused_from(offsetof(afflux_port_options, ctx),
                 [](afflux_port_options& o) { o.doorbell = [](void*) {}; });
  } else {
    refused_from(offsetof(afflux_port_options, doorbell), [](afflux_port_options&) {});
  }
}

TEST_P(PortOptions, ALongerStructIsTakenWhileItsRestIsZero) {
  struct {
    afflux_port_options known;
    unsigned char beyond[64];
  } longer = {good, {}};
  longer.known.struct_size = sizeof longer;
  expect_created(&longer.known);
  for (const std::size_t place : {std::size_t{0}, sizeof longer.beyond - 1}) {
    longer.beyond[place] = 1;
    expect_refused(&longer.known, AFFLUX_ENOTSUP);
    longer.beyond[place] = 0;
  }
}

// ---- the other calls

TEST_P(PortStatus, TheRestTakesOrRefusesNull) {
  EXPECT_EQ(afflux_port_ref(nullptr), nullptr);
  afflux_port_unref(nullptr);
  EXPECT_EQ(afflux_port_close(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_port_kind(nullptr), 0u);
  EXPECT_EQ(afflux_port_handle(nullptr), -1);
  EXPECT_EQ(afflux_port_pending(nullptr), 0u);
}

TEST_P(PortStatus, TellsWhatItIs) {
  port_guard port(kind());
  EXPECT_EQ(afflux_port_kind(port), kind());
  EXPECT_EQ(afflux_port_handle(port) >= 0, port.by_level());
  EXPECT_EQ(afflux_port_pending(port), 0u);
  EXPECT_EQ(afflux_port_ref(port), port);
  afflux_port_unref(port);
  EXPECT_EQ(afflux_port_kind(port), kind());
}

TEST_P(PortStatus, CloseAnswersBusyThenOkThenAlready) {
  const sem_guard sem(options(1));
  port_guard port(kind());
  ported p(port);
  ASSERT_EQ(p.start(full(sem)), AFFLUX_PENDING);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_EBUSY);
  EXPECT_EQ(afflux_port_pending(port), 1u);
  EXPECT_EQ(p.cancel(), AFFLUX_OK);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_OK);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_port_pending(port), 0u);
  EXPECT_REFUSED(sem, AFFLUX_ECLOSED, p.start(sem));
  const event_guard event(false, queue());
  EXPECT_EQ(afflux_event_wait_async(event, &p.request, &p.waiter), AFFLUX_ECLOSED);
  const queue_guard line(queue());
  EXPECT_EQ(afflux_queue_add_waiter_if(line, nullptr, nullptr, &p.request, &p.waiter),
            AFFLUX_ECLOSED);
  EXPECT_EQ(afflux_event_waiters(event) + afflux_queue_waiters(line), 0u);
  EXPECT_EQ(afflux_port_pending(port), 0u);
  EXPECT_EQ(p.cancel(), AFFLUX_EALREADY);
}

TEST_P(PortStatus, DrainAnswersZeroForNullAndForNoRoom) {
  const sem_guard sem(options(1));
  port_guard port(kind());
  ported p(port, 4);
  afflux_completion out{77, 77, nullptr};
  EXPECT_EQ(afflux_port_drain(port, &out, 1), 0u);
  ASSERT_EQ(p.start(full(sem)), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_port_drain(nullptr, &out, 1), 0u);
  EXPECT_EQ(afflux_port_drain(port, nullptr, 1), 0u);
  EXPECT_EQ(afflux_port_drain(port, &out, 0), 0u);
  EXPECT_EQ(out.user_data, 77u);
  EXPECT_EQ(port.rings(), 1u);  // and it rings as before
  EXPECT_EQ(afflux_port_drain(port, &out, 1), 1u);
  EXPECT_EQ(out.user_data, 4u);
}

// user_data, context: whatever their bits are.
TEST_P(PortStatus, WhatTheCallerSaysComesBackToTheBit) {
  const sem_guard sem(options(2));
  port_guard port(kind());
  ported a(port, ~std::uint64_t{0}), b(port, std::uint64_t{1} << 63);
  a.request.ctx = nullptr;
  b.request.ctx = reinterpret_cast<void*>(~std::uintptr_t{0});
  ASSERT_EQ(a.start(full(sem)), AFFLUX_PENDING);
  ASSERT_EQ(b.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  const std::vector<afflux_completion> done = port.drain_all();
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].user_data, a.request.user_data);
  EXPECT_EQ(done[0].ctx, nullptr);
  EXPECT_EQ(done[1].user_data, b.request.user_data);
  EXPECT_EQ(done[1].ctx, b.request.ctx);
}

TEST_P(PortStatus, ARequestWithAPortNeedsNoWakeFunctionAndCallsNone) {
  const sem_guard sem(options(1));
  port_guard port(kind());
  ported p(port);
  int called = 0;
  p.request.wake = [](void* ctx, afflux_status) { ++*static_cast<int*>(ctx); };
  p.request.ctx = &called;
  ASSERT_EQ(p.start(full(sem)), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(port.drain_all().size(), 1u);
  EXPECT_EQ(called, 0);
  // A shorter request ends before its port.
  ported shorter(port);
  shorter.request.struct_size = offsetof(afflux_request, port);
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, shorter.start(sem));
  EXPECT_EQ(afflux_port_pending(port), 0u);
}

TEST_P(PortStatus, ABadRequestLeavesThePortAsItWas) {
  const sem_guard sem(options(2));
  port_guard port(kind());
  full(sem);
  const auto refused_with = [&](afflux_status expected, auto spoil) {
    ported p(port);
    spoil(p.request);
    EXPECT_REFUSED(sem, expected, p.start(sem));
    EXPECT_EQ(afflux_port_pending(port), 0u);
  };
  const auto refused = [&](auto spoil) { refused_with(AFFLUX_EINVAL, spoil); };
  refused([](afflux_request& r) { r.permits = 0; });
  refused_with(AFFLUX_E2BIG, [](afflux_request& r) { r.permits = 3; });
  refused([](afflux_request& r) { r.flags = 4; });
  refused([](afflux_request& r) { r.priority = 4; });
  refused([](afflux_request& r) { r.reserved = 1; });
  refused([](afflux_request& r) { r.timeout_ns = -2; });
  EXPECT_EQ(afflux_port_close(port), AFFLUX_OK);
}

TEST_P(PortStatus, EntriesAreRefusedByKindsWithoutARing) {
  port_guard port(kind());
  room entry, event{};
  std::memset(entry.bytes, 0x5a, sizeof entry.bytes);
  const room before = entry;
  EXPECT_EQ(afflux_port_prep_uring(port, entry_in(entry)), AFFLUX_ENOTSUP);
  EXPECT_EQ(std::memcmp(&entry, &before, sizeof entry), 0);
  EXPECT_EQ(afflux_port_prep_uring(port, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_port_prep_uring(nullptr, entry_in(entry)), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_port_check_uring(port, event_in(event)), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_port_check_uring(port, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_port_check_uring(nullptr, event_in(event)), AFFLUX_EINVAL);
}

INSTANTIATE_TEST_SUITE_P(Each, PortOptions, port_kinds(), port_variant_name);
INSTANTIATE_TEST_SUITE_P(Each, PortStatus, all_port_variants(), port_variant_name);

}  // namespace
}  // namespace afflux_test
