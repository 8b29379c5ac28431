// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A registry as text: validate, convert, call.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "export/registry_text.h"
#include "registry.h"
#include "sized.h"

using namespace afflux;
using namespace afflux::capi;
using exporting::borrowed;
using exporting::text_writer;

namespace {

constexpr std::initializer_list<std::size_t> kExportFields = {
    offsetof(afflux_export_options, flags), offsetof(afflux_export_options, tenants)};

constexpr std::uint32_t kTenants = 10;  // by default

status read_options(const afflux_export_options* given, afflux_export_options& known) {
  afflux_export_options_init(&known);
  if (given == nullptr) return status::ok;
  if (const status s = read_sized(given, known, kExportFields); s != status::ok) return s;
  const bool valid = known.format <= AFFLUX_EXPORT_OPENMETRICS &&
                     (known.flags & ~std::uint32_t{AFFLUX_EXPORT_CLIENTS}) == 0;
  return valid ? status::ok : status::invalid;
}

exporting::text_options to_text(const afflux_export_options& options) {
  return {.openmetrics = options.format == AFFLUX_EXPORT_OPENMETRICS,
          .each_client = (options.flags & AFFLUX_EXPORT_CLIENTS) != 0,
          .tenants = options.tenants};
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
  options->tenants = kTenants;
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
  text_writer to(sink, ctx);
  const status s = exporting::write_text(*all, to_text(known), to);
  return s != status::ok ? to_c(s) : to.stopped() ? AFFLUX_ECANCELED : AFFLUX_OK;
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
    text_writer to(&filled::take, &into);
    const status s = exporting::write_text(*all, to_text(known), to);
    if (s != status::ok) return to_c(s);
  }
  if (size != 0) *into.at = 0;
  if (ret_size != nullptr) *ret_size = into.size;
  return into.size < size ? AFFLUX_OK : AFFLUX_EOVERFLOW;
}

}  // extern "C"
