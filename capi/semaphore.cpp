// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The semaphore's calls: validate, convert, call.
#include <cstddef>

#include "handles.h"
#include "sized.h"

using namespace afflux;
using namespace afflux::capi;

namespace {

// Out of line: the hot functions stay without a stack frame.
[[gnu::cold, gnu::noinline]] afflux_status refused() { return AFFLUX_EINVAL; }

// No semaphore, or a number of permits that none can have.
[[gnu::cold, gnu::noinline]] afflux_status refused(afflux_sem* sem, std::uint64_t n) {
  if (sem == nullptr || n == 0) return refused();
  return from(sem)->closed() ? AFFLUX_ECLOSED : AFFLUX_E2BIG;
}

// Likewise.
[[gnu::noinline]] afflux_status not_at_once(semaphore& sem, status s, uint64_t n) {
  return to_c(core::counted(sem, core::try_harder(sem, s, n), n, true));
}

bool valid_timeout(int64_t timeout) { return timeout >= AFFLUX_FOREVER; }

constexpr std::initializer_list<std::size_t> kSemFields = {
    offsetof(afflux_sem_options, fairness),
    offsetof(afflux_sem_options, overflow),
    offsetof(afflux_sem_options, permits),
    offsetof(afflux_sem_options, max_waiters),
    offsetof(afflux_sem_options, max_queue_bytes),
    offsetof(afflux_sem_options, waiter_timeout_ns),
    offsetof(afflux_sem_options, name),
    offsetof(afflux_sem_options, statistics),
    offsetof(afflux_sem_options, ledger),
    offsetof(afflux_sem_options, slow_wait_ns),
    offsetof(afflux_sem_options, slow_wait),
    offsetof(afflux_sem_options, slow_wait_ctx),
    offsetof(afflux_sem_options, shed_target_ns),
    offsetof(afflux_sem_options, shed_interval_ns),
    offsetof(afflux_sem_options, adaptive_lifo),
    offsetof(afflux_sem_options, reserved)};

constexpr std::uint32_t kMostHolders = 65'536;

bool valid_shedding(const afflux_sem_options& o) {
  if (o.adaptive_lifo > 1 || o.reserved != 0) return false;
  if (o.shed_target_ns == 0) return o.shed_interval_ns == 0 && o.adaptive_lifo == 0;
  return o.shed_target_ns > 0 && o.shed_target_ns <= o.shed_interval_ns &&
         (o.adaptive_lifo == 0 || o.fairness == AFFLUX_FAIR);
}

status to_settings(const afflux_sem_options& o, queue::settings& s) {
  if (o.fairness > AFFLUX_THROUGHPUT || o.overflow > AFFLUX_OVERFLOW_FAIL ||
      o.permits > queue::kMaxPermits || !valid_timeout(o.waiter_timeout_ns) ||
      o.waiter_timeout_ns == 0) {
    return status::invalid;
  }
  if (const status found = to_strategy(o.queue, s.strategy); found != status::ok) return found;
  if (o.statistics > AFFLUX_STATS_FULL || o.ledger > kMostHolders || o.slow_wait_ns < 0 ||
      (o.slow_wait != nullptr && o.statistics == AFFLUX_STATS_OFF) || !valid_shedding(o)) {
    return status::invalid;
  }
  s.statistics =
      o.statistics == AFFLUX_STATS_DEFAULT ? std::uint32_t{AFFLUX_STATS_COUNTERS} : o.statistics;
  s.ledger = o.ledger;
  s.slow = {o.slow_wait, o.slow_wait_ctx, o.slow_wait_ns};
  s.shed = {o.shed_target_ns, o.shed_interval_ns, o.adaptive_lifo == 1};
  s.limit = o.permits;
  s.throughput = o.fairness == AFFLUX_THROUGHPUT;
  s.default_timeout = o.waiter_timeout_ns;
  if (o.max_waiters != 0) s.max_waiters = o.max_waiters;
  if (o.max_queue_bytes != 0) s.max_bytes = o.max_queue_bytes;
  if (o.max_waiters == 0 && o.max_queue_bytes == 0) return status::ok;
  if (o.overflow == AFFLUX_OVERFLOW_SUSPEND) return status::ok;
  s.when_full = o.overflow == AFFLUX_OVERFLOW_DROP_OLDEST ? queue::overflow::drop_oldest
                                                          : queue::overflow::drop_newest;
  return status::ok;
}

}  // namespace

status afflux::capi::to_strategy(uint32_t queue, uint32_t& strategy) {
  if (queue > AFFLUX_QUEUE_MUTEX) return status::invalid;
  strategy = core::resolve_strategy(queue);
  return strategy == 0 ? status::unsupported : status::ok;
}

