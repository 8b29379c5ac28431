// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/status.hpp>

int main() { return afflux::to_string(afflux::status::ok) != nullptr ? 0 : 1; }
