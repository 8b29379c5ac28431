// SPDX-License-Identifier: MIT OR Apache-2.0
#include "time/wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <random>
#include <vector>

namespace {

using afflux::time::kNever;
using afflux::time::kTickNs;
using afflux::time::wheel;
using afflux::time::wheel_entry;

constexpr std::int64_t kRange = (std::int64_t{1} << 36) * kTickNs;  // 64^6 ticks

// Pops all that is due, over the pauses of the batches.
template <class F>
void drain(wheel& w, std::int64_t now, F&& on_entry) {
  for (;;) {
    if (wheel_entry* entry = w.pop_due(now)) {
      on_entry(*entry);
    } else if (w.next_expiry() > now) {
      return;
    }
  }
}

std::vector<wheel_entry*> drained(wheel& w, std::int64_t now) {
  std::vector<wheel_entry*> all;
  drain(w, now, [&](wheel_entry& entry) { all.push_back(&entry); });
  return all;
}

TEST(Wheel, IsEmptyAtFirst) {
  wheel w;
  EXPECT_TRUE(w.empty());
  EXPECT_EQ(w.next_expiry(), kNever);
  EXPECT_EQ(w.pop_due(0), nullptr);
  EXPECT_EQ(w.pop_due(kNever), nullptr);
  EXPECT_EQ(w.next_expiry(), kNever);
}

// L4: a deadline within a tick is due at the tick's end.
TEST(Wheel, FiresAtTheEndOfTheTick) {
  const std::int64_t t = 5 * kTickNs;
  for (const std::int64_t deadline : {t - kTickNs + 1, t - kTickNs / 2, t - 1, t}) {
    wheel w;
    wheel_entry entry;
    w.insert(entry, deadline);
    EXPECT_EQ(w.next_expiry(), t);
    EXPECT_EQ(w.pop_due(t - 1), nullptr);
    EXPECT_EQ(w.size(), 1u);
    EXPECT_EQ(w.pop_due(t), &entry);
    EXPECT_TRUE(w.empty());
  }
}

TEST(Wheel, PastDeadlineIsDueAtOnce) {
  wheel w;
  drained(w, 1000 * kTickNs + 7);
  for (const std::int64_t deadline :
       {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, 999 * kTickNs}) {
    wheel_entry entry;
    w.insert(entry, deadline);
    EXPECT_LE(w.next_expiry(), 1000 * kTickNs + 7);
    EXPECT_EQ(w.pop_due(1000 * kTickNs + 7), &entry);
  }
}

TEST(Wheel, OneTickKeepsArrivalOrder) {
  wheel w;
  std::vector<wheel_entry> entries(10);
  std::vector<wheel_entry*> expected;
  for (auto& entry : entries) {
    w.insert(entry, 7 * kTickNs);
    expected.push_back(&entry);
  }
  EXPECT_EQ(drained(w, 7 * kTickNs), expected);
}

TEST(Wheel, RemoveTakesFirstMiddleAndLast) {
  for (std::size_t gone = 0; gone < 3; ++gone) {
    wheel w;
    wheel_entry entries[3];
    for (auto& entry : entries) w.insert(entry, 100 * kTickNs);
    w.remove(entries[gone]);
    EXPECT_EQ(w.size(), 2u);
    EXPECT_EQ(drained(w, 100 * kTickNs).size(), 2u);
    w.insert(entries[gone], 101 * kTickNs);  // reusable
    w.remove(entries[gone]);
    EXPECT_EQ(w.next_expiry(), kNever);
  }
}

// An entry on every level, alone: it cascades down and fires in its tick.
TEST(Wheel, CascadesThroughEveryLevel) {
  for (int shift = 0; shift < 36; ++shift) {
    for (const std::int64_t extra : {0, 1, 5}) {
      wheel w;
      wheel_entry entry;
      const std::int64_t at = ((std::int64_t{1} << shift) + extra) * kTickNs;
      w.insert(entry, at);
      EXPECT_EQ(w.next_expiry(), at);
      EXPECT_EQ(w.pop_due(at - 1), nullptr);
      EXPECT_EQ(w.next_expiry(), at);
      EXPECT_EQ(w.pop_due(at), &entry) << shift;
    }
  }
}

// As a runner would go: from one next_expiry() to the next.
TEST(Wheel, StepsFromExpiryToExpiry) {
  wheel w;
  std::vector<wheel_entry> entries(200);  // more per slot than next_expiry() looks at
  std::int64_t last = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    w.insert(entries[i], 5'000 * kTickNs + static_cast<std::int64_t>(i) * 777'777);
    last = entries[i].deadline;
  }
  std::int64_t now = 0;
  std::size_t fired = 0;
  int steps = 0;
  while (!w.empty()) {
    ASSERT_GT(w.next_expiry(), now);
    now = w.next_expiry();
    ++steps;
    drain(w, now, [&](wheel_entry& entry) {
      EXPECT_EQ(wheel::fires_at(entry.deadline), now);
      ++fired;
    });
  }
  EXPECT_EQ(fired, entries.size());
  EXPECT_EQ(now, wheel::fires_at(last));
  EXPECT_LE(steps, 200 + 6);
}

