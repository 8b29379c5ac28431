// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What works for one holder: it sets the limit of the local semaphore by its lease, and sends the
// lease's requests. Two threads: one that keeps the time and never waits for the network, so that a
// lease ends when it must, and one that talks to the engine. Or none: advance().
#pragma once

#include <afflux/fleet.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "fleet/engine.h"
#include "fleet/lease.h"
#include "fleet/local_sem.h"

namespace afflux::fleet {

struct agent_terms {
  lease_terms lease;
  std::string name;
  std::int64_t timeout = 0;  // ns, of a message
  bool is_manual = false;
  bool is_fresh = false;
  afflux_fleet_change_fn on_change = nullptr;
  void* ctx = nullptr;
};

class agent : public std::enable_shared_from_this<agent> {
 public:
  agent(agent_terms terms, std::unique_ptr<engine> engine, afflux_sem* sem, std::uint64_t reserve);
  ~agent();

  // Starts the threads, unless it is manual. Throws std::system_error.
  void start();

  // As the calls of fleet.h.
  afflux_status close(std::int64_t timeout_ns);
  afflux_status advance(std::int64_t* ret_next_ns);
  void read(afflux_fleet_fence& ret) const;
  void read(afflux_fleet_stats& ret) const;
  std::string last_failure() const;
  std::string id() const;
  void note_failure(const std::string& text);  // of a call of the operator's
  afflux_sem* sem() const { return sem_.handle(); }
  const agent_terms& terms() const { return terms_; }

  // The last reference of the handle has gone.
  void abandon();

 private:
  struct exchange_result {
    fleet::outcome outcome;
    fleet::reply reply;
    std::int64_t took = 0;
  };

  bool on_own_thread() const;
  void keep_time();
  void take_answer();
  bool is_to_leave();
  void post(bool is_last);
  void talk();
  void allow(std::int64_t now);
  // Does what is due but sending; answers whether a request is due.
  bool step(std::int64_t now);
  bool is_closing() const;
  request prepare();
  exchange_result send(const request& q, std::int64_t deadline);
  void finish(const exchange_result& result);
  void tell_change();
  std::uint32_t state(std::int64_t now) const;
  std::int64_t next_time(std::int64_t now, bool awaits) const;
  void join();
  void do_due_by_hand();
  afflux_status leave_by_hand();
  afflux_status wait_idle_by_hand(std::int64_t timeout_ns);

  const agent_terms terms_;
  const std::unique_ptr<engine> engine_;
  local_sem sem_;

  // Guards all below. Nothing of the caller's runs with it held.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  fleet::lease lease_;
  std::uint64_t allowed_ = 0;
  std::uint64_t told_permits_ = 0;
  std::uint32_t told_state_ = AFFLUX_FLEET_STARTING;
  std::string failure_;
  fleet::reply newest_;
  afflux_fleet_stats counts_{};  // the totals

  // Of the two threads.
  bool has_job_ = false;
  bool has_result_ = false;
  bool has_ended_ = false;  // the thread that keeps the time
  bool closing_ = false;
  bool closed_ = false;
  request job_;
  std::int64_t job_deadline_ = 0;
  exchange_result result_;
  std::thread keeper_, talker_;

  // Of the thread that keeps the time alone, and of who has joined it.
  bool awaits_ = false;   // a request is with the other thread
  bool is_last_ = false;  // it is the last one
  bool is_over_ = false;  // that was answered, or there was none to send
  bool left_ = false;     // what was leased is given back

  bool is_inside_ = false;  // advance(), or close() by hand
  std::thread::id inside_;  // the thread that runs the caller's functions: the one that is inside,
                            // or the one that keeps the time
};

}  // namespace afflux::fleet
