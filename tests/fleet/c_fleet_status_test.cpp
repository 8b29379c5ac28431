// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The statuses of fleet.h: every one that its calls document, provoked. Those that need a server
// are in c_fleet_test.cpp, those that need an engine in the hand in agent_test.cpp.
//
//   options_init, fence_init, stats_init   OK EINVAL              FleetInit.*
//   open                                   OK                     all
//                                          EINVAL ENOTSUP         FleetOpen.*
//   ref, unref, sem, name                  NULL                   FleetHandle.*
//   close       OK EAGAIN ETIMEDOUT EBUSY                         FleetAgent.*
//               EALREADY EINVAL                                   FleetHandle.*, Fleet.Closes…
//   advance     OK EINVAL ECLOSED                                 FleetHandle.*
//               EBUSY                                             FleetAgent.AnswersEbusy…
//   begin       OK                                                Fleet.PassesAPermit…
//               EAGAIN EINVAL                                     FleetRead.*
//   check       OK                                                Fleet.PassesAPermit…
//               ECANCELED EINVAL                                  FleetRead.*, Fleet.Refuses…
//   get_fence, get_stats, last_failure, id OK EINVAL              FleetRead.*
//   write       OK ECANCELED EINVAL                               FleetWrite.*
//   resize      OK ETIMEDOUT EINVAL                               FleetOperate.*, Fleet.*
//   holders     OK ECANCELED EAGAIN ETIMEDOUT EINVAL              FleetOperate.*, Fleet.Lists…
//   names       OK ECANCELED ETIMEDOUT EINVAL                     FleetOperate.*, Fleet.Lists…
//   expire      OK EAGAIN ETIMEDOUT EINVAL                        FleetOperate.*, Fleet.Fences…
//               EREJECTED, of all three                           FleetOperate.*
#include <afflux/fleet.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

#include "redis_server.h"

namespace afflux_test {
namespace {

constexpr std::int64_t kMs = 1'000'000;

// No server listens there.
afflux_fleet_options manual() {
  afflux_fleet_options o;
  afflux_fleet_options_init(&o);
  o.flags = AFFLUX_FLEET_MANUAL;
  o.url = "unix:///nonexistent/afflux-fleet";
  o.name = "n";
  o.limit = 5;
  return o;
}

class opened {
 public:
  explicit opened(const afflux_fleet_options& o = manual()) {
    EXPECT_EQ(afflux_fleet_open(&o, &fleet_), AFFLUX_OK);
  }
  opened(const opened&) = delete;
  opened& operator=(const opened&) = delete;
  ~opened() { afflux_fleet_unref(fleet_); }
  afflux_fleet* get() const { return fleet_; }

