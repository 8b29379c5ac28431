// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Precompiled for the model's tests: pch/gtest.h says what that asks of a test's file.

#include <gtest/gtest.h>

#include "../world.h"
