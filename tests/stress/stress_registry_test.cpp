// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A registry under threads that add, remove, count, add up, visit and render at once.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "../contract/support/client.h"
#include "../contract/support/gate.h"
#include "../contract/support/registry.h"
#include "stress.h"

namespace afflux_test {
namespace {

class StressRegistry : public seeded<testing::Test> {
 protected:
  // Runs each of these in a thread, begun together, until the time is up.
  template <class... Body>
  void together(Body... bodies) {
    latch begin(sizeof...(bodies));
    std::vector<std::thread> threads;
    (threads.emplace_back([this, &begin, bodies] {
      begin.arrive_and_wait();
      while (time_left()) bodies();
    }),
     ...);
    for (std::thread& thread : threads) thread.join();
  }

  registry_guard all_;
};

// What a client counts while it is in the registry is in the sums from then on, and no sum is less
// than one before.
TEST_F(StressRegistry, LosesNothingAndNeverGoesBack) {
  std::atomic<std::uint64_t> counted{0};
  const auto come_and_go = [&] {
    for (int i = 0; i < 32; ++i) {
      const client_guard client;
      EXPECT_EQ(afflux_registry_add_client(all_, client), AFFLUX_OK);
      for (std::uint64_t n = 0; n < 4; ++n) {
        afflux_client_count_requests(client, 1, 1);
        afflux_client_count_response(client, 404);
      }
      counted.fetch_add(4);
      if (i % 2 == 0) {
        EXPECT_EQ(afflux_registry_remove_client(all_, client), AFFLUX_OK);
        EXPECT_EQ(afflux_registry_add_client(all_, client), AFFLUX_OK);  // brings nothing along
      }
      EXPECT_EQ(afflux_registry_remove_client(all_, client), AFFLUX_OK);
    }
  };
  const auto look = [this, &counted] {
    afflux_registry_summary_t s = zero_registry_summary();
    std::uint64_t before = 0, responses = 0;
    for (int i = 0; i < 32; ++i) {
      const std::uint64_t least = counted.load();
      EXPECT_EQ(afflux_registry_summary(all_, &s), AFFLUX_OK);
      EXPECT_GE(s.client.requests[1], least);
      EXPECT_GE(s.client.requests[1], before);
      EXPECT_GE(s.client.responses_4xx, responses);
      before = s.client.requests[1];
      responses = s.client.responses_4xx;
    }
  };
  together(come_and_go, come_and_go, look, look);
  const afflux_registry_summary_t s = all_.summary();
  EXPECT_EQ(s.clients, 0u);
  EXPECT_EQ(s.client.requests[1], counted.load());
  EXPECT_EQ(s.client.responses_4xx, counted.load());
}

// Clients that are counted on by other threads while they come and go: nothing goes back.
TEST_F(StressRegistry, NeverGoesBackWhileCountingGoesOn) {
  const std::vector<client_guard> clients(8);
  std::atomic<std::uint64_t> turn{0};
  const auto count = [&] {
    for (const client_guard& c : clients) afflux_client_count_bytes(c, 1);
  };
  const auto come_and_go = [&] {
    const client_guard& c = clients[turn.fetch_add(1) % clients.size()];
    if (afflux_registry_add_client(all_, c) != AFFLUX_OK) afflux_registry_remove_client(all_, c);
  };
  std::atomic<std::uint64_t> last{0};
  const auto look = [this, &last] {
    std::uint64_t seen = all_.summary().client.bytes;
    for (int i = 0; i < 32; ++i) {
      const std::uint64_t now = all_.summary().client.bytes;
      EXPECT_GE(now, seen);
      seen = now;
    }
    std::uint64_t before = last.load();
    while (before < seen && !last.compare_exchange_weak(before, seen)) {
    }
  };
  together(count, come_and_go, come_and_go, look, look);
  std::uint64_t most = 0;
  for (const client_guard& c : clients) most += c.summary().bytes;
  const std::uint64_t now = all_.summary().client.bytes;
  EXPECT_GE(now, last.load());
  EXPECT_LE(now, most);
}

// Visitors remove what they see, renderers read it, and the last reference may go anywhere.
TEST_F(StressRegistry, VisitorsRemoveWhatOthersRead) {
  std::atomic<std::uint64_t> added{0}, removed{0};
  const auto add = [&] {
    const client_guard client;
    const sem_guard sem(sem_options());
    EXPECT_EQ(afflux_registry_add_client(all_, client), AFFLUX_OK);
    EXPECT_EQ(afflux_registry_add_sem(all_, sem), AFFLUX_OK);
    added.fetch_add(2);
  };
  struct sweeper {
    afflux_registry* all;
    std::atomic<std::uint64_t>* removed;
  } sweep{all_, &removed};
  const auto remove = [&] {
    EXPECT_EQ(afflux_registry_visit_clients(
                  all_,
                  [](void* ctx, afflux_client* client) {
                    const auto& s = *static_cast<sweeper*>(ctx);
                    if (afflux_registry_remove_client(s.all, client) == AFFLUX_OK) ++*s.removed;
                    afflux_client_count_bytes(client, 1);
                    return std::int32_t{0};
                  },
                  &sweep),
              AFFLUX_OK);
    EXPECT_EQ(afflux_registry_visit_sems(
                  all_,
                  [](void* ctx, afflux_sem* sem) {
                    const auto& s = *static_cast<sweeper*>(ctx);
                    if (afflux_registry_remove_sem(s.all, sem) == AFFLUX_OK) ++*s.removed;
                    EXPECT_EQ(afflux_sem_limit(sem), 4u);
                    return std::int32_t{0};
                  },
                  &sweep),
              AFFLUX_OK);
  };
  const auto render = [this] {
    afflux_export_options o;
    afflux_export_options_init(&o);
    o.flags = AFFLUX_EXPORT_CLIENTS;
    std::size_t size = 0;
    EXPECT_EQ(afflux_registry_print(all_, &o, nullptr, 0, &size), AFFLUX_EOVERFLOW);
    EXPECT_GT(size, 0u);
  };
  together(add, add, remove, remove, render);
  remove();
  EXPECT_EQ(removed.load(), added.load());
  const afflux_registry_summary_t s = all_.summary();
  EXPECT_EQ(s.clients + s.sems, 0u);
}

// Two registries and their ends: a member is in one of them, or in none.
TEST_F(StressRegistry, MembersMoveBetweenRegistriesThatEnd) {
  const std::vector<client_guard> clients(4);
  std::atomic<std::uint64_t> turn{0};
  const auto move = [&] {
    const registry_guard own;
    for (int i = 0; i < 16; ++i) {
      const client_guard& c = clients[turn.fetch_add(1) % clients.size()];
      switch (turn.load() % 3) {
        case 0:
          afflux_registry_add_client(own, c);
          break;
        case 1:
          afflux_registry_add_client(all_, c);
          break;
        default:
          if (afflux_registry_remove_client(own, c) != AFFLUX_OK) {
            afflux_registry_remove_client(all_, c);
          }
      }
    }
    EXPECT_LE(own.summary().clients, clients.size());
  };
  const auto look = [&] { EXPECT_LE(all_.summary().clients, clients.size() + 3); };
  together(move, move, move, look);
  for (const client_guard& c : clients) {
    const afflux_status removed = afflux_registry_remove_client(all_, c);
    EXPECT_TRUE(removed == AFFLUX_OK || removed == AFFLUX_EALREADY);
    EXPECT_EQ(afflux_registry_add_client(all_, c), AFFLUX_OK) << "it is in none";
  }
  EXPECT_EQ(all_.summary().clients, clients.size());
}

// Many members, and what is in the registry is what was put there.
TEST_F(StressRegistry, HoldsAHundredThousand) {
  constexpr std::size_t kMany = 100'000;
  std::vector<client_guard> clients(kMany);
  std::atomic<std::size_t> next{0};
  latch begin(2);
  const auto fill = [&] {
    begin.arrive_and_wait();
    for (std::size_t i = next.fetch_add(1); i < kMany; i = next.fetch_add(1)) {
      ASSERT_EQ(afflux_registry_add_client(all_, clients[i]), AFFLUX_OK);
      afflux_client_count_bytes(clients[i], i);
    }
  };
  std::thread other(fill);
  fill();
  other.join();
  const afflux_registry_summary_t s = all_.summary();
  EXPECT_EQ(s.clients, kMany);
  EXPECT_EQ(s.client.bytes, kMany * (kMany - 1) / 2);
  std::uint64_t seen = 0;
  EXPECT_EQ(afflux_registry_visit_clients(
                all_,
                [](void* ctx, afflux_client*) {
                  ++*static_cast<std::uint64_t*>(ctx);
                  return std::int32_t{0};
                },
                &seen),
            AFFLUX_OK);
  EXPECT_EQ(seen, kMany);
  for (std::size_t i = 0; i < kMany; i += 2) {
    ASSERT_EQ(afflux_registry_remove_client(all_, clients[i]), AFFLUX_OK);
    clients[i].reset();
  }
  EXPECT_EQ(all_.summary().clients, kMany / 2);
  EXPECT_EQ(all_.summary().client.bytes, kMany * (kMany - 1) / 2);
}

}  // namespace
}  // namespace afflux_test
