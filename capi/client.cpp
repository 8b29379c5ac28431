// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The client's calls: validate, convert, call.
#include "stats/client.h"

#include <cstddef>

#include "handles.h"
#include "sized.h"

using namespace afflux;
using namespace afflux::capi;

namespace {

constexpr std::size_t kPointer = sizeof(const char*);
constexpr std::initializer_list<std::size_t> kClientFields = {
    offsetof(afflux_client_options, name),
    offsetof(afflux_client_options, classes),
    offsetof(afflux_client_options, classes) + 1 * kPointer,
    offsetof(afflux_client_options, classes) + 2 * kPointer,
    offsetof(afflux_client_options, classes) + 3 * kPointer,
    offsetof(afflux_client_options, pipelines),
    offsetof(afflux_client_options, pipelines) + 1 * kPointer,
    offsetof(afflux_client_options, stall_speed),
    offsetof(afflux_client_options, stall_after_ns)};

// False for NaN, too.
bool is_speed(double speed) { return speed >= 0; }

}  // namespace

extern "C" {

afflux_status afflux_client_options_init(afflux_client_options* options) {
  if (options == nullptr) return AFFLUX_EINVAL;
  *options = {};
  options->struct_size = sizeof *options;
  options->stall_speed = 0.9;
  options->stall_after_ns = 5'000'000'000;
  return AFFLUX_OK;
}

afflux_status afflux_client_create(const afflux_client_options* options,
                                   afflux_client** ret_client) {
  if (ret_client == nullptr) return AFFLUX_EINVAL;
  afflux_client_options known;
  afflux_client_options_init(&known);
  if (options != nullptr) {
    if (const status s = read_sized(options, known, kClientFields); s != status::ok) return to_c(s);
  }
  if (known.reserved != 0 || !is_speed(known.stall_speed) || known.stall_after_ns < 0) {
    return AFFLUX_EINVAL;
  }
  stats::client* const made = stats::client::create(known);
  if (made == nullptr) return AFFLUX_ENOMEM;
  *ret_client = reinterpret_cast<afflux_client*>(made);
  return AFFLUX_OK;
}

afflux_client* afflux_client_ref(afflux_client* client) {
  if (client != nullptr) from(client)->ref();
  return client;
}

void afflux_client_unref(afflux_client* client) {
  if (client != nullptr) from(client)->unref();
}

const char* afflux_client_name(const afflux_client* client) {
  return client == nullptr ? "" : from(client)->name();
}

afflux_status afflux_client_count_requests(afflux_client* client, uint32_t request_class,
                                           uint64_t n) {
  if (client == nullptr || request_class >= AFFLUX_CLIENT_CLASSES) return AFFLUX_EINVAL;
  from(client)->count_requests(request_class, n);
  return AFFLUX_OK;
}

afflux_status afflux_client_count_bytes(afflux_client* client, uint64_t n) {
  if (client == nullptr) return AFFLUX_EINVAL;
  from(client)->count_bytes(n);
  return AFFLUX_OK;
}

afflux_status afflux_client_set_run_bytes(afflux_client* client, uint64_t bytes) {
  if (client == nullptr) return AFFLUX_EINVAL;
  from(client)->set_run_bytes(bytes);
  return AFFLUX_OK;
}

afflux_status afflux_client_begin_run(afflux_client* client) {
  if (client == nullptr) return AFFLUX_EINVAL;
  from(client)->begin_run();
  return AFFLUX_OK;
}

afflux_status afflux_client_count_response(afflux_client* client, uint32_t code) {
  if (client == nullptr) return AFFLUX_EINVAL;
  from(client)->count_response(code);
  return AFFLUX_OK;
}

afflux_status afflux_client_count_reconnection(afflux_client* client) {
  if (client == nullptr) return AFFLUX_EINVAL;
  from(client)->count_reconnection();
  return AFFLUX_OK;
}

afflux_status afflux_client_count_timeout(afflux_client* client) {
  if (client == nullptr) return AFFLUX_EINVAL;
  from(client)->count_timeout();
  return AFFLUX_OK;
}

afflux_status afflux_client_count_lines(afflux_client* client, uint32_t pipeline, uint64_t read,
                                        uint64_t dropped) {
  if (client == nullptr || pipeline >= AFFLUX_CLIENT_PIPELINES || dropped > read) {
    return AFFLUX_EINVAL;
  }
  from(client)->count_lines(pipeline, read, dropped);
  return AFFLUX_OK;
}

afflux_status afflux_client_set_speed(afflux_client* client, double speed) {
  if (client == nullptr || !is_speed(speed)) return AFFLUX_EINVAL;
  from(client)->set_speed(speed);
  return AFFLUX_OK;
}

afflux_status afflux_client_set_position(afflux_client* client, int64_t position_ns) {
  if (client == nullptr || position_ns < 0) return AFFLUX_EINVAL;
  from(client)->set_position(position_ns);
  return AFFLUX_OK;
}

afflux_status afflux_client_summary_init(afflux_client_summary_t* summary) {
  if (summary == nullptr) return AFFLUX_EINVAL;
  *summary = {};
  summary->struct_size = sizeof *summary;
  return AFFLUX_OK;
}

afflux_status afflux_client_summary(const afflux_client* client,
                                    afflux_client_summary_t* ret_summary) {
  if (client == nullptr || ret_summary == nullptr || !valid_out(*ret_summary)) return AFFLUX_EINVAL;
  ret_summary->struct_size = sizeof *ret_summary;
  from(client)->read(*ret_summary, time::rough_now_ns());
  return AFFLUX_OK;
}

uint64_t afflux_client_responses(const afflux_client* client, uint32_t code) {
  return client == nullptr ? 0 : from(client)->responses(code);
}

}  // extern "C"
