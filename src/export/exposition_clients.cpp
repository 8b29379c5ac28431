// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Families of clients: of each client, or of all together. Each client names its classes and
// pipelines as it likes; the sums over all clients go by the numbers of these.
#include <iterator>

#include "export/exposition.h"

namespace afflux::exporting {
namespace {

constexpr std::string_view kPrefix = "afflux_client_";
constexpr std::string_view kPrefixOfAll = "afflux_clients_";
constexpr std::string_view kPrefixOfNumber = "afflux_";

using record = afflux_client_summary_t;

// One sample of a counter, with the labels that it is told by.
struct sample {
  std::uint64_t value;
  std::string_view label = {};  // of the family, with a text or a number
  const char* text = nullptr;   // nullptr: the number
  std::uint64_t number = 0;
  bool in_seconds = false;  // the value is in nanoseconds
};

void begin(exposition& to, const shown_client& c, std::string_view suffix) {
  to.begin(suffix);
  if (c.what == nullptr) return;
  to.label("client", c.what->name());
  to.label("id", c.id);
}

void show_sample(exposition& to, const shown_client& c, const sample& one) {
  const auto begin_with = [&](std::string_view suffix) {
    begin(to, c, suffix);
    if (one.label.empty()) return;
    if (one.text != nullptr) {
      to.label(one.label, one.text);
    } else {
      to.label(one.label, one.number);
    }
  };
  begin_with("_total");
  if (one.in_seconds) {
    to.value_in_seconds(static_cast<std::int64_t>(one.value));
  } else {
    to.value(one.value);
  }
  if (!to.tells_creation()) return;
  begin_with("_created");
  to.creation(c.created);
}

// Values by names, of which two may be the same: these are one series then.
template <std::size_t N, class NameOf>
void show_named(exposition& to, const shown_client& c, const std::uint64_t (&values)[N],
                std::string_view label, NameOf name_of) {
  for (std::size_t i = 0; i < N; ++i) {
    if (c.what == nullptr) {
      show_sample(to, c, {values[i], label, nullptr, i});
      continue;
    }
    const char* const name = name_of(i);
    std::uint64_t sum = values[i];
    bool told = false;
    for (std::size_t k = 0; k < N; ++k) {
      if (k == i || !same_text(name_of(k), name)) continue;
      if (k < i) told = true;
      sum += values[k];
    }
    if (!told) show_sample(to, c, {sum, label, name});
  }
}

void show_requests(exposition& to, const shown_client& c) {
  show_named(to, c, c.now.requests, "class", [&c](std::size_t i) { return c.what->class_name(i); });
}
void show_lines_read(exposition& to, const shown_client& c) {
  show_named(to, c, c.now.lines_read, "pipeline",
             [&c](std::size_t i) { return c.what->pipeline_name(i); });
}
void show_lines_dropped(exposition& to, const shown_client& c) {
  show_named(to, c, c.now.lines_dropped, "pipeline",
             [&c](std::size_t i) { return c.what->pipeline_name(i); });
}

// Of a client the codes that have occurred.
void show_responses(exposition& to, const shown_client& c) {
  if (c.what == nullptr) {
    show_sample(to, c, {c.now.responses_4xx, "class", "4xx"});
    show_sample(to, c, {c.now.responses_5xx, "class", "5xx"});
    show_sample(to, c, {c.now.responses_other, "class", "other"});
    return;
  }
  for (std::uint32_t code = 400; code < 600; ++code) {
    const std::uint64_t n = c.what->responses(code);
    if (n != 0) show_sample(to, c, {n, "code", nullptr, code});
  }
  if (c.now.responses_other != 0) show_sample(to, c, {c.now.responses_other, "code", "other"});
}

void show_wait(exposition& to, const shown_client& c) {
  sample one{c.now.wait_sum_ns};
  one.in_seconds = true;
  show_sample(to, c, one);
}

template <std::uint64_t record::*Field>
void show_total(exposition& to, const shown_client& c) {
  show_sample(to, c, {c.now.*Field});
}

void show_number(exposition& to, const shown_client& c) {
  begin(to, c, {});
  to.value(c.id);
}
void show_stalled(exposition& to, const shown_client& c) {
  begin(to, c, {});
  to.value(c.now.stalled);
}
void show_drop_ratio(exposition& to, const shown_client& c) {
  begin(to, c, {});
  to.value(c.now.drop_rate);
}
void show_speed(exposition& to, const shown_client& c) {
  begin(to, c, {});
  to.value(c.now.speed);
}
void show_drift(exposition& to, const shown_client& c) {
  begin(to, c, {});
  to.value_in_seconds(c.now.drift_ns);
}

enum class of : std::uint8_t { both, each, all };

struct family {
  metric what;
  void (*show)(exposition&, const shown_client&);
  of whom = of::both;
};

constexpr family kFamilies[] = {
    {{"clients", kind::gauge, "", "Clients in the registry."}, show_number, of::all},
    {{"requests", kind::counter, "", "Requests, by class."}, show_requests},
    {{"bytes", kind::counter, "bytes", "Bytes, of all runs."}, show_total<&record::bytes>},
    {{"responses", kind::counter, "", "Responses, by status code."}, show_responses},
    {{"reconnections", kind::counter, "", "Reconnections."}, show_total<&record::reconnections>},
    {{"timeouts", kind::counter, "", "Timeouts."}, show_total<&record::timeouts>},
    {{"lines_read", kind::counter, "", "Lines that arrived, by pipeline."}, show_lines_read},
    {{"lines_dropped", kind::counter, "", "Lines that were thrown away, by pipeline."},
     show_lines_dropped},
    {{"permits_acquired", kind::counter, "", "Permits that requests to semaphores acquired."},
     show_total<&record::acquired>},
    {{"waits", kind::counter, "", "Requests to semaphores that queued and have ended."},
     show_total<&record::waits>},
    {{"wait_seconds", kind::counter, "seconds", "How long these waited, together."}, show_wait},
    {{"rejected", kind::counter, "", "Requests that a semaphore's queue limit refused or dropped."},
     show_total<&record::rejected>},
    {{"timed_out", kind::counter, "", "Requests to semaphores whose time ran out."},
     show_total<&record::timed_out>},
    {{"canceled", kind::counter, "", "Requests to semaphores that were cancelled."},
     show_total<&record::canceled>},
    {{"drop_ratio", kind::gauge, "ratio", "Lines thrown away of those that arrived, 0 to 1."},
     show_drop_ratio},
    {{"stalled", kind::gauge, "", "Clients that have been too slow for too long."}, show_stalled},
    {{"speed_ratio", kind::gauge, "ratio", "How fast it runs, 1 being as fast as it should."},
     show_speed,
     of::each},
    {{"drift_seconds", kind::gauge, "seconds", "By how much it lags behind the time of its run."},
     show_drift,
     of::each},
};

const family none_left = {};

// The number-th of those that there are for one or for all.
const family& family_at(std::size_t number, bool of_all) {
  for (const family& f : kFamilies) {
    if (f.whom == (of_all ? of::each : of::all)) continue;
    if (number-- == 0) return f;
  }
  return none_left;
}

}  // namespace

bool begin_client_family(exposition& to, std::size_t number, bool of_all) {
  const family& f = family_at(number, of_all);
  if (f.show == nullptr) return false;
  to.family(f.whom == of::all ? kPrefixOfNumber : of_all ? kPrefixOfAll : kPrefix, f.what);
  return true;
}

void show(exposition& to, std::size_t number, const shown_client& c) {
  family_at(number, c.what == nullptr).show(to, c);
}

}  // namespace afflux::exporting
