// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The words in which tracers count themselves.
#include "stats/probes.h"

#ifdef AFFLUX_USDT

#  define AFFLUX_DEFINE_WORD(name) \
    __attribute__((section(".probes"), used)) volatile unsigned short afflux_##name##_semaphore = 0

extern "C" {
AFFLUX_DEFINE_WORD(enqueue);
AFFLUX_DEFINE_WORD(grant);
AFFLUX_DEFINE_WORD(cancel);
AFFLUX_DEFINE_WORD(timeout);
AFFLUX_DEFINE_WORD(reject);
AFFLUX_DEFINE_WORD(closed_out);
AFFLUX_DEFINE_WORD(close);
}

#endif
