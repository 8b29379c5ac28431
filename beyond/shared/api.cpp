// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The C functions of shared.h: check, then call.
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "afflux/shared.h"
#include "handle.h"
#include "observe.h"
#include "sized.h"

namespace {

using namespace afflux::shared;

thread_local int t_os_error = 0;

afflux_status told(afflux_status status) noexcept {
  if (status == AFFLUX_EOS) t_os_error = errno;
  return status;
}

// afflux_shared is never defined: a pointer to one is a pointer to a handle.
handle* of(afflux_shared* shared) noexcept { return reinterpret_cast<handle*>(shared); }
const handle* of(const afflux_shared* shared) noexcept {
  return reinterpret_cast<const handle*>(shared);
}

bool is_timeout(std::int64_t timeout_ns) noexcept {
  return timeout_ns >= 0 || timeout_ns == AFFLUX_FOREVER;
}

afflux_status read_options(const afflux_shared_options* given, afflux_shared_options& known,
                           std::uint32_t flags) noexcept {
  afflux_shared_options_init(&known);
  if (given != nullptr) {
    const auto status = static_cast<afflux_status>(afflux::capi::read_sized(
        given, known,
        {offsetof(afflux_shared_options, permits), offsetof(afflux_shared_options, mode),
         offsetof(afflux_shared_options, max_handles), offsetof(afflux_shared_options, max_waiters),
         offsetof(afflux_shared_options, reserved), offsetof(afflux_shared_options, tag)}));
    if (status != AFFLUX_OK) return status;
  }
  const bool exclusive_alone =
      (known.flags & AFFLUX_SHARED_EXCLUSIVE) != 0 && (known.flags & AFFLUX_SHARED_CREATE) == 0;
  if ((known.flags & ~flags) != 0 || exclusive_alone || known.permits > AFFLUX_SHARED_MAX_PERMITS ||
      (known.mode & ~0777U) != 0 || known.max_handles == 0 ||
      known.max_handles > AFFLUX_SHARED_MAX_HANDLES || known.max_waiters == 0 ||
      known.max_waiters > AFFLUX_SHARED_MAX_WAITERS || known.reserved != 0)
    return AFFLUX_EINVAL;
  return AFFLUX_OK;
}

afflux_status read_request(const afflux_request* given, afflux_request& known) noexcept {
  afflux_request_init(&known);
  const auto status = static_cast<afflux_status>(afflux::capi::read_sized(
      given, known,
      {offsetof(afflux_request, permits), offsetof(afflux_request, priority),
       offsetof(afflux_request, reserved), offsetof(afflux_request, cost_bytes),
       offsetof(afflux_request, timeout_ns), offsetof(afflux_request, wake),
       offsetof(afflux_request, ctx), offsetof(afflux_request, port),
       offsetof(afflux_request, user_data), offsetof(afflux_request, client),
       offsetof(afflux_request, tag), offsetof(afflux_request, notify),
       offsetof(afflux_request, tenant)}));
  if (status != AFFLUX_OK) return status;
  const bool by_note = (known.flags & AFFLUX_WAIT_FOR_NOTE) != 0;
  const bool by_other = known.wake != nullptr || known.port != nullptr;
  if ((known.flags & ~static_cast<std::uint32_t>(AFFLUX_WAIT_FOR_NOTE)) != 0 ||
      known.permits == 0 || known.priority != AFFLUX_PRIORITY_NORMAL || known.reserved != 0 ||
      known.cost_bytes != 0 || !is_timeout(known.timeout_ns) || known.client != nullptr ||
      known.tag != nullptr || known.tenant != nullptr || by_note != (known.notify != nullptr) ||
      by_note == by_other)
    return AFFLUX_EINVAL;
  return AFFLUX_OK;
}

}  // namespace

