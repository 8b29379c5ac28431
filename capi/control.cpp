// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The control's calls: validate, convert, call.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <utility>

#include "control/choose.h"
#include "control/steering.h"
#include "handles.h"
#include "sized.h"

using namespace afflux;
using namespace afflux::capi;

namespace {

using steering = control::steering<policy>;
using control::outcome;
using control::reason;

static_assert(static_cast<int>(outcome::ignored) == AFFLUX_CONTROL_IGNORED);
static_assert(static_cast<int>(control::decision::lowered) == AFFLUX_CONTROL_LOWERED);
static_assert(static_cast<int>(reason::probe) == AFFLUX_CONTROL_BECAUSE_PROBE);
static_assert(static_cast<int>(reason::at_min) == AFFLUX_CONTROL_BECAUSE_MIN);

constexpr const char* kReasons[] = {
    "no window has ended",
    "nothing calls for another limit",
    "latency shows no queue",
    "latency shows a queue",
    "requests were dropped, or took too long",
    "too little of the limit was in use",
    "too few samples",
    "a probe began or ended",
    "max keeps it from growing",
    "min keeps it from shrinking",
};
static_assert(std::size(kReasons) == AFFLUX_CONTROL_BECAUSE_MIN + 1);

constexpr std::initializer_list<std::size_t> kControlFields = {
    offsetof(afflux_control_options, min),
    offsetof(afflux_control_options, max),
    offsetof(afflux_control_options, initial),
    offsetof(afflux_control_options, seed),
    offsetof(afflux_control_options, window_ns),
    offsetof(afflux_control_options, timeout_ns),
    offsetof(afflux_control_options, probe_interval_ns),
    offsetof(afflux_control_options, on_change),
    offsetof(afflux_control_options, ctx)};

steering* from(afflux_control* handle) { return reinterpret_cast<steering*>(handle); }
// Reading adds up what the samples have left.
steering* from(const afflux_control* handle) { return from(const_cast<afflux_control*>(handle)); }

bool is_outcome(uint32_t how) { return how <= AFFLUX_CONTROL_IGNORED; }

bool to_settings(const afflux_control_options& o, std::uint64_t limit, control::settings& s) {
  if (o.algorithm >= AFFLUX_CONTROL_ALGORITHMS || o.window_ns < 0 || o.timeout_ns < 0 ||
      o.probe_interval_ns < 0) {
    return false;
  }
  s.algorithm = o.algorithm;
  s.min = o.min;
  s.max = o.max;
  s.initial = o.initial;
  s.seed = o.seed;
  s.window = o.window_ns;
  s.timeout = o.timeout_ns;
  s.probe_interval = o.probe_interval_ns;
  return control::complete(s, limit);
}

void fill_in(afflux_control_stats& to, steering& from) {
  const control::report r = from.read();
  to = {};
  to.struct_size = sizeof to;
  to.algorithm = from.within().algorithm;
  to.paused = r.paused ? 1 : 0;
  to.decision = static_cast<std::uint32_t>(r.last);
  to.reason = static_cast<std::uint32_t>(r.why);
  to.limit = from.steered().limit();
  to.min = from.within().min;
  to.max = from.within().max;
  to.center = r.center;
  to.served = r.served;
  to.dropped = r.dropped;
  to.ignored = r.ignored;
  to.missed = r.missed;
  to.windows = r.windows;
  to.raised = r.raised;
  to.lowered = r.lowered;
  to.window_ns = r.time;
  to.window_served = r.window_served;
  to.window_dropped = r.window_dropped;
  to.window_latency_ns = r.latency;
  to.window_in_flight = r.in_flight;
  if (r.time > 0) {
    to.window_throughput = static_cast<double>(r.window_served) * 1e9 / static_cast<double>(r.time);
  }
}

}  // namespace

