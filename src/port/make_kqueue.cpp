// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The kinds of port that a system with kqueue has.
#include "port/doorbell.h"

namespace afflux::port {

std::unique_ptr<doorbell> make_doorbell(const wanted& w, int& error) noexcept {
  switch (w.what) {
    case kind::any:
      return w.handle >= 0 ? make_kqueue(w, error) : make_pipe(error);
    case kind::kqueue:
      return make_kqueue(w, error);
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
