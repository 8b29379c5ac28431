// SPDX-License-Identifier: MIT OR Apache-2.0
#include "service.h"

namespace uring_server {
namespace {

// The most that a semaphore takes: nobody ever waits.
constexpr std::uint64_t kNoLimit = (std::uint64_t{1} << 42) - 1;

afflux::options make_limits(const options& chosen) {
  afflux::options limits;
  limits.permits = chosen.limit != 0 ? chosen.limit : kNoLimit;
  limits.max_waiters = chosen.queue;
  // Who has waited longest is the one whose client is most likely to have given up.
  if (chosen.queue != 0) limits.overflow = afflux::overflow_policy::drop_oldest;
  limits.name = "requests in flight";
  limits.statistics = afflux::statistics_level::full;  // with histograms of waits and holds
  return limits;
}

std::unique_ptr<fleet> make_fleet(const options& chosen) {
  return chosen.fleet_url.empty() ? nullptr : open_fleet(chosen, make_limits(chosen));
}

afflux::control make_steering(const options& chosen, const afflux::semaphore& permits) {
  return chosen.adapts ? afflux::control(permits) : afflux::control::from_handle(nullptr);
}

}  // namespace

service::service(const options& chosen)
    : calls(chosen),
      shared_limit(make_fleet(chosen)),
      permits(shared_limit != nullptr ? shared_limit->permits()
                                      : afflux::semaphore(make_limits(chosen))),
      steering(make_steering(chosen, permits)) {
  if (chosen.tells_tenants) customers.emplace(permits, chosen);
  const afflux::status added = metrics.add(permits);
  if (added != afflux::status::ok) throw afflux::error(added, "metrics");
}

std::string service::metrics_text() const {
  const std::string text = metrics.text();
  return shared_limit != nullptr ? text + shared_limit->metrics() : text;
}

void service::keep(afflux::permit_token& ret_permit, afflux_tenant* of) const {
  if (of != nullptr) {
    afflux_tenant_adopt(of, 1, nullptr, ret_permit.handle());
  } else {
    afflux_permit_adopt(permits.handle(), 1, ret_permit.handle());
  }
}

void service::give_back(afflux::permit_token& permit, afflux::outcome how) const {
  (void)(steering ? steering.release(permit, how) : permit.release());
}

}  // namespace uring_server
