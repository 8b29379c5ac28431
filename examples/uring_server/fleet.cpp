// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fleet.h"

#include <afflux/fleet.hpp>

#include <chrono>

namespace uring_server {
namespace {

class leased final : public fleet {
 public:
  leased(const options& chosen, const afflux_sem_options& limits)
      : fleet_({.url = chosen.fleet_url.c_str(),
                .name = chosen.fleet_name.c_str(),
                .limit = chosen.limit,
                // Calls that take a second end within the lease even when the engine is away.
                .max_hold = std::chrono::seconds(1),
                .max_request = 1,
                .sem = &limits}) {}

  afflux::semaphore permits() const override { return fleet_.sem().share(); }

  std::string metrics() const override {
    std::string text;
    const afflux_fleet* const all[] = {fleet_.handle()};
    const auto append = [](void* ctx, const char* data, std::size_t size) {
      static_cast<std::string*>(ctx)->append(data, size);
      return std::int32_t{0};
    };
    afflux_fleet_write(all, 1, AFFLUX_EXPORT_PROMETHEUS, append, &text);
    return text;
  }

  std::string close() override {
    const afflux_fleet_stats s = fleet_.stats();
    const bool is_back = fleet_.close() == afflux::status::ok;
    return "fleet           " + std::string(fleet_.name()) + ": leased " +
           std::to_string(s.leased) + " of " + std::to_string(s.limit) + ", " +
           std::to_string(s.exchanges) + " messages, " + std::to_string(s.failures) +
           " without an answer" + (is_back ? "" : "; not given back") + "\n";
  }

 private:
  afflux::fleet fleet_;
};

}  // namespace

std::unique_ptr<fleet> open_fleet(const options& chosen, const afflux::options& limits) {
  const auto c = static_cast<afflux_sem_options>(limits);
  return std::make_unique<leased>(chosen, c);
}

}  // namespace uring_server
