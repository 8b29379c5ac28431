// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

namespace afflux::bench {

void register_crowds();  // waiter_crowds.cpp

}  // namespace afflux::bench
