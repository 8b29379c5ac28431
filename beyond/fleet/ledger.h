// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an engine remembers of one limit, and the one change that is made to it. Pure: no clock, no
// input or output. The in-memory engine calls exchange(); etcd compares and swaps the text of the
// record; lease.lua does the same on a Redis hash, and is tested against this.
//
// Invariants
//   FL1  total == sum of the holders' permits, and a grant never makes it more than the limit. (It
//       may be more after the limit has shrunk, and while holders adopt: then nothing is granted.)
//   FL2  A holder's permits end only by itself, by an operator (kind::expire), or when its stamp is
//       not above `proven`: then it has stopped using them (lease.h has the proof).
//   FL3  While `silence` is set nothing is granted. It is set when an epoch begins, so that those
//       who held permits in the epoch before have stopped, or have said what they hold, before
//       anything is given away.
//   FL4  `stamp` grows with each change, over epochs too. So it is a fencing token.
//   FL5  All numbers are below 2^53, for Lua's are doubles.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace afflux::fleet {

inline constexpr std::uint64_t kMaxPermits = (std::uint64_t{1} << 42) - 1;
inline constexpr std::uint64_t kMaxWeight = 65'535;
inline constexpr std::uint64_t kMaxNumber = (std::uint64_t{1} << 52) - 1;  // of nonces and times
inline constexpr std::size_t kMaxLabel = 63;

struct holder {
  std::uint64_t permits = 0;  // that it may use
  std::uint64_t stamp = 0;    // of its newest exchange
  std::uint64_t weight =
      1;  // 1 … kMaxWeight; 0, with no demand: it has left, but for permits in use
  std::uint64_t minimum = 0;   // permits that it gets before weights count, if it wants them
  std::uint64_t demand = 0;    // permits that it would use: in use and waited for
  std::uint64_t sequence = 0;  // of its newest exchange, by its own count
  std::uint64_t target = 0;    // its share
  std::uint64_t turn = 0;  // the stamp at which it last got its turn of a share below one permit
  std::string label;       // for people

  bool operator==(const holder&) const = default;
};

struct record {
  std::uint64_t epoch = 0;    // from one loss of memory to the next; 0: there is no record
  std::uint64_t stamp = 0;    // of the newest exchange
  std::uint64_t limit = 0;    // permits
  std::uint64_t version = 0;  // how often the limit was changed
  std::uint64_t lease = 0;    // ns; the longest that a holder has named
  std::uint64_t silence = 0;  // ends when it is proven; 0: over
  std::uint64_t proven = 0;   // what has a stamp up to this has stopped
  std::uint64_t since = 0;    // exchanges since the shares were computed
  std::uint64_t total = 0;    // permits of all holders
  std::uint64_t owed = 0;     // permits that holders lack to their shares, small lacks not counted
  std::string engine;         // the server process that wrote it; no spaces
  std::map<std::string, holder> holders;

  bool operator==(const record&) const = default;
};

enum class kind : std::uint8_t {
  renew = 0,   // what a holder sends
  leave = 1,   // its last one: its permits are free
  resize = 2,  // by an operator: sets `limit`, and makes the record where there is none
  expire = 3,  // by an operator: ends `holder` at once, although it may be using its permits
};

struct request {
  fleet::kind kind = kind::renew;
  bool fresh = false;          // the caller knows that nobody used this limit before: no silence
  std::string holder;          // its id: random, 1 … 32 of [0-9a-z]
  std::uint64_t sequence = 0;  // grows with each request of this holder
  std::uint64_t nonce = 0;  // random, 1 … kMaxNumber: the name of an epoch that begins with this
  std::uint64_t epoch = 0;  // that the caller knows; 0: none
  std::uint64_t seen = 0;   // the newest stamp that it has seen
  std::uint64_t proof = 0;  // lease.h; 0: none
  std::uint64_t proof_lease = 0;  // ns; the lease it was waited for with
  std::uint64_t lease = 0;        // ns
  std::uint64_t keep = 0;         // the caller uses no more than these from before it sent this
  std::uint64_t adopt = 0;  // what its lease in `epoch` still covers, if that epoch is over; ≤ keep
  std::uint64_t demand = 0;
  std::uint64_t weight = 1;
  std::uint64_t minimum = 0;
  std::uint64_t limit = 0;    // the limit as the caller knows it, by its options or by replies
  std::uint64_t version = 0;  // of that limit. 0 with limit 0: it knows none
  std::string label;
};

enum class answer : std::uint8_t {
  done = 0,
  stale = 1,      // a newer request of this holder has come before: nothing was done
  undefined = 2,  // there is no record, and the caller knows no limit: nothing was done
  missing = 3,    // expire: there is no such holder. Nothing was done
};

struct reply {
  fleet::answer answer = answer::done;
  bool silent = false;  // nothing is granted yet
  bool wanted = false;  // others lack permits: what is beyond `target` is to be given back
  bool begun = false;   // the record had nothing of the caller, and it has told of nothing
  std::uint64_t epoch = 0;
  std::uint64_t stamp = 0;
  std::uint64_t limit = 0;
  std::uint64_t version = 0;
  std::uint64_t lease = 0;
  std::uint64_t proven = 0;
  std::uint64_t permits = 0;  // the caller's
  std::uint64_t target = 0;   // its share
  std::uint64_t total = 0;
  std::uint64_t holders = 0;

  bool operator==(const reply&) const = default;
};

// Where an exchange takes place.
struct server {
  std::string id;             // of the server process: another one may have lost memory
  std::uint64_t time_us = 0;  // of any clock; makes the stamps of a new epoch larger, no more
};

// Do `q`. What answers other than done has changed nothing.
reply exchange(record& r, const request& q, const server& at);

// The label as it is kept: without control characters, and cut at the end of a character.
std::string clean_label(std::string_view label);

// ---- Text. The first line is the head, then one line for each holder.

std::string head_text(const record& r);
std::string holder_text(const holder& h);
bool parse_head(std::string_view text, record& ret);  // false: not of a version known here
bool parse_holder(std::string_view text, holder& ret);
std::string to_text(const record& r);
bool parse(std::string_view text, record& ret);  // "" is no record

}  // namespace afflux::fleet
