// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The store buffers against the definition of total store order: small random
// programs must have exactly the outcomes that a machine has in which each store
// drains at any time of its own. That machine is too slow to explore anything else.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/checking_policy.h"

namespace afflux::model {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr int kWords = 2;

struct instruction {
  enum kind : std::uint8_t { load, store, exchange } what;
  int word;
  int value;
};
using program = std::vector<std::vector<instruction>>;  // one list for each thread
// What each load and exchange read, in the order of the program; then the memory.
using outcome = std::vector<int>;

std::string text_of(const program& all) {
  std::string text;
  for (const auto& thread : all) {
    for (const instruction& each : thread) {
      text += std::string(each.what == instruction::load    ? "load"
                          : each.what == instruction::store ? "store"
                                                            : "exchange") +
              " w" + std::to_string(each.word) + " " + std::to_string(each.value) + "; ";
    }
    text += "|| ";
  }
  return text;
}

// ---- the definition

struct machine {
  std::array<int, kWords> memory{};
  std::vector<std::size_t> next;                          // instruction of each thread
  std::vector<std::vector<std::pair<int, int>>> buffers;  // of each thread, oldest first
  std::vector<std::vector<int>> seen;                     // by each thread

  auto operator<=>(const machine&) const = default;
};

bool step(machine& m, const program& all, std::size_t thread) {
  if (m.next[thread] == all[thread].size()) return false;
  const instruction now = all[thread][m.next[thread]];
  auto& buffer = m.buffers[thread];
  int& word = m.memory[static_cast<std::size_t>(now.word)];
  switch (now.what) {
    case instruction::store:
      buffer.emplace_back(now.word, now.value);
      break;
    case instruction::load: {
      int value = word;
      for (const auto& [address, stored] : buffer) {
        if (address == now.word) value = stored;
      }
      m.seen[thread].push_back(value);
      break;
    }
    case instruction::exchange:
      if (!buffer.empty()) return false;
      m.seen[thread].push_back(std::exchange(word, now.value));
      break;
  }
  ++m.next[thread];
  return true;
}

bool drain(machine& m, std::size_t thread) {
  auto& buffer = m.buffers[thread];
  if (buffer.empty()) return false;
  m.memory[static_cast<std::size_t>(buffer.front().first)] = buffer.front().second;
  buffer.erase(buffer.begin());
  return true;
}

void visit(const machine& m, const program& all, std::set<machine>& visited,
           std::set<outcome>& outcomes) {
  if (!visited.insert(m).second) return;
  bool ended = true;
  for (std::size_t thread = 0; thread < all.size(); ++thread) {
    for (const auto move :
         {&step, static_cast<decltype(&step)>(
                     [](machine&n, const program&, std::size_t of) { return drain(n, of); })}) {
      machine after = m;
      if (!move(after, all, thread)) continue;
      ended = false;
      visit(after, all, visited, outcomes);
    }
  }
  if (!ended) return;
  outcome last;
  for (const auto& values : m.seen) last.insert(last.end(), values.begin(), values.end());
  last.insert(last.end(), m.memory.begin(), m.memory.end());
  outcomes.insert(last);
}

std::set<outcome> by_definition(const program& all) {
  machine start;
  start.next.resize(all.size());
  start.buffers.resize(all.size());
  start.seen.resize(all.size());
  std::set<machine> visited;
  std::set<outcome> outcomes;
  visit(start, all, visited, outcomes);
  return outcomes;
}

// ---- the explorer

std::set<outcome> by_exploration(const program& all, const options& wanted) {
  std::set<outcome> outcomes;
  const auto found = explore(wanted, [&](explorer& run) {
    checked_atomic<int> words[kWords];
    std::array<std::array<int, 8>, kMaxFibres> seen{};
    std::array<std::size_t, kMaxFibres> count{};
    for (std::size_t thread = 0; thread < all.size(); ++thread) {
      run.spawn([&, thread] {
        for (const instruction& now : all[thread]) {
          auto& word = words[now.word];
          if (now.what == instruction::store) {
            word.store(now.value, kRelaxed);
          } else {
            seen[thread][count[thread]++] = now.what == instruction::load
                                                ? word.load(kRelaxed)
                                                : word.exchange(now.value, kRelaxed);
          }
        }
      });
    }
    run.join();
    outcome last;
    for (std::size_t thread = 0; thread < all.size(); ++thread) {
      last.insert(last.end(), seen[thread].begin(),
                  seen[thread].begin() + static_cast<std::ptrdiff_t>(count[thread]));
    }
    for (const auto& word : words) last.push_back(word.load(kRelaxed));
    outcomes.insert(last);
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
  return outcomes;
}

program random_program(std::mt19937& random, std::size_t threads, std::size_t length) {
  program all(threads);
  int value = 0;
  for (auto& thread : all) {
    for (std::size_t i = 0; i < length; ++i) {
      const auto kind = random() % 8;
      thread.push_back({kind < 4   ? instruction::store
                        : kind < 7 ? instruction::load
                                   : instruction::exchange,
                        static_cast<int>(random() % kWords), ++value});
    }
  }
  return all;
}

constexpr options kAll{
    .preemptions = 1000, .first_preemptions = 1000, .store_buffers = 8, .delayed_stores = 1000};

void compare(std::size_t threads, std::size_t length, int programs) {
  std::mt19937 random(42);
  for (int i = 0; i < programs; ++i) {
    const program all = random_program(random, threads, length);
    EXPECT_EQ(by_exploration(all, kAll), by_definition(all)) << text_of(all);
  }
}

TEST(TotalStoreOrder, TwoFibresHaveAllItsOutcomesAndNoOther) { compare(2, 4, 150); }
TEST(TotalStoreOrder, ThreeFibresHaveAllItsOutcomesAndNoOther) { compare(3, 2, 150); }
TEST(TotalStoreOrder, FourFibresHaveAllItsOutcomesAndNoOther) { compare(4, 2, 3); }

// Less of everything finds less, but nothing else.
TEST(TotalStoreOrder, BoundsOnlyTakeAway) {
  std::mt19937 random(43);
  options bounded = kAll;
  bounded.store_buffers = 1;
  bounded.delayed_stores = 1;
  options none = kAll;
  none.store_buffers = 0;
  options no_budget = kAll;
  no_budget.delayed_stores = 0;
  int more = 0;
  for (int i = 0; i < 100; ++i) {
    const program all = random_program(random, 2, 4);
    const auto whole = by_definition(all);
    const auto some = by_exploration(all, bounded);
    const auto ordered = by_exploration(all, none);
    for (const outcome& each : some) EXPECT_EQ(whole.count(each), 1u) << text_of(all);
    for (const outcome& each : ordered) EXPECT_EQ(some.count(each), 1u) << text_of(all);
    EXPECT_EQ(by_exploration(all, no_budget), ordered) << text_of(all);
    if (some.size() > ordered.size()) ++more;
  }
  EXPECT_GT(more, 20);
}

}  // namespace
}  // namespace afflux::model
