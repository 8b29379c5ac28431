// SPDX-License-Identifier: MIT OR Apache-2.0
// Loads, stores and exchanges by short names.
#pragma once
#include <stdatomic.h>

#define load(object, order) atomic_load_explicit(object, order)
#define store(object, value, order) atomic_store_explicit(object, value, order)

#define swap_plainly(object, expected, desired, order, failed) \
  atomic_compare_exchange_strong_explicit(object, expected, desired, order, failed)

#ifndef GENMC
#  define swap(object, expected, desired, order, failed) \
    swap_plainly(object, expected, desired, order, failed)
#else
// GenMC (0.11) knows one order for an exchange, that of success, and reads by it also where the
// exchange fails. So where a failure is to acquire although success does not, the value is read
// once more, by its own order. Where it is not to acquire although success does, a relaxed load
// decides whether it fails. Neither adds an execution that C11 does not have, nor takes one away:
// to read the same value twice in a row is always possible, and orders nothing more.
#  define acquires(order) ((order) == memory_order_acquire || (order) == memory_order_acq_rel)
#  define swap(object, expected, desired, order, failed)                                 \
    ({                                                                                   \
      bool swapped_ = false;                                                             \
      if (acquires(order) && !acquires(failed)) {                                        \
        __typeof__(*(expected)) seen_ = load(object, memory_order_relaxed);              \
        if (seen_ == *(expected)) {                                                      \
          swapped_ = swap_plainly(object, expected, desired, order, failed);             \
          __VERIFIER_assume(swapped_);                                                   \
        } else {                                                                         \
          *(expected) = seen_;                                                           \
        }                                                                                \
      } else {                                                                           \
        swapped_ = swap_plainly(object, expected, desired, order, memory_order_relaxed); \
        if (!swapped_ && acquires(failed) && !acquires(order))                           \
          __VERIFIER_assume(load(object, failed) == *(expected));                        \
      }                                                                                  \
      swapped_;                                                                          \
    })
#endif
