// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Structs that grow (chapter 5 of the header) and enumerators: every prefix
// that ends with a field, lengths below the first field, and longer structs of
// a later header, zero beyond what is known or not.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

// A struct in exactly `size` bytes of the heap, so that the address sanitizer
// sees a read beyond what the caller owns; `rest` fills what the struct lacks.
template <class Struct>
class sized {
 public:
  sized(Struct value, std::size_t size, unsigned char rest = 0)
      : bytes_(new unsigned char[size < sizeof(std::uint32_t) ? sizeof(std::uint32_t) : size]) {
    value.struct_size = static_cast<std::uint32_t>(size);
    std::memset(bytes_.get(), rest, size);
    const std::size_t known = size < sizeof value ? size : sizeof value;
    std::memcpy(bytes_.get(), &value, known < 4 ? 4 : known);
  }
  const Struct* get() const {
    const void* const bytes = bytes_.get();  // which are aligned for anything
    return static_cast<const Struct*>(bytes);
  }
  unsigned char& operator[](std::size_t i) { return bytes_[i]; }

 private:
  std::unique_ptr<unsigned char[]> bytes_;
};

// Where a field ends: the sizes that headers of the past may have had.
#define ENDS_AFTER(type, field) (offsetof(type, field) + sizeof(type::field))

class SemOptionsStruct : public per_variant {};

TEST_P(SemOptionsStruct, TooShortForItsFirstFieldIsRefused) {
  for (std::size_t size = 0; size < ENDS_AFTER(afflux_sem_options, queue); ++size) {
    const sized<afflux_sem_options> o(options(3), size);
    afflux_sem* sem = nullptr;
    EXPECT_EQ(afflux_sem_create(o.get(), &sem), AFFLUX_EINVAL) << size;
    EXPECT_EQ(sem, nullptr) << size;
  }
}

TEST_P(SemOptionsStruct, WhatAShorterOneLacksTakesItsDefault) {
  const std::size_t sizes[] = {ENDS_AFTER(afflux_sem_options, queue),
                               ENDS_AFTER(afflux_sem_options, fairness),
                               ENDS_AFTER(afflux_sem_options, overflow),
                               ENDS_AFTER(afflux_sem_options, permits),
                               ENDS_AFTER(afflux_sem_options, max_waiters),
                               ENDS_AFTER(afflux_sem_options, max_queue_bytes),
                               ENDS_AFTER(afflux_sem_options, waiter_timeout_ns),
                               sizeof(afflux_sem_options)};
  for (const std::size_t size : sizes) {
    SCOPED_TRACE(testing::Message() << "struct_size " << size);
    afflux_sem_options full = options(3);
    full.overflow = AFFLUX_OVERFLOW_FAIL;
    full.max_waiters = 1;
    full.max_queue_bytes = 10;
    full.name = "long";
    const sized<afflux_sem_options> o(full, size);
    afflux_sem* sem = nullptr;
    ASSERT_EQ(afflux_sem_create(o.get(), &sem), AFFLUX_OK);
    const auto knows = [size](std::size_t end) { return size >= end; };
    const bool permits = knows(ENDS_AFTER(afflux_sem_options, permits));
    expect_all_free(sem, permits ? 3 : 1);
    EXPECT_STREQ(afflux_sem_name(sem), size == sizeof full ? "long" : "");

    // The bounds are in force as far as the struct reaches, and not beyond.
    ASSERT_EQ(afflux_sem_try_acquire(sem, permits ? 3 : 1), AFFLUX_OK);
    pending first, second;
    first.request.cost_bytes = 11;
    EXPECT_EQ(first.start(sem), knows(ENDS_AFTER(afflux_sem_options, max_queue_bytes))
                                    ? AFFLUX_EREJECTED
                                    : AFFLUX_PENDING);
    if (first.cancel() == AFFLUX_EALREADY) {
      first.request.cost_bytes = 1;
    }
    EXPECT_EQ(first.start(sem), AFFLUX_PENDING);
    EXPECT_EQ(second.start(sem), knows(ENDS_AFTER(afflux_sem_options, max_waiters))
                                     ? AFFLUX_EREJECTED
                                     : AFFLUX_PENDING);
    afflux_sem_unref(sem);
  }
}

TEST_P(SemOptionsStruct, WhatLiesBeyondAShorterOneIsNotRead) {
  afflux_sem_options o = options(3);
  o.struct_size = ENDS_AFTER(afflux_sem_options, permits);
  std::memset(reinterpret_cast<unsigned char*>(&o) + o.struct_size, 0xff, sizeof o - o.struct_size);
  o.waiter_timeout_ns = -99;
  afflux_sem* sem = nullptr;
  ASSERT_EQ(afflux_sem_create(&o, &sem), AFFLUX_OK);
  EXPECT_STREQ(afflux_sem_name(sem), "");
  afflux_sem_unref(sem);
}