extern "C" {

afflux_status afflux_sem_options_init(afflux_sem_options* options) {
  if (options == nullptr) return AFFLUX_EINVAL;
  *options = {};
  options->struct_size = sizeof *options;
  options->permits = 1;
  options->waiter_timeout_ns = AFFLUX_FOREVER;
  return AFFLUX_OK;
}

afflux_status afflux_sem_create(const afflux_sem_options* options, afflux_sem** ret_sem) {
  if (options == nullptr || ret_sem == nullptr) return AFFLUX_EINVAL;
  afflux_sem_options known;
  afflux_sem_options_init(&known);
  status s = read_sized(options, known, kSemFields);
  if (s != status::ok) return to_c(s);
  queue::settings settings;
  s = to_settings(known, settings);
  if (s != status::ok) return to_c(s);
  semaphore* const sem = core::create_semaphore(settings, known.name);
  if (sem == nullptr) return AFFLUX_ENOMEM;
  *ret_sem = to_handle(sem);
  return AFFLUX_OK;
}

afflux_sem* afflux_sem_ref(afflux_sem* sem) {
  if (sem != nullptr) from(sem)->ref();
  return sem;
}

void afflux_sem_unref(afflux_sem* sem) {
  if (sem != nullptr) from(sem)->unref();
}

afflux_status afflux_sem_close(afflux_sem* sem) {
  return sem == nullptr ? refused() : to_c(from(sem)->close());
}

afflux_status afflux_sem_try_acquire(afflux_sem* sem, uint64_t n) {
  if (sem == nullptr || !core::countable(n)) [[unlikely]]
    return refused(sem, n);
  const status s = from(sem)->try_acquire(n);
  if (s != status::ok) [[unlikely]]
    return not_at_once(*from(sem), s, n);
  return to_c(from(sem)->count_taken(n));
}

afflux_status afflux_sem_acquire(afflux_sem* sem, uint64_t n, int64_t timeout_ns) {
  if (sem == nullptr || n == 0 || !valid_timeout(timeout_ns)) return refused();
  core::demand want;
  want.permits = askable(n);
  return to_c(core::acquire(*from(sem), want, timeout_ns));
}

afflux_status afflux_sem_release(afflux_sem* sem, uint64_t n) {
  if (sem == nullptr || n == 0) [[unlikely]]
    return refused();
  return to_c(from(sem)->release(n));
}

afflux_status afflux_sem_resize(afflux_sem* sem, uint64_t permits) {
  return sem == nullptr ? refused() : to_c(core::resize(*from(sem), permits));
}

afflux_status afflux_sem_drain(afflux_sem* sem, uint64_t* ret_n) {
  if (sem == nullptr || ret_n == nullptr) return refused();
  return to_c(core::drain(*from(sem), *ret_n));
}

afflux_status afflux_sem_try_acquire_up_to(afflux_sem* sem, uint64_t min, uint64_t max,
                                           uint64_t* ret_n) {
  if (sem == nullptr || ret_n == nullptr || max == 0 || max < min) return refused();
  return to_c(core::try_acquire_up_to(*from(sem), min, max, *ret_n));
}

afflux_status afflux_sem_resize_by(afflux_sem* sem, int64_t delta, uint64_t* ret_limit) {
  if (sem == nullptr) return refused();
  uint64_t limit = 0;
  const status s = core::resize_by(*from(sem), delta, limit);
  if (s == status::ok && ret_limit != nullptr) *ret_limit = limit;
  return to_c(s);
}

afflux_status afflux_sem_wait_idle(afflux_sem* sem, int64_t timeout_ns) {
  if (sem == nullptr || !valid_timeout(timeout_ns)) return refused();
  return to_c(core::wait_idle(*from(sem), timeout_ns));
}

int32_t afflux_sem_is_closed(const afflux_sem* sem) {
  return sem != nullptr && from(sem)->closed() ? 1 : 0;
}

uint64_t afflux_sem_limit(const afflux_sem* sem) { return sem == nullptr ? 0 : from(sem)->limit(); }

uint64_t afflux_sem_available(const afflux_sem* sem) {
  return sem == nullptr ? 0 : core::available(*from(sem));
}

uint64_t afflux_sem_held(const afflux_sem* sem) {
  return sem == nullptr ? 0 : core::held(*from(sem));
}

uint64_t afflux_sem_waiters(const afflux_sem* sem) {
  return sem == nullptr ? 0 : from(sem)->waiting();
}

uint32_t afflux_sem_queue(const afflux_sem* sem) {
  return sem == nullptr ? 0 : from(sem)->settings().strategy;
}

const char* afflux_sem_name(const afflux_sem* sem) {
  return sem == nullptr || from(sem)->name == nullptr ? "" : from(sem)->name.get();
}

const afflux_fastpath* afflux_sem_fastpath(afflux_sem* sem) {
  if (sem == nullptr) return nullptr;
  return reinterpret_cast<const afflux_fastpath*>(&from(sem)->block());
}

void afflux_sem_note_peak(afflux_sem* sem, uint64_t word) {
  if (sem != nullptr) from(sem)->note_peak(word);
}

}  // extern "C"
