// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Telling a client how a request of its has ended: once, by the thread that is certain to be the
// only one to complete it, and before its owner may learn of it.
#pragma once

#include <cstdint>

#include "queue/waiter.h"
#include "stats/client.h"

namespace afflux::queue {

inline stats::outcome outcome_of(status s) {
  switch (s) {
    case status::ok:
      return stats::outcome::acquired;
    case status::rejected:
      return stats::outcome::rejected;
    case status::timed_out:
      return stats::outcome::timed_out;
    case status::canceled:
      return stats::outcome::canceled;
    default:
      return stats::outcome::ended;
  }
}

// x, which is accounted, had queued.
template <class P>
void account(waiter<P>& x) {
  x.traits.set(static_cast<std::uint8_t>(x.traits.get() & ~traits::kAccounted));
  const std::int64_t waited = stats::since(x.queued_at(), stats::stamp_of(P::now()));
  x.client->account(outcome_of(x.result), x.permits, waited);
}

// It had not.
inline void account_at_once(stats::client* client, status s, std::uint64_t permits) {
  if (client != nullptr) client->account(outcome_of(s), permits, -1);
}

}  // namespace afflux::queue
