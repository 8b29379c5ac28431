// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The kinds of port that Linux has.
#include "port/doorbell.h"
#include "port/fork.h"

namespace afflux::port {

std::unique_ptr<doorbell> make_doorbell(const wanted& w, int& error) noexcept {
  error = watch_forks();
  if (error != 0) return nullptr;
  switch (w.what) {
    case kind::any:
    case kind::eventfd:
      return make_eventfd(error);
    case kind::uring:
      return make_uring(w, error);
    case kind::callback:
      return make_callback(w, error);
    case kind::pipe:
      return make_pipe(error);
    default:
      error = kUnsupported;
      return nullptr;
  }
}

}  // namespace afflux::port
