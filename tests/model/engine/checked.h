// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an exploration checks at each access: std::atomic, a plain member and
// std::mutex under the explorer. Values are sequentially consistent; the memory
// orders passed decide what is ordered (happens-before by vector clocks), and a
// plain access that is not ordered is a failure.
//
//   H1  A release store publishes the storer's clock in the atomic, a relaxed
//       store removes what was published, a read-modify-write keeps it (release
//       sequence) and adds its own if it releases.
//   H2  An acquire load or read-modify-write takes what is published.
//   H3  seq_cst counts as acq_rel: no order but happens-before is derived.
//
// Outside of fibres (set-up, after join(), no exploration) all are plain.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "explorer.h"

namespace afflux::model {

template <class T>
std::uint64_t bits_of(const T& value) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value < sizeof bits ? sizeof value : sizeof bits);
  return bits;
}

constexpr bool acquires(std::memory_order order) {
  return order != std::memory_order_relaxed && order != std::memory_order_release;
}
constexpr bool releases(std::memory_order order) {
  return order == std::memory_order_release || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}
constexpr std::memory_order failure_of(std::memory_order success) {
  if (success == std::memory_order_acq_rel) return std::memory_order_acquire;
  if (success == std::memory_order_release) return std::memory_order_relaxed;
  return success;
}

// While one lives, nothing is observed: no points, no checks. For test code that
// looks at the state as a bystander would.
class unobserved {
 public:
  unobserved() : engine_(explorer::exchange_active(nullptr)) {}
  ~unobserved() { explorer::exchange_active(engine_); }
  unobserved(const unobserved&) = delete;
  unobserved& operator=(const unobserved&) = delete;

 private:
  explorer* engine_;
};

// ---- atomic

template <class T>
class checked_atomic {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);

 public:
  using value_type = T;
  static constexpr bool is_always_lock_free = true;

  constexpr checked_atomic() : checked_atomic(T{}) {}
  constexpr checked_atomic(T value) : value_(value) {  // implicit, like std::atomic
    if (!std::is_constant_evaluated()) made();
  }
  checked_atomic(const checked_atomic&) = delete;
  checked_atomic& operator=(const checked_atomic&) = delete;

  T load(std::memory_order order) const {
    explorer* engine = enter();
    if (engine != nullptr) {
      engine->record(op::load, this, sizeof *this, bits_of(value_));
      if (acquires(order)) engine->clock().join(published_);
    }
    return value_;
  }

  void store(T value, std::memory_order order) {
    explorer* engine = enter();
    value_ = value;
    if (engine == nullptr) return;
    engine->record(op::store, this, sizeof *this, bits_of(value));
    published_ = vector_clock{};
    if (releases(order)) {
      published_ = engine->clock();
      engine->tick();
    }
  }

  T exchange(T value, std::memory_order order) {
    return modify(op::exchange, order, [value](T) { return value; });
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order success,
                               std::memory_order failure) {
    explorer* engine = enter();
    const T old = value_;
    const bool done = std::memcmp(&old, &expected, sizeof old) == 0;
    if (done) value_ = desired;
    if (engine != nullptr) {
      engine->record(done ? op::cas_done : op::cas_failed, this, sizeof *this, bits_of(value_));
      done ? synchronise(*engine, success) : synchronise_load(*engine, failure);
    }
    if (!done) expected = old;
    return done;
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order order) {
    return compare_exchange_strong(expected, desired, order, failure_of(order));
  }
  // Never fails without cause: that would add nothing but a turn of the loop.
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success,
                             std::memory_order failure) {
    return compare_exchange_strong(expected, desired, success, failure);
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order order) {
    return compare_exchange_strong(expected, desired, order, failure_of(order));
  }

  T fetch_add(T n, std::memory_order order) requires std::integral<T> {
    return modify(op::fetch_add, order, [n](T old) { return static_cast<T>(old + n); });
  }
  T fetch_sub(T n, std::memory_order order) requires std::integral<T> {
    return modify(op::fetch_sub, order, [n](T old) { return static_cast<T>(old - n); });
  }
  T fetch_or(T n, std::memory_order order) requires std::integral<T> {
    return modify(op::fetch_or, order, [n](T old) { return static_cast<T>(old | n); });
  }
  T fetch_and(T n, std::memory_order order) requires std::integral<T> {
    return modify(op::fetch_and, order, [n](T old) { return static_cast<T>(old & n); });
  }

  // The value, without a point or a check: for oracles and conditions.
  T peek() const { return value_; }

  // After a point: the memory is there, and its construction is known here.
  void check(explorer& engine) const {
    engine.check_alive(this, sizeof *this);
    if (!made_.known_to(engine.clock())) [[unlikely]] {
      engine.race("use of the just constructed", this, made_.fibre);
    }
  }

 private:
  void made() {
    if (explorer* engine = explorer::in_fibre()) {
      engine->constructed(this, sizeof *this);
      made_ = engine->now_epoch();
    } else if (engine = explorer::active(); engine != nullptr) {
      engine->constructed(this, sizeof *this);
    }
  }

  explorer* enter() const {
    explorer* engine = explorer::in_fibre();
    if (engine != nullptr) {
      engine->point();
      check(*engine);
    } else if (engine = explorer::active(); engine != nullptr) {
      engine->check_alive(this, sizeof *this);
      engine = nullptr;
    }
    return engine;
  }

  template <class F>
  T modify(op what, std::memory_order order, F&& change) {
    explorer* engine = enter();
    const T old = value_;
    value_ = change(old);
    if (engine != nullptr) {
      engine->record(what, this, sizeof *this, bits_of(value_));
      synchronise(*engine, order);
    }
    return old;
  }

  void synchronise_load(explorer& engine, std::memory_order order) {
    if (acquires(order)) engine.clock().join(published_);
  }
  void synchronise(explorer& engine, std::memory_order order) {
    synchronise_load(engine, order);
    if (releases(order)) {
      published_.join(engine.clock());
      engine.tick();
    }
  }

  T value_;
  epoch made_{};
  vector_clock published_{};
};

