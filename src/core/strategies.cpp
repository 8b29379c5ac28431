// SPDX-License-Identifier: MIT OR Apache-2.0
#include "core/strategies.h"

#include <memory>

#include "built_in.h"
#include "queue/intrusive.h"
#include "stats/label.h"

namespace afflux::core {
namespace {

template <template <class> class Queue>
native_semaphore* make(const queue::settings& s) {
  return native_policy::create<Queue<native_policy>>(s);
}

struct strategy {
  std::uint32_t name;
  native_semaphore* (*create)(const queue::settings&);
};

// AFFLUX_QUEUE_AUTO is the first.
constexpr strategy kStrategies[] = {{AFFLUX_QUEUE_INTRUSIVE, make<queue::intrusive_queue>},
                                    AFFLUX_BUILT_IN};

}  // namespace

std::uint32_t resolve_strategy(std::uint32_t queue) {
  if (queue == AFFLUX_QUEUE_AUTO) return kStrategies[0].name;
  for (const strategy& s : kStrategies) {
    if (s.name == queue) return queue;
  }
  return 0;
}

native_semaphore* create_semaphore(const queue::settings& settings, const char* name) {
  stats::label copy;
  if (!stats::copy_label(name, copy)) return nullptr;
  native_semaphore::stats_type::pointer counts;
  if (settings.statistics > AFFLUX_STATS_OFF) {
    counts = native_semaphore::stats_type::make(settings.statistics == AFFLUX_STATS_FULL);
    if (counts == nullptr) return nullptr;
  }
  std::unique_ptr<stats::ledger<native_policy>> ledger;
  if (settings.ledger != 0) {
    ledger = stats::ledger<native_policy>::make(settings.ledger);
    if (ledger == nullptr) return nullptr;
  }
  for (const strategy& s : kStrategies) {
    if (s.name != settings.strategy) continue;
    native_semaphore* const sem = s.create(settings);
    if (sem == nullptr) return nullptr;
    sem->name = std::move(copy);
    sem->ledger = std::move(ledger);
    sem->created_at = native_policy::now();
    if (counts != nullptr) sem->count_with(std::move(counts));
    return sem;
  }
  return nullptr;
}

}  // namespace afflux::core
