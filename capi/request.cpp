// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Requests, waiters and timers: validate, convert, call.
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/kernel_wait.h"
#include "handles.h"
#include "sized.h"
#include "threads/timer_thread.h"

using namespace afflux;
using namespace afflux::capi;

namespace {
constexpr std::initializer_list<std::size_t> kRequestFields = {
    offsetof(afflux_request, permits),    offsetof(afflux_request, priority),
    offsetof(afflux_request, reserved),   offsetof(afflux_request, cost_bytes),
    offsetof(afflux_request, timeout_ns), offsetof(afflux_request, wake),
    offsetof(afflux_request, ctx),        offsetof(afflux_request, port),
    offsetof(afflux_request, user_data),  offsetof(afflux_request, client),
    offsetof(afflux_request, tag),        offsetof(afflux_request, notify),
    offsetof(afflux_request, tenant)};

// Two neighbouring 32-bit fields as one number.
[[gnu::always_inline]] inline std::uint64_t pair_at(const afflux_request& r, std::size_t offset) {
  std::uint64_t both = 0;
  std::memcpy(&both, reinterpret_cast<const char*>(&r) + offset, sizeof both);
  return both;
}
constexpr std::uint64_t pair_of(std::uint32_t first, std::uint32_t second) {
  return std::bit_cast<std::uint64_t>(std::array<std::uint32_t, 2>{first, second});
}
static_assert(offsetof(afflux_request, reserved) == offsetof(afflux_request, priority) + 4);

// Volatile, or the compiler may fetch the field behind it along: a shorter request ends here.
[[gnu::always_inline]] inline std::uint32_t size_of(const afflux_request* request) {
  return *static_cast<const volatile std::uint32_t*>(&request->struct_size);
}

// A valid request, if it is of the size known here, in few instructions; start() tells the others
// apart.
[[gnu::always_inline]] inline bool plain(const afflux_request& r) {
  const bool has_target =
      r.flags == 0 ? (r.wake != nullptr || r.port != nullptr) && r.notify == nullptr
                   : (r.flags & ~uint32_t{AFFLUX_WAIT_FOR_RESIZE}) == AFFLUX_WAIT_FOR_NOTE &&
                         r.notify != nullptr && r.wake == nullptr && r.port == nullptr;
  return has_target &&
         (pair_at(r, offsetof(afflux_request, priority)) & ~pair_of(AFFLUX_PRIORITY_CRITICAL, 0)) ==
             0 &&
         core::countable(r.permits) && r.timeout_ns >= AFFLUX_FOREVER && r.client == nullptr &&
         r.tenant == nullptr;
}
}  // namespace

status afflux::capi::read_request(const afflux_request* given, afflux_request& known) {
  afflux_request_init(&known);
  return read_sized(given, known, kRequestFields);
}

status afflux::capi::read_wait(const afflux_request* given, afflux_request& known,
                               core::demand& want, queue::destination<policy>& to, uint32_t flags) {
  if (const status s = read_request(given, known); s != status::ok) return s;
  if (known.permits != 1 || known.timeout_ns < AFFLUX_FOREVER || known.client != nullptr ||
      known.tenant != nullptr) {
    return status::invalid;
  }
  if (const status s = to_demand(known, want, flags); s != status::ok) return s;
  return to_destination(known, to);
}

status afflux::capi::to_destination(const afflux_request& r, queue::destination<policy>& to) {
  if ((r.flags & AFFLUX_WAIT_FOR_URING) != 0) {
    if (r.wake != nullptr || r.port != nullptr) return status::invalid;
    if (r.notify != nullptr || (r.flags & AFFLUX_WAIT_FOR_NOTE) != 0) return status::invalid;
    return policy::waits_in_kernel() ? status::ok : status::unsupported;
  }
  if ((r.flags & AFFLUX_WAIT_FOR_NOTE) != 0) {
    if (r.notify == nullptr || r.wake != nullptr || r.port != nullptr) return status::invalid;
    to.note = r.notify;
    to.context = r.ctx;
    to.user_data = r.user_data;
    return status::ok;
  }
  if (r.notify != nullptr) return status::invalid;
  if (r.wake == nullptr && r.port == nullptr) return status::invalid;
  to.wake = r.wake;
  to.context = r.ctx;
  to.loop = from(r.port);
  to.user_data = r.user_data;
  return status::ok;
}

status afflux::capi::to_demand(const afflux_request& r, core::demand& want, uint32_t flags) {
  if ((r.flags & ~flags) != 0 || r.priority > AFFLUX_PRIORITY_CRITICAL || r.reserved != 0 ||
      r.permits == 0) {
    return status::invalid;
  }
  want.permits = askable(r.permits);
  want.priority = static_cast<uint8_t>(r.priority);
  want.waits_for_resize = (r.flags & AFFLUX_WAIT_FOR_RESIZE) != 0;
  want.cost_bytes = r.cost_bytes;
  want.client = from(r.client);
  return status::ok;
}

status afflux::capi::to_tenant(const afflux_sem* sem, const afflux_request& r, core::demand& want) {
  if (r.tenant == nullptr) return status::ok;
  queue::tenant<policy>& t = *from(r.tenant);
  if (&t.of != from(sem) || r.client != nullptr) return status::invalid;
  want.tenant = &t;
  return status::ok;
}

