// SPDX-License-Identifier: MIT OR Apache-2.0
#include <iterator>
#include <span>

#include "stats/exposition.h"

namespace afflux::stats {
namespace {

constexpr std::string_view kPrefix = "afflux_semaphore_";

using field = std::uint64_t afflux_sem_stats::*;

// A sample: which field, and the value of the label that tells it from the family's others.
struct part {
  field from;
  const char* label_value = nullptr;
};

struct family {
  metric what;
  bool counted;  // not of semaphores that count nothing
  const char* label = nullptr;
  std::span<const part> parts = {};
};

constexpr part kLimit[] = {{&afflux_sem_stats::limit}};
constexpr part kHeld[] = {{&afflux_sem_stats::held}};
constexpr part kAvailable[] = {{&afflux_sem_stats::available}};
constexpr part kWaiters[] = {{&afflux_sem_stats::waiters}};
constexpr part kQueueBytes[] = {{&afflux_sem_stats::queue_bytes}};
constexpr part kAcquired[] = {{&afflux_sem_stats::acquired_fast, "fast"},
                              {&afflux_sem_stats::acquired_after_wait, "queued"}};
constexpr part kReleased[] = {{&afflux_sem_stats::released}};
constexpr part kRequests[] = {
    {&afflux_sem_stats::requests_fast, "fast"},   {&afflux_sem_stats::granted, "granted"},
    {&afflux_sem_stats::canceled, "canceled"},    {&afflux_sem_stats::timed_out, "timed_out"},
    {&afflux_sem_stats::rejected, "rejected"},    {&afflux_sem_stats::dropped, "dropped"},
    {&afflux_sem_stats::closed_out, "closed"},    {&afflux_sem_stats::impossible, "impossible"},
    {&afflux_sem_stats::try_failed, "try_failed"}};
constexpr part kQueued[] = {{&afflux_sem_stats::queued}};
constexpr part kResizes[] = {{&afflux_sem_stats::resizes}};

// Those with parts; the others are told apart by name in show().
constexpr family kFamilies[] = {
    {{"permits_limit", kind::gauge, "", "Permits that may be held at once."}, false, {}, kLimit},
    {{"permits_held", kind::gauge, "", "Permits that are held."}, false, {}, kHeld},
    {{"permits_available", kind::gauge, "", "Permits that a newcomer could take."},
     false,
     {},
     kAvailable},
    {{"waiters", kind::gauge, "", "Requests that are queued."}, false, {}, kWaiters},
    {{"queue_bytes", kind::gauge, "bytes", "Cost of the requests that are queued."},
     false,
     {},
     kQueueBytes},
    {{"oldest_wait_seconds", kind::gauge, "seconds",
      "How long the request that has queued longest has waited."},
     true},
    {{"permits_acquired", kind::counter, "", "Permits acquired, at once or after queueing."},
     true,
     "path",
     kAcquired},
    {{"permits_released", kind::counter, "", "Permits given back."}, true, {}, kReleased},
    {{"requests", kind::counter, "", "Requests that have ended, by how they did."},
     true,
     "outcome",
     kRequests},
    {{"queued", kind::counter, "", "Requests that have queued."}, true, {}, kQueued},
    {{"resizes", kind::counter, "", "Changes of the limit."}, true, {}, kResizes},
    {{"wait_seconds", kind::histogram, "seconds",
      "How long those requests waited that were granted after queueing."},
     true},
    {{"hold_seconds", kind::histogram, "seconds", "How long permit tokens were held."}, true},
};
constexpr std::size_t kCount = std::size(kFamilies);
constexpr std::size_t kOldestWait = 5;
constexpr std::size_t kWaits = kCount - 2;
constexpr std::size_t kHolds = kCount - 1;

// Every second power of two, from 1.024 microseconds to 18 minutes: they are bounds of our
// buckets, too. Written as OpenMetrics wants a number to be.
struct bound {
  std::uint64_t ns;
  const char* seconds;
};
constexpr bound kBounds[] = {
    {std::uint64_t{1} << 10, "1.024e-06"},     {std::uint64_t{1} << 12, "4.096e-06"},
    {std::uint64_t{1} << 14, "1.6384e-05"},    {std::uint64_t{1} << 16, "6.5536e-05"},
    {std::uint64_t{1} << 18, "0.000262144"},   {std::uint64_t{1} << 20, "0.001048576"},
    {std::uint64_t{1} << 22, "0.004194304"},   {std::uint64_t{1} << 24, "0.016777216"},
    {std::uint64_t{1} << 26, "0.067108864"},   {std::uint64_t{1} << 28, "0.268435456"},
    {std::uint64_t{1} << 30, "1.073741824"},   {std::uint64_t{1} << 32, "4.294967296"},
    {std::uint64_t{1} << 34, "17.179869184"},  {std::uint64_t{1} << 36, "68.719476736"},
    {std::uint64_t{1} << 38, "274.877906944"}, {std::uint64_t{1} << 40, "1099.511627776"},
};

void begin(exposition& to, const shown_sem& sem, std::string_view suffix) {
  to.begin(suffix);
  to.label("semaphore", sem.name);
  to.label("id", sem.id);
}

void show_histogram(exposition& to, const shown_sem& sem, const histogram<native_policy>& times) {
  // Before the buckets: what comes meanwhile is in neither, or only in these.
  const std::uint64_t sum = times.sum();
  std::uint64_t seen = 0;
  std::size_t next = 0;
  for (const bound& b : kBounds) {
    for (; next < kBuckets && bound_of(next) <= b.ns; ++next) seen += times.bucket(next);
    begin(to, sem, "_bucket");
    to.label("le", b.seconds);
    to.value(seen);
  }
  for (; next < kBuckets; ++next) seen += times.bucket(next);
  begin(to, sem, "_bucket");
  to.label("le", "+Inf");
  to.value(seen);
  begin(to, sem, "_sum");
  to.value_in_seconds(static_cast<std::int64_t>(sum));
  begin(to, sem, "_count");
  to.value(seen);
  if (!to.tells_creation()) return;
  begin(to, sem, "_created");
  to.creation(sem.created);
}

}  // namespace

bool begin_sem_family(exposition& to, std::size_t number) {
  if (number >= kCount) return false;
  to.family(kPrefix, kFamilies[number].what);
  return true;
}

void show(exposition& to, std::size_t number, const shown_sem& sem) {
  const family& f = kFamilies[number];
  if (f.counted && sem.now.statistics == AFFLUX_STATS_OFF) return;
  if (number == kOldestWait) {
    begin(to, sem, {});
    to.value_in_seconds(sem.now.oldest_wait_ns);
  } else if (number == kWaits || number == kHolds) {
    const auto* const times = number == kWaits ? sem.waits : sem.holds;
    if (times != nullptr) show_histogram(to, sem, *times);
  }
  const bool counts = f.what.what == kind::counter;
  for (const part& p : f.parts) {
    begin(to, sem, counts ? "_total" : "");
    if (f.label != nullptr) to.label(f.label, p.label_value);
    to.value(sem.now.*p.from);
    if (!to.tells_creation()) continue;
    begin(to, sem, "_created");
    if (f.label != nullptr) to.label(f.label, p.label_value);
    to.creation(sem.created);
  }
}

}  // namespace afflux::stats
