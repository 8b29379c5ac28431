// SPDX-License-Identifier: MIT OR Apache-2.0
#include "metrics.h"

#include <stdexcept>

namespace uring_server {

metrics::metrics(const afflux::semaphore& permits) {
  afflux_status answer = afflux_registry_create(&registry_);
  if (answer == AFFLUX_OK) answer = afflux_registry_add_sem(registry_, permits.handle());
  if (answer == AFFLUX_OK) return;
  afflux_registry_unref(registry_);
  throw std::runtime_error(std::string("registry: ") + afflux_strerror(answer));
}

std::string metrics::text() const {
  std::string text;
  const afflux_sink_fn append = [](void* to, const char* piece, std::size_t size) {
    static_cast<std::string*>(to)->append(piece, size);
    return std::int32_t{0};
  };
  afflux_registry_write(registry_, nullptr, append, &text);
  return text;
}

}  // namespace uring_server
