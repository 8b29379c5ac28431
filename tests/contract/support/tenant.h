// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A tenant that is let go of at the end, what it has, and its requests.
#pragma once

#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <stdexcept>
#include <utility>

#include "recorder.h"

namespace afflux_test {

inline afflux_tenant_options tenant_options(std::uint32_t weight = 1) {
  afflux_tenant_options options;
  afflux_tenant_options_init(&options);
  options.weight = weight;
  return options;
}
inline afflux_tenant_options guaranteed(std::uint64_t permits) {
  afflux_tenant_options options = tenant_options();
  options.guaranteed = permits;
  return options;
}
inline afflux_tenant_options capped(std::uint64_t permits) {
  afflux_tenant_options options = tenant_options();
  options.cap = permits;
  return options;
}

class tenant_guard {
 public:
  explicit tenant_guard(afflux_sem* sem, const afflux_tenant_options& options = tenant_options()) {
    if (afflux_tenant_create(sem, &options, &tenant_) != AFFLUX_OK) {
      throw std::runtime_error("tenant");
    }
  }
  ~tenant_guard() { reset(); }
  tenant_guard(const tenant_guard&) = delete;
  tenant_guard& operator=(const tenant_guard&) = delete;

  afflux_tenant* get() const { return tenant_; }
  operator afflux_tenant*() const { return tenant_; }  // NOLINT(google-explicit-constructor)
  void reset() { afflux_tenant_unref(give()); }
  // The reference becomes the caller's.
  afflux_tenant* give() { return std::exchange(tenant_, nullptr); }

  afflux_tenant_stats stats() const {
    afflux_tenant_stats answer;
    afflux_tenant_stats_init(&answer);
    if (afflux_tenant_get_stats(tenant_, &answer) != AFFLUX_OK) throw std::runtime_error("stats");
    return answer;
  }
  std::uint64_t held() const { return stats().held; }
  std::uint64_t waiting() const { return stats().waiting; }

 private:
  afflux_tenant* tenant_ = nullptr;
};

// A request of a tenant; one that is still in line leaves it at the end.
struct asked : pending {
  explicit asked(afflux_tenant* tenant, std::uint64_t permits = 1) : pending(permits) {
    request.tenant = tenant;
  }
  asked(afflux_tenant* tenant, journal& book, int id, std::uint64_t permits = 1)
      : pending(permits, book, id) {
    request.tenant = tenant;
  }
  ~asked() { cancel(); }
};

// As many requests that wait.
inline void queue_up(std::deque<asked>& all, afflux_sem* sem, afflux_tenant* tenant, int count) {
  for (int i = 0; i < count; ++i) {
    ASSERT_EQ(all.emplace_back(tenant).start(sem), AFFLUX_PENDING);
  }
}
inline int completed(const std::deque<asked>& all) {
  return static_cast<int>(
      std::count_if(all.begin(), all.end(), [](const asked& x) { return x.completions() != 0; }));
}

}  // namespace afflux_test