// Outside of extern "C", which would give them names in every program that links the archive.
namespace {

[[gnu::noinline]] afflux_status start(afflux_sem* sem, const afflux_request& r,
                                      afflux_waiter* storage) {
  core::demand want;
  constexpr uint32_t kFlags = AFFLUX_WAIT_FOR_RESIZE | AFFLUX_WAIT_FOR_URING | AFFLUX_WAIT_FOR_NOTE;
  if (const status s = to_demand(r, want, kFlags); s != status::ok) return to_c(s);
  if (const status s = to_tenant(sem, r, want); s != status::ok) return to_c(s);
  if (r.timeout_ns < AFFLUX_FOREVER) return AFFLUX_EINVAL;
  queue::destination<policy> to;
  if (const status s = to_destination(r, to); s != status::ok) return to_c(s);
  int error = 0;
  const status s = core::acquire_async(*from(sem), want, r.timeout_ns, to, *from(storage), error);
  if (error != 0) set_last_os_error(error);
  return to_c(s);
}

// A plain request whose permits were not free without a look at the line.
[[gnu::noinline]] afflux_status queue_plain(semaphore& sem, const afflux_request& r, waiter& x) {
  const bool never_waits = r.timeout_ns == 0;
  const core::demand want = {.permits = r.permits,
                             .priority = static_cast<std::uint8_t>(r.priority),
                             .waits_for_resize = (r.flags & AFFLUX_WAIT_FOR_RESIZE) != 0,
                             .cost_bytes = r.cost_bytes};
  if (never_waits || sem.settings().throughput) {
    const status s = core::take_now(sem, want, never_waits);
    if (never_waits || s != status::again) return to_c(s);
  }
  int error = 0;
  const status s = core::wait_async(sem, want, r.timeout_ns,
                                    {r.wake, r.ctx, from(r.port), r.user_data, r.notify}, x, error);
  if (error != 0) set_last_os_error(error);
  return to_c(s);
}

[[gnu::noinline]] afflux_status read_and_start(afflux_sem* sem, const afflux_request* request,
                                               afflux_waiter* storage) {
  if (size_of(request) == sizeof *request) return start(sem, *request, storage);
  afflux_request known;
  const status s = read_request(request, known);
  return s != status::ok ? to_c(s) : start(sem, known, storage);
}

}  // namespace

extern "C" {

afflux_status afflux_request_init(afflux_request* request) {
  if (request == nullptr) return AFFLUX_EINVAL;
  *request = {};
  request->struct_size = sizeof *request;
  request->permits = 1;
  request->priority = AFFLUX_PRIORITY_NORMAL;
  request->timeout_ns = AFFLUX_FOREVER;
  return AFFLUX_OK;
}

size_t afflux_waiter_size(void) { return sizeof(afflux_waiter); }
size_t afflux_waiter_align(void) { return alignof(afflux_waiter); }

afflux_status afflux_sem_acquire_async(afflux_sem* sem, const afflux_request* request,
                                       afflux_waiter* waiter) {
  if (sem == nullptr || request == nullptr || waiter == nullptr) return AFFLUX_EINVAL;
  if (size_of(request) != sizeof *request || !plain(*request)) {
    return read_and_start(sem, request, waiter);
  }
  // The plain request that finds its permits free, without a further call.
  if (!from(sem)->take_free(request->permits)) [[unlikely]]
    return queue_plain(*from(sem), *request, *from(waiter));
  return to_c(from(sem)->count_taken(request->permits));
}

afflux_status afflux_sem_wait_idle_async(afflux_sem* sem, const afflux_request* request,
                                         afflux_waiter* waiter) {
  if (sem == nullptr || request == nullptr || waiter == nullptr) return AFFLUX_EINVAL;
  afflux_request known;
  core::demand want;
  queue::destination<policy> to;
  constexpr uint32_t kFlags = AFFLUX_WAIT_FOR_URING | AFFLUX_WAIT_FOR_NOTE;
  if (const status s = read_wait(request, known, want, to, kFlags); s != status::ok) return to_c(s);
  if (known.cost_bytes != 0) return AFFLUX_EINVAL;
  int error = 0;
  const status s = core::wait_idle_async(*from(sem), known.timeout_ns, to, *from(waiter), error);
  if (error != 0) set_last_os_error(error);
  return to_c(s);
}

afflux_status afflux_waiter_status(afflux_waiter* waiter) {
  return waiter == nullptr ? AFFLUX_EINVAL : to_c(core::outcome(*from(waiter)));
}

afflux_status afflux_waiter_cancel(afflux_waiter* waiter) {
  return waiter == nullptr ? AFFLUX_EINVAL : to_c(core::cancel(*from(waiter)));
}

uint64_t afflux_completions_run(void) { return queue::run_on_demand<policy>(); }

afflux_status afflux_timers_manual(int32_t manual) {
  if (manual != 0 && manual != 1) return AFFLUX_EINVAL;
  const int error = threads::set_manual(manual == 1);
  if (error == 0) return AFFLUX_OK;
  set_last_os_error(error);
  return AFFLUX_EOS;
}

int64_t afflux_timers_advance(void) { return queue::advance_timers<policy>(); }

}  // extern "C"
