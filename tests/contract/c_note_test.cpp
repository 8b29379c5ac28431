// SPDX-License-Identifier: MIT OR Apache-2.0
//
// AFFLUX_WAIT_FOR_NOTE: one notification for each request that queued, unless a cancel answered
// AFFLUX_OK (S3, S4, S12). When the memory is free: c_note_memory_test.cpp.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "support/build_kind.h"
#include "support/note.h"
#include "support/per_queue.h"
#include "support/port.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

using numbers = std::vector<std::uint64_t>;

class Note : public per_variant {};

TEST_P(Note, ComesOnceWithItsTwoWords) {
  note_book book;
  noted p(book, ~std::uint64_t{0});
  const sem_guard sem(options(1));
  EXPECT_EQ(p.start(sem), AFFLUX_OK);  // no note follows
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(p.status(), AFFLUX_PENDING);
  EXPECT_EQ(book.size(), 0u);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(p.status(), AFFLUX_OK);
  EXPECT_EQ(p.cancel(), AFFLUX_EALREADY);
  EXPECT_EQ(book.all(), numbers{~std::uint64_t{0}});
  EXPECT_EQ(afflux_sem_held(sem), 1u);
  p.request.timeout_ns = 0;
  EXPECT_EQ(p.start(sem), AFFLUX_EAGAIN);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(book.size(), 1u);
  expect_all_free(sem, 1);
}

TEST_P(Note, DoesNotComeAfterACancelThatTookTheRequestBack) {
  note_book book;
  noted p(book);
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
    EXPECT_EQ(p.cancel(), AFFLUX_OK);
    EXPECT_EQ(p.status(), AFFLUX_ECANCELED);
    poison(p);
  }
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(book.size(), 0u);
  expect_all_free(sem, 1);
}

TEST_P(Note, FindsTheOutcomeThereAndMayUseTheMemoryAgain) {
  constexpr std::uint64_t kTimes = 100;
  note_book book;
  noted p(book);
  const sem_guard sem(options(1));
  book.then = [&](std::uint64_t) {
    EXPECT_EQ(p.status(), AFFLUX_OK);
    poison(p);
    if (book.size() < kTimes) {
      EXPECT_EQ(p.start(sem), AFFLUX_PENDING);
    }
  };
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  for (std::uint64_t i = 1; i <= kTimes; ++i) {
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    ASSERT_EQ(book.size(), i);
  }
}

TEST_P(Note, EveryEndOfARequestIsTold) {
  const auto ends_with = [](afflux_status expected, std::uint64_t permits, auto prepare, auto end) {
    SCOPED_TRACE(expected);
    note_book book;
    noted p(book, 3, permits);
    afflux_sem_options o = options(2);
    prepare(o, p);
    afflux_sem* const sem = sem_guard(o).give();
    ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
    if (end(sem)) afflux_sem_unref(sem);
    await([&] { return p.status() != AFFLUX_PENDING; });
    EXPECT_EQ(p.status(), expected);
    poison(p);
    await([&] { return book.size() != 0; });
    EXPECT_EQ(book.all(), numbers{3});
  };
  const auto nothing = [](afflux_sem_options&, noted&) {};
  ends_with(AFFLUX_ECLOSED, 1, nothing, [](afflux_sem* sem) {
    EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
    return true;
  });
  ends_with(AFFLUX_ECLOSED, 1, nothing, [](afflux_sem* sem) {
    afflux_sem_unref(sem);
    return false;
  });
  ends_with(AFFLUX_E2BIG, 2, nothing, [](afflux_sem* sem) {
    EXPECT_EQ(afflux_sem_resize(sem, 1), AFFLUX_OK);
    return true;
  });
  afflux_sem* timed = nullptr;
  ends_with(
      AFFLUX_ETIMEDOUT, 1,
      [](afflux_sem_options&, noted& p) { p.request.timeout_ns = kMillisecond; },
      [&](afflux_sem* sem) {
        timed = sem;  // until its time has run out
        return false;
      });
  afflux_sem_unref(timed);
  note_book of_other;
  noted other(of_other);
  afflux_sem* dropping = nullptr;
  ends_with(
      AFFLUX_EREJECTED, 1,
      [](afflux_sem_options& o, noted&) {
        o.overflow = AFFLUX_OVERFLOW_DROP_OLDEST;
        o.max_waiters = 1;
      },
      [&](afflux_sem* sem) {
        dropping = sem;
        EXPECT_EQ(other.start(sem), AFFLUX_PENDING);
        return false;
      });
  EXPECT_EQ(other.cancel(), AFFLUX_OK);
  afflux_sem_unref(dropping);
}

