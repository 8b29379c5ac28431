// SPDX-License-Identifier: MIT OR Apache-2.0
//
// In place of etcd_engine.cpp where libcurl or nlohmann_json is missing.
#include "fleet/make_etcd.h"

namespace afflux::fleet {

std::unique_ptr<engine> make_etcd(const std::string&, std::string& ret_error) {
  ret_error.clear();
  return nullptr;
}

}  // namespace afflux::fleet