// ---- plain data

// Stands for a member of type T. No scheduling point: an access that another
// fibre could see half done is a race, and races are failures.
template <class T>
class checked_var {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  constexpr checked_var() : checked_var(T{}) {}
  constexpr checked_var(T value) : value_(value) {
    if (!std::is_constant_evaluated()) made();
  }
  constexpr checked_var(const checked_var& other) : checked_var(static_cast<T>(other)) {}
  checked_var& operator=(const checked_var& other) {
    set(other.get());
    return *this;
  }
  checked_var& operator=(T value) {
    set(value);
    return *this;
  }

  constexpr operator T() const { return std::is_constant_evaluated() ? value_ : get(); }
  T operator->() const requires std::is_pointer_v<T> { return get(); }

  checked_var& operator++() requires std::integral<T> { return *this += T{1}; }
  checked_var& operator--() requires std::integral<T> { return *this -= T{1}; }
  T operator++(int) requires std::integral<T> {
    const T old = get();
    set(static_cast<T>(old + 1));
    return old;
  }
  T operator--(int) requires std::integral<T> {
    const T old = get();
    set(static_cast<T>(old - 1));
    return old;
  }
  checked_var& operator+=(T n) requires std::integral<T> {
    return *this = static_cast<T>(get() + n);
  }
  checked_var& operator-=(T n) requires std::integral<T> {
    return *this = static_cast<T>(get() - n);
  }
  checked_var& operator|=(T n) requires std::integral<T> {
    return *this = static_cast<T>(get() | n);
  }
  checked_var& operator&=(T n) requires std::integral<T> {
    return *this = static_cast<T>(get() & n);
  }

  T get() const {
    explorer* engine = explorer::in_fibre();
    if (engine == nullptr) {
      check_on_main();
      return value_;
    }
    engine->check_alive(this, sizeof *this);
    engine->record(op::read, this, sizeof *this, bits_of(value_));
    if (!written_.known_to(engine->clock())) [[unlikely]] {
      engine->race("read of", this, written_.fibre);
    }
    const epoch now = engine->now_epoch();
    read_.at[now.fibre] = now.time;
    return value_;
  }

  T peek() const { return value_; }

 private:
  void made() {
    if (explorer* engine = explorer::active()) {
      engine->constructed(this, sizeof *this);
      if (engine->fibre_index() >= 0) written_ = engine->now_epoch();
    }
  }

  void set(T value) {
    explorer* engine = explorer::in_fibre();
    if (engine == nullptr) {
      check_on_main();
      value_ = value;
      written_ = epoch{};
      read_ = vector_clock{};
      return;
    }
    engine->check_alive(this, sizeof *this);
    engine->record(op::write, this, sizeof *this, bits_of(value));
    const vector_clock& clock = engine->clock();
    if (!written_.known_to(clock)) [[unlikely]]
      engine->race("write of", this, written_.fibre);
    if (!clock.knows(read_)) [[unlikely]] {
      int reader = 0;
      while (read_.at[reader] <= clock.at[reader]) ++reader;
      engine->race("write of", this, reader);
    }
    value_ = value;
    written_ = engine->now_epoch();
    read_ = vector_clock{};
  }

  void check_on_main() const {
    if (explorer* engine = explorer::active()) engine->check_alive(this, sizeof *this);
  }

  T value_;
  epoch written_{};
  mutable vector_clock read_{};  // the last read of each fibre since the last write
};

// ---- mutex

class checked_mutex {
 public:
  constexpr checked_mutex() = default;
  checked_mutex(const checked_mutex&) = delete;
  checked_mutex& operator=(const checked_mutex&) = delete;

  void lock() {
    if (explorer* engine = explorer::in_fibre()) {
      engine->point_when(op::lock, &is_free, this, 0);
      engine->check_alive(this, sizeof *this);
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
