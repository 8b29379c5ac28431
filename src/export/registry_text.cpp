// SPDX-License-Identifier: MIT OR Apache-2.0
#include "export/registry_text.h"

#include <memory>
#include <new>
#include <utility>

#include "export/exposition.h"
#include "export/top_tenants.h"
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
  exported(const exported&) = delete;
  exported& operator=(const exported&) = delete;
  ~exported() {
    // One by one: there may be too many for the stack.
    while (tenants_ != nullptr) tenants_ = std::move(tenants_->next);
  }

  // For each_tenanted(): all families tell of the same tenants, as they are now.
  status read_tenants_of_sems(std::uint32_t most) {
    status s = status::ok;
    std::unique_ptr<top_tenants>* last = &tenants_;
    visit_sems([&](core::native_semaphore& m, std::uint64_t number) {
      // relaxed: whether there are any.
      if (m.tenanted.load(std::memory_order_relaxed) == nullptr) return true;
      last->reset(new (std::nothrow) top_tenants(name_of(m), number));
      s = *last == nullptr ? status::no_memory : read_tenants(m, most, **last);
      if (s == status::ok) last = &(*last)->next;
      return s == status::ok;
    });
    return s;
  }
  template <class See>
  void each_tenanted(See&& see) {
    for (const top_tenants* t = tenants_.get(); t != nullptr && see(*t);) t = t->next.get();
  }

  template <class See>
  void each_sem(See&& see) {
    visit_sems([&](core::native_semaphore& m, std::uint64_t number) {
      shown_sem one = {};
      one.name = name_of(m);
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
  static const char* name_of(const core::native_semaphore& m) {
    return m.name == nullptr ? "" : m.name.get();
  }
  template <class See>
  void visit_sems(See&& see) {
    all_.sems.visit_before(sems_.side, sems_end_, see);
  }

  registry& all_;
  const std::uint64_t sems_end_, clients_end_;
  const reading<registry::sem_set> sems_;
  const reading<registry::client_set> clients_;
  const std::int64_t now_;
  std::unique_ptr<top_tenants> tenants_;
};

}  // namespace

status write_text(registry& all, const text_options& options, text_writer& to) {
  exported what(all);
  if (options.tenants != 0) {
    if (const status s = what.read_tenants_of_sems(options.tenants); s != status::ok) return s;
  }
  exposition text(to, options.openmetrics);
  show_sems(text, [&](auto see) { what.each_sem(see); });
  show_tenants(text, [&](auto see) { what.each_tenanted(see); });
  const shown_client together = what.all_clients();
  show_clients(text, true, [&](auto see) { see(together); });
  if (options.each_client) {
    show_clients(text, false, [&](auto see) { what.each_client(see); });
  }
  text.end();
  return status::ok;
}

}  // namespace afflux::exporting
