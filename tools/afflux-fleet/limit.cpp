// SPDX-License-Identifier: MIT OR Apache-2.0
#include "limit.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace fleet_command {

connection::connection(const options& o) {
  afflux_fleet_options chosen;
  afflux_fleet_options_init(&chosen);
  chosen.flags = AFFLUX_FLEET_MANUAL | (o.is_fresh ? AFFLUX_FLEET_FRESH : 0);
  chosen.url = o.url.c_str();
  chosen.name = o.verb == verb::list ? "list" : o.name.c_str();
  chosen.timeout_ns = static_cast<std::int64_t>(o.timeout_s * 1e9);
  chosen.lease_ns = std::max(chosen.lease_ns, 2 * chosen.timeout_ns);  // none is taken
  status_ = afflux_fleet_open(&chosen, &fleet_);
}

std::string connection::failure(afflux_status s) const {
  if (fleet_ == nullptr) {
    if (s == AFFLUX_ENOTSUP) return "the URL's scheme is of no engine in this build";
    if (s == AFFLUX_EINVAL) return "the URL or the name is malformed";
  }
  std::string text(512, '\0');
  std::size_t n = 0;
  afflux_fleet_last_failure(fleet_, text.data(), text.size(), &n);
  text.resize(std::min(n, text.size() - 1));
  return n != 0 ? text : afflux_strerror(s);
}

afflux_status observer::look(afflux_fleet* fleet, limit& ret_limit) {
  limit found;
  const auto visit = [](void* ctx, const afflux_fleet_holder* h) -> std::int32_t {
    holder one;
    one.id = h->id;
    one.label = h->label;
    one.permits = h->permits;
    one.target = h->target;
    one.demand = h->demand;
    one.minimum = h->minimum;
    one.age = h->age;
    one.token = h->token;
    one.weight = h->weight;
    static_cast<limit*>(ctx)->holders.push_back(std::move(one));
    return 0;
  };
  const afflux_status s = afflux_fleet_holders(fleet, visit, &found, &found.totals);
  if (s != AFFLUX_OK) return s;
  const auto now = std::chrono::steady_clock::now();
  std::map<std::string, sight> seen;
  for (holder& h : found.holders) {
    const auto before = seen_.find(h.id);
    const bool is_same = before != seen_.end() && before->second.token == h.token;
    seen[h.id] = {h.token, is_same ? before->second.since : now};
    if (before != seen_.end()) {
      h.unheard_s = std::chrono::duration<double>(now - seen[h.id].since).count();
    }
  }
  seen_ = std::move(seen);
  std::sort(found.holders.begin(), found.holders.end(), [](const holder& a, const holder& b) {
    return std::tie(a.label, a.id) < std::tie(b.label, b.id);
  });
  ret_limit = std::move(found);
  return AFFLUX_OK;
}

}  // namespace fleet_command
