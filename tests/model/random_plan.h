// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What random_model_test runs: threads and their steps, drawn from a seed.
#pragma once

#include <afflux/afflux.h>

#include <cstdint>
#include <iterator>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "queue/settings.h"

namespace afflux::model {

enum class deed : std::uint8_t {
  pass,          // acquires and releases
  pass_in_time,  // likewise, with a time limit
  attempt,       // tries, and releases
  attempt_some,  // likewise, with fewer than n if need be
  begin,         // queues by callback, which releases
  keep,          // likewise, and does not
  renew,         // as begin, and the callback begins once more in the same memory
  note,          // as begin, by a note
  watch,         // waits for the semaphore to be idle
  cancel,
  replace,  // cancels and begins anew in the same memory
  resize,
  close,
};
inline constexpr const char* kDeeds[] = {"pass",    "pass in time", "try",  "try some", "begin",
                                         "keep",    "renew",        "note", "watch",    "cancel",
                                         "replace", "resize",       "close"};

struct step {
  deed what;
  std::uint64_t n;
  std::uint8_t priority;
  int who;  // of those that queue a party or cancel one
  std::int64_t timeout;
  std::uint64_t cost = 0;
};

struct plan {
  queue::settings settings;
  std::vector<std::vector<step>> threads;
  bool closes = false;
  bool times = false;
  bool keeps = false;  // no thread blocks, and some keep their permits: L1 is looked at in between
  int stalls = -1;     // this thread may stop anywhere (`keeps`)
};

inline constexpr std::uint64_t kMost = 3;
inline constexpr int kParties = 6;

class draw {
 public:
  explicit draw(std::uint64_t seed) : engine_(seed) {}

  plan a_plan() {
    plan p;
    p.settings.limit = 1 + below(kMost);
    p.settings.throughput = one_in(2);
    if (one_in(3)) {
      p.settings.when_full =
          one_in(2) ? queue::overflow::drop_oldest : queue::overflow::drop_newest;
      p.settings.max_waiters = 1 + below(2);
      if (one_in(2)) p.settings.max_bytes = 15;
    }
    const bool moves = one_in(2);
    p.keeps = one_in(2);
    p.closes = one_in(5);
    const std::uint64_t threads = 3 + below(3);
    for (std::uint64_t t = 0; t < threads; ++t) {
      std::vector<step>& steps = p.threads.emplace_back();
      for (std::uint64_t i = 1 + below(3); i > 0; --i) steps.push_back(a_step(p, moves));
    }
    if (p.closes) p.threads[0].push_back({deed::close, 0, 0, 0, -1});
    // Not one that holds the lock of all timers.
    if (p.keeps && !p.times && one_in(3)) p.stalls = static_cast<int>(below(threads));
    return p;
  }

 private:
  step a_step(plan& p, bool moves) {
    step s{deed::pass, 1 + below(kMost), priority(), 0, -1};
    switch (below(moves ? 8 : 6)) {
      case 0:
        s.what = one_in(2) ? deed::attempt : deed::attempt_some;
        break;
      case 1:
        s.what = deed::pass_in_time;
        s.timeout = 1'000;
        break;
      case 2:
      case 3:
        if (parties_ == kParties) break;
        s.what = a_party();
        s.who = parties_++;
        s.cost = below(3) * 10;
        if (one_in(4)) {
          s.timeout = 1'000;
          p.times = true;
        }
        break;
      case 4:
        if (parties_ == 0) break;
        s.what = one_in(2) ? deed::cancel : deed::replace;
        s.who = static_cast<int>(below(static_cast<std::uint64_t>(parties_)));
        break;
      case 6:
      case 7:
        s.what = deed::resize;
        break;
      default:
        break;
    }
    if (!p.keeps) return s;
    if (s.what == deed::pass || s.what == deed::pass_in_time) {
      s.what = deed::attempt;
      s.timeout = -1;
    }
    if (s.what == deed::begin && one_in(2)) s.what = deed::keep;
    return s;
  }

  deed a_party() {
    constexpr deed kKinds[] = {deed::begin, deed::begin, deed::renew, deed::note, deed::watch};
    return kKinds[below(std::size(kKinds))];
  }
  std::uint8_t priority() {
    return one_in(3) ? static_cast<std::uint8_t>(below(4)) : std::uint8_t{AFFLUX_PRIORITY_NORMAL};
  }
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  std::mt19937_64 engine_;
  int parties_ = 0;
};

inline std::string told(const plan& p) {
  std::ostringstream out;
  out << "limit " << p.settings.limit << (p.settings.throughput ? ", THROUGHPUT" : "");
  if (p.settings.limited()) {
    out << (p.settings.when_full == queue::overflow::drop_oldest ? ", DROP_OLDEST " : ", FAIL ")
        << p.settings.max_waiters;
  }
  if (p.stalls >= 0) out << ", thread " << p.stalls << " may stop";
  out << '\n';
  for (const std::vector<step>& steps : p.threads) {
    for (const step& s : steps) {
      out << "  " << kDeeds[static_cast<int>(s.what)] << " n=" << s.n << " p=" << +s.priority
          << " #" << s.who << (s.timeout < 0 ? ";" : " timed;");
    }
    out << '\n';
  }
  return out.str();
}

}  // namespace afflux::model
