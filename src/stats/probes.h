// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Static tracepoints (USDT, provider "afflux"), as docs/tracing.md lists them. With the build's
// option `usdt` each is a no-op instruction and a note in the library that tells where it is; who
// traces puts a breakpoint there. Without it there is nothing.
//
// What costs something to find out is asked for only while it is traced: the tracer counts
// itself in a word of the probe's.
#pragma once

#ifdef AFFLUX_USDT

// As sys/sdt.h wants it: the probes have such words.
#  define SDT_USE_VARIADIC 1
#  define _SDT_HAS_SEMAPHORES 1  // NOLINT(bugprone-reserved-identifier)
#  include <sys/sdt.h>

// Hidden: each of the library's copies (shared, static) has its own.
#  define AFFLUX_PROBE_WORD(name) \
    extern "C"                    \
        __attribute__((visibility("hidden"))) volatile unsigned short afflux_##name##_semaphore
AFFLUX_PROBE_WORD(enqueue);
AFFLUX_PROBE_WORD(grant);
AFFLUX_PROBE_WORD(cancel);
AFFLUX_PROBE_WORD(timeout);
AFFLUX_PROBE_WORD(reject);
AFFLUX_PROBE_WORD(closed_out);
AFFLUX_PROBE_WORD(close);

#  define AFFLUX_TRACED(name) __builtin_expect(afflux_##name##_semaphore != 0, 0)
#  define AFFLUX_PROBE(name, ...) STAP_PROBEV(afflux, name, __VA_ARGS__)
#  define AFFLUX_TRACE(name, ...)                               \
    do {                                                        \
      if (AFFLUX_TRACED(name)) AFFLUX_PROBE(name, __VA_ARGS__); \
    } while (false)

#else

#  define AFFLUX_TRACED(name) false
#  define AFFLUX_PROBE(name, ...) afflux::stats::nobody_traces(__VA_ARGS__)
#  define AFFLUX_TRACE(name, ...) afflux::stats::nobody_traces(__VA_ARGS__)

namespace afflux::stats {
template <class... Arguments>
void nobody_traces(const Arguments&...) {}
}  // namespace afflux::stats

#endif
