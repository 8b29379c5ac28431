// SPDX-License-Identifier: MIT OR Apache-2.0
//
// std::mutex under the explorer: who waits is not scheduled before the mutex is
// free. Lock and unlock are read-modify-writes, so they drain the store buffer.
#pragma once

#include <cstdint>

#include "explorer.h"

namespace afflux::model {

class checked_mutex {
 public:
  constexpr checked_mutex() = default;
  checked_mutex(const checked_mutex&) = delete;
  checked_mutex& operator=(const checked_mutex&) = delete;

  void lock() {
    if (explorer* engine = explorer::in_fibre()) {
      engine->point_when(op::lock, &is_free, this, 0);
      engine->check_alive(this, sizeof *this);
      if (engine->delays()) engine->drain_own();
      take(*engine);
    } else {
      if (holder_ != kFree) fail("lock of a held mutex on the main context");
      holder_ = kMain;
    }
  }

  bool try_lock() {
    explorer* engine = explorer::in_fibre();
    if (engine != nullptr) {
      engine->point();
      engine->check_alive(this, sizeof *this);
      if (engine->delays()) engine->drain_own();
    }
    if (holder_ != kFree) return false;
    if (engine != nullptr) {
      take(*engine);
    } else {
      holder_ = kMain;
    }
    return true;
  }

  void unlock() {
    explorer* engine = explorer::in_fibre();
    if (engine != nullptr) {
      engine->point();
      engine->check_alive(this, sizeof *this);
      if (engine->delays()) engine->drain_own();
      if (holder_ != engine->fibre_index()) fail("unlock of a mutex that this fibre does not hold");
      engine->record(op::unlock, this, sizeof *this, 0);
      published_ = engine->clock();
      engine->tick();
    }
    holder_ = kFree;
  }

 private:
  static constexpr int kFree = -1;
  static constexpr int kMain = -2;

  static bool is_free(const void* object, std::uint64_t) {
    return static_cast<const checked_mutex*>(object)->holder_ == kFree;
  }
  void take(explorer& engine) {
    holder_ = engine.fibre_index();
    engine.record(op::lock, this, sizeof *this, 0);
    engine.clock().join(published_);
  }

  int holder_ = kFree;
  vector_clock published_{};
};

}  // namespace afflux::model