TEST_P(SemOptionsStruct, ALongerOneIsTakenWhileItsRestIsZero) {
  for (const std::size_t extra : {1u, 7u, 8u, 64u, 4096u}) {
    const std::size_t size = sizeof(afflux_sem_options) + extra;
    sized<afflux_sem_options> o(options(3), size);
    afflux_sem* sem = nullptr;
    EXPECT_EQ(afflux_sem_create(o.get(), &sem), AFFLUX_OK) << extra;
    expect_all_free(sem, 3);
    afflux_sem_unref(sem);
    for (const std::size_t at : {sizeof(afflux_sem_options), size - 1}) {
      o[at] = 1;
      sem = nullptr;
      EXPECT_EQ(afflux_sem_create(o.get(), &sem), AFFLUX_ENOTSUP) << extra << " at " << at;
      EXPECT_EQ(sem, nullptr);
      o[at] = 0;
    }
  }
}

TEST_P(SemOptionsStruct, UnknownEnumeratorsAndNumbersAreRefused) {
  const auto answer = [](auto spoil) {
    afflux_sem_options o = options(1);
    spoil(o);
    afflux_sem* sem = nullptr;
    const afflux_status status = afflux_sem_create(&o, &sem);
    EXPECT_EQ(sem == nullptr, status != AFFLUX_OK);
    afflux_sem_unref(sem);
    return status;
  };
  for (const std::uint32_t bad : {5u, 256u, 0x80000000u, 0xffffffffu}) {
    EXPECT_EQ(answer([bad](auto& o) { o.queue = bad; }), AFFLUX_EINVAL) << bad;
    EXPECT_EQ(answer([bad](auto& o) { o.fairness = bad; }), AFFLUX_EINVAL) << bad;
    EXPECT_EQ(answer([bad](auto& o) { o.overflow = bad; }), AFFLUX_EINVAL) << bad;
  }
  EXPECT_EQ(answer([](auto& o) { o.fairness = 2; }), AFFLUX_EINVAL);
  EXPECT_EQ(answer([](auto& o) { o.overflow = 4; }), AFFLUX_EINVAL);
  for (const std::uint64_t bad : {kMaxPermits + 1, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    EXPECT_EQ(answer([bad](auto& o) { o.permits = bad; }), AFFLUX_EINVAL) << bad;
  }
  for (const std::uint64_t good : {std::uint64_t{0}, kMaxPermits}) {
    EXPECT_EQ(answer([good](auto& o) { o.permits = good; }), AFFLUX_OK) << good;
  }
  for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-2}, INT64_MIN}) {
    EXPECT_EQ(answer([bad](auto& o) { o.waiter_timeout_ns = bad; }), AFFLUX_EINVAL) << bad;
  }
  for (const std::int64_t good : {std::int64_t{1}, INT64_MAX, std::int64_t{AFFLUX_FOREVER}}) {
    EXPECT_EQ(answer([good](auto& o) { o.waiter_timeout_ns = good; }), AFFLUX_OK) << good;
  }
}

class RequestStruct : public per_variant {};

TEST_P(RequestStruct, TooShortForItsFirstFieldIsRefused) {
  const sem_guard sem(options(1));
  pending p;
  for (std::size_t size = 0; size < ENDS_AFTER(afflux_request, flags); ++size) {
    const sized<afflux_request> r(p.request, size);
    afflux_permit_token token{};
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_acquire_async(sem, r.get(), &p.waiter));
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_acquire_permit(sem, r.get(), 0, &token));
  }
}

TEST_P(RequestStruct, OneWithoutAWakeFunctionIsRefused) {
  const sem_guard sem(options(1));
  pending p;
  for (const std::size_t size :
       {ENDS_AFTER(afflux_request, flags), ENDS_AFTER(afflux_request, permits),
        ENDS_AFTER(afflux_request, priority), ENDS_AFTER(afflux_request, reserved),
        ENDS_AFTER(afflux_request, cost_bytes), ENDS_AFTER(afflux_request, timeout_ns)}) {
    const sized<afflux_request> r(p.request, size);
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_acquire_async(sem, r.get(), &p.waiter));
  }
}

void count_with_null_context(void* ctx, afflux_status) { EXPECT_EQ(ctx, nullptr); }

TEST_P(RequestStruct, AShortOneQueuesWithDefaults) {
  const sem_guard sem(options(2));
  pending p(2);
  p.request.wake = &count_with_null_context;
  for (const std::size_t size :
       {ENDS_AFTER(afflux_request, wake), ENDS_AFTER(afflux_request, ctx),
        ENDS_AFTER(afflux_request, port), ENDS_AFTER(afflux_request, user_data)}) {
    if (size >= ENDS_AFTER(afflux_request, ctx)) p.request.ctx = nullptr;
    const sized<afflux_request> r(p.request, size);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_acquire_async(sem, r.get(), &p.waiter), AFFLUX_PENDING) << size;
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    EXPECT_EQ(state_of(sem), (sem_state{2, 0, 2, 0})) << size;
    EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  }
}

