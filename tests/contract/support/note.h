// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Requests that complete by a note, and the book in which the notes arrive, which outlives them.
#pragma once

#include <afflux/afflux.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <mutex>
#include <vector>

#include "recorder.h"

namespace afflux_test {

class note_book {
 public:
  note_book() = default;
  note_book(const note_book&) = delete;
  note_book& operator=(const note_book&) = delete;

  static void note(void* context, std::uint64_t user_data) {
    auto& self = *static_cast<note_book*>(context);
    const auto then = self.then;
    {
      // A thread that sees the number may end the book: nothing of it is touched below.
      const std::lock_guard lock(self.mutex_);
      self.all_.push_back(user_data);
    }
    if (then) then(user_data);
  }

  // In the order in which they came.
  std::vector<std::uint64_t> all() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }

  std::function<void(std::uint64_t)> then;  // the note's last act; set before the first one

 private:
  mutable std::mutex mutex_;
  std::vector<std::uint64_t> all_;
};

// Nothing of it is touched by its note.
struct noted {
  explicit noted(note_book& book, std::uint64_t user_data = 0, std::uint64_t permits = 1) {
    afflux_request_init(&request);
    request.flags = AFFLUX_WAIT_FOR_NOTE;
    request.permits = permits;
    request.notify = &note_book::note;
    request.ctx = &book;
    request.user_data = user_data;
  }
  noted(const noted&) = delete;
  noted& operator=(const noted&) = delete;

  afflux_status start(afflux_sem* sem) { return afflux_sem_acquire_async(sem, &request, &waiter); }
  afflux_status start(afflux_event* event) {
    return afflux_event_wait_async(event, &request, &waiter);
  }
  afflux_status start_idle(afflux_sem* sem) {
    return afflux_sem_wait_idle_async(sem, &request, &waiter);
  }
  afflux_status cancel() { return afflux_waiter_cancel(&waiter); }
  afflux_status status() { return afflux_waiter_status(&waiter); }

  afflux_request request;
  alignas(64) afflux_waiter waiter{};
};

// The memory is its owner's.
inline void poison(noted& p) { std::memset(static_cast<void*>(&p.waiter), 0xa5, sizeof p.waiter); }

}  // namespace afflux_test
