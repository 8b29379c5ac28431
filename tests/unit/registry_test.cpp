// SPDX-License-Identifier: MIT OR Apache-2.0
#include "export/member_set.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <new>
#include <set>
#include <vector>

#include "policy.h"

namespace afflux::exporting {
namespace {

struct item {
  std::atomic<std::uint64_t> registration{0};
  int refs = 1;
  std::uint64_t done = 0;
};

struct item_traits {
  using member = item;
  using record = std::uint64_t;
  static constexpr std::uint32_t kSlots = 4;
  static constexpr std::uint32_t kFan = 4;

  static auto& registration(item& m) { return m.registration; }
  static void ref(item& m) { ++m.refs; }
  static void unref(item& m) { --m.refs; }
  static void read(const item& m, record& r, std::int64_t when) {
    r = m.done + static_cast<std::uint64_t>(when);
  }
  static void add(record& sum, record r) { sum += r; }
  static void subtract(record& r, record before) { r -= before; }
  template <class Who>
  static void prefetch(const Who&) {}
};

using item_set = member_set<native_policy, item_traits>;

struct seen {
  std::uint64_t total = 0;
  std::vector<std::uint64_t> live;  // numbers of addition
};

seen sum_of(item_set& all, std::int64_t when = 0) {
  seen s;
  const auto side = all.enter();
  all.read(side, when, [&](found how, item&, std::uint64_t number, const std::uint64_t& r) {
    s.total += r;
    if (how == found::live) s.live.push_back(number);
  });
  s.total += all.departed(side);
  all.leave(side);
  return s;
}

TEST(MemberSet, CountsThoseThatHaveLeft) {
  item a, b;
  item_set all(1);
  a.done = 1;
  b.done = 10;
  EXPECT_EQ(all.add(a), membership::done);
  EXPECT_EQ(all.add(b), membership::done);
  EXPECT_EQ(sum_of(all).total, 11u);
  EXPECT_EQ(sum_of(all, 100).total, 211u) << "each is read as of then";
  EXPECT_EQ(all.remove(a), membership::done);
  a.done = 1000;
  EXPECT_EQ(sum_of(all, 100).total, 111u);
  EXPECT_EQ(sum_of(all).live, std::vector<std::uint64_t>{2});
  EXPECT_EQ(a.refs, 1);
  EXPECT_EQ(b.refs, 2);
}

TEST(MemberSet, CountsWhatComesBackFromThenOn) {
  item a;
  item_set all(1), other(2);
  a.done = 5;
  EXPECT_EQ(all.add(a), membership::done);
  EXPECT_EQ(all.remove(a), membership::done);
  a.done += 100;
  EXPECT_EQ(all.add(a), membership::done);
  a.done += 1;
  EXPECT_EQ(sum_of(all).total, 6u);
  EXPECT_EQ(all.remove(a), membership::done);
  EXPECT_EQ(sum_of(all).total, 6u);
  EXPECT_EQ(all.add(a), membership::done);
  a.done += 1;
  EXPECT_EQ(all.remove(a), membership::done);
  EXPECT_EQ(sum_of(all).total, 7u);
  EXPECT_EQ(other.add(a), membership::done);
  EXPECT_EQ(sum_of(other).total, 107u);
}

TEST(MemberSet, RefusesWhatIsElsewhere) {
  item a;
  item_set all(1), other(2);
  EXPECT_EQ(all.remove(a), membership::already);
  EXPECT_EQ(all.add(a), membership::done);
  EXPECT_EQ(all.add(a), membership::already);
  EXPECT_EQ(other.add(a), membership::already);
  EXPECT_EQ(other.remove(a), membership::already);
  EXPECT_EQ(a.refs, 2);
  EXPECT_EQ(all.remove(a), membership::done);
  EXPECT_EQ(all.remove(a), membership::already);
  EXPECT_EQ(other.remove(a), membership::already);
  EXPECT_EQ(a.refs, 1);
}

TEST(MemberSet, EndsWithWhatIsInIt) {
  item a;
  {
    item_set all(1);
    EXPECT_EQ(all.add(a), membership::done);
    EXPECT_EQ(a.refs, 2);
  }
  EXPECT_EQ(a.refs, 1);
  item_set other(2);
  EXPECT_EQ(other.add(a), membership::done);
}

// kMost is 4 * 4 * 4.
TEST(MemberSet, IsFullAtItsLimitAndUsesSlotsAgain) {
  std::vector<std::unique_ptr<item>> items;
  for (int i = 0; i < 65; ++i) items.push_back(std::make_unique<item>());
  item_set all(1);
  for (std::size_t i = 0; i < 64; ++i) ASSERT_EQ(all.add(*items[i]), membership::done);
  EXPECT_EQ(all.add(*items[64]), membership::no_memory);
  EXPECT_EQ(items[64]->refs, 1);
  EXPECT_EQ(sum_of(all).live.size(), 64u);
  for (std::size_t i = 0; i < 64; i += 3) ASSERT_EQ(all.remove(*items[i]), membership::done);
  EXPECT_EQ(sum_of(all).live.size(), 42u);
  for (std::size_t i = 0; i < 64; i += 3) ASSERT_EQ(all.add(*items[i]), membership::done);
  EXPECT_EQ(all.add(*items[64]), membership::no_memory);
  const auto live = sum_of(all).live;
  EXPECT_EQ(std::set<std::uint64_t>(live.begin(), live.end()).size(), 64u);
  EXPECT_EQ(all.remove(*items[0]), membership::done);
  EXPECT_EQ(all.add(*items[64]), membership::done) << "a refusal leaves nothing behind";
  EXPECT_EQ(all.additions(), 64u + 22u + 1u);
}

// RC2: nothing is dropped while a reader is inside, and by the last one of them.
TEST(MemberSet, KeepsWhatReadersMaySee) {
  item a, b;
  item_set all(1);
  a.done = 1;
  b.done = 10;
  all.add(a);
  all.add(b);
  const auto first = all.enter();
  EXPECT_EQ(all.remove(a), membership::done);
  EXPECT_EQ(a.refs, 2);
  const auto second = all.enter();
  EXPECT_EQ(all.remove(b), membership::done);
  EXPECT_EQ(sum_of(all).total, 11u);
  EXPECT_EQ(a.refs, 2);
  all.leave(first);
  EXPECT_EQ(a.refs, 1);
  EXPECT_EQ(b.refs, 2);
  EXPECT_EQ(sum_of(all).total, 11u);
  all.leave(second);
  EXPECT_EQ(b.refs, 1);
  EXPECT_EQ(sum_of(all).total, 11u);
}

TEST(MemberSet, PassesOfAReaderSeeTheSameOnes) {
  item a, b, c;
  item_set all(1);
  all.add(a);
  all.add(b);
  const auto end = all.additions();
  const auto side = all.enter();
  const auto pass = [&] {
    std::vector<std::uint64_t> numbers;
    all.visit_before(side, end, [&](item&, std::uint64_t number) {
      numbers.push_back(number);
      return true;
    });
    return numbers;
  };
  const std::vector<std::uint64_t> both{1, 2};
  EXPECT_EQ(pass(), both);
  all.remove(a);
  all.add(c);
  EXPECT_EQ(pass(), both);
  std::vector<std::uint64_t> now;
  all.visit([&](item&, std::uint64_t number) {
    now.push_back(number);
    return true;
  });
  EXPECT_EQ(now, (std::vector<std::uint64_t>{2, 3}));
  all.leave(side);
}

TEST(MemberSet, StopsWhenTheVisitorDoes) {
  item some[10];
  item_set all(1);
  for (item& x : some) all.add(x);
  int calls = 0;
  EXPECT_FALSE(all.visit([&](item&, std::uint64_t) { return ++calls < 3; }));
  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace afflux::exporting
