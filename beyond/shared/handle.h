// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A process' handle to a segment: a slot in it, and those of this process who wait.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "afflux/shared.h"
#include "futex.h"
#include "lock.h"
#include "requests.h"
#include "segment_file.h"
#include "semaphore.h"
#include "tend.h"

namespace afflux::shared {

// Wakes the owner of a place that has left the line.
class bell {
 public:
  explicit bell(const segment<policy>& memory) noexcept : memory_(&memory) {}
  void rung(std::uint32_t place, std::uint64_t request) const noexcept;

 private:
  const segment<policy>* memory_;
};

// What a handle asks about processes: the attendant's answers, or those of the system.
class host {
 public:
  virtual ~host() = default;
  virtual bool is_alive(std::uint64_t life) = 0;
  virtual bool stands_still(std::uint64_t life) = 0;
};

class handle {
 public:
  // `name` nullptr: the file `fd`, or a new one without a name if that is −1.
  static afflux_status open(const char* name, int fd, const afflux_shared_options& options,
                            handle*& ret_handle) noexcept;

  void ref() noexcept;
  void unref() noexcept;

  afflux_status try_acquire(std::uint64_t n) noexcept;
  afflux_status acquire(std::uint64_t n, std::int64_t timeout_ns) noexcept;
  afflux_status acquire_async(const afflux_request& request, afflux_waiter* waiter) noexcept;
  afflux_status cancel(afflux_waiter* waiter) noexcept;
  afflux_status release(std::uint64_t n) noexcept;
  afflux_status resize(std::uint64_t permits) noexcept;
  afflux_status close() noexcept;

  bool is_foreign() const noexcept { return foreign_.load(std::memory_order_relaxed); }
  int fd() const noexcept { return file_.fd(); }
  std::uint64_t life() const noexcept { return life_; }
  std::uint32_t slot() const noexcept { return slot_; }
  const segment<policy>& memory() const noexcept { return file_.memory(); }

  // ---- For those who wait (requests.cpp) ------------------------------------

  // A place of this process, with its request written. AFFLUX_EREJECTED: none is free.
  afflux_status claim_place(std::uint64_t n, bool rings, std::uint32_t& ret_place) noexcept;
  void free_place(std::uint32_t place) noexcept;
  // Idle where it is no longer this process' own: a neighbour has written nonsense there.
  place_state state_of(std::uint32_t place) const noexcept;
  answer take_or_enqueue(std::uint64_t n, std::uint32_t place) noexcept;
  bool accept(std::uint32_t place) noexcept;
  bool leave(std::uint32_t place) noexcept;
  void unpark(std::uint32_t place) noexcept;
  void give_back(std::uint64_t n) noexcept;
  bool is_closed() const noexcept;
  void count_timeout() noexcept;
  std::atomic<std::uint32_t>& own_bell() const noexcept { return memory().slot(slot_).bell; }

  // One more, or one less, waits: while some do, the attendant looks after the segment.
  afflux_status begin_wait() noexcept;
  void end_wait() noexcept;

  // ---- For the attendant ----------------------------------------------------

  std::uint64_t waits() const noexcept { return waits_.load(std::memory_order_seq_cst); }
  // Whether other processes have slots than at the last call.
  bool has_other_lives() noexcept;
  // Whether that call has seen all handles that there are.
  bool knows_all_lives() const noexcept;
  // Buries the dead if there may be new ones, and looks after the line if nobody did lately. In how
  // many nanoseconds to come again.
  std::int64_t tend(host& processes, bool deaths) noexcept;

  handle* next = nullptr;             // under the attendant's lock
  std::atomic<bool> attended{false};  // likewise, but for a look whether it is
  bool anew = false;                  // it was not until now: deaths may have been missed

  void become_foreign() noexcept { foreign_.store(true, std::memory_order_relaxed); }

 private:
  handle() noexcept : bell_(file_.memory()) {}
  ~handle();

  afflux_status open_file(const char* name, int fd, const afflux_shared_options& options) noexcept;
  afflux_status claim_slot(const afflux_shared_options& options) noexcept;
  bool take_over(host& processes) noexcept;
  void bury_earlier_images() noexcept;
  afflux_status wait_in_line(std::uint64_t n, std::uint32_t place, std::int64_t deadline) noexcept;
  bool is_same_segment(const handle& other) const noexcept;
  void count_grant() noexcept;
  bool looks_after() noexcept;
  answer take_after_a_look(std::uint64_t n) noexcept;
  bool spin(std::uint64_t n, std::int64_t deadline, afflux_status& ret_status) noexcept;
  afflux_status outcome(answer from) const noexcept;
  void detach() noexcept;

  segment_file file_;
  bell bell_;
  std::uint64_t life_ = 0;
  std::uint32_t slot_ = 0;
  lock lock_;  // taken for every transaction (J2)
  alignas(semaphore<policy, bell>) unsigned char room_[sizeof(semaphore<policy, bell>)];
  semaphore<policy, bell>* sem_ = nullptr;  // in room_, when the slot is known
  std::atomic<bool> foreign_{false};        // in the child of a fork()
  std::atomic<std::uint64_t> refs_{1};
  std::atomic<std::uint64_t> waits_{0};
  std::atomic<std::uint32_t> opened_seen_{0};
  std::int64_t turns_before_me() const noexcept;
  std::unique_ptr<sight[]> seen_;           // the places at the attendant's last look
  std::unique_ptr<std::uint64_t[]> lives_;  // the slots' life words then
  requests requests_{*this};

  friend class requests;
};

}  // namespace afflux::shared
