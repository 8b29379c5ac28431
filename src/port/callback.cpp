// SPDX-License-Identifier: MIT OR Apache-2.0
//
// CALLBACK: the caller's own way to wake its loop.
#include <cerrno>
#include <new>

#include "port/doorbell.h"

namespace afflux::port {
namespace {

class callback_bell final : public doorbell {
 public:
  explicit callback_bell(const wanted& w) noexcept : function_(w.function), context_(w.context) {}

  kind what() const noexcept override { return kind::callback; }
  bool calls_back() const noexcept override { return true; }
  bool ring() noexcept override {
    function_(context_);
    return true;
  }

 private:
  void (*const function_)(void*);
  void* const context_;
};

}  // namespace

std::unique_ptr<doorbell> make_callback(const wanted& w, int& error) noexcept {
  std::unique_ptr<doorbell> bell(new (std::nothrow) callback_bell(w));
  if (bell == nullptr) error = ENOMEM;
  return bell;
}

}  // namespace afflux::port
