// SPDX-License-Identifier: MIT OR Apache-2.0
#include "export/exposition.h"

namespace afflux::exporting {
namespace {

std::string_view type_of(kind what) {
  switch (what) {
    case kind::counter:
      return "counter";
    case kind::gauge:
      return "gauge";
    default:
      return "histogram";
  }
}

}  // namespace

void exposition::put_name() {
  to_.put(prefix_);
  to_.put(std::string_view(metric_->name));
}

void exposition::comment(std::string_view what, std::string_view text) {
  to_.put(std::string_view("# "));
  to_.put(what);
  to_.put(std::string_view(" "));
  put_name();
  // In OpenMetrics the suffix belongs to the sample, not to the family.
  if (metric_->what == kind::counter && !openmetrics_) to_.put(std::string_view("_total"));
  to_.put(std::string_view(" "));
  to_.put(text);
  to_.put(std::string_view("\n"));
}

void exposition::announce() {
  if (announced_) return;
  announced_ = true;
  comment("HELP", metric_->help);
  comment("TYPE", type_of(metric_->what));
  if (openmetrics_ && metric_->unit[0] != 0) comment("UNIT", metric_->unit);
}

void exposition::begin(std::string_view suffix) {
  announce();
  put_name();
  to_.put(suffix);
  labelled_ = false;
}

void exposition::label(std::string_view name, const char* text) {
  to_.put(std::string_view(labelled_ ? "," : "{"));
  labelled_ = true;
  to_.put(name);
  to_.put(std::string_view("=\""));
  to_.put_escaped(text);
  to_.put(std::string_view("\""));
}

void exposition::label(std::string_view name, std::uint64_t number) {
  to_.put(std::string_view(labelled_ ? "," : "{"));
  labelled_ = true;
  to_.put(name);
  to_.put(std::string_view("=\""));
  to_.put(number);
  to_.put(std::string_view("\""));
}

void exposition::end_labels() { to_.put(std::string_view(labelled_ ? "} " : " ")); }

void exposition::value_in_seconds(std::int64_t ns) {
  end_labels();
  to_.put_seconds(ns);
  to_.put(std::string_view("\n"));
}

void exposition::end() {
  if (openmetrics_) to_.put(std::string_view("# EOF\n"));
  to_.flush();
}

}  // namespace afflux::exporting
