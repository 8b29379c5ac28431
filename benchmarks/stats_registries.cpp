// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A registry of clients: all of them added up, one added, one removed.
#include <afflux/afflux.h>
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <string>
#include <vector>

#include "stats.h"
#include "support/client_ways.h"
#include "support/cpu.h"
#include "support/locked_registry.h"
#include "support/sleeper.h"

namespace afflux::bench {
namespace {

// A registry and clients that are not in it yet.
class afflux_group {
 public:
  static constexpr const char* kName = "afflux";
  explicit afflux_group(std::size_t size) : clients_(size) {
    if (afflux_registry_create(&registry_) != AFFLUX_OK) throw std::bad_alloc();
    afflux_registry_summary_init(&summary_);
  }
  ~afflux_group() { afflux_registry_unref(registry_); }
  afflux_group(const afflux_group&) = delete;
  afflux_group& operator=(const afflux_group&) = delete;

  std::size_t size() const { return clients_.size(); }
  afflux_way& client(std::size_t i) { return clients_[i]; }
  void add(std::size_t i) { afflux_registry_add_client(registry_, clients_[i].get()); }
  void remove(std::size_t i) { afflux_registry_remove_client(registry_, clients_[i].get()); }
  std::uint64_t sum() {
    if (afflux_registry_summary(registry_, &summary_) != AFFLUX_OK) return 0;
    return summary_.client.requests[0];
  }

 private:
  std::vector<afflux_way> clients_;
  afflux_registry* registry_ = nullptr;
  afflux_registry_summary_t summary_;
};

template <class Mutex>
class locked_group {
 public:
  explicit locked_group(std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) clients_.push_back(std::make_unique<member>());
  }
  std::size_t size() const { return clients_.size(); }
  auto& client(std::size_t i) { return *clients_[i]; }
  void add(std::size_t i) { registry_.add(*clients_[i]); }
  void remove(std::size_t i) { registry_.remove(*clients_[i]); }
  std::uint64_t sum() {
    registry_.summary(summary_);
    return summary_.requests[0];
  }

 private:
  using member = typename locked_registry<Mutex>::member;
  std::vector<std::unique_ptr<member>> clients_;
  locked_registry<Mutex> registry_;
  afflux_client_summary_t summary_;
};
struct mutex_group : locked_group<std::mutex> {
  using locked_group::locked_group;
  static constexpr const char* kName = "mutex";
};
struct shared_mutex_group : locked_group<std::shared_mutex> {
  using locked_group::locked_group;
  static constexpr const char* kName = "shared_mutex";
};

template <class Group>
void aggregate(benchmark::State& state) {
  const sleeper second_thread;
  Group group(static_cast<std::size_t>(state.range(0)));
  for (std::size_t i = 0; i < group.size(); ++i) {
    use(group.client(i), 5);
    group.add(i);
  }
  for (auto _ : state) {
    if (group.sum() != 100 * group.size()) return state.SkipWithError("wrong sum");
  }
  for (std::size_t i = 0; i < group.size(); ++i) group.remove(i);
}

// CPU time for each of those that are added, and removed again.
template <class Group>
void come_and_go(benchmark::State& state, bool time_adding) {
  constexpr std::size_t kMany = 1000;
  const sleeper second_thread;
  Group group(kMany);
  for (auto _ : state) {
    const stopwatch adding;
    for (std::size_t i = 0; i < kMany; ++i) group.add(i);
    const double added = adding.cpu();
    const stopwatch removing;
    for (std::size_t i = 0; i < kMany; ++i) group.remove(i);
    const double removed = removing.cpu();
    state.SetIterationTime((time_adding ? added : removed) / kMany);
  }
}

template <class Group>
void measure() {
  const std::string name = Group::kName;
  benchmark::RegisterBenchmark(("aggregate/" + name).c_str(), aggregate<Group>)
      ->RangeMultiplier(10)
      ->Range(100, 100'000);
  for (const bool adding : {true, false}) {
    benchmark::RegisterBenchmark(((adding ? "add/" : "remove/") + name).c_str(), come_and_go<Group>,
                                 adding)
        ->UseManualTime()
        ->Iterations(100);
  }
}

}  // namespace

void register_registries() {
  measure<afflux_group>();
  measure<mutex_group>();
  measure<shared_mutex_group>();
}

}  // namespace afflux::bench
