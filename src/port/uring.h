// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a ring's owner has to do for a port of the kind URING, and for a waiter.
#pragma once

#include <atomic>
#include <cstdint>

#include "port/doorbell.h"

struct io_uring_sqe;
struct io_uring_cqe;

namespace afflux::port {

enum class armed : std::uint8_t {
  filled,    // submit it
  needless,  // the entry does nothing; it may be submitted
  not_uring  // the entry was not touched
};
armed fill_doorbell(const doorbell& bell, io_uring_sqe& entry) noexcept;

enum class rung : std::uint8_t {
  rings_on,
  arm_again,
  not_ours  // another's event, or not a URING port's
};
rung look_at(const doorbell& bell, const io_uring_cqe& event) noexcept;

// Needs the futex parker. False: this kernel, or this build, cannot.
bool can_fill_wait() noexcept;
// A wait while word == expected; `user_data` stays as it was.
void fill_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
               io_uring_sqe& entry) noexcept;
// An entry that completes at once; likewise.
void fill_nothing(io_uring_sqe& entry) noexcept;

// As in afflux.h.
std::uint32_t uring_features() noexcept;

}  // namespace afflux::port
