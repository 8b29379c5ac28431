// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The ledger of holders: who holds permits by a token, and what is held otherwise.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

class Ledger : public per_variant {
 protected:
  static afflux_sem_options with_lines(std::uint64_t permits, std::uint32_t lines) {
    afflux_sem_options made = options(permits);
    made.ledger = lines;
    return made;
  }
};

struct seen {
  std::uint64_t permits = 0;
  std::int64_t held_ns = 0;
  std::string tag;
};
using book = std::map<std::uint64_t, seen>;  // by id

book holders(const afflux_sem* sem, std::uint64_t* untold = nullptr) {
  book all;
  const auto note = [](void* ctx, const afflux_holder* who) -> std::int32_t {
    EXPECT_EQ(who->struct_size, sizeof *who);
    auto& to = *static_cast<book*>(ctx);
    EXPECT_EQ(to.count(who->id), 0u);
    to[who->id] = {who->permits, who->held_ns, who->tag};
    return 0;
  };
  EXPECT_EQ(afflux_sem_visit_holders(sem, note, &all, untold), AFFLUX_OK);
  return all;
}

std::string dump(const afflux_sem* sem) {
  std::string text;
  const auto append = [](void* ctx, const char* more, std::size_t size) -> std::int32_t {
    static_cast<std::string*>(ctx)->append(more, size);
    return 0;
  };
  EXPECT_EQ(afflux_sem_dump_holders(sem, append, &text), AFFLUX_OK);
  return text;
}

struct permit_guard {
  permit_guard(afflux_sem* sem, std::uint64_t n, const char* tag) {
    afflux_request request;
    afflux_request_init(&request);
    request.permits = n;
    request.tag = tag;
    EXPECT_EQ(afflux_sem_acquire_permit(sem, &request, AFFLUX_FOREVER, &permit), AFFLUX_OK);
  }
  ~permit_guard() { afflux_permit_release(&permit); }
  permit_guard(const permit_guard&) = delete;
  permit_guard& operator=(const permit_guard&) = delete;
  std::uint64_t id() const { return afflux_permit_id(&permit); }
  afflux_permit_token permit = {};
};

TEST_P(Ledger, TellsWhoHoldsWhat) {
  const sem_guard sem(with_lines(10, 4));
  std::uint64_t untold = 99;
  EXPECT_TRUE(holders(sem, &untold).empty());
  EXPECT_EQ(untold, 0u);
  {
    const permit_guard first(sem, 2, "checksum /usr/include");
    const permit_guard second(sem, 3, nullptr);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    const book now = holders(sem, &untold);
    ASSERT_EQ(now.size(), 2u);
    EXPECT_EQ(now.at(first.id()).permits, 2u);
    EXPECT_EQ(now.at(first.id()).tag, "checksum /usr/include");
    EXPECT_EQ(now.at(second.id()).permits, 3u);
    EXPECT_EQ(now.at(second.id()).tag, "");
    EXPECT_GE(now.at(first.id()).held_ns, 0);
    EXPECT_EQ(untold, 1u);
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  }
  EXPECT_TRUE(holders(sem, &untold).empty());
  EXPECT_EQ(untold, 0u);
  expect_all_free(sem, 10);
}

TEST_P(Ledger, FollowsSplitMergeAndForget) {
  const sem_guard sem(with_lines(10, 4));
  permit_guard first(sem, 5, "parent");
  afflux_permit_token part = {};
  ASSERT_EQ(afflux_permit_split(&first.permit, 2, &part), AFFLUX_OK);
  book now = holders(sem);
  ASSERT_EQ(now.size(), 2u);
  EXPECT_EQ(now.at(first.id()).permits, 3u);
  EXPECT_EQ(now.at(afflux_permit_id(&part)).permits, 2u);
  EXPECT_EQ(now.at(afflux_permit_id(&part)).tag, "parent");
  ASSERT_EQ(afflux_permit_merge(&first.permit, &part), AFFLUX_OK);
  now = holders(sem);
  ASSERT_EQ(now.size(), 1u);
  EXPECT_EQ(now.at(first.id()).permits, 5u);
  ASSERT_EQ(afflux_permit_split(&first.permit, 1, &part), AFFLUX_OK);
  ASSERT_EQ(afflux_permit_forget(&part), AFFLUX_OK);
  std::uint64_t untold = 0;
  EXPECT_EQ(holders(sem, &untold).size(), 1u);
  EXPECT_EQ(untold, 1u);  // held, and no holder is known by name
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
}

TEST_P(Ledger, MoreHoldersThanLinesAreUntold) {
  const sem_guard sem(with_lines(10, 2));
  std::uint64_t untold = 0;
  {
    const permit_guard first(sem, 1, "a");
    const permit_guard second(sem, 1, "b");
    const permit_guard third(sem, 4, "c");
    EXPECT_EQ(holders(sem, &untold).size(), 2u);
    EXPECT_EQ(untold, 4u);
  }
  // Its lines are free again.
  const permit_guard fourth(sem, 1, "d");
  EXPECT_EQ(holders(sem, &untold).at(fourth.id()).tag, "d");
  EXPECT_EQ(untold, 0u);
}

