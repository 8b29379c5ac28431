// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

namespace afflux::bench {

void register_own_loop();  // ports_own_loop.cpp

}  // namespace afflux::bench
