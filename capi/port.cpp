// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ports: validate, convert, call.
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "core/kernel_wait.h"
#include "handles.h"
#include "port/uring.h"
#include "sized.h"

using namespace afflux;
using namespace afflux::capi;

namespace {

constexpr std::initializer_list<std::size_t> kPortFields = {
    offsetof(afflux_port_options, flags),    offsetof(afflux_port_options, reserved),
    offsetof(afflux_port_options, handle),   offsetof(afflux_port_options, user_data),
    offsetof(afflux_port_options, doorbell), offsetof(afflux_port_options, ctx),
};

constexpr std::uint32_t kKnownFlags = AFFLUX_PORT_DRAINS_ALL | AFFLUX_PORT_MSG_RING;

status to_wanted(const afflux_port_options& o, afflux::port::wanted& w) {
  if (o.kind > AFFLUX_PORT_PIPE || (o.flags & ~kKnownFlags) != 0 || o.reserved != 0) {
    return status::invalid;
  }
  w.what = static_cast<afflux::port::kind>(o.kind);
  w.by_message = (o.flags & AFFLUX_PORT_MSG_RING) != 0;
  w.handle = o.handle;
  w.user_data = o.user_data;
  w.function = o.doorbell;
  w.context = o.ctx;
  const bool calls_back = w.what == afflux::port::kind::callback;
  if (calls_back != (o.doorbell != nullptr)) return status::invalid;
  if (w.by_message && (w.what != afflux::port::kind::uring || w.handle < 0)) return status::invalid;
  return status::ok;
}

status from_error(int error) {
  switch (error) {
    case afflux::port::kUnsupported:
      return status::unsupported;
    case afflux::port::kInvalid:
      return status::invalid;
    case ENOMEM:
      return status::no_memory;
    default:
      set_last_os_error(error);
      return status::os_error;
  }
}

}  // namespace

extern "C" {

afflux_status afflux_port_options_init(afflux_port_options* options) {
  if (options == nullptr) return AFFLUX_EINVAL;
  *options = {};
  options->struct_size = sizeof *options;
  options->handle = -1;
  return AFFLUX_OK;
}

afflux_status afflux_port_create(const afflux_port_options* options, afflux_port** ret_port) {
  if (options == nullptr || ret_port == nullptr) return AFFLUX_EINVAL;
  afflux_port_options known;
  afflux_port_options_init(&known);
  if (const status s = read_sized(options, known, kPortFields); s != status::ok) return to_c(s);
  afflux::port::wanted w;
  if (const status s = to_wanted(known, w); s != status::ok) return to_c(s);
  int error = 0;
  auto bell = afflux::port::make_doorbell(w, error);
  if (bell == nullptr) return to_c(from_error(error));
  loop_port* const made =
      policy::create<loop_port>(std::move(bell), (known.flags & AFFLUX_PORT_DRAINS_ALL) != 0);
  if (made == nullptr) return AFFLUX_ENOMEM;
  *ret_port = reinterpret_cast<afflux_port*>(made);
  return AFFLUX_OK;
}

afflux_port* afflux_port_ref(afflux_port* port) {
  if (port != nullptr) from(port)->ref();
  return port;
}

void afflux_port_unref(afflux_port* port) {
  if (port != nullptr) from(port)->unref();
}

afflux_status afflux_port_close(afflux_port* port) {
  if (port == nullptr) return AFFLUX_EINVAL;
  switch (from(port)->close()) {
    case afflux::port::closing::before:
      return AFFLUX_EALREADY;
    case afflux::port::closing::busy:
      return AFFLUX_EBUSY;
    default:
      return AFFLUX_OK;
  }
}

uint32_t afflux_port_kind(const afflux_port* port) {
  return port == nullptr ? 0 : static_cast<uint32_t>(from(port)->bell().what());
}

intptr_t afflux_port_handle(const afflux_port* port) {
  return port == nullptr ? -1 : from(port)->bell().handle();
}

uint64_t afflux_port_pending(const afflux_port* port) {
  return port == nullptr ? 0 : from(port)->pending();
}

uint64_t afflux_port_undrained(const afflux_port* port) {
  return port == nullptr ? 0 : from(port)->undrained();
}

size_t afflux_port_drain(afflux_port* port, afflux_completion* out, size_t max) {
  if (port == nullptr || out == nullptr) return 0;
  return from(port)->drain(max, [&out](waiter& x) {
    *out++ = {x.user_data, to_c(x.result), x.context};
    core::drained(x);
  });
}

// ---- io_uring

uint32_t afflux_uring_features(void) { return afflux::port::uring_features(); }

afflux_status afflux_port_prep_uring(afflux_port* port, struct io_uring_sqe* sqe) {
  if (port == nullptr || sqe == nullptr) return AFFLUX_EINVAL;
  switch (afflux::port::fill_doorbell(from(port)->bell(), *sqe)) {
    case afflux::port::armed::filled:
      return AFFLUX_OK;
    case afflux::port::armed::needless:
      return AFFLUX_EALREADY;
    default:
      return AFFLUX_ENOTSUP;
  }
}

afflux_status afflux_port_check_uring(afflux_port* port, const struct io_uring_cqe* cqe) {
  if (port == nullptr || cqe == nullptr) return AFFLUX_EINVAL;
  switch (afflux::port::look_at(from(port)->bell(), *cqe)) {
    case afflux::port::rung::rings_on:
      return AFFLUX_OK;
    case afflux::port::rung::arm_again:
      return AFFLUX_EAGAIN;
    default:
      return AFFLUX_EINVAL;
  }
}

afflux_status afflux_waiter_prep_uring(afflux_waiter* waiter, struct io_uring_sqe* sqe) {
  if (waiter == nullptr || sqe == nullptr) return AFFLUX_EINVAL;
  return to_c(core::wait_in_kernel(*from(waiter), *sqe));
}

}  // extern "C"
