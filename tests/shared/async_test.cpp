// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Asynchronous requests at a shared semaphore: each way of completion, and each way to end.
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <vector>

#include "../contract/support/note.h"
#include "../contract/support/port.h"
#include "support/audit.h"
#include "support/processes.h"

namespace afflux_test {
namespace {

// One request, and what it was told.
struct asking {
  afflux_waiter waiter{};
  std::promise<afflux_status> answer;
  std::future<afflux_status> answered = answer.get_future();
  std::function<void()> then;

  static void wake(void* self, afflux_status status) {
    auto& of = *static_cast<asking*>(self);
    if (of.then) of.then();
    of.answer.set_value(status);
  }
  afflux_status begin(afflux_shared* shared, std::uint64_t n,
                      std::int64_t timeout_ns = AFFLUX_FOREVER) {
    afflux_request request;
    afflux_request_init(&request);
    request.permits = n;
    request.timeout_ns = timeout_ns;
    request.wake = wake;
    request.ctx = this;
    return afflux_shared_acquire_async(shared, &request, &waiter);
  }
  // AFFLUX_PENDING: none came.
  afflux_status hear() {
    const auto ready = answered.wait_for(std::chrono::milliseconds(kPatienceMs));
    return ready == std::future_status::ready ? answered.get() : AFFLUX_PENDING;
  }
};

class SharedAsync : public testing::Test {
 protected:
  void fill() { ASSERT_EQ(afflux_shared_try_acquire(mine, 2), AFFLUX_OK); }

  // All is given back, some time after the last completion.
  void comes_to_rest() {
    EXPECT_TRUE(in_line(mine, 0));
    EXPECT_TRUE(comes_about([&] {
      return stats_of(mine).held == afflux_shared_held(mine) + afflux_shared_held(other);
    }));
    EXPECT_TRUE(comes_about([&] { return segment_view(mine.fd()).audit().empty(); }))
        << segment_view(mine.fd()).audit();
  }

