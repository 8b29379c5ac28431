// SPDX-License-Identifier: MIT OR Apache-2.0
//
// etcd as an engine: the text of a record is the value of one key, and an exchange is a read, a
// change here, and a write that succeeds only if the key is still as it was read (compare-and-swap
// on its revision).
//
// FE1: That write is the moment of the exchange. Reads are linearizable, too: an answer that
//     changes nothing is true at the moment of the read.
// FE2: A write that was sent and not answered may be done later, but only on the very text that it
//     was computed from: with it, all others that compare with the same revision fail. So it is as
//     if its request had come late, with nothing in between, and the sequence in the request makes
//     that harmless. Within one exchange it is sent again, perhaps by another endpoint: if the
//     first one was done nevertheless, the record has this request's sequence with the stamp of the
//     answer computed then, and that answer is returned. An operator's request has no sequence, and
//     is not sent again.
// FE3: A cluster remembers what it has acknowledged, through restarts and elections. Not so one
//     that was made anew or restored from a backup, which often has the same id again (it is made
//     from the names in its configuration). So a record tells with which cluster, in which term and
//     after how many entries of the log it was written. A client that has connected anew compares:
//     a continued cluster is never behind. One that is starts a new log, from term 1 and entry 1.
//     Likewise a client that finds the key older than it saw it. What no client can see is a disk
//     that was set back as a whole, log and all: then the keys are to be deleted (afflux-fleet(1)).
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "fleet/engine.h"
#include "fleet/etcd_gateway.h"

namespace afflux::fleet {

class etcd_engine final : public engine {
 public:
  explicit etcd_engine(etcd_url url);

  outcome exchange(const std::string& name, const request& q, std::int64_t deadline,
                   reply& ret_reply) override;
  outcome read(const std::string& name, std::int64_t deadline, record& ret_record) override;
  outcome names(std::int64_t deadline, std::vector<std::string>& ret_names) override;
  void disconnect() override { gateway_.disconnect(); }

 private:
  // What this client knows of a key.
  struct knowledge {
    std::uint64_t connection = 0;  // on which it was found that the cluster goes on
    std::uint64_t revision = 0;    // the newest that it was seen with
  };

  std::string key_of(const std::string& name) const { return prefix_ + name; }
  std::uint64_t entries() const;
  std::string here() const;
  outcome compare(const std::string& writer, std::int64_t deadline, bool& ret_goes_on);
  outcome load(const std::string& name, std::int64_t deadline, etcd_value& ret_value,
               record& ret_record, std::uint64_t& ret_connection);
  outcome try_once(const std::string& name, const request& q, std::int64_t deadline,
                   std::vector<reply>& sent, bool& ret_is_done, reply& ret_reply);
  template <class F>
  outcome at_any_endpoint(std::int64_t deadline, F&& ask);
  void pause(int conflicts, std::int64_t one_try, std::int64_t deadline);

  std::string prefix_;
  etcd_gateway gateway_;
  std::map<std::string, knowledge> known_;
  // Entries of the log: so many when a member was asked, and at least one for each revision after
  // `base_`.
  std::uint64_t applied_ = 0;
  std::uint64_t base_ = 0;  // 0: not known yet
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace afflux::fleet
