// SPDX-License-Identifier: MIT OR Apache-2.0
#include "tenants.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <utility>
#include <vector>

#include "../support/tenant_name.h"

namespace uring_server {
namespace {

// In parentheses, as no request's name is.
constexpr const char* kRest = "(the rest)";

double ms(std::uint64_t ns) { return static_cast<double>(ns) / 1e6; }

void print_row(const char* name, const afflux_tenant_stats& had) {
  const double mean = had.waits == 0 ? 0 : ms(had.wait_sum_ns) / static_cast<double>(had.waits);
  std::printf("%-20s %9u %9llu %9llu %9.1f %9.1f %9llu %12.2f\n", name, had.weight,
              static_cast<unsigned long long>(had.requests),
              static_cast<unsigned long long>(had.waits), mean, ms(had.wait_max_ns),
              static_cast<unsigned long long>(had.rejected), had.used_permit_seconds);
}

}  // namespace

tenants::tenants(const afflux::semaphore& permits, const options& chosen)
    : permits_(permits), rest_(permits, {.name = kRest}), room_(chosen.tenants) {
  for (const tenant_share& share : chosen.shares) {
    by_name_.emplace(share.name, afflux::tenant(permits, {.weight = share.weight,
                                                          .guaranteed = share.guaranteed,
                                                          .cap = share.cap,
                                                          .name = share.name.c_str()}));
  }
}

afflux_tenant* tenants::of(std::string_view name) {
  if (name.empty()) return nullptr;
  if (!example::is_tenant_name(name)) return rest_.handle();
  const std::lock_guard lock(mutex_);
  if (const auto found = by_name_.find(name); found != by_name_.end())
    return found->second.handle();
  if (room_ == 0) return rest_.handle();
  std::string key(name);
  afflux::status made = afflux::status::ok;
  afflux::tenant tenant = afflux::tenant::create(permits_, {.name = key.c_str()}, made);
  if (made != afflux::status::ok) return rest_.handle();  // no memory, or the server ends
  --room_;
  return by_name_.emplace(std::move(key), std::move(tenant)).first->second.handle();
}

void tenants::print_report() const {
  using row = std::pair<const char*, afflux_tenant_stats>;
  std::vector<row> rows;
  rows.reserve(by_name_.size() + 1);
  for (const auto& [name, tenant] : by_name_) rows.emplace_back(name.c_str(), tenant.stats());
  rows.emplace_back(kRest, rest_.stats());
  std::ranges::stable_sort(rows, std::ranges::greater(),
                           [](const row& one) { return one.second.used_permit_seconds; });
  std::printf("\n%-20s %9s %9s %9s %9s %9s %9s %12s\n", "tenant", "weight", "granted", "waited",
              "mean ms", "most ms", "shed", "permit-secs");
  for (const auto& [name, had] : rows) print_row(name, had);
}

}  // namespace uring_server
