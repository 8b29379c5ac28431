// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/client.hpp>

int main() {
  const afflux::client tenant({.name = "tenant"});
  if (tenant.count_bytes(2) != afflux::status::ok) return 1;
  return tenant.summary().bytes == 2 ? 0 : 2;
}
