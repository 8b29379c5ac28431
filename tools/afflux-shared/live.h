// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace shared_command {

// Shows what `lines` answers on the terminal, anew each second and when its size changes, until a
// key is pressed or a signal comes. Answers 0, or 128 + the signal; the screen is then as before.
int show_live(const std::function<std::vector<std::string>()>& lines);

}  // namespace shared_command
