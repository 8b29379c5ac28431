// SPDX-License-Identifier: MIT OR Apache-2.0
#include "handles.h"

namespace {
thread_local int32_t last_os_error = 0;
}

void afflux::capi::set_last_os_error(int error) { last_os_error = error; }

extern "C" {

int32_t afflux_last_os_error(void) { return last_os_error; }

uint32_t afflux_version(void) {
  return AFFLUX_VERSION_MAJOR << 16 | AFFLUX_VERSION_MINOR << 8 | AFFLUX_VERSION_PATCH;
}

#define AFFLUX_TEXT_(x) #x
#define AFFLUX_TEXT(x) AFFLUX_TEXT_(x)
const char* afflux_version_string(void) {
  return AFFLUX_TEXT(AFFLUX_VERSION_MAJOR) "." AFFLUX_TEXT(AFFLUX_VERSION_MINOR) "." AFFLUX_TEXT(
      AFFLUX_VERSION_PATCH);
}

const char* afflux_strerror(afflux_status status) {
  switch (status) {
    case AFFLUX_OK:
      return "AFFLUX_OK: ok";
    case AFFLUX_PENDING:
      return "AFFLUX_PENDING: pending: one completion follows";
    case AFFLUX_EAGAIN:
      return "AFFLUX_EAGAIN: would have to wait";
    case AFFLUX_ETIMEDOUT:
      return "AFFLUX_ETIMEDOUT: timed out";
    case AFFLUX_ECANCELED:
      return "AFFLUX_ECANCELED: canceled";
    case AFFLUX_ECLOSED:
      return "AFFLUX_ECLOSED: closed";
    case AFFLUX_EREJECTED:
      return "AFFLUX_EREJECTED: rejected by a queue limit";
    case AFFLUX_EALREADY:
      return "AFFLUX_EALREADY: too late, or done before";
    case AFFLUX_EINVAL:
      return "AFFLUX_EINVAL: invalid argument";
    case AFFLUX_EOVERFLOW:
      return "AFFLUX_EOVERFLOW: more than is held, or too large a number";
    case AFFLUX_EBUSY:
      return "AFFLUX_EBUSY: in use";
    case AFFLUX_ENOMEM:
      return "AFFLUX_ENOMEM: out of memory";
    case AFFLUX_ENOTSUP:
      return "AFFLUX_ENOTSUP: not supported";
    case AFFLUX_EOS:
      return "AFFLUX_EOS: operating-system error: see afflux_last_os_error()";
    case AFFLUX_E2BIG:
      return "AFFLUX_E2BIG: more permits than the limit";
    default:
      return "unknown status";
  }
}

}  // extern "C"
