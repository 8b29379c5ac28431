// SPDX-License-Identifier: MIT OR Apache-2.0
//
// io_uring as the kernel has it, without liburing: what this kernel, and a filter of its
// calls, lets us do; and the names that older headers lack.
// Sources: man 2 io_uring_setup, io_uring_register, io_uring_enter; linux/io_uring.h of 6.13.
#pragma once

#include <linux/io_uring.h>

#include <cstdint>

namespace afflux::port {

// As in afflux.h.
inline constexpr std::uint32_t kRings = 1;      // there is an io_uring at all
inline constexpr std::uint32_t kMultishot = 2;  // a poll that goes on, 5.13
inline constexpr std::uint32_t kMessages = 4;   // a message to a ring from outside, 6.13
inline constexpr std::uint32_t kFutexWait = 8;  // a wait on a futex as an entry, 6.7

// Whether the descriptor is a ring's.
bool is_ring(int fd) noexcept;

// A CQE with that user_data in the ring of that descriptor. 0 or an errno value.
int send_message(int ring, std::uint64_t user_data) noexcept;

inline constexpr unsigned kRegisterProbe = 8;          // IORING_REGISTER_PROBE
inline constexpr unsigned kRegisterSendMessage = 31;   // IORING_REGISTER_SEND_MSG_RING
inline constexpr std::uint8_t kOpMessage = 40;         // IORING_OP_MSG_RING
inline constexpr std::uint8_t kOpFutexWait = 51;       // IORING_OP_FUTEX_WAIT
inline constexpr std::uint8_t kSkipSuccess = 1U << 6;  // IOSQE_CQE_SKIP_SUCCESS
inline constexpr int kFutexU32 = 2;                    // FUTEX2_SIZE_U32
inline constexpr unsigned kFeatureTags = 1U << 10;     // IORING_FEAT_RSRC_TAGS: 5.13

}  // namespace afflux::port
