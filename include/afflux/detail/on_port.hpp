// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an operation needs to know of a port; the rest stands in port.hpp and
// detail/port_loop.hpp.
#ifndef AFFLUX_DETAIL_ON_PORT_HPP
#define AFFLUX_DETAIL_ON_PORT_HPP

#include <afflux/detail/config.hpp>

namespace afflux {

class port;

namespace detail {

class port_loop;

/// In the place of an executor: port::run_ready() resumes.
struct on_port {
  port_loop* loop;
};
[[nodiscard]] inline on_port resume_in(const port& p) noexcept;

}  // namespace detail

}  // namespace afflux

#endif  // AFFLUX_DETAIL_ON_PORT_HPP