extern "C" {

afflux_status afflux_control_options_init(afflux_control_options* options) {
  if (options == nullptr) return AFFLUX_EINVAL;
  *options = {};
  options->struct_size = sizeof *options;
  options->seed = 1;
  return AFFLUX_OK;
}

const char* afflux_control_algorithm_name(uint32_t algorithm) {
  return control::name_of(algorithm);
}

afflux_status afflux_control_find_algorithm(const char* name, uint32_t* ret_algorithm) {
  if (name == nullptr || ret_algorithm == nullptr) return AFFLUX_EINVAL;
  for (std::uint32_t i = 0; i < AFFLUX_CONTROL_ALGORITHMS; ++i) {
    if (std::strcmp(name, control::name_of(i)) == 0) {
      *ret_algorithm = i;
      return AFFLUX_OK;
    }
  }
  return AFFLUX_EINVAL;
}

afflux_status afflux_control_create(afflux_sem* sem, const afflux_control_options* options,
                                    afflux_control** ret_control) {
  if (sem == nullptr || ret_control == nullptr) return AFFLUX_EINVAL;
  afflux_control_options known;
  afflux_control_options_init(&known);
  if (options != nullptr) {
    if (const status s = read_sized(options, known, kControlFields); s != status::ok)
      return to_c(s);
  }
  semaphore& steered = *capi::from(sem);
  control::settings settings;
  if (!to_settings(known, steered.limit(), settings)) return AFFLUX_EINVAL;
  if (steered.closed()) return AFFLUX_ECLOSED;
  std::unique_ptr<control::algorithm> how = control::choose(settings);
  if (how == nullptr) return AFFLUX_ENOMEM;
  bool busy = false;
  steering* const made = steering::create(steered, std::move(how),
                                          {.algorithm = settings.algorithm,
                                           .min = settings.min,
                                           .max = settings.max,
                                           .changed = known.on_change,
                                           .ctx = known.ctx},
                                          busy);
  if (made == nullptr) return busy ? AFFLUX_EBUSY : AFFLUX_ENOMEM;
  *ret_control = reinterpret_cast<afflux_control*>(made);
  return AFFLUX_OK;
}

afflux_control* afflux_control_ref(afflux_control* control) {
  if (control != nullptr) from(control)->ref();
  return control;
}

void afflux_control_unref(afflux_control* control) {
  if (control != nullptr) from(control)->unref();
}

afflux_status afflux_control_sample(afflux_control* control, int64_t latency_ns, uint32_t outcome) {
  if (control == nullptr || latency_ns < 0 || !is_outcome(outcome)) [[unlikely]]
    return AFFLUX_EINVAL;
  steering& to = *from(control);
  if (to.add(latency_ns, static_cast<control::outcome>(outcome))) [[unlikely]]
    to.collect();
  return AFFLUX_OK;
}

afflux_status afflux_control_release(afflux_control* control, afflux_permit_token* permit,
                                     uint32_t outcome) {
  if (control == nullptr || permit == nullptr || !is_outcome(outcome)) return AFFLUX_EINVAL;
  steering& to = *from(control);
  bool over = false;
  const status s = capi::from(permit)->release_after([&](const semaphore& sem, std::int64_t since) {
    if (&sem != &to.steered()) return status::invalid;
    const std::int64_t now = policy::now();
    over =
        to.add(std::max<std::int64_t>(now - since, 0), static_cast<control::outcome>(outcome), now);
    return status::ok;
  });
  if (over) to.collect();
  return to_c(s);
}

afflux_status afflux_control_pause(afflux_control* control) {
  if (control == nullptr) return AFFLUX_EINVAL;
  return from(control)->pause() ? AFFLUX_OK : AFFLUX_EALREADY;
}

afflux_status afflux_control_resume(afflux_control* control) {
  if (control == nullptr) return AFFLUX_EINVAL;
  return from(control)->resume() ? AFFLUX_OK : AFFLUX_EALREADY;
}

afflux_status afflux_control_stats_init(afflux_control_stats* stats) {
  if (stats == nullptr) return AFFLUX_EINVAL;
  *stats = {};
  stats->struct_size = sizeof *stats;
  return AFFLUX_OK;
}

afflux_status afflux_control_get_stats(const afflux_control* control,
                                       afflux_control_stats* ret_stats) {
  if (control == nullptr || ret_stats == nullptr || !valid_out(*ret_stats)) return AFFLUX_EINVAL;
  fill_in(*ret_stats, *from(control));
  return AFFLUX_OK;
}

const char* afflux_control_reason_text(uint32_t reason) {
  return reason < std::size(kReasons) ? kReasons[reason] : "unknown reason";
}

}  // extern "C"
