// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The record as text, in a Redis hash (one field each) and in etcd (one value).
#include <charconv>
#include <initializer_list>
#include <utility>

#include "fleet/ledger.h"

namespace afflux::fleet {
namespace {

constexpr std::uint64_t kFormat = 1;

std::string numbers(std::initializer_list<std::uint64_t> all) {
  std::string text;
  for (const std::uint64_t n : all) text += std::to_string(n) += ' ';
  return text;
}

// Takes a number and the space behind it off the front.
bool take(std::string_view& text, std::uint64_t& ret) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ret);
  if (error != std::errc{} || end == text.data() + text.size() || *end != ' ') return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

bool take(std::string_view& text, std::initializer_list<std::uint64_t*> all) {
  for (std::uint64_t* n : all) {
    if (!take(text, *n)) return false;
  }
  return true;
}

}  // namespace

std::string head_text(const record& r) {
  return numbers({kFormat, r.epoch, r.stamp, r.limit, r.version, r.lease, r.silence, r.proven,
                  r.since, r.total, r.owed, r.holders.size()}) +
         r.engine;
}

std::string holder_text(const holder& h) {
  return numbers(
             {h.permits, h.stamp, h.weight, h.minimum, h.demand, h.sequence, h.target, h.turn}) +
         h.label;
}

bool parse_head(std::string_view text, record& ret) {
  record r;
  std::uint64_t format = 0;
  std::uint64_t holders = 0;
  if (!take(text, format) || format != kFormat ||
      !take(text, {&r.epoch, &r.stamp, &r.limit, &r.version, &r.lease, &r.silence, &r.proven,
                   &r.since, &r.total, &r.owed, &holders})) {
    return false;
  }
  r.engine = text;
  ret = std::move(r);
  return true;
}

bool parse_holder(std::string_view text, holder& ret) {
  holder h;
  if (!take(text, {&h.permits, &h.stamp, &h.weight, &h.minimum, &h.demand, &h.sequence, &h.target,
                   &h.turn})) {
    return false;
  }
  h.label = text;
  ret = std::move(h);
  return true;
}

std::string to_text(const record& r) {
  std::string text = head_text(r);
  for (const auto& [id, h] : r.holders) text += "\n" + id + " " + holder_text(h);
  return text;
}

bool parse(std::string_view text, record& ret) {
  ret = {};
  if (text.empty()) return true;
  record r;
  const std::size_t head = text.find('\n');
  if (!parse_head(text.substr(0, head), r)) return false;
  text = head == text.npos ? std::string_view{} : text.substr(head + 1);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == text.npos ? std::string_view{} : text.substr(end + 1);
    const std::size_t space = line.find(' ');
    holder h;
    if (space == line.npos || !parse_holder(line.substr(space + 1), h)) return false;
    r.holders[std::string(line.substr(0, space))] = std::move(h);
  }
  ret = std::move(r);
  return true;
}

}  // namespace afflux::fleet