TEST_P(Note, AThousandComeByOneRelease) {
  constexpr std::uint64_t kCount = 1000;
  note_book book;
  std::deque<noted> all;
  const sem_guard sem(options(kCount));
  ASSERT_EQ(afflux_sem_try_acquire(sem, kCount), AFFLUX_OK);
  for (std::uint64_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(all.emplace_back(book, i).start(sem), AFFLUX_PENDING);
  }
  EXPECT_EQ(afflux_sem_release(sem, kCount), AFFLUX_OK);
  EXPECT_EQ(book.all(), numbers_to(kCount));
  for (noted& p : all) EXPECT_EQ(p.status(), AFFLUX_OK);
  EXPECT_EQ(state_of(sem), (sem_state{kCount, 0, kCount, 0}));
}

TEST_P(Note, AThousandComeByOneCloseAndByTheLastUnref) {
  constexpr std::uint64_t kCount = 1000;
  for (const bool closes : {true, false}) {
    note_book book;
    std::deque<noted> all;
    afflux_sem* const sem = sem_guard(options(1)).give();
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    for (std::uint64_t i = 0; i < kCount; ++i) {
      ASSERT_EQ(all.emplace_back(book, i).start(sem), AFFLUX_PENDING);
    }
    if (closes) {
      EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
    } else {
      afflux_sem_unref(sem);
    }
    EXPECT_EQ(book.all(), numbers_to(kCount));
    for (noted& p : all) EXPECT_EQ(p.status(), AFFLUX_ECLOSED);
    if (closes) afflux_sem_unref(sem);
  }
}

// S12, for notes.
TEST_P(Note, ALongChainOfReleasesInNotesDoesNotRecurse) {
  constexpr std::uint64_t kCount = kSanitized ? 20'000 : 100'000;
  constexpr std::uintptr_t kBound = std::uintptr_t{64} * 1024;
  note_book book;
  std::deque<noted> all;
  const sem_guard sem(options(1));
  bool deep = false;
  const auto base = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  book.then = [&](std::uint64_t) {
    // Stacks grow downwards. The chain ends here, before it ends the process.
    deep |= base - reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) > kBound;
    if (!deep) {
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
  };
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (std::uint64_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(all.emplace_back(book, i).start(sem), AFFLUX_PENDING);
  }
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  ASSERT_FALSE(deep) << "after " << book.size() << " notes";
  EXPECT_TRUE(book.all() == numbers_to(kCount));
  expect_all_free(sem, 1);
}

// And where notes and callbacks cause each other.
TEST_P(Note, AChainOfNotesAndCallbacksDoesNotRecurse) {
  constexpr std::size_t kCount = 20'000;
  constexpr std::uintptr_t kBound = std::uintptr_t{64} * 1024;
  note_book book;
  std::deque<noted> notes;
  std::deque<pending> callbacks;
  const sem_guard sem(options(1));
  std::size_t called = 0;
  bool deep = false;
  const auto base = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const auto go_on = [&] {
    deep |= base - reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) > kBound;
    if (!deep) {
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
  };
  book.then = [&](std::uint64_t) { go_on(); };
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (std::size_t i = 0; i < kCount; ++i) {
    if (i % 3 != 0) {
      ASSERT_EQ(notes.emplace_back(book, i).start(sem), AFFLUX_PENDING);
    } else {
      pending& p = callbacks.emplace_back();
      p.then = [&](afflux_status) {
        ++called;
        go_on();
      };
      ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
    }
  }
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  ASSERT_FALSE(deep);
  EXPECT_EQ(book.size() + called, kCount);
  expect_all_free(sem, 1);
}

