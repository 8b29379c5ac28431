// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The calls of fleet.h: validate, convert, call.
#include <afflux/fleet.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "fleet/agent.h"
#include "fleet/clock.h"
#include "fleet/engine.h"
#include "fleet/exposition.h"

using namespace afflux::fleet;

struct afflux_fleet {
  std::atomic<std::uint32_t> references{1};
  std::shared_ptr<afflux::fleet::agent> agent;

  // For the operator's calls, on a connection of their own.
  std::string url;
  std::mutex operating;
  std::unique_ptr<engine> operators;
};

namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kDay = 86'400'000 * kMs;
constexpr std::uint64_t kMostRequest = std::uint64_t{1} << 41;

// ---- Structs that grow (chapter 5 of afflux.h)

// The whole fields of a caller's struct over `known`, which holds the defaults.
template <class T>
afflux_status read_sized(const T* given, T& known, const std::vector<std::size_t>& fields) {
  std::uint32_t size = 0;
  std::memcpy(&size, given, sizeof size);
  if (size < fields.front()) return AFFLUX_EINVAL;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(given);
  std::size_t whole = sizeof(T);
  if (size > sizeof(T)) {
    const auto is_zero = [](unsigned char b) { return b == 0; };
    if (!std::all_of(bytes + sizeof(T), bytes + size, is_zero)) return AFFLUX_ENOTSUP;
  } else if (size < sizeof(T)) {
    whole = *std::prev(std::upper_bound(fields.begin(), fields.end(), std::size_t{size}));
  }
  std::memcpy(&known, bytes, whole);
  known.struct_size = sizeof(T);
  return AFFLUX_OK;
}

template <class T>
bool valid_out(const T* to) {
  return to != nullptr && (to->struct_size == 0 || to->struct_size >= sizeof(T));
}

template <class T>
afflux_status init_out(T* to) {
  if (to == nullptr) return AFFLUX_EINVAL;
  *to = {};
  to->struct_size = sizeof *to;
  return AFFLUX_OK;
}

#define AFFLUX_AT(field) offsetof(afflux_fleet_options, field)
const std::vector<std::size_t>& option_fields() {
  static const std::vector<std::size_t> fields = {
      AFFLUX_AT(url),         AFFLUX_AT(name),       AFFLUX_AT(label),
      AFFLUX_AT(limit),       AFFLUX_AT(minimum),    AFFLUX_AT(fallback),
      AFFLUX_AT(max_request), AFFLUX_AT(weight),     AFFLUX_AT(policy),
      AFFLUX_AT(lease_ns),    AFFLUX_AT(refresh_ns), AFFLUX_AT(max_hold_ns),
      AFFLUX_AT(margin_ns),   AFFLUX_AT(timeout_ns), AFFLUX_AT(sem),
      AFFLUX_AT(on_change),   AFFLUX_AT(ctx),        sizeof(afflux_fleet_options)};
  return fields;
}
#undef AFFLUX_AT

// ---- Options

