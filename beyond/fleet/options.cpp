// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fleet/options.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "fleet/ledger.h"
#include "fleet/utf8.h"
#include "sized.h"

namespace afflux::fleet {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kDay = 86'400'000 * kMs;
constexpr std::uint64_t kMostRequest = std::uint64_t{1} << 41;

bool valid_name(const char* name) {
  if (name == nullptr) return false;
  const std::size_t n = strnlen(name, AFFLUX_FLEET_MAX_NAME + 1);
  if (n == 0 || n > AFFLUX_FLEET_MAX_NAME) return false;
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return is_utf8({name, n}) && std::none_of(name, name + n, is_control);
}

bool valid_numbers(const afflux_fleet_options& o) {
  if ((o.flags & ~std::uint32_t{AFFLUX_FLEET_MANUAL | AFFLUX_FLEET_FRESH}) != 0) return false;
  if (o.policy > AFFLUX_FLEET_FALL_BACK) return false;
  if ((o.policy == AFFLUX_FLEET_FALL_BACK) != (o.fallback != 0)) return false;
  return o.limit <= kMaxPermits && o.minimum <= kMaxPermits && o.fallback <= kMaxPermits &&
         o.max_request <= kMostRequest && o.weight >= 1 && o.weight <= AFFLUX_FLEET_MAX_WEIGHT;
}

// And sets what was left to the library.
bool valid_times(afflux_fleet_options& o) {
  if (o.lease_ns < 10 * kMs || o.lease_ns > kDay || o.refresh_ns < kMs || o.max_hold_ns < 0 ||
      o.margin_ns < 0 || o.timeout_ns < 0) {
    return false;
  }
  if (o.margin_ns == 0) o.margin_ns = o.lease_ns / 100;
  if (o.timeout_ns == 0) {
    o.timeout_ns = std::min(std::max(o.refresh_ns, 250 * kMs), o.lease_ns / 2);
  }
  // Each compared by itself first, so that the sum can't overflow.
  for (const std::int64_t t : {o.refresh_ns, o.max_hold_ns, o.margin_ns, o.timeout_ns}) {
    if (t > o.lease_ns) return false;
  }
  return o.margin_ns <= o.lease_ns / 4 &&
         2 * o.refresh_ns + o.max_hold_ns + 2 * o.margin_ns <= o.lease_ns;
}

std::string default_label() {
  char host[256] = {};
  if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  std::string text = host;
  const std::string pid = "/" + std::to_string(getpid());
  if (text.size() + pid.size() > kMaxLabel) text.resize(kMaxLabel - pid.size());
  return text + pid;
}

}  // namespace

afflux_fleet_options default_options() {
  afflux_fleet_options o{};
  o.struct_size = sizeof o;
  o.weight = 1;
  o.lease_ns = 5'000 * kMs;
  o.refresh_ns = 1'000 * kMs;
  return o;
}

afflux_status read(const afflux_fleet_options& given, afflux_fleet_options& ret_known) {
  ret_known = default_options();
#define AFFLUX_AT(field) offsetof(afflux_fleet_options, field)
  const auto s = static_cast<afflux_status>(capi::read_sized(
      &given, ret_known,
      {AFFLUX_AT(url), AFFLUX_AT(name), AFFLUX_AT(label), AFFLUX_AT(limit), AFFLUX_AT(minimum),
       AFFLUX_AT(fallback), AFFLUX_AT(max_request), AFFLUX_AT(weight), AFFLUX_AT(policy),
       AFFLUX_AT(lease_ns), AFFLUX_AT(refresh_ns), AFFLUX_AT(max_hold_ns), AFFLUX_AT(margin_ns),
       AFFLUX_AT(timeout_ns), AFFLUX_AT(sem), AFFLUX_AT(on_change), AFFLUX_AT(ctx)}));
#undef AFFLUX_AT
  if (s != AFFLUX_OK) return s;
  const bool good =
      valid_name(ret_known.name) && valid_numbers(ret_known) && valid_times(ret_known);
  return good ? AFFLUX_OK : AFFLUX_EINVAL;
}

std::uint64_t reserve_of(const afflux_fleet_options& known) {
  if (known.max_request != 0) return known.max_request;
  return known.limit != 0 ? std::min(known.limit, kMostRequest) : 65'536;
}

std::string random_id() {
  unsigned char bytes[16];
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return {};
  constexpr char kDigits[] = "0123456789abcdef";
  std::string id;
  for (const unsigned char b : bytes) {
    id += kDigits[b >> 4];
    id += kDigits[b & 15];
  }
  return id;
}

// The caller's options with permits and a name of the library's: in a copy as long as it says, for
// the library that is linked may know more of them than this one.
afflux_status make_sem(const afflux_fleet_options& o, std::uint64_t reserve, afflux_sem** ret) {
  afflux_sem_options defaults;
  afflux_sem_options_init(&defaults);
  const afflux_sem_options* const given = o.sem != nullptr ? o.sem : &defaults;
  std::uint32_t size = 0;
  std::memcpy(&size, given, sizeof size);
  constexpr std::size_t kPermits = offsetof(afflux_sem_options, permits);
  constexpr std::size_t kName = offsetof(afflux_sem_options, name);
  if (size < kPermits) return AFFLUX_EINVAL;
  // Room for what is set here: what a shorter struct lacks has its default.
  std::vector<std::max_align_t> room(
      std::max<std::size_t>(size, sizeof defaults) / sizeof(std::max_align_t) + 1);
  auto* const copy = reinterpret_cast<unsigned char*>(room.data());
  std::memcpy(copy, &defaults, sizeof defaults);
  std::memcpy(copy, given, size);
  const auto whole = std::max<std::uint32_t>(size, kName + sizeof(char*));
  std::memcpy(copy, &whole, sizeof whole);
  // A field that the struct has only in part is lacking.
  if (size < kName + sizeof(char*)) {
    constexpr std::size_t kEnds[] = {kPermits, kPermits + 8, kPermits + 16, kPermits + 24, kName};
    std::size_t end = kPermits;
    for (const std::size_t e : kEnds) end = e <= size ? e : end;
    std::memcpy(copy + end, reinterpret_cast<const unsigned char*>(&defaults) + end,
                sizeof defaults - end);
  }
  std::memcpy(copy + kPermits, &reserve, sizeof reserve);
  const char* name = nullptr;
  std::memcpy(&name, copy + kName, sizeof name);
  if (name == nullptr) name = o.name;
  std::memcpy(copy + kName, &name, sizeof name);
  return afflux_sem_create(reinterpret_cast<const afflux_sem_options*>(copy), ret);
}

agent_terms to_terms(const afflux_fleet_options& o, std::string id) {
  agent_terms t;
  t.name = o.name;
  t.timeout = o.timeout_ns;
  t.is_manual = (o.flags & AFFLUX_FLEET_MANUAL) != 0;
  t.is_fresh = (o.flags & AFFLUX_FLEET_FRESH) != 0;
  t.on_change = o.on_change;
  t.ctx = o.ctx;
  t.lease.holder = std::move(id);
  t.lease.label = o.label != nullptr ? clean_label(to_utf8(o.label)) : default_label();
  t.lease.lease = o.lease_ns;
  t.lease.refresh = o.refresh_ns;
  t.lease.margin = o.margin_ns;
  t.lease.max_hold = o.max_hold_ns;
  t.lease.weight = o.weight;
  t.lease.minimum = o.minimum;
  t.lease.limit = o.limit;
  t.lease.fallback = o.fallback;
  return t;
}

}  // namespace afflux::fleet
