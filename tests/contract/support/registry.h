// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A registry that is let go of at the end, and its summary.
#pragma once

#include <afflux/afflux.h>

#include <cstdint>
#include <stdexcept>
#include <utility>

namespace afflux_test {

inline afflux_sem_options sem_options(std::uint64_t permits = 4) {
  afflux_sem_options o;
  afflux_sem_options_init(&o);
  o.permits = permits;
  return o;
}

inline afflux_registry_summary_t zero_registry_summary() {
  afflux_registry_summary_t summary;
  afflux_registry_summary_init(&summary);
  return summary;
}

class registry_guard {
 public:
  registry_guard() {
    if (afflux_registry_create(&registry_) != AFFLUX_OK) throw std::runtime_error("registry");
  }
  ~registry_guard() { afflux_registry_unref(registry_); }
  registry_guard(const registry_guard&) = delete;
  registry_guard& operator=(const registry_guard&) = delete;

  afflux_registry* get() const { return registry_; }
  operator afflux_registry*() const { return registry_; }  // NOLINT(google-explicit-constructor)

  // A first look.
  afflux_registry_summary_t summary() const {
    afflux_registry_summary_t answer = zero_registry_summary();
    if (afflux_registry_summary(registry_, &answer) != AFFLUX_OK) {
      throw std::runtime_error("summary");
    }
    return answer;
  }

 private:
  afflux_registry* registry_ = nullptr;
};

}  // namespace afflux_test