TEST_P(Ledger, CutsLongTagsBetweenCharacters) {
  const sem_guard sem(with_lines(10, 4));
  const permit_guard fits(sem, 1, std::string(47, 'x').c_str());
  const permit_guard longer(sem, 1, std::string(100, 'y').c_str());
  const permit_guard wide(sem, 1, (std::string(46, 'z') + "\u00e9").c_str());
  const permit_guard forged(sem, 1, "x\n7 5 3600.0 payroll\x7f\t");
  const book now = holders(sem);
  EXPECT_EQ(now.at(forged.id()).tag, "x?7 5 3600.0 payroll??");
  EXPECT_EQ(now.at(fits.id()).tag, std::string(47, 'x'));
  EXPECT_EQ(now.at(longer.id()).tag, std::string(47, 'y'));
  EXPECT_EQ(now.at(wide.id()).tag, std::string(46, 'z'));
}

TEST_P(Ledger, DumpsTheLongestHeldFirst) {
  const sem_guard sem(with_lines(10, 4));
  const permit_guard first(sem, 2, "first");
  const permit_guard second(sem, 1, "second");
  ASSERT_EQ(afflux_sem_try_acquire(sem, 4), AFFLUX_OK);
  std::istringstream lines(dump(sem));
  std::uint64_t id = 0;
  std::uint64_t permits = 0;
  std::string seconds;
  std::string tag;
  ASSERT_TRUE(lines >> id >> permits >> seconds >> tag);
  EXPECT_EQ(id, first.id());
  EXPECT_EQ(permits, 2u);
  EXPECT_EQ(tag, "first");
  EXPECT_EQ(seconds.size() - seconds.find('.'), 10u);  // nine places
  ASSERT_TRUE(lines >> id >> permits >> seconds >> tag);
  EXPECT_EQ(tag, "second");
  std::string rest;
  ASSERT_TRUE(std::getline(lines >> std::ws, rest));
  EXPECT_EQ(rest, "- 4 - untold");
  EXPECT_FALSE(std::getline(lines, rest));
  ASSERT_EQ(afflux_sem_release(sem, 4), AFFLUX_OK);
}

TEST_P(Ledger, StopsWhereTheVisitorSays) {
  const sem_guard sem(with_lines(10, 4));
  const permit_guard first(sem, 1, "a");
  const permit_guard second(sem, 1, "b");
  int calls = 0;
  const auto stop = [](void* ctx, const afflux_holder*) -> std::int32_t {
    return ++*static_cast<int*>(ctx);
  };
  std::uint64_t untold = 77;
  EXPECT_EQ(afflux_sem_visit_holders(sem, stop, &calls, &untold), AFFLUX_ECANCELED);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(untold, 77u);
  const auto no = [](void* ctx, const char*, std::size_t) -> std::int32_t {
    return ++*static_cast<int*>(ctx);
  };
  EXPECT_EQ(afflux_sem_dump_holders(sem, no, &calls), AFFLUX_ECANCELED);
  EXPECT_EQ(calls, 2);
}

TEST_P(Ledger, Refuses) {
  const sem_guard without(options(1));
  const sem_guard with(with_lines(1, 1));
  const auto note = [](void*, const afflux_holder*) -> std::int32_t { return 0; };
  const auto write = [](void*, const char*, std::size_t) -> std::int32_t { return 0; };
  EXPECT_EQ(afflux_sem_visit_holders(nullptr, note, nullptr, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_sem_visit_holders(with, nullptr, nullptr, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_sem_visit_holders(without, note, nullptr, nullptr), AFFLUX_ENOTSUP);
  EXPECT_EQ(afflux_sem_dump_holders(nullptr, write, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_sem_dump_holders(with, nullptr, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_sem_dump_holders(without, write, nullptr), AFFLUX_ENOTSUP);
}

// What is read while tokens come and go was so at some moment: a line is never half of one holder
// and half of another.
TEST_P(Ledger, IsReadWhileItChanges) {
  const sem_guard sem(with_lines(1000, 8));
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&sem, t] {
      const std::string tag(40, static_cast<char>('a' + t));
      for (int i = 0; i < 2000; ++i) {
        permit_guard mine(sem, static_cast<std::uint64_t>(t + 1) * 2, tag.c_str());
        afflux_permit_token part = {};
        ASSERT_EQ(afflux_permit_split(&mine.permit, static_cast<std::uint64_t>(t + 1), &part),
                  AFFLUX_OK);
        ASSERT_EQ(afflux_permit_merge(&mine.permit, &part), AFFLUX_OK);
      }
    });
  }
  std::thread reader([&] {
    while (!stop.load()) {
      for (const auto& [id, who] : holders(sem)) {
        ASSERT_FALSE(who.tag.empty());
        const auto t = static_cast<std::uint64_t>(who.tag[0] - 'a') + 1;
        EXPECT_EQ(who.tag, std::string(40, who.tag[0]));
        EXPECT_TRUE(who.permits == t || who.permits == 2 * t) << who.permits;
      }
    }
  });
  for (std::thread& each : threads) each.join();
  stop.store(true);
  reader.join();
  EXPECT_TRUE(holders(sem).empty());
  expect_all_free(sem, 1000);
}

INSTANTIATE_TEST_SUITE_P(, Ledger, fair_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
