// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the clients saw, as tables.
#pragma once

#include <string>
#include <vector>

#include "client.h"
#include "options.h"

namespace uring_load {

void add(experience& sum, const experience& one);

// All together. Reorders the times.
void print_report(const options& chosen, experience& all, double seconds);

struct tenant_row {
  std::string name;
  experience seen;
};
// Each apart. Reorders the times.
void print_tenants(std::vector<tenant_row>& rows, double seconds);

}  // namespace uring_load