 private:
  afflux_fleet* fleet_ = nullptr;
};

TEST(FleetInit, SetsTheDefaultsAndRefusesNull) {
  afflux_fleet_options o;
  std::memset(&o, 0xa5, sizeof o);
  EXPECT_EQ(afflux_fleet_options_init(&o), AFFLUX_OK);
  EXPECT_EQ(o.struct_size, sizeof o);
  EXPECT_EQ(o.weight, 1u);
  EXPECT_EQ(o.lease_ns, 5'000 * kMs);
  EXPECT_EQ(o.refresh_ns, 1'000 * kMs);
  EXPECT_EQ(o.url, nullptr);
  EXPECT_EQ(o.limit, 0u);
  EXPECT_EQ(afflux_fleet_options_init(nullptr), AFFLUX_EINVAL);
  afflux_fleet_fence f;
  EXPECT_EQ(afflux_fleet_fence_init(&f), AFFLUX_OK);
  EXPECT_EQ(f.struct_size, sizeof f);
  EXPECT_EQ(f.token, 0u);
  EXPECT_EQ(afflux_fleet_fence_init(nullptr), AFFLUX_EINVAL);
  afflux_fleet_stats s;
  EXPECT_EQ(afflux_fleet_stats_init(&s), AFFLUX_OK);
  EXPECT_EQ(s.struct_size, sizeof s);
  EXPECT_EQ(afflux_fleet_stats_init(nullptr), AFFLUX_EINVAL);
}

const std::string kLong(256, 'n');
afflux_sem_options bad_sem() {
  afflux_sem_options o;
  afflux_sem_options_init(&o);
  o.fairness = 99;
  return o;
}
const afflux_sem_options kBadSem = bad_sem();
const std::uint32_t kTinySem = 8;

const std::function<void(afflux_fleet_options&)> kSpoilers[] = {
    [](auto& o) { o.name = nullptr; },
    [](auto& o) { o.name = ""; },
    [](auto& o) { o.name = kLong.c_str(); },
    [](auto& o) { o.name = "a\nb"; },
    [](auto& o) { o.url = "redis://"; },
    [](auto& o) { o.url = "unix://relative"; },
    [](auto& o) { o.url = "redis://h?what=1"; },
    [](auto& o) { o.flags = 4; },
    [](auto& o) { o.limit = std::uint64_t{1} << 42; },
    [](auto& o) { o.minimum = std::uint64_t{1} << 42; },
    [](auto& o) { o.max_request = (std::uint64_t{1} << 41) + 1; },
    [](auto& o) { o.weight = 0; },
    [](auto& o) { o.weight = 65536; },
    [](auto& o) { o.policy = 2; },
    [](auto& o) { o.policy = AFFLUX_FLEET_FALL_BACK; },
    [](auto& o) { o.fallback = 1; },
    [](auto& o) { o.fallback = std::uint64_t{1} << 42, o.policy = AFFLUX_FLEET_FALL_BACK; },
    [](auto& o) { o.lease_ns = 0; },
    [](auto& o) { o.lease_ns = -1; },
    [](auto& o) { o.lease_ns = 86'400'001 * kMs; },
    [](auto& o) { o.refresh_ns = 0; },
    [](auto& o) { o.refresh_ns = INT64_MAX; },
    [](auto& o) { o.refresh_ns = 2'451 * kMs; },
    [](auto& o) { o.max_hold_ns = -1; },
    [](auto& o) { o.max_hold_ns = INT64_MAX; },
    [](auto& o) { o.max_hold_ns = 2'901 * kMs; },
    [](auto& o) { o.margin_ns = -1; },
    [](auto& o) { o.margin_ns = 1'251 * kMs; },
    [](auto& o) { o.timeout_ns = -1; },
    [](auto& o) { o.timeout_ns = 5'001 * kMs; },
    [](auto& o) { o.sem = &kBadSem; },
    [](auto& o) { o.sem = reinterpret_cast<const afflux_sem_options*>(&kTinySem); },
    [](auto& o) { o.struct_size = 4; },
};

TEST(FleetOpen, RefusesWhatIsOutOfItsRangeAndWritesNothing) {
  int i = 0;
  for (const auto& spoil : kSpoilers) {
    afflux_fleet_options o = manual();
    spoil(o);
    afflux_fleet* f = nullptr;
    EXPECT_EQ(afflux_fleet_open(&o, &f), AFFLUX_EINVAL) << "spoiler " << i;
    EXPECT_EQ(f, nullptr);
    ++i;
  }
  const afflux_fleet_options o = manual();
  afflux_fleet* f = nullptr;
  EXPECT_EQ(afflux_fleet_open(nullptr, &f), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_open(&o, nullptr), AFFLUX_EINVAL);
}

TEST(FleetOpen, TakesTheEndsOfTheRanges) {
  const std::function<void(afflux_fleet_options&)> good[] = {
      [](auto& o) { o.limit = o.minimum = (std::uint64_t{1} << 42) - 1; },
      [](auto& o) { o.max_request = std::uint64_t{1} << 41; },
      [](auto& o) { o.weight = AFFLUX_FLEET_MAX_WEIGHT; },
      [](auto& o) { o.name = kLong.c_str() + 1; },
      [](auto& o) { o.refresh_ns = 2'450 * kMs; },
      [](auto& o) { o.max_hold_ns = 2'900 * kMs; },
      [](auto& o) { o.lease_ns = 86'400'000 * kMs; },
      [](auto& o) { o.lease_ns = 10 * kMs, o.refresh_ns = kMs; },
      [](auto& o) { o.policy = AFFLUX_FLEET_FALL_BACK, o.fallback = 1; },
      [](auto& o) { o.url = nullptr; },
      [](auto& o) { o.label = kLong.c_str(); },
  };
  for (const auto& make : good) {
    afflux_fleet_options o = manual();
    make(o);
    const opened f(o);
    EXPECT_STREQ(afflux_fleet_name(f.get()), o.name);
  }
}

TEST(FleetOpen, AnswersEnotsupForWhatItDoesNotKnow) {
  afflux_fleet_options o = manual();
  afflux_fleet* f = nullptr;
  o.url = "http://localhost";
  EXPECT_EQ(afflux_fleet_open(&o, &f), AFFLUX_ENOTSUP);
  struct {
    afflux_fleet_options o;
    std::uint64_t more;
  } longer = {manual(), 1};
  longer.o.struct_size = sizeof longer;
  EXPECT_EQ(afflux_fleet_open(&longer.o, &f), AFFLUX_ENOTSUP);
  longer.more = 0;
  EXPECT_EQ(afflux_fleet_open(&longer.o, &f), AFFLUX_OK);
  afflux_fleet_unref(f);
  struct {
    afflux_sem_options o;
    std::uint64_t more;
  } sem{};
  afflux_sem_options_init(&sem.o);
  sem.o.struct_size = sizeof sem;
  sem.more = 1;
  o = manual();
  o.sem = &sem.o;
  f = nullptr;
  EXPECT_EQ(afflux_fleet_open(&o, &f), AFFLUX_ENOTSUP);
  EXPECT_EQ(f, nullptr);
}

TEST(FleetOpen, TakesShorterStructs) {
  for (std::uint32_t size = 24; size < sizeof(afflux_fleet_options); ++size) {
    afflux_fleet_options o = manual();
    std::memset(reinterpret_cast<char*>(&o) + size, 0xa5, sizeof o - size);
    o.struct_size = size;
    const opened f(o);
  }
  for (std::uint32_t size = 16; size < sizeof(afflux_sem_options); ++size) {
    afflux_sem_options s;
    afflux_sem_options_init(&s);
    std::memset(reinterpret_cast<char*>(&s) + size, 0xa5, sizeof s - size);
    s.struct_size = size;
    afflux_fleet_options o = manual();
    o.sem = &s;
    const opened f(o);
    EXPECT_STREQ(afflux_sem_name(afflux_fleet_sem(f.get())), "n");
  }
}

TEST(FleetOpen, MakesTheSemaphoreAsItIsTold) {
  afflux_sem_options s;
  afflux_sem_options_init(&s);
  s.name = "local";
  s.permits = 12345;
  s.max_waiters = 1;
  s.overflow = AFFLUX_OVERFLOW_FAIL;
  afflux_fleet_options o = manual();
  o.sem = &s;
  const opened f(o);
  afflux_sem* const sem = afflux_fleet_sem(f.get());
  EXPECT_STREQ(afflux_sem_name(sem), "local");
  EXPECT_EQ(afflux_sem_limit(sem), 5u) << "the agent's own, and nothing is leased";
  EXPECT_EQ(afflux_sem_available(sem), 0u);
  EXPECT_EQ(afflux_sem_acquire(sem, 6, 0), AFFLUX_E2BIG);
  EXPECT_EQ(afflux_sem_acquire(sem, 5, 0), AFFLUX_ETIMEDOUT);
}

TEST(FleetHandle, TakesNull) {
  EXPECT_EQ(afflux_fleet_ref(nullptr), nullptr);
  afflux_fleet_unref(nullptr);
  EXPECT_EQ(afflux_fleet_sem(nullptr), nullptr);
  EXPECT_STREQ(afflux_fleet_name(nullptr), "");
  EXPECT_EQ(afflux_fleet_close(nullptr, 0), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_advance(nullptr, nullptr), AFFLUX_EINVAL);
}

TEST(FleetHandle, CountsItsReferences) {
  afflux_fleet* f = nullptr;
  const afflux_fleet_options o = manual();
  ASSERT_EQ(afflux_fleet_open(&o, &f), AFFLUX_OK);
  afflux_sem* const sem = afflux_sem_ref(afflux_fleet_sem(f));
  EXPECT_EQ(afflux_fleet_ref(f), f);
  afflux_fleet_unref(f);
  EXPECT_STREQ(afflux_fleet_name(f), "n");
  std::size_t n = 0;
  EXPECT_EQ(afflux_fleet_id(f, nullptr, 0, &n), AFFLUX_OK);
  EXPECT_EQ(n, 32u);
  EXPECT_EQ(afflux_sem_is_closed(sem), 0);
  afflux_fleet_unref(f);
  EXPECT_NE(afflux_sem_is_closed(sem), 0);
  afflux_sem_unref(sem);
}

TEST(FleetHandle, ClosesOnce) {
  const opened f;
  EXPECT_EQ(afflux_fleet_close(f.get(), -2), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_advance(f.get(), nullptr), AFFLUX_OK) << "whether anybody answers or not";
  EXPECT_EQ(afflux_fleet_close(f.get(), AFFLUX_FOREVER), AFFLUX_EAGAIN);
  EXPECT_EQ(afflux_fleet_close(f.get(), 0), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_fleet_advance(f.get(), nullptr), AFFLUX_ECLOSED);
}

TEST(FleetRead, AnswersEinvalForNullAndForTooLittleRoom) {
  const opened f;
  afflux_fleet_fence fence{};
  EXPECT_EQ(afflux_fleet_get_fence(f.get(), &fence), AFFLUX_OK);
  EXPECT_EQ(fence.struct_size, sizeof fence);
  fence.struct_size = 8;
  EXPECT_EQ(afflux_fleet_get_fence(f.get(), &fence), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_get_fence(f.get(), nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_get_fence(nullptr, &fence), AFFLUX_EINVAL);
  afflux_fleet_stats stats{};
  EXPECT_EQ(afflux_fleet_get_stats(f.get(), &stats), AFFLUX_OK);
  EXPECT_EQ(stats.struct_size, sizeof stats);
  EXPECT_EQ(stats.held, 0u);
  stats.struct_size = 8;
  EXPECT_EQ(afflux_fleet_get_stats(f.get(), &stats), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_get_stats(f.get(), nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_get_stats(nullptr, &stats), AFFLUX_EINVAL);
}

TEST(FleetRead, PassesNoWorkWithoutALease) {
  const opened f;
  afflux_fleet_fence fence{};
  EXPECT_EQ(afflux_fleet_begin(f.get(), &fence), AFFLUX_EAGAIN);
  EXPECT_EQ(fence.struct_size, sizeof fence) << "written, too";
  EXPECT_EQ(afflux_fleet_check(f.get(), &fence), AFFLUX_ECANCELED);
  fence.tenure = 7;
  EXPECT_EQ(afflux_fleet_check(f.get(), &fence), AFFLUX_ECANCELED);
  EXPECT_EQ(fence.tenure, 7u);
  EXPECT_EQ(afflux_fleet_begin(nullptr, &fence), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_begin(f.get(), nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_check(nullptr, &fence), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_check(f.get(), nullptr), AFFLUX_EINVAL);
  fence.struct_size = 8;
  EXPECT_EQ(afflux_fleet_begin(f.get(), &fence), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_check(f.get(), &fence), AFFLUX_EINVAL);
}

TEST(FleetRead, TellsTheNewestFailureAsFarAsItFits) {
  const opened f;
  char text[200] = "x";
  std::size_t n = 1;
  EXPECT_EQ(afflux_fleet_last_failure(f.get(), text, sizeof text, &n), AFFLUX_OK);
  EXPECT_EQ(n, 0u);
  EXPECT_STREQ(text, "");
  EXPECT_EQ(afflux_fleet_advance(f.get(), nullptr), AFFLUX_OK);
  EXPECT_EQ(afflux_fleet_last_failure(f.get(), text, sizeof text, &n), AFFLUX_OK);
  EXPECT_EQ(std::strlen(text), n);
  EXPECT_EQ(std::strncmp(text, "redis: ", 7), 0) << text;
  char few[4];
  EXPECT_EQ(afflux_fleet_last_failure(f.get(), few, sizeof few, nullptr), AFFLUX_OK);
  EXPECT_STREQ(few, "red");
  EXPECT_EQ(afflux_fleet_last_failure(f.get(), nullptr, 0, &n), AFFLUX_OK);
  EXPECT_EQ(afflux_fleet_last_failure(f.get(), nullptr, 1, &n), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_last_failure(nullptr, text, 1, &n), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_id(nullptr, text, 1, &n), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_id(f.get(), nullptr, 1, &n), AFFLUX_EINVAL);
}

TEST(FleetWrite, AnswersByItsArgumentsAndItsSink) {
  const opened f;
  const afflux_fleet* const all[] = {f.get()};
  const afflux_fleet* const none[] = {nullptr};
  const auto takes = [](void*, const char*, std::size_t) -> std::int32_t { return 0; };
  const auto stops = [](void*, const char*, std::size_t) -> std::int32_t { return 1; };
  EXPECT_EQ(afflux_fleet_write(all, 1, AFFLUX_EXPORT_PROMETHEUS, takes, nullptr), AFFLUX_OK);
  EXPECT_EQ(afflux_fleet_write(nullptr, 0, AFFLUX_EXPORT_PROMETHEUS, takes, nullptr), AFFLUX_OK);
  EXPECT_EQ(afflux_fleet_write(all, 1, AFFLUX_EXPORT_PROMETHEUS, stops, nullptr), AFFLUX_ECANCELED);
  EXPECT_EQ(afflux_fleet_write(all, 1, 2, takes, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_write(all, 1, 0, nullptr, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_write(none, 1, 0, takes, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_write(nullptr, 1, 0, takes, nullptr), AFFLUX_EINVAL);
}

TEST(FleetOperate, AnswersEinvalAndWithoutAServerEtimedout) {
  const opened f;
  EXPECT_EQ(afflux_fleet_resize(nullptr, 1), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_resize(f.get(), std::uint64_t{1} << 42), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_resize(f.get(), 1), AFFLUX_ETIMEDOUT);
  afflux_fleet_totals t{};
  t.struct_size = 8;
  EXPECT_EQ(afflux_fleet_holders(f.get(), nullptr, nullptr, &t), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_holders(nullptr, nullptr, nullptr, nullptr), AFFLUX_EINVAL);
  const auto all = [](void*, const char*) { return std::int32_t{0}; };
  EXPECT_EQ(afflux_fleet_names(f.get(), nullptr, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_names(nullptr, all, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_names(f.get(), all, nullptr), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(afflux_fleet_holders(f.get(), nullptr, nullptr, nullptr), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(afflux_fleet_expire(nullptr, "a"), AFFLUX_EINVAL);
  for (const char* id : {"", "#", "A", "a b", "012345678901234567890123456789012"}) {
    EXPECT_EQ(afflux_fleet_expire(f.get(), id), AFFLUX_EINVAL) << id;
  }
  EXPECT_EQ(afflux_fleet_expire(f.get(), nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_fleet_expire(f.get(), "a"), AFFLUX_ETIMEDOUT);
}

TEST(FleetOperate, AnswersErejectedWhereTheServerRefuses) {
  if (!has_redis()) GTEST_SKIP() << "no redis-server";
  const redis_server server;
  server.run({"SET", "afflux:fleet:n", "no hash"});
  afflux_fleet_options o = manual();
  const std::string url = server.url();
  o.url = url.c_str();
  const opened f(o);
  EXPECT_EQ(afflux_fleet_resize(f.get(), 1), AFFLUX_EREJECTED);
  EXPECT_EQ(afflux_fleet_holders(f.get(), nullptr, nullptr, nullptr), AFFLUX_EREJECTED);
  EXPECT_EQ(afflux_fleet_expire(f.get(), "a"), AFFLUX_EREJECTED);
  char text[200];
  EXPECT_EQ(afflux_fleet_last_failure(f.get(), text, sizeof text, nullptr), AFFLUX_OK);
  EXPECT_NE(std::string(text).find("WRONGTYPE"), std::string::npos) << text;
  server.run({"DEL", "afflux:fleet:n"});
  EXPECT_EQ(afflux_fleet_expire(f.get(), "a"), AFFLUX_EAGAIN);
  EXPECT_EQ(afflux_fleet_resize(f.get(), 1), AFFLUX_OK);
  EXPECT_EQ(afflux_fleet_expire(f.get(), "a"), AFFLUX_EAGAIN);
}

}  // namespace
}  // namespace afflux_test
