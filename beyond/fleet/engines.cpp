// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The engines of this build, by the schemes of their URLs.
#include <string_view>

#include "fleet/engine.h"
#include "fleet/make_etcd.h"
#include "fleet/redis_engine.h"
#include "fleet/redis_url.h"

namespace afflux::fleet {

std::unique_ptr<engine> make_engine(const std::string& url, std::string& ret_error) {
  const std::string_view text = url;
  if (text.starts_with("redis://") || text.starts_with("unix://")) {
    redis_url where;
    if (!parse(url, where, ret_error)) return nullptr;
    return std::make_unique<redis_engine>(std::move(where));
  }
  if (text.starts_with("etcd://") || text.starts_with("etcds://")) {
    return make_etcd(url, ret_error);
  }
  ret_error.clear();
  return nullptr;
}

}  // namespace afflux::fleet