TEST_P(Note, MayCancelOthersReleaseAndDropTheLastReference) {
  note_book book;
  noted first(book, 1), victim(book, 2), last(book, 3);
  afflux_sem* const sem = sem_guard(options(1)).give();
  book.then = [&](std::uint64_t which) {
    if (which == 1) {
      EXPECT_EQ(victim.cancel(), AFFLUX_OK);
      poison(victim);
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    } else {
      EXPECT_EQ(last.status(), AFFLUX_OK);
      afflux_sem_unref(sem);
    }
  };
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (noted* p : {&first, &victim, &last}) ASSERT_EQ(p->start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(book.all(), (numbers{1, 3}));
}

INSTANTIATE_TEST_SUITE_P(Each, Note, all_variants(), variant_name);

class NoteOf : public per_queue {};

TEST_P(NoteOf, AnEventAndAQueue) {
  note_book book;
  noted p(book, 1);
  const event_guard event(false, GetParam());
  ASSERT_EQ(p.start(event), AFFLUX_PENDING);
  EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
  EXPECT_EQ(p.status(), AFFLUX_OK);
  const queue_guard queue(GetParam());
  ASSERT_EQ(afflux_queue_add_waiter_if(queue, nullptr, nullptr, &p.request, &p.waiter),
            AFFLUX_PENDING);
  EXPECT_EQ(p.status(), AFFLUX_PENDING);
  EXPECT_EQ(afflux_queue_wake_one(queue), AFFLUX_OK);
  EXPECT_EQ(p.status(), AFFLUX_OK);
  EXPECT_EQ(book.all(), (numbers{1, 1}));
}

TEST_P(NoteOf, AHundredByOneWake) {
  constexpr std::uint64_t kCount = 100;
  note_book book;
  std::deque<noted> all;
  const queue_guard queue(GetParam());
  for (std::uint64_t i = 0; i < kCount; ++i) {
    noted& p = all.emplace_back(book, i);
    ASSERT_EQ(afflux_queue_add_waiter_if(queue, nullptr, nullptr, &p.request, &p.waiter),
              AFFLUX_PENDING);
  }
  std::uint64_t woken = 0;
  EXPECT_EQ(afflux_queue_wake_n(queue, kCount - 1, &woken), AFFLUX_OK);
  EXPECT_EQ(woken, kCount - 1);
  EXPECT_EQ(book.all(), numbers_to(kCount - 1));
  EXPECT_EQ(all.back().status(), AFFLUX_PENDING);
  EXPECT_EQ(all.back().cancel(), AFFLUX_OK);
}

// The note, its flag and the other ways of completion exclude each other.
TEST_P(NoteOf, NothingElseThatIsSetBesideIt) {
  note_book book;
  const noted good(book);
  const port_guard port(AFFLUX_PORT_CALLBACK);
  afflux_sem_options o;
  afflux_sem_options_init(&o);
  o.queue = GetParam();
  const sem_guard sem(o);
  const event_guard event(false, GetParam());
  const queue_guard queue(GetParam());
  afflux_waiter waiter{};
  const auto wake = [](void*, afflux_status) { FAIL(); };
  const auto refused = [&](const std::function<void(afflux_request&)>& spoil) {
    afflux_request r = good.request;
    spoil(r);
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_acquire_async(sem, &r, &waiter));
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_wait_idle_async(sem, &r, &waiter));
    EXPECT_EQ(afflux_event_wait_async(event, &r, &waiter), AFFLUX_EINVAL);
    EXPECT_EQ(afflux_queue_add_waiter_if(queue, nullptr, nullptr, &r, &waiter), AFFLUX_EINVAL);
  };
  for (const bool held : {false, true}) {
    if (held) {
      ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    }
    refused([&](afflux_request& r) { r.wake = wake; });
    refused([&](afflux_request& r) { r.port = port; });
    refused([](afflux_request& r) { r.notify = nullptr; });
    refused([](afflux_request& r) { r.flags = 0; });
    refused([&](afflux_request& r) { r.flags = 0, r.wake = wake; });
    refused([&](afflux_request& r) { r.flags = 0, r.port = port; });
    refused([](afflux_request& r) { r.flags |= AFFLUX_WAIT_FOR_URING; });
    refused([](afflux_request& r) { r.flags = AFFLUX_WAIT_FOR_URING; });
    refused([](afflux_request& r) { r.flags |= 8u; });
  }
  EXPECT_EQ(afflux_port_pending(port), 0u);
  EXPECT_EQ(afflux_event_waiters(event) + afflux_queue_waiters(queue), 0u);
}

TEST_P(NoteOf, NeitherAGroupNorAToken) {
  note_book book;
  const noted good(book);
  afflux_sem_options o;
  afflux_sem_options_init(&o);
  o.queue = GetParam();
  const sem_guard sem(o);
  afflux_wait_group group{};
  afflux_wait_item item{};
  item.sem = sem;
  item.permits = 1;
  afflux_permit_token token{};
  afflux_request r = good.request;
  for (const bool flagged : {true, false}) {
    if (!flagged) r.flags = 0;
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_acquire_any_async(&group, &item, 1, &r, nullptr));
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_acquire_all_async(&group, &item, 1, &r));
  }
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_acquire_permit(sem, &good.request, 0, &token));
  EXPECT_EQ(afflux_permit_count(&token), 0u);
}

INSTANTIATE_TEST_SUITE_P(Each, NoteOf, all_queues(), queue_name);

}  // namespace
}  // namespace afflux_test
