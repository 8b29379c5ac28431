// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an exploration checks at each access: std::atomic and a plain member under
// the explorer. Values are sequentially consistent, or of total store order if the
// exploration has store buffers; the memory orders passed decide what is ordered
// (happens-before by vector clocks), and a plain access that is not ordered is a
// failure.
//
//   HB1  A release store publishes the storer's clock in the atomic, a relaxed
//        store removes what was published, a read-modify-write keeps it (release
//        sequence) and adds its own if it releases.
//   HB2  An acquire load or read-modify-write takes what is published.
//   HB3  seq_cst counts as acq_rel: no order but happens-before is derived.
//   HB4  With store buffers, what a store publishes comes with its value: a load that
//        looks past the store takes what was published before it.
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
      if (engine->delays()) [[unlikely]]
        return load_late(*engine, order);
      engine->record(op::load, this, sizeof *this, bits_of(value_));
      if (acquires(order)) engine->clock().join(published_);
    }
    return value_;
  }

  void store(T value, std::memory_order order) {
    explorer* engine = enter();
    if (engine != nullptr && engine->delays()) [[unlikely]]
      return store_late(*engine, value, order);
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
    const auto swap = [&] {
      const T old = value_;
      const bool done = std::memcmp(&old, &expected, sizeof old) == 0;
      if (done) value_ = desired;
      if (engine != nullptr) {
        engine->record(done ? op::cas_done : op::cas_failed, this, sizeof *this, bits_of(value_));
        done ? synchronise(*engine, success) : synchronise_load(*engine, failure);
      }
      if (!done) expected = old;
      return done;
    };
    return update(engine, swap);
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

  // The value, without a point or a check: for oracles. With store buffers the newest
  // that was stored, whichever fibres see it.
  T peek() const { return value_; }
  // What the running fibre would load here and now, without a point or a check.
  T look(explorer& engine) const {
    return engine.delays() ? value_of(engine.look(place()).bits) : value_;
  }
  // For a condition of the explorer: whether the value is another, or becomes another
  // without any fibre's doing.
  bool may_differ(std::uint64_t seen) const {
    const explorer& engine = *explorer::active();
    return engine.delays() ? engine.may_differ(this, bits_of(value_), seen)
                           : bits_of(value_) != seen;
  }
  // Passes that condition; answers the value, which is another.
  std::uint64_t settle_until_differs(explorer& engine, std::uint64_t seen) const {
    return engine.delays() ? engine.settle_until_differs(place(), seen) : bits_of(value_);
  }

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
    const auto exchange = [&] {
      const T old = value_;
      value_ = change(old);
      if (engine != nullptr) {
        engine->record(what, this, sizeof *this, bits_of(value_));
        synchronise(*engine, order);
      }
      return old;
    };
    return update(engine, exchange);
  }

  // change() finds in memory what all fibres see, and so does what it leaves there.
  template <class F>
  auto update(explorer* engine, F&& change) {
    if (engine != nullptr && engine->delays()) [[unlikely]]
      return update_late(*engine, change);
    return change();
  }

  // ---- with store buffers

  store_buffers::place place() const {
    auto* self = const_cast<checked_atomic*>(this);
    return {&self->value_, sizeof value_, &self->published_};
  }
  static T value_of(std::uint64_t bits) {
    T value;
    std::memcpy(static_cast<void*>(&value), &bits, sizeof value);
    return value;
  }

  // Out of line, all three, so that they do not burden explorations without.
  template <class F>
  [[gnu::noinline, gnu::cold]] auto update_late(explorer& engine, F& change) {
    engine.begin_update(place());
    const auto answer = change();
    engine.end_update(place());
    return answer;
  }

  [[gnu::noinline, gnu::cold]] T load_late(explorer& engine, std::memory_order order) const {
    const store_buffers::content seen = engine.look(place());
    engine.record(op::load, this, sizeof *this, seen.bits);
    if (acquires(order)) engine.clock().join(seen.clock);
    return value_of(seen.bits);
  }

  [[gnu::noinline, gnu::cold]] void store_late(explorer& engine, T value, std::memory_order order) {
    const vector_clock published = releases(order) ? engine.clock() : vector_clock{};
    const bool at_once = order == std::memory_order_seq_cst;
    at_once ? engine.begin_update(place()) : engine.settle(this);
    engine.record(op::store, this, sizeof *this, bits_of(value));
    if (at_once) {
      value_ = value;
      published_ = published;
      engine.end_update(place());
    } else {
      engine.delay(place(), {bits_of(value), published});
    }
    if (releases(order)) engine.tick();
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

}  // namespace afflux::model