  const opened mine{nullptr, new_segment(2)};
  const opened other{mine.fd()};
};

TEST_F(SharedAsync, TakesWhatIsFreeWithoutACompletion) {
  asking one;
  EXPECT_EQ(one.begin(other, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_shared_held(other), 2U);
  asking two;
  EXPECT_EQ(two.begin(other, 1, 0), AFFLUX_EAGAIN);
  EXPECT_EQ(two.begin(other, 3), AFFLUX_E2BIG);
}

TEST_F(SharedAsync, ByAWakeFunctionInOrder) {
  fill();
  std::array<asking, 3> all;
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) {
    all[static_cast<std::size_t>(i)].then = [&order, i] { order.push_back(i); };
    ASSERT_EQ(all[static_cast<std::size_t>(i)].begin(other, 1), AFFLUX_PENDING);
    ASSERT_TRUE(in_line(mine, static_cast<std::uint64_t>(i) + 1));
  }
  for (asking& each : all) {
    EXPECT_EQ(afflux_shared_release(afflux_shared_held(mine) != 0 ? mine : other, 1), AFFLUX_OK);
    EXPECT_EQ(each.hear(), AFFLUX_OK);
  }
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(afflux_shared_held(other), 2U);
  comes_to_rest();
}

// Granted by another process, which also dies right after it.
TEST_F(SharedAsync, GrantedByAnotherProcess) {
  process holder([&](line talk) {
    const opened shared(mine.fd());
    talk.say(afflux_shared_try_acquire(shared, 2));
    talk.hear();
    afflux_shared_release(shared, 1);
    raise(SIGKILL);
  });
  ASSERT_EQ(holder.talk().hear(), AFFLUX_OK);
  asking one, two;
  ASSERT_EQ(one.begin(other, 1), AFFLUX_PENDING);
  ASSERT_EQ(two.begin(other, 1), AFFLUX_PENDING);
  holder.talk().say(0);
  EXPECT_EQ(one.hear(), AFFLUX_OK);
  EXPECT_EQ(two.hear(), AFFLUX_OK);
  comes_to_rest();
}

TEST_F(SharedAsync, ByANote) {
  fill();
  note_book book;
  noted one(book, 7);
  ASSERT_EQ(afflux_shared_acquire_async(other, &one.request, &one.waiter), AFFLUX_PENDING);
  afflux_shared_release(mine, 1);
  ASSERT_TRUE(comes_about([&] { return book.size() == 1; }));
  EXPECT_EQ(book.all(), std::vector<std::uint64_t>{7});
  EXPECT_EQ(one.status(), AFFLUX_OK);
  EXPECT_EQ(afflux_shared_held(other), 1U);
  comes_to_rest();
}

TEST_F(SharedAsync, InAPort) {
  for (const std::uint32_t kind : loop_kinds()) {
    fill();
    port_guard port(kind);
    afflux_request request;
    afflux_request_init(&request);
    request.port = port;
    request.user_data = 77;
    afflux_waiter waiter{};
    ASSERT_EQ(afflux_shared_acquire_async(other, &request, &waiter), AFFLUX_PENDING);
    EXPECT_EQ(port.drain_all().size(), 0U);
    afflux_shared_release(mine, 1);
    pollfd ring{static_cast<int>(port.handle()), POLLIN, 0};
    EXPECT_EQ(poll(&ring, 1, kPatienceMs), 1) << kind;
    const std::vector<afflux_completion> done = port.drain_all();
    ASSERT_EQ(done.size(), 1U) << kind;
    EXPECT_EQ(done[0].user_data, 77U);
    EXPECT_EQ(done[0].status, AFFLUX_OK);
    EXPECT_EQ(afflux_shared_release(other, 1), AFFLUX_OK);
    EXPECT_EQ(afflux_shared_release(mine, 1), AFFLUX_OK);
  }
  comes_to_rest();
}

TEST_F(SharedAsync, TimesOutAndLeavesTheLine) {
  fill();
  asking one;
  ASSERT_EQ(one.begin(other, 2, 1'000'000), AFFLUX_PENDING);
  EXPECT_EQ(one.hear(), AFFLUX_ETIMEDOUT);
  asking two;
  ASSERT_EQ(two.begin(other, 1), AFFLUX_PENDING);
  afflux_shared_release(mine, 1);  // the large one does not hold it back for long
  EXPECT_EQ(two.hear(), AFFLUX_OK);
  comes_to_rest();
}

TEST_F(SharedAsync, ACancelledOneIsGivenNothing) {
  fill();
  asking one;
  ASSERT_EQ(one.begin(other, 2), AFFLUX_PENDING);
  EXPECT_EQ(afflux_waiter_cancel(&one.waiter), AFFLUX_OK);
  afflux_shared_release(mine, 2);
  // Granted to it meanwhile, and given back.
  EXPECT_TRUE(comes_about([&] { return stats_of(mine).held == 0; }));
  comes_to_rest();
  EXPECT_EQ(afflux_shared_held(other), 0U);
  EXPECT_EQ(one.answered.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  EXPECT_EQ(afflux_shared_try_acquire(mine, 2), AFFLUX_OK);
}

TEST_F(SharedAsync, CancelledByTheHandleItLeavesTheLineAtOnce) {
  fill();
  asking first, second;
  ASSERT_EQ(first.begin(other, 2), AFFLUX_PENDING);
  EXPECT_EQ(stats_of(mine).waiters, 1U);
  EXPECT_EQ(afflux_shared_waiter_cancel(other, &first.waiter), AFFLUX_OK);
  EXPECT_EQ(stats_of(mine).waiters, 0U);
  EXPECT_EQ(afflux_shared_waiter_cancel(other, &first.waiter), AFFLUX_EALREADY);
  // Its place is free again: of a line with few places, any number of times.
  const opened narrow(nullptr, new_segment(1, 256, 2));
  ASSERT_EQ(afflux_shared_try_acquire(narrow, 1), AFFLUX_OK);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(second.begin(narrow, 1), AFFLUX_PENDING) << i;
    ASSERT_EQ(afflux_waiter_cancel(&second.waiter), AFFLUX_OK);
  }
  EXPECT_EQ(afflux_shared_waiter_cancel(nullptr, &first.waiter), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_shared_waiter_cancel(other, nullptr), AFFLUX_EINVAL);
}

TEST_F(SharedAsync, ACloseEndsIt) {
  fill();
  asking one, two;
  ASSERT_EQ(one.begin(other, 1), AFFLUX_PENDING);
  ASSERT_EQ(two.begin(other, 2), AFFLUX_PENDING);
  EXPECT_EQ(afflux_shared_close(mine), AFFLUX_OK);
  EXPECT_EQ(one.hear(), AFFLUX_ECLOSED);
  EXPECT_EQ(two.hear(), AFFLUX_ECLOSED);
  asking three;
  EXPECT_EQ(three.begin(other, 1), AFFLUX_ECLOSED);
}

TEST_F(SharedAsync, AShrinkEndsATooLargeOne) {
  fill();
  asking one;
  ASSERT_EQ(one.begin(other, 2), AFFLUX_PENDING);
  EXPECT_EQ(afflux_shared_resize(mine, 1), AFFLUX_OK);
  EXPECT_EQ(one.hear(), AFFLUX_ECLOSED);
}

TEST_F(SharedAsync, TheLastUnrefEndsIt) {
  fill();
  opened third(mine.fd());
  asking one, two;
  ASSERT_EQ(one.begin(third, 1), AFFLUX_PENDING);
  ASSERT_EQ(two.begin(third, 2), AFFLUX_PENDING);
  afflux_shared_unref(third.forget());
  EXPECT_EQ(one.hear(), AFFLUX_ECLOSED);
  EXPECT_EQ(two.hear(), AFFLUX_ECLOSED);
  comes_to_rest();
}

// Within the wake function, on the handle's own thread; others still wait.
TEST_F(SharedAsync, TheLastUnrefWithinAWakeFunction) {
  fill();
  opened third(mine.fd());
  asking one, two;
  afflux_shared* const last = third.forget();
  one.then = [last] { afflux_shared_unref(last); };
  ASSERT_EQ(one.begin(last, 1), AFFLUX_PENDING);
  ASSERT_TRUE(in_line(mine, 1));
  ASSERT_EQ(two.begin(last, 2), AFFLUX_PENDING);
  afflux_shared_release(mine, 1);
  EXPECT_EQ(one.hear(), AFFLUX_OK);
  EXPECT_EQ(two.hear(), AFFLUX_ECLOSED);
  EXPECT_TRUE(comes_about([&] { return stats_of(mine).held == 1; }));
  EXPECT_TRUE(comes_about([&] { return stats_of(mine).handles == 2; }));
  comes_to_rest();
}

// A wake function that asks again, at the same handle.
TEST_F(SharedAsync, AskedAgainWithinAWakeFunction) {
  fill();
  asking one, two;
  afflux_status again = AFFLUX_EINVAL;
  one.then = [&] {
    afflux_shared_release(other, 1);
    again = two.begin(other, 2);
  };
  ASSERT_EQ(one.begin(other, 1), AFFLUX_PENDING);
  afflux_shared_release(mine, 1);
  EXPECT_EQ(one.hear(), AFFLUX_OK);
  EXPECT_EQ(again, AFFLUX_PENDING);
  afflux_shared_release(mine, 1);
  EXPECT_EQ(two.hear(), AFFLUX_OK);
  EXPECT_EQ(afflux_shared_held(other), 2U);
  comes_to_rest();
}

TEST_F(SharedAsync, RefusesWhatIsNotForIt) {
  afflux_waiter waiter;
  const auto with = [&](auto change) {
    afflux_request request;
    afflux_request_init(&request);
    request.wake = [](void*, afflux_status) {};
    change(request);
    return afflux_shared_acquire_async(mine, &request, &waiter);
  };
  using request = afflux_request;
  EXPECT_EQ(with([](request& r) { r.permits = 0; }), AFFLUX_EINVAL);
  EXPECT_EQ(with([](request& r) { r.cost_bytes = 1; }), AFFLUX_EINVAL);
  EXPECT_EQ(with([](request& r) { r.tag = "x"; }), AFFLUX_EINVAL);
  EXPECT_EQ(with([](request& r) { r.timeout_ns = -5; }), AFFLUX_EINVAL);
  EXPECT_EQ(with([](request& r) { r.wake = nullptr; }), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_shared_held(mine), 0U);
}

}  // namespace
}  // namespace afflux_test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