TEST(Wheel, FarDeadlinesAreClampedAndPlacedAnew) {
  for (const std::int64_t deadline : {kRange - kTickNs, kRange, kRange + 1, 3 * kRange + 12'345,
                                      100 * kRange, kNever - kTickNs}) {
    wheel w;
    wheel_entry entry;
    drained(w, 123 * kTickNs);
    w.insert(entry, deadline);
    const std::int64_t fires = wheel::fires_at(deadline);
    // Stepping, in strides that are no multiple of anything.
    for (std::int64_t now = 123 * kTickNs; now < fires - kRange / 7; now += kRange / 7) {
      ASSERT_EQ(w.pop_due(now), nullptr);
      ASSERT_GT(w.next_expiry(), now);
      ASSERT_LE(w.next_expiry(), fires);
    }
    EXPECT_EQ(w.pop_due(fires - 1), nullptr);
    EXPECT_EQ(w.pop_due(fires), &entry);
  }
}

TEST(Wheel, LongIdleThenInsert) {
  wheel w;  // never advanced: as if the process had started 300 years ago
  wheel_entry entry;
  wheel_entry never;
  const std::int64_t now = kNever / 2;
  w.insert(never, kNever);
  w.insert(entry, now + 10 * kTickNs);
  EXPECT_EQ(w.pop_due(now), nullptr);
  EXPECT_EQ(w.next_expiry(), wheel::fires_at(now + 10 * kTickNs));
  EXPECT_EQ(w.pop_due(w.next_expiry()), &entry);
  EXPECT_TRUE(drained(w, now * 2 - kTickNs).empty());
  w.remove(never);
}

TEST(Wheel, ClockThatStepsBackFiresNothingEarly) {
  wheel w;
  wheel_entry entry;
  drained(w, 1000 * kTickNs);
  w.insert(entry, 990 * kTickNs);
  EXPECT_EQ(w.pop_due(985 * kTickNs), nullptr);
  EXPECT_EQ(w.pop_due(1000 * kTickNs), &entry);
}

struct model_entry : wheel_entry {
  std::multimap<std::int64_t, model_entry*>::iterator where;
  bool armed = false;
};

// Against a sorted map: the same set at every moment, ticks in order.
void against_model(unsigned seed, std::int64_t spread) {
  SCOPED_TRACE(testing::Message() << "seed " << seed << " spread " << spread);
  std::mt19937_64 random(seed);
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  wheel w;
  std::multimap<std::int64_t, model_entry*> model;  // by the instant of firing
  std::vector<model_entry> entries(300);
  std::int64_t now = below(spread);
  for (int op = 0; op < 4000 && now < kNever / 2; ++op) {
    model_entry& entry = entries[static_cast<std::size_t>(below(300))];
    if (below(10) == 0) {
      now += below(2) == 0 ? below(spread) : below(3 * kTickNs);
      if (below(4) == 0 && !w.empty()) now = std::max(now, w.next_expiry());
      drain(w, now, [&](wheel_entry& popped) {
        auto& e = static_cast<model_entry&>(popped);
        ASSERT_TRUE(e.armed);
        ASSERT_LE(e.deadline, now);
        ASSERT_LE(e.where->first, now);
        e.armed = false;
        model.erase(e.where);
      });
      ASSERT_TRUE(model.empty() || model.begin()->first > now);
      ASSERT_GT(w.next_expiry(), now);
    } else if (entry.armed) {
      w.remove(entry);
      entry.armed = false;
      model.erase(entry.where);
    } else {
      const std::int64_t deadline = now + below(spread) - below(100);
      w.insert(entry, deadline);
      entry.armed = true;
      entry.where = model.emplace(wheel::fires_at(deadline), &entry);
    }
    ASSERT_EQ(w.size(), model.size());
    if (!model.empty() && model.begin()->first > now) {
      ASSERT_LE(w.next_expiry(), model.begin()->first);
    }
    ASSERT_EQ(w.next_expiry() == kNever, model.empty());
  }
}

TEST(Wheel, AgreesWithASortedMap) {
  const unsigned first = std::random_device{}();
  std::printf("seed %u\n", first);
  for (unsigned i = 0; i < 5; ++i) {
    for (const std::int64_t spread :
         {10 * kTickNs, 100 * kTickNs, 10'000 * kTickNs, 100'000'000 * kTickNs, 2 * kRange}) {
      ASSERT_NO_FATAL_FAILURE(against_model(first + i, spread));
    }
  }
}

TEST(Wheel, TakesAMillionEntries) {
  const unsigned seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  wheel w;
  std::vector<wheel_entry> entries(1'000'000);
  for (auto& entry : entries) {
    // Half of them in one distant slot: it must come down in batches.
    const auto ms = static_cast<std::int64_t>(random() % 60'000);
    w.insert(entry, (random() % 2 == 0 ? ms : 300'000) * kTickNs);
  }
  for (std::size_t i = 0; i < entries.size(); i += 2) w.remove(entries[i]);
  EXPECT_EQ(w.size(), entries.size() / 2);
  std::size_t fired = 0;
  for (std::int64_t now = 0; !w.empty(); now += 1013 * kTickNs) {
    drain(w, now, [&](wheel_entry& entry) {
      EXPECT_LE(entry.deadline, now);
      EXPECT_GT(entry.deadline, now - 1014 * kTickNs);
      ++fired;
    });
  }
  EXPECT_EQ(fired, entries.size() / 2);
}

// WH3: one call does a bounded amount of work.
TEST(Wheel, AFullSlotComesDownInBatches) {
  wheel w;
  std::vector<wheel_entry> entries(10'000);
  for (auto& entry : entries) w.insert(entry, 300'000 * kTickNs);
  const std::int64_t now = 300'000 * kTickNs - 1;  // all to be placed anew, none due
  int pauses = 0;
  while (w.pop_due(now) == nullptr && w.next_expiry() <= now) ++pauses;
  EXPECT_GT(pauses, 10);
  EXPECT_EQ(drained(w, now + 1).size(), entries.size());
}

}  // namespace