// A program compiled before the note came: what lies behind its struct is not the library's to
// read.
TEST_P(RequestStruct, OneWithoutTheNoteWorksAsItDid) {
  constexpr std::size_t kOlder = offsetof(afflux_request, notify);
  const sem_guard sem(options(1));
  pending p;
  for (const int behind : {0x00, 0xa5}) {
    afflux_request inside = p.request;
    inside.struct_size = kOlder;
    std::memset(&inside.notify, behind, sizeof inside.notify);
    const sized<afflux_request> alone(p.request, kOlder);
    for (const afflux_request* r : {static_cast<const afflux_request*>(&inside), alone.get()}) {
      const int before = p.completions();
      ASSERT_EQ(afflux_sem_acquire_async(sem, r, &p.waiter), AFFLUX_OK);
      ASSERT_EQ(afflux_sem_acquire_async(sem, r, &p.waiter), AFFLUX_PENDING);
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
      EXPECT_EQ(p.completions(), before + 1);
      ASSERT_EQ(afflux_sem_wait_idle_async(sem, r, &p.waiter), AFFLUX_PENDING);
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
      EXPECT_EQ(p.completions(), before + 2);
      expect_all_free(sem, 1);
    }
  }
}

// With the flag it is what its flag needs, and with a part of it, too.
TEST_P(RequestStruct, ANotesFlagInOneThatEndsBeforeTheNoteIsRefused) {
  const sem_guard sem(options(1));
  pending p;
  p.request.wake = nullptr;
  p.request.flags = AFFLUX_WAIT_FOR_NOTE;
  p.request.notify = [](void*, std::uint64_t) {};
  constexpr std::size_t kNext = offsetof(afflux_request, tenant);
  for (std::size_t size = offsetof(afflux_request, notify); size < kNext; ++size) {
    const sized<afflux_request> r(p.request, size);
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_acquire_async(sem, r.get(), &p.waiter));
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_wait_idle_async(sem, r.get(), &p.waiter));
  }
  EXPECT_EQ(afflux_sem_acquire_async(sem, &p.request, &p.waiter), AFFLUX_OK);
}

TEST_P(RequestStruct, AShortOneFillsATokenWithDefaults) {
  const sem_guard sem(options(4));
  afflux_request full;
  afflux_request_init(&full);
  full.permits = 3;
  for (const std::size_t size :
       {ENDS_AFTER(afflux_request, flags), ENDS_AFTER(afflux_request, permits),
        ENDS_AFTER(afflux_request, priority), ENDS_AFTER(afflux_request, cost_bytes)}) {
    const sized<afflux_request> r(full, size);
    afflux_permit_token token{};
    ASSERT_EQ(afflux_sem_acquire_permit(sem, r.get(), 0, &token), AFFLUX_OK) << size;
    EXPECT_EQ(afflux_permit_count(&token), size < ENDS_AFTER(afflux_request, permits) ? 1u : 3u);
    EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
  }
}

TEST_P(RequestStruct, ALongerOneIsTakenWhileItsRestIsZero) {
  const sem_guard sem(options(1));
  pending p;
  for (const std::size_t extra : {1u, 8u, 64u}) {
    const std::size_t size = sizeof(afflux_request) + extra;
    sized<afflux_request> r(p.request, size);
    afflux_permit_token token{};
    EXPECT_EQ(afflux_sem_acquire_async(sem, r.get(), &p.waiter), AFFLUX_OK) << extra;
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    for (const std::size_t at : {sizeof(afflux_request), size - 1}) {
      r[at] = 0x80;
      EXPECT_REFUSED(sem, AFFLUX_ENOTSUP, afflux_sem_acquire_async(sem, r.get(), &p.waiter));
      EXPECT_REFUSED(sem, AFFLUX_ENOTSUP, afflux_sem_acquire_permit(sem, r.get(), 0, &token));
      r[at] = 0;
    }
    EXPECT_EQ(afflux_permit_count(&token), 0u);
  }
}

TEST_P(RequestStruct, WhatATokenDoesNotNeedDoesNotCount) {
  const sem_guard sem(options(1));
  afflux_request r;
  afflux_request_init(&r);
  r.timeout_ns = 0;
  r.wake = nullptr;
  afflux_permit_token token{};
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  // The request's own time of 0 would answer at once; the parameter's counts.
  const std::int64_t before = now_ns();
  EXPECT_EQ(afflux_sem_acquire_permit(sem, &r, 2 * kMillisecond, &token), AFFLUX_ETIMEDOUT);
  EXPECT_GE(now_ns() - before, 2 * kMillisecond);
}

TEST_P(RequestStruct, IsCopiedDuringTheCall) {
  const sem_guard sem(options(2));
  pending p(2);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  std::memset(&p.request, 0xff, sizeof p.request);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(afflux_sem_held(sem), 2u);
}

INSTANTIATE_TEST_SUITE_P(Each, SemOptionsStruct, all_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Each, RequestStruct, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
