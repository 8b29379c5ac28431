// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A client that is let go of at the end, and its summary.
#pragma once

#include <afflux/afflux.h>

#include <stdexcept>
#include <utility>

namespace afflux_test {

inline afflux_client_options client_options() {
  afflux_client_options options;
  afflux_client_options_init(&options);
  return options;
}

inline afflux_client_summary_t zero_summary() {
  afflux_client_summary_t summary;
  afflux_client_summary_init(&summary);
  return summary;
}

class client_guard {
 public:
  explicit client_guard(const afflux_client_options* options = nullptr) {
    if (afflux_client_create(options, &client_) != AFFLUX_OK) throw std::runtime_error("client");
  }
  ~client_guard() { reset(); }
  client_guard(const client_guard&) = delete;
  client_guard& operator=(const client_guard&) = delete;

  afflux_client* get() const { return client_; }
  operator afflux_client*() const { return client_; }  // NOLINT(google-explicit-constructor)
  void reset() { afflux_client_unref(std::exchange(client_, nullptr)); }

  afflux_client_summary_t summary() const {
    afflux_client_summary_t answer = zero_summary();
    if (afflux_client_summary(client_, &answer) != AFFLUX_OK) throw std::runtime_error("summary");
    return answer;
  }

 private:
  afflux_client* client_ = nullptr;
};

}  // namespace afflux_test