bool valid_name(const char* name) {
  if (name == nullptr) return false;
  const std::size_t n = strnlen(name, AFFLUX_FLEET_MAX_NAME + 1);
  if (n == 0 || n > AFFLUX_FLEET_MAX_NAME) return false;
  return std::none_of(name, name + n,
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
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

// 128 random bits; empty where the system has none.
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

std::string default_label() {
  char host[256] = {};
  if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  std::string text = host;
  const std::string pid = "/" + std::to_string(getpid());
  if (text.size() + pid.size() > kMaxLabel) text.resize(kMaxLabel - pid.size());
  return text + pid;
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
  t.lease.label = o.label != nullptr ? clean_label(o.label) : default_label();
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

afflux_status open(const afflux_fleet_options& o, afflux_fleet** ret_fleet) {
  auto made = std::make_unique<afflux_fleet>();
  made->url = o.url != nullptr ? o.url : "redis://127.0.0.1";
  std::string why;
  auto its_engine = make_engine(made->url, why);
  if (its_engine == nullptr) return why.empty() ? AFFLUX_ENOTSUP : AFFLUX_EINVAL;
  made->operators = make_engine(made->url, why);
  std::string id = random_id();
  if (id.empty()) return AFFLUX_EOS;
  const std::uint64_t reserve = o.max_request != 0 ? o.max_request
                                : o.limit != 0     ? std::min(o.limit, kMostRequest)
                                                   : 65'536;
  agent_terms terms = to_terms(o, std::move(id));
  afflux_sem* sem = nullptr;
  if (const afflux_status s = make_sem(o, reserve, &sem); s != AFFLUX_OK) return s;
  const std::unique_ptr<afflux_sem, void (*)(afflux_sem*)> owner(sem, afflux_sem_unref);
  made->agent = std::make_shared<agent>(std::move(terms), std::move(its_engine), sem, reserve);
  made->agent->start();
  *ret_fleet = made.release();
  return AFFLUX_OK;
}

// What `make` makes, as far as there is room for it.
template <class F>
afflux_status copy(F&& make, char* buffer, std::size_t size, std::size_t* ret_size) {
  if (buffer == nullptr && size != 0) return AFFLUX_EINVAL;
  try {
    const std::string text = make();
    if (size != 0) {
      const std::size_t n = std::min(text.size(), size - 1);
      std::memcpy(buffer, text.data(), n);
      buffer[n] = '\0';
    }
    if (ret_size != nullptr) *ret_size = text.size();
    return AFFLUX_OK;
  } catch (const std::bad_alloc&) {
    return AFFLUX_ENOMEM;
  }
}

// ---- The operator's calls

bool valid_id(const char* id) {
  const std::size_t n = strnlen(id, 33);
  return n >= 1 && n <= 32 && std::all_of(id, id + n, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
         });
}

// `act` gets the engine and a deadline, and answers an outcome.
template <class F>
afflux_status operate(afflux_fleet* fleet, F&& act) {
  try {
    const std::scoped_lock lock(fleet->operating);
    const outcome o = act(*fleet->operators, now_ns() + fleet->agent->terms().timeout);
    if (o) return AFFLUX_OK;
    fleet->agent->note_failure(o.text);
    return o.failure == failure::refused ? AFFLUX_EREJECTED : AFFLUX_ETIMEDOUT;
  } catch (const std::bad_alloc&) {
    return AFFLUX_ENOMEM;
  }
}

request operators_request(const afflux_fleet* fleet, kind what) {
  request q;
  q.kind = what;
  q.fresh = fleet->agent->terms().is_fresh;
  std::uint64_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random) {
    random = static_cast<std::uint64_t>(now_ns());
  }
  q.nonce = random % kMaxNumber + 1;
  return q;
}

void tell(const record& r, afflux_fleet_totals& ret) {
  ret.struct_size = sizeof ret;
  ret.silent = r.silence != 0 ? 1 : 0;
  ret.limit = r.limit;
  ret.version = r.version;
  ret.leased = r.total;
  ret.demand = 0;
  for (const auto& [id, h] : r.holders) ret.demand += h.demand;
  ret.holders = r.holders.size();
  ret.token = r.stamp;
  ret.lease_ns = static_cast<std::int64_t>(r.lease);
}

}  // namespace

