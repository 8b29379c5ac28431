// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Precompiled for the tests of internals and under stress: GoogleTest, and what most of them
// include beside it. A file includes what it uses all the same: a build for another platform, and
// one with -Db_pch=false, have no precompiled headers.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>
