// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Precompiled for the contract tests: pch/gtest.h says what that asks of a test's file.

#include <afflux/afflux.h>
#include "../../pch/gtest.h"

#include "../support/recorder.h"
#include "../support/sem_guard.h"
