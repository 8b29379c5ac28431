// SPDX-License-Identifier: MIT OR Apache-2.0
#include "core/strategies.h"

#include <cstring>
#include <memory>
#include <new>

#include "built_in.h"
#include "queue/intrusive.h"

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
  std::unique_ptr<char[]> copy;
  if (name != nullptr) {
    const std::size_t size = std::strlen(name) + 1;
    copy.reset(new (std::nothrow) char[size]);
    if (copy == nullptr) return nullptr;
    std::memcpy(copy.get(), name, size);
  }
  native_semaphore::stats_type::pointer stats;
  if (settings.statistics > AFFLUX_STATS_OFF) {
    stats = native_semaphore::stats_type::make(settings.statistics == AFFLUX_STATS_FULL);
    if (stats == nullptr) return nullptr;
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
    if (stats != nullptr) sem->count_with(std::move(stats));
    return sem;
  }
  return nullptr;
}

}  // namespace afflux::core
