// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A control that is let go of at the end, and what it knows.
#pragma once

#include <afflux/afflux.h>

#include <cstdint>
#include <stdexcept>
#include <utility>

namespace afflux_test {

inline afflux_control_options control_options(std::uint32_t algorithm = AFFLUX_CONTROL_DEFAULT) {
  afflux_control_options options;
  afflux_control_options_init(&options);
  options.algorithm = algorithm;
  return options;
}

class control_guard {
 public:
  explicit control_guard(afflux_sem* sem, const afflux_control_options* options = nullptr) {
    if (afflux_control_create(sem, options, &control_) != AFFLUX_OK) {
      throw std::runtime_error("control");
    }
  }
  control_guard(afflux_sem* sem, const afflux_control_options& options)
      : control_guard(sem, &options) {}
  ~control_guard() { reset(); }
  control_guard(const control_guard&) = delete;
  control_guard& operator=(const control_guard&) = delete;

  afflux_control* get() const { return control_; }
  operator afflux_control*() const { return control_; }  // NOLINT(google-explicit-constructor)
  void reset() { afflux_control_unref(std::exchange(control_, nullptr)); }

  afflux_control_stats stats() const {
    afflux_control_stats answer;
    afflux_control_stats_init(&answer);
    if (afflux_control_get_stats(control_, &answer) != AFFLUX_OK) {
      throw std::runtime_error("stats");
    }
    return answer;
  }

 private:
  afflux_control* control_ = nullptr;
};

}  // namespace afflux_test
