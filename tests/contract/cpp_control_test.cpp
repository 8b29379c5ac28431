// SPDX-License-Identifier: MIT OR Apache-2.0
//
// afflux::control: what it makes of the calls of control.h.
#include <afflux/afflux.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

namespace {

using namespace std::chrono_literals;
using afflux::control;
using afflux::control_algorithm;
using afflux::control_options;
using afflux::outcome;
using afflux::permit_token;
using afflux::semaphore;
using afflux::status;

constexpr control_options kAimd{.algorithm = control_algorithm::aimd, .min = 1, .max = 20};

TEST(CppControl, SteersTheSemaphore) {
  const semaphore sem(10);
  const control tested(sem, kAimd);
  const afflux::permit held = sem.try_acquire(6);
  EXPECT_EQ(tested.sample(2ms), status::ok);
  EXPECT_EQ(sem.limit(), 11u);
  EXPECT_EQ(tested.sample(2ms, outcome::dropped), status::ok);
  EXPECT_EQ(sem.limit(), 9u);
  EXPECT_EQ(tested.sample(2ms, outcome::ignored), status::ok);
  EXPECT_EQ(tested.sample(-1ns), status::invalid);
  const afflux_control_stats s = tested.stats();
  EXPECT_EQ(s.served, 1u);
  EXPECT_EQ(s.dropped, 1u);
  EXPECT_EQ(s.ignored, 1u);
  EXPECT_EQ(s.limit, 9u);
}

TEST(CppControl, ReleasesTokens) {
  const semaphore sem(10);
  const semaphore other(10);
  const control tested(sem, kAimd);
  permit_token token(sem, 5);
  permit_token stranger(other);
  EXPECT_EQ(tested.release(stranger), status::invalid);
  EXPECT_TRUE(stranger);
  EXPECT_EQ(tested.release(token), status::ok);
  EXPECT_FALSE(token);
  EXPECT_EQ(sem.held(), 0u);
  EXPECT_EQ(sem.limit(), 11u);
  EXPECT_EQ(tested.release(token), status::already);
  EXPECT_EQ(tested.stats().served, 1u);
}

TEST(CppControl, PausesAndGoesOn) {
  const semaphore sem(10);
  const control tested(sem, kAimd);
  EXPECT_EQ(tested.resume(), status::already);
  EXPECT_EQ(tested.pause(), status::ok);
  EXPECT_EQ(tested.pause(), status::already);
  EXPECT_EQ(tested.sample(1ms, outcome::dropped), status::ok);
  EXPECT_EQ(sem.limit(), 10u);
  EXPECT_EQ(tested.resume(), status::ok);
  EXPECT_EQ(tested.sample(1ms, outcome::dropped), status::ok);
  EXPECT_EQ(sem.limit(), 9u);
}

TEST(CppControl, CreationTellsWhyItFailed) {
  const semaphore sem(10);
  status made = status::ok;
  EXPECT_FALSE(control::create(sem, {.min = 3, .max = 2}, made));
  EXPECT_EQ(made, status::invalid);
  EXPECT_FALSE(control::create(sem, {.window = -1ns}, made));
  EXPECT_EQ(made, status::invalid);
  const control first = control::create(sem, kAimd, made);
  EXPECT_EQ(made, status::ok);
  EXPECT_TRUE(first);
  EXPECT_FALSE(control::create(sem, kAimd, made));
  EXPECT_EQ(made, status::busy);
  try {
    const control second(sem);
    ADD_FAILURE() << "two steer one semaphore";
  } catch (const afflux::error& e) {
    EXPECT_EQ(e.code(), status::busy);
  }
  const semaphore closed(1);
  closed.close();
  EXPECT_FALSE(control::create(closed, kAimd, made));
  EXPECT_EQ(made, status::closed);
}

TEST(CppControl, OwnersShareOneControl) {
  static_assert(!std::is_copy_constructible_v<control> && !std::is_copy_assignable_v<control>);
  static_assert(std::is_nothrow_move_constructible_v<control>);
  const semaphore sem(10);
  status made = status::ok;
  control first(sem, kAimd);
  control second = first.share();
  EXPECT_EQ(first.handle(), second.handle());
  control moved = std::move(first);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move)
  swap(moved, second);
  moved = control::from_handle(nullptr);
  EXPECT_FALSE(moved);
  EXPECT_FALSE(control::create(sem, kAimd, made));  // `second` steers still
  second = control::from_handle(nullptr);
  EXPECT_TRUE(control::create(sem, kAimd, made));
}

TEST(CppControl, KeepsItsSemaphoreAlive) {
  status made = status::ok;
  control tested = control::create(semaphore(10), kAimd, made);
  ASSERT_TRUE(tested);
  EXPECT_EQ(tested.sample(1ms, outcome::dropped), status::ok);
  EXPECT_EQ(tested.stats().limit, 9u);
}

TEST(CppControl, TellsOfChanges) {
  const semaphore sem(10);
  std::uint64_t told[3] = {};
  control_options o = kAimd;
  o.on_change = [](void* ctx, std::uint64_t before, std::uint64_t after, std::uint32_t reason) {
    auto* const to = static_cast<std::uint64_t*>(ctx);
    to[0] = before;
    to[1] = after;
    to[2] = reason;
  };
  o.ctx = told;
  const control tested(sem, o);
  EXPECT_EQ(told[1], 0u);
  EXPECT_EQ(tested.sample(1ms, outcome::dropped), status::ok);
  EXPECT_EQ(told[0], 10u);
  EXPECT_EQ(told[1], 9u);
  EXPECT_EQ(told[2], std::uint64_t{AFFLUX_CONTROL_BECAUSE_DROPS});
}

TEST(CppControl, PassesOnEachOption) {
  const control_options o{.algorithm = control_algorithm::gradient,
                          .min = 2,
                          .max = 9,
                          .initial = 3,
                          .seed = 4,
                          .window = 5ns,
                          .timeout = 6ns,
                          .probe_interval = 7ns};
  const auto c = static_cast<::afflux_control_options>(o);
  EXPECT_EQ(c.struct_size, sizeof c);
  EXPECT_EQ(c.algorithm, std::uint32_t{AFFLUX_CONTROL_GRADIENT});
  EXPECT_EQ(c.min, 2u);
  EXPECT_EQ(c.max, 9u);
  EXPECT_EQ(c.initial, 3u);
  EXPECT_EQ(c.seed, 4u);
  EXPECT_EQ(c.window_ns, 5);
  EXPECT_EQ(c.timeout_ns, 6);
  EXPECT_EQ(c.probe_interval_ns, 7);
}

TEST(CppControl, FindsAlgorithmsByName) {
  EXPECT_EQ(afflux::find_control_algorithm("vegas"), control_algorithm::vegas);
  EXPECT_EQ(afflux::find_control_algorithm("default"), control_algorithm::automatic);
  EXPECT_FALSE(afflux::find_control_algorithm("reno"));
}

}  // namespace
