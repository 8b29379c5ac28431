// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fleet/exposition.h"

#include <atomic>
#include <cstdint>
#include <cstdio>

namespace afflux::fleet {
namespace {

struct family {
  const char* name;
  const char* help;
  const std::uint64_t afflux_fleet_stats::*count;  // or
  const std::int64_t afflux_fleet_stats::*ns;
};

constexpr family kGauges[] = {
    {"permits", "What the local semaphore may grant in all.", &afflux_fleet_stats::permits,
     nullptr},
    {"permits_leased", "Permits that the engine has for this process.", &afflux_fleet_stats::leased,
     nullptr},
    {"permits_target", "This process's share.", &afflux_fleet_stats::target, nullptr},
    {"permits_demand", "Permits that this process asks for.", &afflux_fleet_stats::demand, nullptr},
    {"permits_held", "Permits that are held in this process.", &afflux_fleet_stats::held, nullptr},
    {"waiters", "Requests that queue in this process.", &afflux_fleet_stats::waiters, nullptr},
    {"limit", "The limit of all processes together.", &afflux_fleet_stats::limit, nullptr},
    {"fleet_permits_leased", "Permits that all processes lease.", &afflux_fleet_stats::fleet_leased,
     nullptr},
    {"holders", "Processes that share the limit.", &afflux_fleet_stats::fleet_holders, nullptr},
    {"lease_remaining_seconds", "How long the lease still runs.", nullptr,
     &afflux_fleet_stats::lease_remaining_ns},
    {"round_trip_seconds", "The newest round trip to the engine.", nullptr,
     &afflux_fleet_stats::round_trip_ns},
};

constexpr family kCounters[] = {
    {"exchanges", "Messages that the engine answered.", &afflux_fleet_stats::exchanges, nullptr},
    {"failures", "Messages without an answer, or refused.", &afflux_fleet_stats::failures, nullptr},
    {"lapses", "Leases that ended before the next answer.", &afflux_fleet_stats::lapses, nullptr},
    {"epochs", "Times the engine lost its memory.", &afflux_fleet_stats::epochs, nullptr},
    {"changes", "Changes of the permits of this process.", &afflux_fleet_stats::changes, nullptr},
};

// Control characters can't be in a name.
std::string quoted(const std::string& name) {
  std::string text;
  for (const char c : name) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

std::string labels(const exposed& e) {
  return "fleet=\"" + quoted(e.name) + "\",id=\"" + std::to_string(e.id) + "\"";
}

std::string value_of(const family& f, const afflux_fleet_stats& s) {
  if (f.count != nullptr) return std::to_string(s.*f.count);
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(s.*f.ns) / 1e9);
  return text;
}

void expose(const family& f, const std::vector<exposed>& all, const char* type,
            const std::string& suffix, bool open_metrics, std::string& to) {
  const std::string base = std::string("afflux_fleet_") + f.name;
  const std::string described = open_metrics ? base : base + suffix;
  to += "# HELP " + described + " " + f.help + "\n# TYPE " + described + " " + type + "\n";
  for (const exposed& e : all) {
    to += base + suffix + "{" + labels(e) + "} " + value_of(f, e.stats) + "\n";
  }
}

void expose_states(const std::vector<exposed>& all, std::string& to) {
  static constexpr const char* kStates[] = {"starting", "leased",      "silent",    "away",
                                            "lapsed",   "fallen_back", "undefined", "closed"};
  to +=
      "# HELP afflux_fleet_state How this process stands: 1 for the state it is in.\n"
      "# TYPE afflux_fleet_state gauge\n";
  for (const exposed& e : all) {
    for (std::uint32_t s = 0; s < std::size(kStates); ++s) {
      to += "afflux_fleet_state{" + labels(e) + ",state=\"" + kStates[s] + "\"} " +
            (e.stats.state == s ? "1\n" : "0\n");
    }
  }
}

}  // namespace

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> newest{0};
  return newest.fetch_add(1, std::memory_order_relaxed) + 1;
}

std::string expose(const std::vector<exposed>& all, bool open_metrics) {
  std::string text;
  if (all.empty()) return text;
  expose_states(all, text);
  for (const family& f : kGauges) expose(f, all, "gauge", "", open_metrics, text);
  for (const family& f : kCounters) expose(f, all, "counter", "_total", open_metrics, text);
  return text;
}

}  // namespace afflux::fleet
