// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A client by every way that is compared, with the same calls.
#pragma once

#include <afflux/afflux.h>

#include <cstdint>
#include <mutex>
#include <new>
#include <shared_mutex>

#include "support/locked_client.h"

namespace afflux::bench {

class afflux_way {
 public:
  static constexpr const char* kName = "afflux";
  afflux_way() = default;
  ~afflux_way() { afflux_client_unref(client_); }
  afflux_way(const afflux_way&) = delete;
  afflux_way& operator=(const afflux_way&) = delete;

  afflux_client* get() const { return client_; }
  void count_requests(std::uint32_t request_class, std::uint64_t n) {
    afflux_client_count_requests(client_, request_class, n);
  }
  void count_response(std::uint32_t code) { afflux_client_count_response(client_, code); }
  void count_lines(std::uint32_t pipeline, std::uint64_t read, std::uint64_t dropped) {
    afflux_client_count_lines(client_, pipeline, read, dropped);
  }
  std::uint64_t responses(std::uint32_t code) const {
    return afflux_client_responses(client_, code);
  }
  void summary(afflux_client_summary_t& into) const {
    into.struct_size = sizeof into;
    afflux_client_summary(client_, &into);
  }

 private:
  // Returns the client: the compiler then knows that nothing else changes client_.
  static afflux_client* create() {
    afflux_client* client = nullptr;
    if (afflux_client_create(nullptr, &client) != AFFLUX_OK) throw std::bad_alloc();
    return client;
  }

  afflux_client* const client_ = create();
};

struct mutex_way : locked_client<std::mutex> {
  static constexpr const char* kName = "mutex";
};
struct shared_mutex_way : locked_client<std::shared_mutex> {
  static constexpr const char* kName = "shared_mutex";
};

// Some of everything, and so many status codes.
template <class Way>
void use(Way& way, std::uint32_t codes) {
  for (std::uint32_t i = 0; i < codes; ++i) way.count_response(400 + i * 77 % 200);
  way.count_response(200);
  way.count_requests(0, 100);
  way.count_lines(0, 100, 3);
  way.count_lines(1, 10, 1);
}

}  // namespace afflux::bench
