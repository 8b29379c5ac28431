// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where there is no io_uring.
#include "port/uring.h"

namespace afflux::port {

armed fill_doorbell(const doorbell&, io_uring_sqe&) noexcept { return armed::not_uring; }
rung look_at(const doorbell&, const io_uring_cqe&) noexcept { return rung::not_ours; }
bool can_fill_wait() noexcept { return false; }
void fill_wait(const std::atomic<std::uint32_t>&, std::uint32_t, io_uring_sqe&) noexcept {}
void fill_nothing(io_uring_sqe&) noexcept {}
std::uint32_t uring_features() noexcept { return 0; }

}  // namespace afflux::port
