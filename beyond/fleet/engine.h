// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An engine keeps a record for each limit, and does one exchange at a time on it.
//
// What an engine promises
//   FE1  exchange() is atomic and linearizable: it happens, as ledger.h says, at one moment between
//       the call and its return, or not at all.
//   FE2  After failure::unreachable it may have happened, may not have, and may happen later, even
//       after younger exchanges: the sequence in the request makes that harmless.
//   FE3  A server that may have lost memory shows another server::id than the one in the record, or
//       has no record.
// It needs no clock and no expiry.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fleet/ledger.h"

namespace afflux::fleet {

enum class failure : std::uint8_t {
  none = 0,
  unreachable = 1,  // no answer: see FE2
  refused = 2,      // the engine answered that it does not do this; nothing was done
};

struct outcome {
  fleet::failure failure = failure::none;
  std::string text;  // for people; "" without a failure

  explicit operator bool() const noexcept { return failure == failure::none; }
};

// One user at a time: calls from several threads must not overlap.
class engine {
 public:
  engine() = default;
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;
  virtual ~engine() = default;

  // Do `q` on the limit `name`. Blocks, until `deadline` (now_ns() of clock.h) at the latest, but
  // for the resolution of a host name.
  virtual outcome exchange(const std::string& name, const request& q, std::int64_t deadline,
                           reply& ret_reply) = 0;

  // Read the whole record of `name`; without one ret_record.epoch is 0.
  virtual outcome read(const std::string& name, std::int64_t deadline, record& ret_record) = 0;

  // Read the names of all limits that have a record, in any order.
  virtual outcome names(std::int64_t deadline, std::vector<std::string>& ret_names) = 0;

  // Close connections; the next call opens them anew.
  virtual void disconnect() {}
};

// By the scheme of `url`. Null: it is malformed, as ret_error says; or, with "" there, its scheme
// is of no engine in this build.
std::unique_ptr<engine> make_engine(const std::string& url, std::string& ret_error);

}  // namespace afflux::fleet