extern "C" {

afflux_status afflux_fleet_options_init(afflux_fleet_options* options) {
  if (options == nullptr) return AFFLUX_EINVAL;
  *options = {};
  options->struct_size = sizeof *options;
  options->weight = 1;
  options->lease_ns = 5'000 * kMs;
  options->refresh_ns = 1'000 * kMs;
  return AFFLUX_OK;
}

afflux_status afflux_fleet_open(const afflux_fleet_options* options, afflux_fleet** ret_fleet) {
  if (options == nullptr || ret_fleet == nullptr) return AFFLUX_EINVAL;
  try {
    afflux_fleet_options known;
    afflux_fleet_options_init(&known);
    const afflux_status s = read_sized(options, known, option_fields());
    if (s != AFFLUX_OK) return s;
    if (!valid_name(known.name) || !valid_numbers(known) || !valid_times(known)) {
      return AFFLUX_EINVAL;
    }
    return open(known, ret_fleet);
  } catch (const std::bad_alloc&) {
    return AFFLUX_ENOMEM;
  } catch (const std::system_error& e) {
    errno = e.code().value();
    return AFFLUX_EOS;
  }
}

afflux_fleet* afflux_fleet_ref(afflux_fleet* fleet) {
  // relaxed: who adds one has one.
  if (fleet != nullptr) fleet->references.fetch_add(1, std::memory_order_relaxed);
  return fleet;
}

void afflux_fleet_unref(afflux_fleet* fleet) {
  if (fleet == nullptr) return;
  // acq_rel: all that the others did with it comes before the end.
  if (fleet->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  fleet->agent->abandon();
  delete fleet;
}

afflux_status afflux_fleet_close(afflux_fleet* fleet, int64_t timeout_ns) {
  if (fleet == nullptr || timeout_ns < AFFLUX_FOREVER) return AFFLUX_EINVAL;
  return fleet->agent->close(timeout_ns);
}

afflux_sem* afflux_fleet_sem(const afflux_fleet* fleet) {
  return fleet != nullptr ? fleet->agent->sem() : nullptr;
}

const char* afflux_fleet_name(const afflux_fleet* fleet) {
  return fleet != nullptr ? fleet->agent->terms().name.c_str() : "";
}

afflux_status afflux_fleet_advance(afflux_fleet* fleet, int64_t* ret_next_ns) {
  if (fleet == nullptr) return AFFLUX_EINVAL;
  const std::shared_ptr<agent> kept = fleet->agent;  // a completion may drop the last reference
  return kept->advance(ret_next_ns);
}

afflux_status afflux_fleet_fence_init(afflux_fleet_fence* fence) { return init_out(fence); }

afflux_status afflux_fleet_get_fence(const afflux_fleet* fleet, afflux_fleet_fence* ret_fence) {
  if (fleet == nullptr || !valid_out(ret_fence)) return AFFLUX_EINVAL;
  ret_fence->struct_size = sizeof *ret_fence;
  fleet->agent->read(*ret_fence);
  return AFFLUX_OK;
}

afflux_status afflux_fleet_stats_init(afflux_fleet_stats* stats) { return init_out(stats); }

afflux_status afflux_fleet_get_stats(const afflux_fleet* fleet, afflux_fleet_stats* ret_stats) {
  if (fleet == nullptr || !valid_out(ret_stats)) return AFFLUX_EINVAL;
  ret_stats->struct_size = sizeof *ret_stats;
  fleet->agent->read(*ret_stats);
  return AFFLUX_OK;
}

afflux_status afflux_fleet_last_failure(const afflux_fleet* fleet, char* buffer, size_t size,
                                        size_t* ret_size) {
  if (fleet == nullptr) return AFFLUX_EINVAL;
  return copy([fleet] { return fleet->agent->last_failure(); }, buffer, size, ret_size);
}

afflux_status afflux_fleet_id(const afflux_fleet* fleet, char* buffer, size_t size,
                              size_t* ret_size) {
  if (fleet == nullptr) return AFFLUX_EINVAL;
  return copy([fleet] { return fleet->agent->id(); }, buffer, size, ret_size);
}

afflux_status afflux_fleet_write(const afflux_fleet* const* fleets, size_t n, uint32_t format,
                                 afflux_sink_fn sink, void* ctx) {
  if (sink == nullptr || format > AFFLUX_EXPORT_OPENMETRICS || (fleets == nullptr && n != 0) ||
      std::any_of(fleets, fleets + n, [](const afflux_fleet* f) { return f == nullptr; })) {
    return AFFLUX_EINVAL;
  }
  try {
    std::vector<exposed> all(n);
    for (std::size_t i = 0; i < n; ++i) {
      all[i].name = fleets[i]->agent->terms().name;
      fleets[i]->agent->read(all[i].stats);
    }
    const std::string text = expose(all, format == AFFLUX_EXPORT_OPENMETRICS);
    return text.empty() || sink(ctx, text.data(), text.size()) == 0 ? AFFLUX_OK : AFFLUX_ECANCELED;
  } catch (const std::bad_alloc&) {
    return AFFLUX_ENOMEM;
  }
}

afflux_status afflux_fleet_resize(afflux_fleet* fleet, uint64_t permits) {
  if (fleet == nullptr || permits > kMaxPermits) return AFFLUX_EINVAL;
  return operate(fleet, [&](engine& e, std::int64_t deadline) {
    request q = operators_request(fleet, kind::resize);
    q.limit = permits;
    reply a;
    return e.exchange(fleet->agent->terms().name, q, deadline, a);
  });
}

afflux_status afflux_fleet_holders(afflux_fleet* fleet, afflux_fleet_holder_visitor visit,
                                   void* ctx, afflux_fleet_totals* ret_totals) {
  if (fleet == nullptr || (ret_totals != nullptr && !valid_out(ret_totals))) return AFFLUX_EINVAL;
  record r;
  const afflux_status s = operate(fleet, [&](engine& e, std::int64_t deadline) {
    return e.read(fleet->agent->terms().name, deadline, r);
  });
  if (s != AFFLUX_OK) return s;
  if (r.epoch == 0) return AFFLUX_EAGAIN;
  if (ret_totals != nullptr) tell(r, *ret_totals);
  if (visit == nullptr) return AFFLUX_OK;
  for (const auto& [id, h] : r.holders) {
    afflux_fleet_holder told{};
    told.struct_size = sizeof told;
    told.weight = static_cast<std::uint32_t>(h.weight);
    told.id = id.c_str();
    told.label = h.label.c_str();
    told.permits = h.permits;
    told.target = h.target;
    told.demand = h.demand;
    told.minimum = h.minimum;
    told.token = h.stamp;
    told.age = r.stamp - h.stamp;
    if (visit(ctx, &told) != 0) return AFFLUX_ECANCELED;
  }
  return AFFLUX_OK;
}

afflux_status afflux_fleet_expire(afflux_fleet* fleet, const char* id) {
  if (fleet == nullptr || id == nullptr || !valid_id(id)) return AFFLUX_EINVAL;
  bool is_there = false;
  const afflux_status s = operate(fleet, [&](engine& e, std::int64_t deadline) {
    request q = operators_request(fleet, kind::expire);
    q.holder = id;
    reply a;
    outcome o = e.exchange(fleet->agent->terms().name, q, deadline, a);
    is_there = a.answer == answer::done;
    return o;
  });
  return s != AFFLUX_OK || is_there ? s : AFFLUX_EAGAIN;
}

}  // extern "C"
