// SPDX-License-Identifier: MIT OR Apache-2.0
#include "export/rates.h"

namespace afflux::exporting {
namespace {

constexpr double kSecond = 1e9;

}  // namespace

flows flows_of(const afflux_registry_summary_t& s) {
  flows f = {};
  f.acquired = s.sem.acquired_fast + s.sem.acquired_after_wait;
  f.released = s.sem.released;
  f.queued = s.sem.queued;
  f.refused = s.sem.rejected + s.sem.dropped;
  for (const std::uint64_t each : s.client.requests) f.requests += each;
  f.bytes = s.client.bytes;
  f.errors = s.client.responses_4xx + s.client.responses_5xx;
  return f;
}

afflux_rates rates_between(const flows& before, const flows& now, std::int64_t ns) {
  const double seconds = static_cast<double>(ns) / kSecond;
  const auto rate = [seconds](std::uint64_t a, std::uint64_t b) {
    return b > a && seconds > 0 ? static_cast<double>(b - a) / seconds : 0;
  };
  return {rate(before.acquired, now.acquired), rate(before.released, now.released),
          rate(before.queued, now.queued),     rate(before.refused, now.refused),
          rate(before.requests, now.requests), rate(before.bytes, now.bytes),
          rate(before.errors, now.errors)};
}

}  // namespace afflux::exporting
