// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "fleet/engine.h"

namespace afflux::fleet {

// As make_engine(), of a URL that begins with etcd:// or etcds://.
std::unique_ptr<engine> make_etcd(const std::string& url, std::string& ret_error);

}  // namespace afflux::fleet
