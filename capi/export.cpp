// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A registry as text: validate, walk, write.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "registry.h"
#include "sized.h"
#include "stats/exposition.h"
#include "time/clock.h"

using namespace afflux;
using namespace afflux::capi;

namespace {

constexpr std::initializer_list<std::size_t> kOptionFields = {
    offsetof(afflux_export_options, flags), offsetof(afflux_export_options, reserved)};

status read_options(const afflux_export_options* given, afflux_export_options& known) {
  afflux_export_options_init(&known);
  if (given == nullptr) return status::ok;
  if (const status s = read_sized(given, known, kOptionFields); s != status::ok) return s;
  const bool valid = known.format <= AFFLUX_EXPORT_OPENMETRICS &&
                     (known.flags & ~std::uint32_t{AFFLUX_EXPORT_CLIENTS}) == 0 &&
                     known.reserved == 0;
  return valid ? status::ok : status::invalid;
}

// What one text is made of: the objects that were there when it began.
class exported {
 public:
  explicit exported(registry& all)
      : all_(all),
        sems_end_(all.sems.additions()),
        clients_end_(all.clients.additions()),
        sems_(all.sems),
        clients_(all.clients),
        now_(time::rough_now_ns()) {}

  template <class See>
  void each_sem(See&& see) {
    all_.sems.visit_before(sems_.side, sems_end_, [&](semaphore& m, std::uint64_t number) {
      stats::shown_sem one = {};
      one.name = m.name == nullptr ? "" : m.name.get();
      one.id = number;
      one.created = all_.unix_time(m.created_at);
      read_stats(m, one.now);
      if (const auto* const counts = m.stats(); counts != nullptr && counts->has_times()) {
        one.waits = &counts->waits();
        one.holds = &counts->holds();
      }
      return see(one);
    });
  }

  template <class See>
  void each_client(See&& see) {
    all_.clients.visit_before(clients_.side, clients_end_,
                              [&](stats::client& m, std::uint64_t number) {
                                stats::shown_client one = {};
                                one.what = &m;
                                one.id = number;
                                m.read(one.now, now_);
                                one.created = all_.unix_time(now_ - one.now.uptime_ns);
                                return see(one);
                              });
  }

  stats::shown_client all_clients() {
    afflux_registry_summary_t sum = {};
    all_.sum_up_clients(sum, now_, clients_.side);
    stats::shown_client together = {};
    together.id = sum.clients;
    together.created = all_.unix_time(all_.created_at());
    together.now = sum.client;
    return together;
  }

 private:
  registry& all_;
  const std::uint64_t sems_end_, clients_end_;
  const reading<registry::sem_set> sems_;
  const reading<registry::client_set> clients_;
  const std::int64_t now_;
};

void write(registry& all, const afflux_export_options& options, stats::text_writer& to) {
  exported what(all);
  stats::exposition text(to, options.format == AFFLUX_EXPORT_OPENMETRICS);
  stats::show_sems(text, [&](auto see) { what.each_sem(see); });
  const stats::shown_client together = what.all_clients();
  stats::show_clients(text, true, [&](auto see) { see(together); });
  if ((options.flags & AFFLUX_EXPORT_CLIENTS) != 0) {
    stats::show_clients(text, false, [&](auto see) { what.each_client(see); });
  }
  text.end();
}

// The caller's buffer: filled as far as it goes, and counted beyond.
struct filled {
  char* at;
  std::size_t room;  // without that of the final 0
  std::size_t size = 0;

  static std::int32_t take(void* ctx, const char* text, std::size_t size) {
    auto& to = *static_cast<filled*>(ctx);
    const std::size_t part = std::min(size, to.room);
    if (part != 0) std::memcpy(to.at, text, part);
    to.at += part;
    to.room -= part;
    to.size += size;
    return 0;
  }
};

}  // namespace

extern "C" {

afflux_status afflux_export_options_init(afflux_export_options* options) {
  if (options == nullptr) return AFFLUX_EINVAL;
  *options = {};
  options->struct_size = sizeof *options;
  return AFFLUX_OK;
}

const char* afflux_export_content_type(uint32_t format) {
  switch (format) {
    case AFFLUX_EXPORT_PROMETHEUS:
      return "text/plain; version=0.0.4; charset=utf-8";
    case AFFLUX_EXPORT_OPENMETRICS:
      return "application/openmetrics-text; version=1.0.0; charset=utf-8";
    default:
      return "";
  }
}

afflux_status afflux_registry_write(afflux_registry* registry, const afflux_export_options* options,
                                    afflux_sink_fn sink, void* ctx) {
  if (registry == nullptr || sink == nullptr) return AFFLUX_EINVAL;
  afflux_export_options known;
  if (const status s = read_options(options, known); s != status::ok) return to_c(s);
  const borrowed all(*from(registry));
  stats::text_writer to(sink, ctx);
  write(*all, known, to);
  return to.stopped() ? AFFLUX_ECANCELED : AFFLUX_OK;
}

afflux_status afflux_registry_print(afflux_registry* registry, const afflux_export_options* options,
                                    // NOLINTNEXTLINE(readability-non-const-parameter): by `into`
                                    char* buffer, size_t size, size_t* ret_size) {
  if (registry == nullptr || (buffer == nullptr && size != 0)) return AFFLUX_EINVAL;
  afflux_export_options known;
  if (const status s = read_options(options, known); s != status::ok) return to_c(s);
  filled into = {buffer, size == 0 ? 0 : size - 1};
  {
    const borrowed all(*from(registry));
    stats::text_writer to(&filled::take, &into);
    write(*all, known, to);
  }
  if (size != 0) *into.at = 0;
  if (ret_size != nullptr) *ret_size = into.size;
  return into.size < size ? AFFLUX_OK : AFFLUX_EOVERFLOW;
}

}  // extern "C"
