// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One process, four languages, one semaphore. Each promise that is found broken is told, and makes
// the exit status 1.
//
//   order: the languages ask one after the other, by a baton, while all permits are held. Some are
//          cancelled. Then one permit is released, which passes through all of them: the order of
//          grants must be that of arrivals, and the ledger must name each holder's language.
//   load:  all at once, with cancels. What is held at each moment is one word, which all change.
//   rest:  the statistics add up, the ledger is empty; and the order once more.
#include <afflux/afflux.hpp>

#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "host.h"
#include "one_queue.h"
#include "picture.h"

namespace {

using namespace std::chrono_literals;
using namespace one_queue;
using clock = std::chrono::steady_clock;

constexpr std::uint32_t kWorkers = 16;      // of each language
constexpr std::uint32_t kMostAtOnce = 3;    // permits that a request under load asks for
constexpr std::uint32_t kTicketsEach = 16;  // of each language in a round

using sides = std::array<one_queue_side, ONE_QUEUE_SIDES>;

// --------------------------------------------------------------------------------------------
// Phases
// --------------------------------------------------------------------------------------------

struct library_count {
  int count = 0;
  static int see(dl_phdr_info* info, std::size_t, void* ctx) {
    if (std::strstr(info->dlpi_name, "libafflux") != nullptr) {
      ++static_cast<library_count*>(ctx)->count;
    }
    return 0;
  }
};

void check_one_library(const sides& all) {
  library_count found;
  dl_iterate_phdr(library_count::see, &found);
  expect(found.count == 1, "not one libafflux in the process, but " + std::to_string(found.count));
  for (std::uint32_t side = 0; side < ONE_QUEUE_SIDES; ++side) {
    expect(all[side].version == ::afflux_version_string(),
           std::string(kNames[side]) + " has another libafflux");
  }
}

void wait_for_waiters(const afflux::semaphore& sem, std::uint64_t count) {
  const auto end = clock::now() + kPatience;
  while (sem.waiters() != count) {
    if (clock::now() > end) give_up(sem, "a request did not come into the queue, or out of it");
    std::this_thread::sleep_for(20us);
  }
}

struct order_result {
  std::uint64_t arrivals = 0;
  std::uint64_t cancels = 0;
  std::uint64_t grants = 0;
};

// One round of the baton.
void check_order(const afflux::semaphore& sem, const sides& all, std::minstd_rand& random,
                 order_result& result) {
  std::vector<std::uint32_t> side_of;  // by ticket
  for (std::uint32_t i = 0; i < ONE_QUEUE_SIDES * kTicketsEach; ++i) {
    side_of.push_back(i % ONE_QUEUE_SIDES);
  }
  std::shuffle(side_of.begin(), side_of.end(), random);
  // A quarter of each side's tickets, so cancels are from each side.
  std::vector<bool> cancelled;
  std::array<std::uint32_t, ONE_QUEUE_SIDES> seen{};
  for (const std::uint32_t side : side_of) cancelled.push_back(++seen[side] % 4 == 0);

  afflux::permit_token all_permits(sem, kLimit, "baton");
  expect(all_permits.status() == afflux::status::ok, "the baton gets all permits");
  std::uint64_t queued = 0;
  for (std::uint32_t ticket = 0; ticket < side_of.size(); ++ticket) {
    all[side_of[ticket]].arrive(ticket, cancelled[ticket] ? 1 : 0);
    wait_for_waiters(sem, ++queued);
  }
  std::vector<std::uint32_t> expected;
  for (std::uint32_t ticket = 0; ticket < side_of.size(); ++ticket) {
    if (!cancelled[ticket]) {
      expected.push_back(ticket);
      continue;
    }
    all[side_of[ticket]].cancel(ticket);
    wait_for_waiters(sem, --queued);
    ++result.cancels;
  }

  all_permits.split(1).release();  // which grants the first; its finish() grants the next
  for (const std::uint32_t ticket : expected) {
    std::uint32_t got = 0;
    if (!granted.next(got)) give_up(sem, "a grant did not come");
    expect(got == ticket, "ticket " + std::to_string(got) + " (" + kNames[side_of[got]] +
                              ") was granted before " + std::to_string(ticket) + " (" +
                              kNames[side_of[ticket]] + ")");
    std::uint64_t untold = 0;
    const auto held = ledger(sem, untold);
    const by_tag right = {{"baton", kLimit - 1}, {kNames[side_of[got]], 1}};
    expect(held == right && untold == 0, "the ledger does not name the holder's language");
    ++result.grants;
    all[side_of[got]].finish(got);
  }
  result.arrivals += side_of.size();
  all_permits.release();
  if (sem.wait_idle_blocking_for(kPatience) != afflux::status::ok) {
    give_up(sem, "not all permits came back");
  }
}

void live_line(std::chrono::duration<double> at, const afflux::semaphore& sem) {
  const shares held = in_flight();
  std::string bar;
  for (std::uint32_t side = 0; side < ONE_QUEUE_SIDES; ++side) {
    bar.append(static_cast<std::size_t>(held[side]), "crgp"[side]);
  }
  bar.resize(kLimit, '.');
  std::printf("\rload  %5.1f s  [%s]  %3llu wait ", at.count(), bar.c_str(),
              static_cast<unsigned long long>(sem.waiters()));
  for (std::uint32_t side = 0; side < ONE_QUEUE_SIDES; ++side) {
    std::printf("  %s %llu", kNames[side],
                static_cast<unsigned long long>(tallies[side].requests.load()));
  }
  std::fflush(stdout);
}

bool each_has_cancelled() {
  return std::all_of(tallies.begin(), tallies.end(),
                     [](const tally& t) { return t.given_up.load() != 0; });
}

history run_load(const afflux::semaphore& sem, const sides& all, std::chrono::seconds length) {
  const bool live = isatty(STDOUT_FILENO) != 0;
  history past(kLimit, std::chrono::duration<double>(length).count());
  const auto begun = clock::now();
  auto shown = begun;
  std::uint64_t seen = 0;
  auto moved = begun;
  for (const one_queue_side& side : all) side.load(kWorkers);
  for (;;) {
    std::this_thread::sleep_for(2ms);
    const auto now = clock::now();
    const std::chrono::duration<double> at = now - begun;
    past.add(at.count(), in_flight());

    std::uint64_t untold = 0;
    for (const auto& [tag, permits] : ledger(sem, untold)) {
      expect(std::find(kNames.begin(), kNames.end(), tag) != kNames.end(),
             "the ledger has a holder without a language");
    }
    std::uint64_t requests = 0;
    for (const tally& t : tallies) requests += t.requests.load();
    if (requests != seen) moved = now;
    seen = requests;
    if (now - moved > kPatience) give_up(sem, "nothing moves");
    if (live && now - shown > 100ms) {
      shown = now;
      live_line(at, sem);
    }
    // On a machine with much else to do a side may not have come to a cancel yet.
    if (at >= length && (each_has_cancelled() || at >= length + kPatience)) break;
  }
  is_over = true;
  for (const one_queue_side& side : all) side.join();
  if (live) std::printf("\r\033[K");
  return past;
}

void check_rest(const afflux::semaphore& sem, const order_result& order) {
  if (sem.wait_idle_blocking_for(kPatience) != afflux::status::ok) {
    give_up(sem, "not all permits came back");
  }
  const ::afflux_sem_stats s = sem.stats();
  expect(in_flight() == shares{}, "the counter is not back at 0");
  expect(s.held == 0 && s.waiters == 0 && s.available == kLimit, "not at rest");
  expect(s.acquired_fast + s.acquired_after_wait == s.released + s.held,
         "acquired is not released + held");
  expect(s.queued == s.waiters + s.granted + s.canceled + s.timed_out + s.dropped + s.closed_out +
                         s.impossible,
         "the requests that queued are not those that left");
  expect(s.peak_held <= kLimit, "the statistics tell of more than the limit");

  // A request that was given up was taken back in the queue, or granted at that very moment and
  // given back, or (a context that ends early) never made.
  std::uint64_t served = order.grants;
  std::uint64_t permits = order.grants;
  std::uint64_t given_up = order.cancels;
  for (std::uint32_t side = 0; side < ONE_QUEUE_SIDES; ++side) {
    const tally& t = tallies[side];
    served += t.requests.load();
    permits += t.permits.load();
    given_up += t.given_up.load();
    expect(t.requests.load() != 0, std::string(kNames[side]) + " was never served");
    expect(t.given_up.load() != 0, std::string(kNames[side]) + " cancelled nothing");
  }
  const std::uint64_t batons = order.arrivals / (ONE_QUEUE_SIDES * kTicketsEach);
  served += batons;
  permits += batons * kLimit;
  const std::uint64_t got = s.requests_fast + s.granted;
  const std::uint64_t given_back = got - served;  // requests that were granted and given up
  expect(got >= served, "a language entered without a permit");
  expect(s.canceled + s.timed_out + given_back <= given_up,
         "more requests ended without an entry than were given up");
  const std::uint64_t acquired = s.acquired_fast + s.acquired_after_wait;
  expect(acquired >= permits + given_back && acquired <= permits + kMostAtOnce * given_back,
         "the permits acquired are not those that languages got");

  std::uint64_t untold = 0;
  expect(ledger(sem, untold).empty() && untold == 0, "the ledger is not empty at rest");
}

void print_summary(const afflux::semaphore& sem) {
  const ::afflux_sem_stats s = sem.stats();
  const auto n = [](std::uint64_t number) { return static_cast<unsigned long long>(number); };
  std::printf("      %-8s %12s %12s %12s\n", "", "requests", "permits", "given up");
  for (std::uint32_t side = 0; side < ONE_QUEUE_SIDES; ++side) {
    const tally& t = tallies[side];
    std::printf("      %-8s %12llu %12llu %12llu\n", kNames[side], n(t.requests), n(t.permits),
                n(t.given_up));
  }
  std::printf("stats acquired %llu at once + %llu after a wait = released %llu + held %llu\n",
              n(s.acquired_fast), n(s.acquired_after_wait), n(s.released), n(s.held));
  std::printf("      queued %llu = granted %llu + cancelled %llu + timed out %llu\n", n(s.queued),
              n(s.granted), n(s.canceled), n(s.timed_out));
  afflux::histogram waits;
  afflux::histogram holds;
  expect(sem.wait_times(waits) == afflux::status::ok, "no wait times");
  expect(sem.hold_times(holds) == afflux::status::ok, "no hold times");
  const auto ms = [](std::chrono::nanoseconds t) { return static_cast<double>(t.count()) / 1e6; };
  std::printf("      waits: median %.2f ms, p99 %.2f ms; holds: median %.2f ms, p99 %.2f ms\n",
              ms(waits.quantile(0.5)), ms(waits.quantile(0.99)), ms(holds.quantile(0.5)),
              ms(holds.quantile(0.99)));
}

int run(std::chrono::seconds length, unsigned seed, const char* picture) {
  const afflux::semaphore sem(afflux::options{.permits = kLimit,
                                              .name = "one queue",
                                              .statistics = afflux::statistics_level::full,
                                              .ledger = 2 * kLimit});
  one_queue_host host = make_host(sem);
  sides all{};
  one_queue_cpp(&host, &all[ONE_QUEUE_CPP]);
  one_queue_rust(&host, &all[ONE_QUEUE_RUST]);
  one_queue_go(&host, &all[ONE_QUEUE_GO]);
  one_queue_python(&host, &all[ONE_QUEUE_PYTHON]);

  std::printf("one queue: Afflux %s, limit %u, C++ over %s, seed %u\n", ::afflux_version_string(),
              kLimit, one_queue_cpp_loop(), seed);
  check_one_library(all);

  std::minstd_rand random(seed);
  order_result order;
  for (int round = 0; round < 8; ++round) check_order(sem, all, random, order);
  std::printf("order %llu arrivals by the baton, %llu cancelled, %llu granted in order\n",
              static_cast<unsigned long long>(order.arrivals),
              static_cast<unsigned long long>(order.cancels),
              static_cast<unsigned long long>(order.grants));
  std::fflush(stdout);

  const history past = run_load(sem, all, length);
  std::printf("load  %lld s, %u workers of each language; at most %llu of %u permits at once\n",
              static_cast<long long>(length.count()), kWorkers,
              static_cast<unsigned long long>(most_in_flight()), kLimit);
  check_rest(sem, order);
  print_summary(sem);
  for (int round = 0; round < 2; ++round) check_order(sem, all, random, order);
  check_rest(sem, order);

  for (const one_queue_side& side : all) side.stop();
  if (picture != nullptr) {
    if (past.draw(picture, kNames)) {
      std::printf("drawn %s\n", picture);
    } else {
      fail("the picture could not be written");
    }
  }
  if (broken != 0) {
    std::printf("%llu promises BROKEN\n", static_cast<unsigned long long>(broken.load()));
    return 1;
  }
  std::printf("all promises kept\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  long seconds = 5;
  unsigned long seed = std::random_device()();
  const char* picture = nullptr;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    const char* const value = ++i < argc ? argv[i] : "";
    if (option == "--seconds") {
      seconds = std::strtol(value, nullptr, 10);
    } else if (option == "--seed") {
      seed = std::strtoul(value, nullptr, 10);
    } else if (option == "--picture") {
      picture = value;
    } else {
      seconds = 0;
    }
  }
  if (seconds < 1 || seconds > 86'400) {
    std::fprintf(stderr,
                 "usage: one_queue [--seconds 1...86400] [--seed N] [--picture FILE.svg]\n");
    return 2;
  }
  // A hang within a side, where nothing here looks at the clock, ends by the signal.
  alarm(static_cast<unsigned>(seconds) + 240);
  return run(std::chrono::seconds(seconds), static_cast<unsigned>(seed), picture);
}