extern "C" {

afflux_status afflux_shared_options_init(afflux_shared_options* options) {
  if (options == nullptr) return AFFLUX_EINVAL;
  *options = {};
  options->struct_size = sizeof *options;
  options->permits = 1;
  options->mode = 0600;
  options->max_handles = 256;
  options->max_waiters = 1024;
  return AFFLUX_OK;
}

afflux_status afflux_shared_open(const char* name, const afflux_shared_options* options,
                                 afflux_shared** ret_shared) {
  if (ret_shared == nullptr) return AFFLUX_EINVAL;
  afflux_shared_options known;
  const afflux_status valid =
      read_options(options, known,
                   AFFLUX_SHARED_CREATE | AFFLUX_SHARED_EXCLUSIVE | AFFLUX_SHARED_KEEP_OVER_EXEC);
  if (valid != AFFLUX_OK) return valid;
  if (name != nullptr ? !segment_file::is_name(name) : (known.flags & AFFLUX_SHARED_CREATE) == 0)
    return AFFLUX_EINVAL;
  handle* made = nullptr;
  const afflux_status status = told(handle::open(name, -1, known, made));
  if (status == AFFLUX_OK) *ret_shared = reinterpret_cast<afflux_shared*>(made);
  return status;
}

afflux_status afflux_shared_open_fd(int32_t fd, const afflux_shared_options* options,
                                    afflux_shared** ret_shared) {
  if (ret_shared == nullptr || fd < 0) return AFFLUX_EINVAL;
  afflux_shared_options known;
  const afflux_status valid = read_options(options, known, AFFLUX_SHARED_KEEP_OVER_EXEC);
  if (valid != AFFLUX_OK) return valid;
  handle* made = nullptr;
  const afflux_status status = told(handle::open(nullptr, fd, known, made));
  if (status == AFFLUX_OK) *ret_shared = reinterpret_cast<afflux_shared*>(made);
  return status;
}

int32_t afflux_shared_fd(const afflux_shared* shared) {
  return shared == nullptr ? -1 : of(shared)->fd();
}

afflux_shared* afflux_shared_ref(afflux_shared* shared) {
  if (shared != nullptr) of(shared)->ref();
  return shared;
}

void afflux_shared_unref(afflux_shared* shared) {
  if (shared != nullptr) of(shared)->unref();
}

afflux_status afflux_shared_remove(const char* name) {
  return segment_file::is_name(name) ? told(segment_file::remove(name)) : AFFLUX_EINVAL;
}

int32_t afflux_shared_last_os_error(void) { return t_os_error; }

afflux_status afflux_shared_try_acquire(afflux_shared* shared, uint64_t n) {
  if (shared == nullptr || n == 0) return AFFLUX_EINVAL;
  return of(shared)->try_acquire(n);
}

afflux_status afflux_shared_acquire(afflux_shared* shared, uint64_t n, int64_t timeout_ns) {
  if (shared == nullptr || n == 0 || !is_timeout(timeout_ns)) return AFFLUX_EINVAL;
  return told(of(shared)->acquire(n, timeout_ns));
}

afflux_status afflux_shared_acquire_async(afflux_shared* shared, const afflux_request* request,
                                          afflux_waiter* waiter) {
  if (shared == nullptr || request == nullptr || waiter == nullptr) return AFFLUX_EINVAL;
  afflux_request known;
  const afflux_status valid = read_request(request, known);
  return valid == AFFLUX_OK ? told(of(shared)->acquire_async(known, waiter)) : valid;
}

afflux_status afflux_shared_waiter_cancel(afflux_shared* shared, afflux_waiter* waiter) {
  return shared == nullptr || waiter == nullptr ? AFFLUX_EINVAL : of(shared)->cancel(waiter);
}

afflux_status afflux_shared_release(afflux_shared* shared, uint64_t n) {
  if (shared == nullptr || n == 0) return AFFLUX_EINVAL;
  return of(shared)->release(n);
}

afflux_status afflux_shared_resize(afflux_shared* shared, uint64_t permits) {
  if (shared == nullptr) return AFFLUX_EINVAL;
  if (permits <= AFFLUX_SHARED_MAX_PERMITS) return of(shared)->resize(permits);
  return of(shared)->is_foreign() || of(shared)->is_closed() ? AFFLUX_ECLOSED : AFFLUX_EOVERFLOW;
}

afflux_status afflux_shared_close(afflux_shared* shared) {
  return shared == nullptr ? AFFLUX_EINVAL : of(shared)->close();
}

afflux_status afflux_shared_get_stats(afflux_shared* shared, afflux_shared_stats* ret_stats) {
  if (shared == nullptr || ret_stats == nullptr || !afflux::capi::valid_out(*ret_stats))
    return AFFLUX_EINVAL;
  if (of(shared)->is_foreign()) return AFFLUX_ECLOSED;
  const std::uint32_t size = ret_stats->struct_size;
  *ret_stats = read_stats(*of(shared));
  ret_stats->struct_size = size;
  return AFFLUX_OK;
}

afflux_status afflux_shared_holders(afflux_shared* shared, afflux_shared_holder* ret_holders,
                                    size_t count, size_t* ret_count) {
  if (shared == nullptr || ret_count == nullptr || (count != 0 && ret_holders == nullptr))
    return AFFLUX_EINVAL;
  if (of(shared)->is_foreign()) return AFFLUX_ECLOSED;
  *ret_count = read_holders(*of(shared), ret_holders, count);
  return AFFLUX_OK;
}

uint64_t afflux_shared_held(const afflux_shared* shared) {
  if (shared == nullptr || of(shared)->is_foreign()) return 0;
  return held_by(*of(shared));
}

uint64_t afflux_shared_limit(const afflux_shared* shared) {
  if (shared == nullptr || of(shared)->is_foreign()) return 0;
  return limit_of(*of(shared));
}

}  // extern "C"
