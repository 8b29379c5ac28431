// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The text that Prometheus scrapes: its own format 0.0.4, or OpenMetrics 1.0.
//   https://prometheus.io/docs/instrumenting/exposition_formats/
//   https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
//
// All series of a family stand together, so each family is one walk over the objects.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "afflux/afflux.h"
#include "export/text_writer.h"
#include "policy.h"
#include "stats/client.h"
#include "stats/control_numbers.h"
#include "stats/histogram.h"

namespace afflux::exporting {

enum class kind : std::uint8_t { counter, gauge, histogram };

struct metric {
  const char* name;  // without the prefix, and without a counter's _total
  kind what;
  const char* unit;  // what the name ends with, or ""
  const char* help;
};

// A semaphore as it is at the moment. Times of creation are nanoseconds since 1970.
struct shown_sem {
  const char* name;
  std::uint64_t id;
  std::int64_t created;
  const stats::histogram<native_policy>* waits;  // nullptr: without
  const stats::histogram<native_policy>* holds;
  const stats::control_numbers<native_policy>* control;  // nullptr: it has had none
  afflux_sem_stats now;
};

// A client, or all of them together.
struct shown_client {
  const stats::client* what;  // nullptr: all
  std::uint64_t id;
  std::int64_t created;
  afflux_client_summary_t now;
};

struct top_tenants;  // top_tenants.h

// One text: families and their samples, in order.
class exposition {
 public:
  exposition(text_writer& to, bool openmetrics) : to_(to), openmetrics_(openmetrics) {}

  bool stopped() const { return to_.stopped(); }

  // What is told from now on, until the next. It is announced with its first sample.
  void family(std::string_view prefix, const metric& m) {
    prefix_ = prefix;
    metric_ = &m;
    announced_ = false;
  }

  // A sample is begin(), its labels, and a value. The suffix is for histograms.
  void begin(std::string_view suffix = {});
  void label(std::string_view name, const char* text);
  void label(std::string_view name, std::uint64_t number);
  template <class Number>
  void value(Number number) {
    end_labels();
    to_.put(number);
    to_.put(std::string_view("\n"));
  }
  void value_in_seconds(std::int64_t ns);

  // The whole text is told.
  void end();

  // A counter's or histogram's time of creation is a sample of its own, with the same labels.
  bool tells_creation() const { return openmetrics_ && metric_->what != kind::gauge; }
  void creation(std::int64_t unix_ns) {
    value_in_seconds(unix_ns - unix_ns % 1'000'000);  // the clock is no better
  }

 private:
  void announce();
  void comment(std::string_view what, std::string_view text);
  void end_labels();
  void put_name();

  text_writer& to_;
  const bool openmetrics_;
  std::string_view prefix_;
  const metric* metric_ = nullptr;
  bool announced_ = false;
  bool labelled_ = false;
};

// ---- the families, by number

// Begins it; false: there are no more.
bool begin_sem_family(exposition& to, std::size_t family);
bool begin_tenant_family(exposition& to, std::size_t family);
bool begin_client_family(exposition& to, std::size_t family, bool of_all);
// Its samples of one object.
void show(exposition& to, std::size_t family, const shown_sem& sem);
void show(exposition& to, std::size_t family, const top_tenants& of);
void show(exposition& to, std::size_t family, const shown_client& client);

// each(see) calls see(shown_sem) for one after the other, until it answers false.
template <class Each>
void show_sems(exposition& to, Each&& each) {
  for (std::size_t f = 0; begin_sem_family(to, f) && !to.stopped(); ++f) {
    each([&to, f](const shown_sem& sem) {
      show(to, f, sem);
      return !to.stopped();
    });
  }
}

// Likewise, of the tenants of a semaphore: see(top_tenants).
template <class Each>
void show_tenants(exposition& to, Each&& each) {
  for (std::size_t f = 0; begin_tenant_family(to, f) && !to.stopped(); ++f) {
    each([&to, f](const top_tenants& of) {
      show(to, f, of);
      return !to.stopped();
    });
  }
}

// Likewise, of clients; or of all of them together as one.
template <class Each>
void show_clients(exposition& to, bool of_all, Each&& each) {
  for (std::size_t f = 0; begin_client_family(to, f, of_all) && !to.stopped(); ++f) {
    each([&to, f](const shown_client& client) {
      show(to, f, client);
      return !to.stopped();
    });
  }
}

}  // namespace afflux::exporting
