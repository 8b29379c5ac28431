// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The kinds of port that any system with pipe() and poll() has.
#include "port/doorbell.h"

namespace afflux::port {

std::unique_ptr<doorbell> make_doorbell(const wanted& w, int& error) noexcept {
  switch (w.what) {
    case kind::any:
    case kind::pipe:
      return make_pipe(error);
    case kind::callback:
      return make_callback(w, error);
    default:
      error = kUnsupported;
      return nullptr;
  }
}

}  // namespace afflux::port
