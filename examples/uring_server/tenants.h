// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Those who share the server, by the names in their requests. A real server takes the name from
// what tells its clients apart for certain, say their key: a header that anybody can write is a
// model of it.
#pragma once

#include <afflux/afflux.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "options.h"

namespace uring_server {

class tenants {
 public:
  tenants(const afflux::semaphore& permits, const options& chosen);

  // Null for no name. Borrowed; made when the name is seen for the first time. Of names beyond the
  // bound, and of what is no name, all have the same one. From any thread.
  afflux_tenant* of(std::string_view name);

  // A row for each, who used most first. After the last request.
  void print_report() const;

 private:
  const afflux::semaphore& permits_;
  afflux::tenant rest_;
  std::mutex mutex_;  // of what follows
  std::size_t room_;  // for names that may still come
  std::map<std::string, afflux::tenant, std::less<>> by_name_;
};

}  // namespace uring_server
