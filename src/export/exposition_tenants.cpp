// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Families of tenants: of the first ones of each semaphore, and, of what is now, of the requests
// that name none and of all other tenants together.
#include <iterator>

#include "export/exposition.h"
#include "export/top_tenants.h"

namespace afflux::exporting {
namespace {

constexpr std::string_view kPrefix = "afflux_tenant_";
constexpr std::string_view kPrefixOfNumber = "afflux_";

using record = afflux_tenant_stats;

void begin(exposition& to, const top_tenants& of, std::string_view suffix = {}) {
  to.begin(suffix);
  to.label("semaphore", of.sem_name);
  to.label("id", of.sem_id);
}
void begin(exposition& to, const top_tenants& of, const shown_tenant& t,
           std::string_view suffix = {}) {
  begin(to, of, suffix);
  to.label("tenant", t.name == nullptr ? "" : t.name.get());
  to.label("tenant_id", t.number);
}
void begin_together(exposition& to, const top_tenants& of, const char* whose) {
  begin(to, of);
  to.label("tenant", whose);
}

template <class Show>
void for_each(const top_tenants& of, Show&& show) {
  for (std::size_t i = 0; i < of.shown_count; ++i) show(of.shown[i]);
}

void show_count(exposition& to, const top_tenants& of) {
  begin(to, of);
  to.value(of.count);
}

template <auto Field, std::uint64_t together::*Together>
void show_gauge(exposition& to, const top_tenants& of) {
  for_each(of, [&](const shown_tenant& t) {
    begin(to, of, t);
    to.value(t.now.*Field);
  });
  begin_together(to, of, "default");
  to.value(of.usual.*Together);
  if (of.shown_count == of.count) return;
  begin_together(to, of, "other");
  to.value(of.others.*Together);
}

void show_cap(exposition& to, const top_tenants& of) {
  for_each(of, [&](const shown_tenant& t) {
    if (t.now.cap == 0) return;
    begin(to, of, t);
    to.value(t.now.cap);
  });
}

template <auto Field>
void show_total(exposition& to, const top_tenants& of) {
  for_each(of, [&](const shown_tenant& t) {
    begin(to, of, t, "_total");
    to.value(t.now.*Field);
  });
}

void show_wait(exposition& to, const top_tenants& of) {
  for_each(of, [&](const shown_tenant& t) {
    begin(to, of, t, "_total");
    to.value_in_seconds(static_cast<std::int64_t>(t.now.wait_sum_ns));
  });
}

struct family {
  metric what;
  void (*show)(exposition&, const top_tenants&);
  std::string_view prefix = kPrefix;
};

constexpr family kFamilies[] = {
    {{"tenants", kind::gauge, "", "Tenants of the semaphore."}, show_count, kPrefixOfNumber},
    {{"permits_held", kind::gauge, "", "Permits that the tenant holds."},
     show_gauge<&record::held, &together::held>},
    {{"waiters", kind::gauge, "", "Requests of the tenant that are queued."},
     show_gauge<&record::waiting, &together::waiting>},
    {{"weight", kind::gauge, "", "Its weight among the tenants that wait."},
     show_gauge<&record::weight, &together::weight>},
    {{"permits_guaranteed", kind::gauge, "", "Permits that come before all weights."},
     show_gauge<&record::guaranteed, &together::guaranteed>},
    {{"permits_cap", kind::gauge, "", "Permits that the tenant holds at most."}, show_cap},
    {{"permits_acquired", kind::counter, "", "Permits that the tenant acquired."},
     show_total<&record::acquired>},
    {{"waits", kind::counter, "", "Requests that got their permits after a wait."},
     show_total<&record::waits>},
    {{"wait_seconds", kind::counter, "seconds", "How long these waited, together."}, show_wait},
    {{"rejected", kind::counter, "", "Requests that a queue limit refused or dropped."},
     show_total<&record::rejected>},
    {{"timed_out", kind::counter, "", "Requests whose time ran out."},
     show_total<&record::timed_out>},
    {{"canceled", kind::counter, "", "Requests that were cancelled."},
     show_total<&record::canceled>},
    {{"permit_seconds", kind::counter, "", "Permits held, times the seconds that they were held."},
     show_total<&record::used_permit_seconds>},
};

}  // namespace

bool begin_tenant_family(exposition& to, std::size_t number) {
  if (number >= std::size(kFamilies)) return false;
  to.family(kFamilies[number].prefix, kFamilies[number].what);
  return true;
}

void show(exposition& to, std::size_t number, const top_tenants& of) {
  kFamilies[number].show(to, of);
}

}  // namespace afflux::exporting
