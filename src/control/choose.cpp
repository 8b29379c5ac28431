// SPDX-License-Identifier: MIT OR Apache-2.0
#include "control/choose.h"

#include <algorithm>
#include <iterator>
#include <new>

#include "afflux/afflux.h"
#include "control/aimd.h"
#include "control/gradient.h"
#include "control/gradient2.h"
#include "control/slope.h"
#include "control/vegas.h"
#include "queue/word.h"

namespace afflux::control {
namespace {

using made = std::unique_ptr<algorithm>;

std::int64_t whole(std::uint64_t n) { return static_cast<std::int64_t>(n); }

template <class T, class... Args>
made make(const Args&... args) {
  return made(new (std::nothrow) T(args...));
}

// A longer time is as good as this: the algorithms add and double them.
constexpr std::int64_t kLongest = std::int64_t{1} << 60;

// One window of that length after the other; 0: each request is one.
windowed_options windows_of(const settings& s) {
  windowed_options o;
  if (s.window == 0) return o;
  o.on = true;
  o.least_time = o.most_time = std::min(s.window, kLongest);
  return o;
}

made make_slope(const settings& s) {
  slope_options o;
  o.initial = static_cast<double>(s.initial);
  o.min = static_cast<double>(s.min);
  o.max = static_cast<double>(s.max);
  return make<slope>(o, s.seed);
}

made make_aimd(const settings& s) {
  aimd_options o;
  o.initial = whole(s.initial);
  o.min = whole(s.min);
  o.max = whole(s.max);
  if (s.timeout != 0) o.timeout = s.timeout;
  return make<aimd>(o);
}

made make_vegas(const settings& s) {
  vegas_options o;
  o.initial = whole(s.initial);
  o.max = whole(s.max);
  o.windowed = windows_of(s);
  return make<vegas>(o, s.seed);
}

made make_gradient2(const settings& s) {
  gradient2_options o;
  o.initial = whole(s.initial);
  o.min = whole(s.min);
  o.max = whole(s.max);
  o.windowed = windows_of(s);
  return make<gradient2>(o);
}

made make_gradient(const settings& s) {
  gradient_options o;
  o.max = static_cast<std::uint32_t>(std::min<std::uint64_t>(s.max, UINT32_MAX));
  o.probe_limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(s.min, o.max));
  if (s.window != 0) o.update_interval = std::min(s.window, kLongest);
  if (s.probe_interval != 0) o.probe_interval = std::min(s.probe_interval, kLongest);
  return make<gradient>(o, s.seed);
}

struct known {
  const char* name;
  std::uint64_t min;  // by default, as max
  std::uint64_t max;
  made (*make)(const settings&);
};

// By AFFLUX_CONTROL_….
constexpr known kAlgorithms[] = {
    {"default", 1, 1000, make_slope},     {"aimd", 20, 200, make_aimd},
    {"vegas", 1, 1000, make_vegas},       {"gradient2", 20, 200, make_gradient2},
    {"gradient", 3, 1000, make_gradient},
};
static_assert(std::size(kAlgorithms) == AFFLUX_CONTROL_ALGORITHMS);

}  // namespace

const char* name_of(std::uint32_t algorithm) {
  return algorithm < std::size(kAlgorithms) ? kAlgorithms[algorithm].name : nullptr;
}

bool complete(settings& s, std::uint64_t limit) {
  const known& k = kAlgorithms[s.algorithm];
  const std::uint64_t min = s.min;
  const std::uint64_t max = s.max;
  // A default gives way to what the caller says.
  if (min == 0) s.min = max == 0 ? k.min : std::min(k.min, max);
  if (max == 0) s.max = std::max(k.max, s.min);
  if (s.min > s.max || s.max > queue::kMaxPermits) return false;
  if (s.initial == 0) s.initial = std::clamp(limit, s.min, s.max);
  return s.initial >= s.min && s.initial <= s.max;
}

std::unique_ptr<algorithm> choose(const settings& s) { return kAlgorithms[s.algorithm].make(s); }

}  // namespace afflux::control
