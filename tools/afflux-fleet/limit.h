// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A limit as the engine has it, read by the public API; and what one look after the other tells of
// its holders.
#pragma once

#include <afflux/fleet.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "options.h"

namespace fleet_command {

struct holder {
  std::string id, label;
  std::uint64_t permits = 0, target = 0, demand = 0, minimum = 0, age = 0, token = 0;
  std::uint32_t weight = 1;
  double unheard_s = -1;  // at least so long; -1: not known yet
};

struct limit {
  afflux_fleet_totals totals{};
  std::vector<holder> holders;  // by label
};

// A handle that never leases: it only asks.
class connection {
 public:
  // On failure it has no handle, and status() tells why.
  explicit connection(const options& o);
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection() { afflux_fleet_unref(fleet_); }

  afflux_fleet* fleet() const { return fleet_; }
  afflux_status status() const { return status_; }
  // What went wrong, for people.
  std::string failure(afflux_status s) const;

 private:
  afflux_fleet* fleet_ = nullptr;
  afflux_status status_;
};

// The engine has no clock of holders: how long one is unheard of is known by looking twice.
class observer {
 public:
  // AFFLUX_OK, or as afflux_fleet_holders().
  afflux_status look(afflux_fleet* fleet, limit& ret_limit);

 private:
  struct sight {
    std::uint64_t token;
    std::chrono::steady_clock::time_point since;
  };
  std::map<std::string, sight> seen_;
};

}  // namespace fleet_command
