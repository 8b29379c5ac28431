// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The kinds of port that Windows has.
#include "port/doorbell.h"

namespace afflux::port {

std::unique_ptr<doorbell> make_doorbell(const wanted& w, int& error) noexcept {
  switch (w.what) {
    case kind::callback:
      return make_callback(w, error);
    case kind::iocp:
      return make_iocp(w, error);
    case kind::any:
      if (w.handle != -1) return make_iocp(w, error);
      [[fallthrough]];
    default:
      error = kUnsupported;
      return nullptr;
  }
}

}  // namespace afflux::port
