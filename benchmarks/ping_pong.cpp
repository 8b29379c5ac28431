// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two threads that hand a turn to and fro: nanoseconds one way.
//
// Where they run is named by the first argument, one process for each, as the
// library counts its CPUs once:
//   --across     each on a CPU of its own (default)
//   --no-spin    likewise, but the library believes that it has one CPU, and does
//                not spin before it sleeps
//   --one-core   both on one CPU
#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "baseline/futex.h"
#include "support/cpu.h"
#include "support/locks.h"

namespace afflux::bench {
namespace {

constexpr int kRounds = 2000;

std::vector<unsigned> player_cpus;  // of the two players

// Two semaphores, both taken: a turn is handed over by releasing the other's.
template <class Lock>
class two_semaphores {
 public:
  void hand_over(unsigned player) { (player == 0 ? ping_ : pong_).release(); }
  void await(unsigned player) { (player == 0 ? pong_ : ping_).acquire(); }

 private:
  alignas(128) Lock ping_{0};
  alignas(128) Lock pong_{0};
};

// The least that sleeping threads can do: a store and a wake, a wait and a load.
class raw_futex {
 public:
  void hand_over(unsigned player) {
    std::atomic<std::uint32_t>& word = words_[player].value;
    word.store(1, std::memory_order_release);
    baseline::futex_wake(&word);
  }
  void await(unsigned player) {
    std::atomic<std::uint32_t>& word = words_[1 - player].value;
    while (word.load(std::memory_order_acquire) == 0) baseline::futex_wait(word, 0);
    word.store(0, std::memory_order_relaxed);
  }

 private:
  struct alignas(128) line {
    std::atomic<std::uint32_t> value{0};
  };
  line words_[2];
};

template <class Table>
void play(benchmark::State& state) {
  Table table;
  for (auto _ : state) {
    double took = 0;
    std::thread first([&] {
      pin({player_cpus[0]});
      table.await(0);  // the other one is there
      const auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < kRounds; ++i) {
        table.hand_over(0);
        table.await(0);
      }
      took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    });
    std::thread second([&] {
      pin({player_cpus[1]});
      table.hand_over(1);
      for (int i = 0; i < kRounds; ++i) {
        table.await(1);
        table.hand_over(1);
      }
    });
    first.join();
    second.join();
    state.SetIterationTime(took / (2.0 * kRounds));
  }
}

template <class Table>
void measure(const std::string& name) {
  benchmark::RegisterBenchmark(name.c_str(), play<Table>)->UseManualTime()->Iterations(2);
}

void register_all(const std::string& place) {
  measure<raw_futex>(place + "/raw_futex");
  measure<two_semaphores<posix_lock>>(place + "/sem_t");
  measure<two_semaphores<fifo_lock>>(place + "/fifo_reference");
  measure<two_semaphores<afflux_lock<AFFLUX_QUEUE_INTRUSIVE, AFFLUX_FAIR>>>(place +
                                                                            "/afflux_intrusive");
  measure<two_semaphores<afflux_lock<AFFLUX_QUEUE_MUTEX, AFFLUX_FAIR>>>(place + "/afflux_mutex");
}

// Lets the library count its CPUs while this process has one.
void count_one_cpu(const std::vector<unsigned>& cpus) {
  pin({cpus[0]});
  const handle sem = make(1, AFFLUX_QUEUE_INTRUSIVE);
  afflux_sem_acquire(sem.get(), 1, 0);
  afflux_sem_acquire(sem.get(), 1, 1'000'000);
  pin(cpus);
}

bool place_players(std::string_view place) {
  const std::vector<unsigned> cpus = usable_cpus();
  if (cpus.empty()) return false;
  if (place == "one_core") {
    pin({cpus[0]});
    player_cpus = {cpus[0], cpus[0]};
    return true;
  }
  if (cpus.size() < 2) return false;
  if (place == "no_spin") count_one_cpu(cpus);
  player_cpus = {cpus[0], cpus[1]};
  return true;
}

// Removes the first argument if it names a place.
std::string take_place(int& argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  std::string place = "across";
  if (first == "--no-spin") {
    place = "no_spin";
  } else if (first == "--one-core") {
    place = "one_core";
  } else if (first != "--across") {
    return place;
  }
  for (int i = 1; i < argc; ++i) argv[i] = argv[i + 1];
  --argc;
  return place;
}

}  // namespace
}  // namespace afflux::bench

int main(int argc, char** argv) {
  const std::string place = afflux::bench::take_place(argc, argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  if (afflux::bench::place_players(place)) afflux::bench::register_all(place);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
