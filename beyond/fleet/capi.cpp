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
#include "fleet/options.h"

using namespace afflux::fleet;

struct afflux_fleet {
  std::atomic<std::uint32_t> references{1};
  const std::uint64_t id = next_id();  // in the exposition
  std::shared_ptr<afflux::fleet::agent> agent;

  // For the operator's calls, on a connection of their own.
  std::string url;
  std::mutex operating;
  std::unique_ptr<engine> operators;
};

namespace {

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

afflux_status open(const afflux_fleet_options& o, afflux_fleet** ret_fleet) {
  auto made = std::make_unique<afflux_fleet>();
  made->url = o.url != nullptr ? o.url : "redis://127.0.0.1";
  std::string why;
  auto its_engine = make_engine(made->url, why);
  if (its_engine == nullptr) return why.empty() ? AFFLUX_ENOTSUP : AFFLUX_EINVAL;
  made->operators = make_engine(made->url, why);
  std::string id = random_id();
  if (id.empty()) return AFFLUX_EOS;
  const std::uint64_t reserve = reserve_of(o);
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
  // What the agent has heard: after a loss of memory this is newer than what others will tell.
  afflux_fleet_fence fence{};
  fleet->agent->read(fence);
  afflux_fleet_stats known{};
  fleet->agent->read(known);
  q.fresh = fleet->agent->terms().is_fresh && fence.token == 0;
  q.version = known.version;
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
  *options = default_options();
  return AFFLUX_OK;
}

afflux_status afflux_fleet_open(const afflux_fleet_options* options, afflux_fleet** ret_fleet) {
  if (options == nullptr || ret_fleet == nullptr) return AFFLUX_EINVAL;
  try {
    afflux_fleet_options known;
    const afflux_status s = read(*options, known);
    return s == AFFLUX_OK ? open(known, ret_fleet) : s;
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
  const std::shared_ptr<agent> kept = fleet->agent;  // a completion may drop the last reference
  return kept->close(timeout_ns);
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

afflux_status afflux_fleet_begin(const afflux_fleet* fleet, afflux_fleet_fence* ret_fence) {
  const afflux_status s = afflux_fleet_get_fence(fleet, ret_fence);
  return s == AFFLUX_OK && ret_fence->remaining_ns == 0 ? AFFLUX_EAGAIN : s;
}

// A lease that has lapsed goes on as another tenure. So one that is the same now, and runs, has run
// all the time since `fence` began: a permit that was granted meanwhile is of it.
afflux_status afflux_fleet_check(const afflux_fleet* fleet, afflux_fleet_fence* fence) {
  if (fence == nullptr) return AFFLUX_EINVAL;
  const std::uint64_t begun = fence->tenure;
  const afflux_status s = afflux_fleet_get_fence(fleet, fence);
  if (s != AFFLUX_OK) return s;
  const bool is_same = fence->tenure == begun && begun != 0;
  fence->tenure = begun;  // so that work that has lost its permit never passes again
  return is_same && fence->remaining_ns > 0 ? AFFLUX_OK : AFFLUX_ECANCELED;
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
      all[i].id = fleets[i]->id;
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

afflux_status afflux_fleet_names(afflux_fleet* fleet, afflux_fleet_name_visitor visit, void* ctx) {
  if (fleet == nullptr || visit == nullptr) return AFFLUX_EINVAL;
  std::vector<std::string> names;
  const afflux_status s =
      operate(fleet, [&](engine& e, std::int64_t deadline) { return e.names(deadline, names); });
  if (s != AFFLUX_OK) return s;
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    if (visit(ctx, name.c_str()) != 0) return AFFLUX_ECANCELED;
  }
  return AFFLUX_OK;
}

}  // extern "C"
