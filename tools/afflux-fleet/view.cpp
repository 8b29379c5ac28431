// SPDX-License-Identifier: MIT OR Apache-2.0
#include "view.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include "../../beyond/fleet/utf8.h"

namespace fleet_command {
namespace {

std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (const char c : afflux::fleet::to_utf8(text)) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      json += escaped;
    } else {
      json += c;
    }
  }
  return json + '"';
}

std::string seconds(double s) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", s);
  return text;
}

// Columns on a terminal: characters, not bytes of UTF-8.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

constexpr std::size_t kColumns = 9;
using row = std::array<std::string, kColumns>;

// The first and the last are texts, those between are numbers.
std::string aligned(const std::vector<row>& rows) {
  std::array<std::size_t, kColumns> widths{};
  for (const row& r : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], width(r[i]));
  }
  std::string text;
  for (const row& r : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) {
      const std::string space(widths[i] - width(r[i]), ' ');
      if (i != 0) text += "  ";
      text += i == 0 ? r[i] + space : i == kColumns - 1 ? r[i] : space + r[i];
    }
    text += '\n';
  }
  return text;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string clean = afflux::fleet::to_utf8(text);
  for (char& c : clean) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return clean;
}

std::string to_table(const std::string& name, const limit& l) {
  const afflux_fleet_totals& t = l.totals;
  const std::uint64_t free = t.leased < t.limit ? t.limit - t.leased : 0;
  std::string text = printable(name) + ": limit " + std::to_string(t.limit) + " (changed " +
                     std::to_string(t.version) + " times), leased " + std::to_string(t.leased) +
                     ", free " + std::to_string(free) + ", demand " + std::to_string(t.demand) +
                     ", holders " + std::to_string(t.holders) + ", lease " +
                     seconds(static_cast<double>(t.lease_ns) / 1e9) + " s\n";
  if (t.silent != 0) {
    text +=
        "silent: the engine is new or has lost its memory, and grants nothing until a holder has "
        "been there for one lease\n";
  }
  if (t.leased > t.limit) text += "above the limit: it was lowered, and is not given back yet\n";
  if (l.holders.empty()) return text;
  std::vector<row> rows = {
      {"HOLDER", "PERMITS", "TARGET", "DEMAND", "WEIGHT", "MINIMUM", "MESSAGES", "UNHEARD", "ID"}};
  for (const holder& h : l.holders) {
    rows.push_back({printable(h.label), std::to_string(h.permits), std::to_string(h.target),
                    std::to_string(h.demand), std::to_string(h.weight), std::to_string(h.minimum),
                    std::to_string(h.age), h.unheard_s < 0 ? "" : seconds(h.unheard_s) + " s",
                    printable(h.id)});
  }
  return text + aligned(rows);
}

std::string to_json(const std::string& name, const limit& l) {
  const afflux_fleet_totals& t = l.totals;
  const auto number = [](const char* key, std::uint64_t n) {
    return quoted(key) + ":" + std::to_string(n);
  };
  std::string json = "{\"name\":" + quoted(name) + "," + number("limit", t.limit) + "," +
                     number("version", t.version) + "," + number("leased", t.leased) + "," +
                     number("free", t.leased < t.limit ? t.limit - t.leased : 0) + "," +
                     number("demand", t.demand) + "," + number("token", t.token) + "," +
                     number("lease_ns", static_cast<std::uint64_t>(t.lease_ns)) +
                     ",\"silent\":" + (t.silent != 0 ? "true" : "false") + ",\"holders\":[";
  for (const holder& h : l.holders) {
    if (&h != l.holders.data()) json += ',';
    json += "{\"id\":" + quoted(h.id) + ",\"label\":" + quoted(h.label) + "," +
            number("permits", h.permits) + "," + number("target", h.target) + "," +
            number("demand", h.demand) + "," + number("weight", h.weight) + "," +
            number("minimum", h.minimum) + "," + number("token", h.token) + "," +
            number("messages_since", h.age) +
            ",\"unheard_s\":" + (h.unheard_s < 0 ? "null" : seconds(h.unheard_s)) + "}";
  }
  return json + "]}\n";
}

std::string to_json(const std::vector<std::string>& names) {
  std::string json = "[";
  for (const std::string& name : names) {
    if (&name != names.data()) json += ',';
    json += quoted(name);
  }
  return json + "]\n";
}

}  // namespace fleet_command
