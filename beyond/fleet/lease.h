// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The holder's side of a lease: how many permits it may use at which moment, what it sends, and
// when. Pure: the caller tells the time, of a clock of its own that never steps.
//
// Why nobody's permits are given away while they are used, whatever any wall clock says. Let L be
// the lease, m the margin, and let every clock of this kind run true to within m/2 per L + m. There
// is no common time; "before" is the order of events, which messages and the engine make.
//
//   1. A holder sends X at its time a. The engine does X, and stamps the holder's record with s.
//      If the reply comes, the holder uses what it says until its time a + L - m, at most. Without
//      a reply it goes by the exchange before, and so stops earlier; and of what X has given up it
//      uses nothing in either case.
//   2. A witness, any other holder, gets a reply with a stamp p >= s at its own time b. The engine
//      did that exchange after X or it is X itself, so X was sent before b: a before b.
//   3. The witness sends Y with the proof p at its time b + L + m or later. The engine ends the
//      record only if s <= p still, so no exchange of the holder was done since X that could have
//      prolonged its use: one that is done later finds its record gone, and tells it so.
//   4. From a to the holder's last use at most L - m pass on the holder's clock, from b to Y at
//      least L + m on the witness's. a is before b, so with clocks that true the last use is before
//      Y is sent, and so before the engine gives the permits to another.
//
// The engine's memory lost, a pseudo-holder has everything, stamped when the epoch begins. All that
// was granted before was sent for before that, so the same steps show that it is out of use when a
// witness ends that pseudo-holder (record::silence).
//
// L is the longest lease that any holder has named to this engine: a proof that was waited for with
// a shorter one is not taken.
//
// Two processes that are one holder, as after a copy of a virtual machine, find out by their
// sequence numbers: the one that is told that its newest request is not the newest gives up all,
// and goes on by another id.
//
// What is not in this proof: a process that is stopped (SIGSTOP, a suspended virtual machine) runs
// no code that could stop the use, and when it runs again, its threads may be faster than the one
// that sets the limit. fence() is for those.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>

#include "fleet/ledger.h"

namespace afflux::fleet {

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

struct lease_terms {
  std::string holder;  // its id
  std::string label;
  std::int64_t lease = 0;     // ns
  std::int64_t refresh = 0;   // ns, between two exchanges at rest
  std::int64_t margin = 0;    // ns, for clocks and threads that are not exact
  std::int64_t max_hold = 0;  // ns; how long before the end of the lease it stops granting
  std::uint64_t weight = 1;
  std::uint64_t minimum = 0;
  std::uint64_t limit = 0;     // 0: as stored
  std::uint64_t fallback = 0;  // permits to use while the engine is away
};

class lease {
 public:
  explicit lease(const lease_terms& terms) : terms_(terms), limit_(terms.limit) {}

  // ---- What may be used

  // The limit of the local semaphore, now. It falls by itself when the lease ends.
  std::uint64_t usable(std::int64_t now) const;
  // When it does, or kNever.
  std::int64_t next_change(std::int64_t now) const;
  // How long what is leased may still be used, max_hold included; 0: not at all.
  std::int64_t remaining(std::int64_t now) const {
    return valid_until_ > now ? valid_until_ - now : 0;
  }

  // ---- What is sent

  // The local semaphore as it is: permits in use, and those that queued requests ask for.
  void sample(std::int64_t now, std::uint64_t held, std::uint64_t waiting);
  // When the next request is due, by the last sample.
  std::int64_t due() const;

  // The next request; `now` is read before it is sent, `held` after the local semaphore's limit has
  // been set to usable(now). Nothing more than that, or `held` if that is more, is used from then
  // on until an answer. `random` is of all 64 bits, anew each time.
  request begin(std::int64_t now, std::uint64_t held, std::uint64_t random);
  // Its answer, of that request and no other. `now` is read after it came.
  void arrived(std::int64_t now, const reply& a);
  // There was none, or there may be none any more: it may happen yet. `random` as above.
  void failed(std::int64_t now, std::uint64_t random);

  // The next request is the last one. With permits still in use it gives back only the others.
  void leave() { leaves_ = true; }

  // ---- What is known

  const std::string& holder() const { return terms_.holder; }
  std::uint64_t permits() const { return permits_; }
  std::uint64_t target() const { return target_; }
  std::uint64_t limit() const { return limit_; }
  std::uint64_t version() const { return version_; }
  std::uint64_t epoch() const { return epoch_; }
  std::uint64_t demand() const;
  bool began() const { return began_; }      // a request was sent
  bool reached() const { return reached_; }  // the newest one that has ended was answered
  bool is_away() const { return failures_ != 0; }
  bool silent() const { return silent_; }
  bool undefined() const { return undefined_; }

  // Fencing: grows with each exchange; changes when the lease has lapsed and begins anew; and what
  // has a token up to it has stopped.
  std::uint64_t token() const { return seen_; }
  std::uint64_t tenure() const { return tenure_; }
  std::uint64_t floor() const { return floor_; }

  std::uint64_t epochs() const { return epochs_; }  // that began while it was there
  std::uint64_t lapses() const { return lapses_; }

 private:
  struct proof {
    std::uint64_t stamp;
    std::int64_t arrived;
  };
  static constexpr int kSteps = 8;   // in a refresh interval: how fine needs are looked at
  static constexpr int kRecent = 4;  // samples that demand is the largest of

  std::uint64_t share() const { return wanted_ && target_ < permits_ ? target_ : permits_; }
  std::int64_t stop() const { return valid_until_ - terms_.max_hold; }
  std::int64_t step() const { return terms_.refresh / kSteps; }
  void drop_oldest_proof();
  void remember(std::int64_t now, std::uint64_t stamp);
  std::uint64_t newest_proof(std::int64_t now);

  lease_terms terms_;
  bool leaves_ = false;
  bool is_another_ = false;  // there is another process of the same id

  // As of the newest answer.
  std::uint64_t permits_ = 0;  // that the record has for this holder, at least
  std::uint64_t target_ = 0;
  bool wanted_ = false;
  bool silent_ = false;
  bool undefined_ = false;
  bool reached_ = false;
  std::uint64_t epoch_ = 0;
  std::uint64_t seen_ = 0;
  std::uint64_t floor_ = 0;
  std::uint64_t tenure_ = 0;
  std::uint64_t limit_;
  std::uint64_t version_ = 0;
  std::int64_t common_lease_ = 0;  // the record's
  std::int64_t valid_until_ = std::numeric_limits<std::int64_t>::min() / 2;
  // Apart by a sixteenth of a lease: more than are waited for.
  std::array<proof, 32> proofs_{};
  int proof_count_ = 0;  // oldest first

  // The newest request.
  std::uint64_t sequence_ = 0;
  std::int64_t sent_ = 0;
  std::uint64_t told_ = 0;  // the demand in it
  bool began_ = false;      // there was one
  int failures_ = 0;        // in a row
  std::int64_t retry_ = 0;  // when to try again, after failures
  int polls_ = 0;           // in a row, for permits that are owed to it

  std::uint64_t samples_[kRecent] = {};
  int newest_ = 0;
  std::int64_t sampled_ = std::numeric_limits<std::int64_t>::min() / 2;
  std::uint64_t held_ = 0;

  std::uint64_t epochs_ = 0;
  std::uint64_t lapses_ = 0;
};

}  // namespace afflux::fleet
