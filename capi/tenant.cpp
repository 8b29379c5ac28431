// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The tenants' calls: validate, convert, call.
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <new>

#include "core/tenant.h"
#include "export/tenant_reading.h"
#include "handles.h"
#include "sized.h"

using namespace afflux;
using namespace afflux::capi;

namespace {

using tenant = queue::tenant<policy>;

constexpr std::initializer_list<std::size_t> kTenantFields = {
    offsetof(afflux_tenant_options, guaranteed), offsetof(afflux_tenant_options, cap),
    offsetof(afflux_tenant_options, max_waiters), offsetof(afflux_tenant_options, name)};

afflux_tenant* to_handle(tenant* t) { return reinterpret_cast<afflux_tenant*>(t); }

bool valid_weight(uint32_t weight) { return weight - 1 < AFFLUX_TENANT_MAX_WEIGHT; }  // 0 wraps

status read_options(const afflux_tenant_options* given, afflux_tenant_options& known,
                    queue::share& share) {
  afflux_tenant_options_init(&known);
  if (given != nullptr) {
    if (const status s = read_sized(given, known, kTenantFields); s != status::ok) return s;
  }
  if (!valid_weight(known.weight) || known.guaranteed > queue::kMaxPermits ||
      (known.cap != 0 && known.guaranteed > known.cap)) {
    return status::invalid;
  }
  share = {.weight = known.weight, .guaranteed = known.guaranteed};
  if (known.cap != 0) share.cap = known.cap;
  if (known.max_waiters != 0) share.max_waiters = known.max_waiters;
  return status::ok;
}

}  // namespace

extern "C" {

afflux_status afflux_tenant_options_init(afflux_tenant_options* options) {
  if (options == nullptr) return AFFLUX_EINVAL;
  *options = {};
  options->struct_size = sizeof *options;
  options->weight = 1;
  return AFFLUX_OK;
}

afflux_status afflux_tenant_create(afflux_sem* sem, const afflux_tenant_options* options,
                                   afflux_tenant** ret_tenant) {
  if (sem == nullptr || ret_tenant == nullptr) return AFFLUX_EINVAL;
  afflux_tenant_options known;
  queue::share share;
  if (const status s = read_options(options, known, share); s != status::ok) return to_c(s);
  tenant* made = nullptr;
  const status s = core::create_tenant(*from(sem), share, known.name, made);
  if (s == status::ok) *ret_tenant = to_handle(made);
  return to_c(s);
}

afflux_tenant* afflux_tenant_ref(afflux_tenant* tenant) {
  if (tenant != nullptr) from(tenant)->ref();
  return tenant;
}

void afflux_tenant_unref(afflux_tenant* tenant) {
  if (tenant != nullptr) core::unref(*from(tenant));
}

afflux_status afflux_tenant_close(afflux_tenant* tenant) {
  return tenant == nullptr ? AFFLUX_EINVAL : to_c(from(tenant)->of.close(*from(tenant), false));
}

const char* afflux_tenant_name(const afflux_tenant* tenant) {
  return tenant == nullptr || from(tenant)->name == nullptr ? "" : from(tenant)->name.get();
}

afflux_sem* afflux_tenant_sem(const afflux_tenant* tenant) {
  return tenant == nullptr ? nullptr : to_handle(&from(tenant)->of);
}

afflux_status afflux_tenant_set(afflux_tenant* tenant, const afflux_tenant_options* options) {
  if (tenant == nullptr || options == nullptr) return AFFLUX_EINVAL;
  afflux_tenant_options known;
  queue::share share;
  if (const status s = read_options(options, known, share); s != status::ok) return to_c(s);
  if (known.name != nullptr) return AFFLUX_EINVAL;
  return to_c(from(tenant)->of.set_share(*from(tenant), share));
}

afflux_status afflux_tenant_set_default_weight(afflux_sem* sem, uint32_t weight) {
  if (sem == nullptr || !valid_weight(weight)) return AFFLUX_EINVAL;
  return to_c(core::set_default_weight(*from(sem), weight));
}

afflux_status afflux_tenant_try_acquire(afflux_tenant* tenant, uint64_t n) {
  if (tenant == nullptr || n == 0) return AFFLUX_EINVAL;
  return to_c(core::try_acquire(*from(tenant), askable(n)));
}

afflux_status afflux_tenant_acquire(afflux_tenant* tenant, uint64_t n, int64_t timeout_ns) {
  if (tenant == nullptr || n == 0 || timeout_ns < AFFLUX_FOREVER) return AFFLUX_EINVAL;
  queue::tenant<policy>& t = *from(tenant);
  return to_c(core::acquire(t.of, {.permits = askable(n), .tenant = &t}, timeout_ns));
}

afflux_status afflux_tenant_release(afflux_tenant* tenant, uint64_t n) {
  if (tenant == nullptr || n == 0) return AFFLUX_EINVAL;
  return to_c(from(tenant)->of.release_for(*from(tenant), n));
}

afflux_status afflux_tenant_adopt(afflux_tenant* tenant, uint64_t n, const char* tag,
                                  afflux_permit_token* ret_permit) {
  if (tenant == nullptr || n == 0 || ret_permit == nullptr) return AFFLUX_EINVAL;
  queue::tenant<policy>& t = *from(tenant);
  if (n > t.held.get()) return AFFLUX_EOVERFLOW;
  new (ret_permit) token(t.of, n, policy::now(), tag, &t);
  return AFFLUX_OK;
}

afflux_status afflux_tenant_stats_init(afflux_tenant_stats* stats) {
  if (stats == nullptr) return AFFLUX_EINVAL;
  *stats = {};
  stats->struct_size = sizeof *stats;
  return AFFLUX_OK;
}

afflux_status afflux_tenant_get_stats(const afflux_tenant* tenant, afflux_tenant_stats* ret_stats) {
  if (tenant == nullptr || ret_stats == nullptr || !valid_out(*ret_stats)) return AFFLUX_EINVAL;
  *ret_stats = exporting::read_stats(*from(tenant));
  return AFFLUX_OK;
}

}  // extern "C"
