// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Several at once: validate, convert, call.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>

#include "core/group_thread.h"
#include "handles.h"

using namespace afflux;
using namespace afflux::capi;

namespace {

using group = core::wait_group<policy>;
using item = core::wait_item<policy>;

// NOLINTBEGIN(misc-redundant-expression): they need not be the same
static_assert(sizeof(group) <= sizeof(afflux_wait_group) &&
              alignof(group) <= alignof(afflux_wait_group));
static_assert(sizeof(item) <= sizeof(afflux_wait_item::opaque) &&
              alignof(item) <= alignof(afflux_wait_item));
// NOLINTEND(misc-redundant-expression)

group* group_in(afflux_wait_group* storage) { return reinterpret_cast<group*>(storage); }

// What is wrong whatever the state of the semaphores is.
bool well_formed(group::kind kind, const afflux_wait_item* items, std::size_t count) {
  if (items == nullptr || count == 0 || count > AFFLUX_WAIT_ITEMS_MAX) return false;
  for (const afflux_wait_item* i = items; i != items + count; ++i) {
    if ((i->sem == nullptr) == (i->event == nullptr)) return false;
    if (i->event != nullptr ? i->permits != 1 : i->permits == 0) return false;
    // It would be asked for two signals at once.
    const auto same = [i](const afflux_wait_item& j) { return j.event == i->event; };
    if (i->event != nullptr && kind == group::kind::all && std::any_of(items, i, same))
      return false;
  }
  return true;
}

void add_all(group& to, afflux_wait_item* items, std::size_t count) {
  for (std::size_t at = 0; at < count; ++at) {
    afflux_wait_item& i = items[at];
    semaphore& sem = i.sem != nullptr ? *from(i.sem) : *from(i.event);
    to.add(*new (i.opaque) item(sem, askable(i.permits), static_cast<std::uint32_t>(at)));
  }
}

// ret_index: nullptr for ALL.
afflux_status block(group::kind kind, afflux_wait_item* items, std::size_t count,
                    std::int64_t timeout, std::size_t* ret_index) {
  if (!well_formed(kind, items, count) || timeout < AFFLUX_FOREVER) return AFFLUX_EINVAL;
  core::group_thread<policy> thread;
  group whole(kind, core::demand{}, {&core::group_thread<policy>::wake, &thread});
  add_all(whole, items, count);
  if (const status s = whole.check(); s != status::ok) return to_c(s);
  const status s = thread.acquire(whole, timeout);
  if (s == status::ok && ret_index != nullptr) *ret_index = whole.index();
  return to_c(s);
}

afflux_status begin(group::kind kind, afflux_wait_group* storage, afflux_wait_item* items,
                    std::size_t count, const afflux_request* request, std::size_t* ret_index) {
  if (storage == nullptr || request == nullptr || !well_formed(kind, items, count))
    return AFFLUX_EINVAL;
  afflux_request known;
  if (const status s = read_request(request, known); s != status::ok) return to_c(s);
  known.permits = 1;
  core::demand terms;
  if (const status s = to_demand(known, terms); s != status::ok) return to_c(s);
  if (known.timeout_ns < AFFLUX_FOREVER || known.client != nullptr || known.tenant != nullptr)
    return AFFLUX_EINVAL;
  queue::destination<policy> to;
  if (const status s = to_destination(known, to); s != status::ok) return to_c(s);

  group& whole = *new (storage) group(kind, terms, to);
  add_all(whole, items, count);
  if (const status s = whole.check(); s != status::ok) return to_c(s);
  const bool never_waits = known.timeout_ns == 0;
  const std::int64_t deadline =
      never_waits ? time::kNever : whole.deadline_for_all(known.timeout_ns);
  int error = 0;
  const status s = whole.start(deadline, never_waits, error);
  // From here on the group may be gone, unless that was its end.
  if (error != 0) set_last_os_error(error);
  if (s == status::ok && ret_index != nullptr) *ret_index = whole.index();
  return to_c(s);
}

}  // namespace

extern "C" {

afflux_status afflux_acquire_any(afflux_wait_item* items, size_t count, int64_t timeout_ns,
                                 size_t* ret_index) {
  if (ret_index == nullptr) return AFFLUX_EINVAL;
  return block(group::kind::any, items, count, timeout_ns, ret_index);
}

afflux_status afflux_acquire_any_async(afflux_wait_group* group, afflux_wait_item* items,
                                       size_t count, const afflux_request* request,
                                       size_t* ret_index) {
  return begin(core::wait_group<policy>::kind::any, group, items, count, request, ret_index);
}

afflux_status afflux_acquire_all(afflux_wait_item* items, size_t count, int64_t timeout_ns) {
  return block(group::kind::all, items, count, timeout_ns, nullptr);
}

afflux_status afflux_acquire_all_async(afflux_wait_group* group, afflux_wait_item* items,
                                       size_t count, const afflux_request* request) {
  return begin(core::wait_group<policy>::kind::all, group, items, count, request, nullptr);
}

afflux_status afflux_wait_group_cancel(afflux_wait_group* group) {
  return group == nullptr ? AFFLUX_EINVAL : to_c(group_in(group)->cancel());
}

size_t afflux_wait_group_index(const afflux_wait_group* group) {
  return group == nullptr ? 0 : reinterpret_cast<const core::wait_group<policy>*>(group)->index();
}

}  // extern "C"
