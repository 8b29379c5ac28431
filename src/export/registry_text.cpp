// SPDX-License-Identifier: MIT OR Apache-2.0
#include "export/registry_text.h"

#include "export/exposition.h"
#include "time/clock.h"

namespace afflux::exporting {
namespace {

// What one text is made of: the objects that were there when it began.
class exported {
 public:
  explicit exported(registry& all)
      : all_(all),
        sems_end_(all.sems.additions()),
        clients_end_(all.clients.additions()),
        sems_(all.sems),
        clients_(all.clients),
        now_(time::rough_now_ns()) {}

  template <class See>
  void each_sem(See&& see) {
    all_.sems.visit_before(sems_.side, sems_end_,
                           [&](core::native_semaphore& m, std::uint64_t number) {
                             shown_sem one = {};
                             one.name = m.name == nullptr ? "" : m.name.get();
                             one.id = number;
                             one.created = all_.unix_time(m.created_at);
                             // acquire: as made by its first control.
                             one.control = m.controlled.load(std::memory_order_acquire);
                             read_stats(m, one.now);
                             const auto* const counts = m.stats();
                             if (counts != nullptr && counts->has_times()) {
                               one.waits = &counts->waits();
                               one.holds = &counts->holds();
                             }
                             return see(one);
                           });
  }

  template <class See>
  void each_client(See&& see) {
    all_.clients.visit_before(clients_.side, clients_end_,
                              [&](stats::client& m, std::uint64_t number) {
                                shown_client one = {};
                                one.what = &m;
                                one.id = number;
                                m.read(one.now, now_);
                                one.created = all_.unix_time(now_ - one.now.uptime_ns);
                                return see(one);
                              });
  }

  shown_client all_clients() {
    afflux_registry_summary_t sum = {};
    all_.sum_up_clients(sum, now_, clients_.side);
    shown_client together = {};
    together.id = sum.clients;
    together.created = all_.unix_time(all_.created_at());
    together.now = sum.client;
    return together;
  }

 private:
  registry& all_;
  const std::uint64_t sems_end_, clients_end_;
  const reading<registry::sem_set> sems_;
  const reading<registry::client_set> clients_;
  const std::int64_t now_;
};

}  // namespace

void write_text(registry& all, const text_options& options, text_writer& to) {
  exported what(all);
  exposition text(to, options.openmetrics);
  show_sems(text, [&](auto see) { what.each_sem(see); });
  const shown_client together = what.all_clients();
  show_clients(text, true, [&](auto see) { see(together); });
  if (options.each_client) {
    show_clients(text, false, [&](auto see) { what.each_client(see); });
  }
  text.end();
}

}  // namespace afflux::exporting
