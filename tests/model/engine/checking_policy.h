// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The policy under which the core is explored; see src/policy.h for what
// each member means. Only the differences from the machine are said here.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <new>
#include <utility>

#include "checked.h"
#include "checked_mutex.h"
#include "time/timer_service.h"

namespace afflux::model {

// What a scenario may want otherwise: derive, override, pass as `Traits`.
struct default_traits {
  static constexpr std::uint32_t kOvertakingBound = 2;
  static constexpr std::uint32_t kAgeingBound = 2;
  static constexpr std::uint32_t kPatience = 1;
  static constexpr std::uint32_t kNotesAtOnce = 1;
  static constexpr std::uint32_t kShedAtOnce = 1;
  static constexpr std::uint32_t kResizeBits = 2;
  static constexpr std::uint32_t kSpins = 0;
  static constexpr bool kPauseIsPoint = false;
  // Reading the clock orders nothing; false saves points where time stands still.
  static constexpr bool kClockIsPoint = true;
};

// A T that is new in every execution, as if it had been there before the fibres.
template <class T>
class per_execution {
 public:
  T& get() {
    const std::uint64_t now = explorer::active() == nullptr ? 0 : explorer::active()->execution();
    if (object_ == nullptr || now != execution_) {
      unobserved quiet;
      if (object_ != nullptr) object_->~T();
      object_ = ::new (static_cast<void*>(storage_)) T();
      execution_ = now;
    }
    return *object_;
  }

 private:
  alignas(T) std::byte storage_[sizeof(T)];
  T* object_ = nullptr;
  std::uint64_t execution_ = 0;
};

template <int Mutant = 0, class Traits = default_traits>
struct checking_policy {
  template <class T>
  using atomic = checked_atomic<T>;
  template <class T>
  using var = checked_var<T>;
  using mutex = checked_mutex;

  // No fibre decides anything by it: no scheduling point.
  template <class T>
  class gauge {
   public:
    T get() const { return check(), value_; }
    void set(T value) { check(), value_ = value; }

   private:
    void check() const {
      if (explorer* engine = explorer::in_fibre()) engine->check_alive(this, sizeof *this);
    }
    T value_{};
  };
  template <class T>
  static void set_anew(atomic<T>& word, T value) {
    ::new (static_cast<void*>(&word)) atomic<T>{value};
  }
  static void own(const void*) {}

  // In order per fibre; which fibre's comes next is a choice. moodycamel's own atomics
  // cannot be reached, so this stands for what it promises.
  template <class T>
  class producer_queue {
   public:
    bool enqueue(T value) {
      // The one point of this operation; release: publishes what the value leads to.
      changes_.fetch_add(1, std::memory_order_release);
      const explorer* engine = explorer::in_fibre();
      arrived_[engine == nullptr ? 0 : engine->fibre_index() + 1].push_back(value);
      return true;
    }

    // What arrives behind a pass over the producers is missed by it. So a pass may bring any
    // one's and no other's, and nothing only when there is nothing.
    std::size_t try_dequeue_bulk(T* values, std::size_t most) {
      changes_.fetch_add(1, std::memory_order_acquire);
      std::deque<T>* some[kProducers];
      int count = 0;
      for (std::deque<T>& each : arrived_) {
        if (!each.empty()) some[count++] = &each;
      }
      if (count == 0) return 0;
      explorer* engine = explorer::in_fibre();
      std::deque<T>& from = *some[engine == nullptr || count == 1 ? 0 : engine->choose(count)];
      std::size_t taken = 0;
      for (; taken < most && !from.empty(); from.pop_front()) values[taken++] = from.front();
      return taken;
    }

   private:
    static constexpr int kProducers = 9;
    atomic<std::uint32_t> changes_{0};
    std::deque<T> arrived_[kProducers];
  };

  static constexpr std::uint32_t kOvertakingBound = Traits::kOvertakingBound;
  static constexpr std::uint32_t kAgeingBound = Traits::kAgeingBound;
  static constexpr std::uint32_t kPatience = Traits::kPatience;
  static constexpr std::uint32_t kNotesAtOnce = Traits::kNotesAtOnce;
  static constexpr std::uint32_t kShedAtOnce = Traits::kShedAtOnce;
  static constexpr std::uint32_t kResizeBits = Traits::kResizeBits;
  static constexpr int kMutant = Mutant;

  // Strict: asleep until unpark() unless the exploration allows spurious returns.
  // Running out of time is a choice, and takes the virtual clock to the deadline.
  static bool park(const atomic<std::uint32_t>& word, std::uint32_t expected,
                   std::int64_t deadline) {
    return park_while(word, expected, ~std::uint32_t{0}, deadline);
  }

  // A system call like park(), so it drains the store buffer.
  static void unpark(const void* address) {
    if (explorer* engine = explorer::in_fibre()) {
      engine->point();
      if (engine->delays()) engine->drain_own();
      engine->record(op::unpark, address, 0, 0);
      engine->wake(address);
    }
  }

  // Strict too. Compares the low halves only, which is where a futex would wait.
  static void park_on(const atomic<std::uint64_t>& word, std::uint64_t expected) {
    park_while(word, expected, std::uint64_t{0xffff'ffff}, kForever);
  }
  static void unpark_on(const void* address) { unpark(address); }

  // An entry of a ring, and the kernel's side of it: the wait that it asks for, to its end.
  struct ring_entry {
    const atomic<std::uint32_t>* word = nullptr;  // nullptr: it completes at once
    std::uint32_t expected = 0;

    // False: `deadline`, that of a linked timeout, has passed.
    bool run(std::int64_t deadline) const {
      return word == nullptr || park(*word, expected, deadline);
    }
  };
  static constexpr bool waits_in_kernel() { return true; }
  static void wait_in_kernel(const atomic<std::uint32_t>& word, std::uint32_t expected,
                             ring_entry& entry) {
    entry = {&word, expected};
  }
  static void complete_at_once(ring_entry& entry) { entry = {}; }
  static void unpark_in_kernel(const void* address) { unpark(address); }

  static std::int64_t now() {
    explorer* engine = explorer::active();
    if (engine == nullptr) return kClockStart;
    if (Traits::kClockIsPoint && engine->fibre_index() >= 0) {
      engine->point();
      engine->record(op::clock, nullptr, 0, static_cast<std::uint64_t>(engine->time()));
    }
    return engine->time();
  }

  static std::int64_t rough_now() { return now(); }
  static std::uintptr_t thread_key() {
    explorer* const engine = explorer::active();
    return static_cast<std::uintptr_t>(engine == nullptr ? 1 : engine->fibre_index() + 2);
  }
  static constexpr unsigned shard_count() { return 2; }

  // The one switch that costs no preemption although the fibre could go on.
  static void pause() {
    if constexpr (Traits::kPauseIsPoint) {
      if (explorer* engine = explorer::in_fibre()) {
        engine->free_point();
        engine->record(op::pause, nullptr, 0, 0);
      }
    }
  }
  static constexpr std::uint32_t spins() { return Traits::kSpins; }
  static constexpr std::uint32_t spin_budget() { return Traits::kSpins; }
  static void spin_ended(std::uint32_t, bool) {}

  // Not passed before the value differs: a loop of this ends or is a deadlock.
  template <class T>
  static void wait_for_change(const atomic<T>& word, std::type_identity_t<T> seen) {
    explorer* engine = explorer::in_fibre();
    if (engine == nullptr) {
      if (bits_of(word.peek()) == bits_of(seen)) fail("wait_for_change outside of a fibre");
      return;
    }
    constexpr auto differs = [](const void* object, std::uint64_t old) {
      return static_cast<const atomic<T>*>(object)->may_differ(old);
    };
    engine->point_when(op::wait, differs, &word, bits_of(seen));
    word.check(*engine);
    engine->record(op::wait, &word, 0, word.settle_until_differs(*engine, bits_of(seen)));
  }

  // From the arena of the execution. Freed memory is not handed out again, so a
  // stale access is seen; see explorer::fail_create() for a lack of memory.
  template <class T, class... Args>
  static T* create(Args&&... args) {
    explorer* engine = explorer::active();
    if (engine == nullptr) return new (std::nothrow) T(std::forward<Args>(args)...);
    void* memory = engine->allocate(sizeof(T), alignof(T));
    return memory == nullptr ? nullptr : ::new (memory) T(std::forward<Args>(args)...);
  }
  template <class T>
  static void destroy(T* object) {
    explorer* engine = explorer::active();
    if (engine == nullptr) {
      delete object;
    } else if (object != nullptr) {
      std::destroy_at(object);
      engine->release(object);
    }
  }

  template <class T>
  static T& per_thread() {
    struct all {
      T of_fibre[9];
    };
    static per_execution<all> every;
    explorer* const engine = explorer::active();
    return every.get().of_fibre[engine == nullptr ? 0 : engine->fibre_index() + 1];
  }

  static std::uint32_t forks() { return 0; }
  static atomic<void*>& left_to_helpers() {
    static per_execution<atomic<void*>> left;
    return left.get();
  }
  // For scenarios in which a cancel may come late: its caller keeps the waiter's memory
  // valid until the cancel has returned, which the core cannot know.
  static inline bool owners_keep_memory = false;

  // Dead until reused(), or until something is constructed there anew.
  static void returned(const void* address, std::size_t size) {
    if (owners_keep_memory) return;
    if (explorer* engine = explorer::active()) engine->returned(address, size);
  }
  // The owner's side: it uses the memory again. Fails unless everything that others
  // did there happened before.
  static void reused(const void* address, std::size_t size) {
    if (explorer* engine = explorer::active()) engine->reused(address, size);
  }

  // ---- timers: only those fibres advance them that the scenario has for that

  static time::timer_service<checking_policy>& timers() { return timing().service; }
  static int start_timers(std::int64_t (*advance)()) {
    if (timing().refusal == 0) timing().advance = advance;
    return timing().refusal;
  }
  // Wakes the fibre in run_timers().
  static void timers_changed() {
    timing().bell.fetch_add(1, std::memory_order_release);
    unpark(&timing().bell);
  }

  // From now on start_timers() answers this errno value.
  static void refuse_timers(int error) { timing().refusal = error; }
  // One call of what start_timers() was given; -1, as for "nothing armed", without.
  static std::int64_t run_timers_once() {
    return timing().advance == nullptr ? -1 : timing().advance();
  }
  // A timer thread for so many turns: advances, then sleeps until the next deadline
  // or timers_changed(). Ends earlier when nothing is armed.
  static void run_timers(int turns) {
    for (int turn = 0; turn < turns; ++turn) {
      const std::uint32_t rings = timing().bell.load(std::memory_order_acquire);
      const std::int64_t rest = run_timers_once();
      if (rest < 0) return;
      if (rest > 0) park(timing().bell, rings, explorer::active()->time() + rest);
    }
  }

  // ---- the helper: a fibre that the scenario has for that, in run_helper()

  // It calls run_one() until that answers false. EAGAIN: no helper, or none that is
  // willing to turn once more; the caller does it all itself.
  static int help(bool (*run_one)()) {
    helper_state& state = helping();
    if (state.turns == 0) return EAGAIN;
    --state.turns;
    ++state.accepted;
    state.run_one = run_one;
    state.bell.fetch_add(1, std::memory_order_release);
    return 0;
  }
  // A helper thread for so many calls of help(). Ends with the other fibres, like a
  // thread of the library that is not joined, or after the last of its turns. It must be
  // what its fibre does first: help() counts on it from the start.
  static void run_helper(int turns) {
    explorer& engine = *explorer::in_fibre();
    helper_state& state = helping();
    state.turns += turns;
    state.fibres |= std::uint32_t{1} << engine.fibre_index();
    std::uint32_t served = 0;
    do {
      engine.point_when(op::wait, &is_called, &state, served);
      const std::uint32_t rings = state.bell.load(std::memory_order_acquire);
      if (rings == served) break;  // the others have ended
      while (state.run_one()) {
      }
      served = rings;
    } while (state.turns > 0 || state.accepted != served);
    state.turns = 0;
  }

 private:
  template <class T>
  static bool park_while(const atomic<T>& word, T expected, T compared, std::int64_t deadline) {
    const auto equals = [=](T value) { return ((value ^ expected) & compared) == 0; };
    explorer* engine = explorer::in_fibre();
    if (engine == nullptr) {
      if (equals(word.peek())) fail("park outside of a fibre: nobody could unpark");
      return true;
    }
    engine->point();
    word.check(*engine);
    if (engine->delays()) engine->drain_own();
    const T seen = word.look(*engine);
    engine->record(op::park, &word, 0, seen);
    if (!equals(seen)) return true;
    if (deadline <= engine->time()) return false;
    return engine->sleep(&word, deadline);
  }

  struct helper_state {
    atomic<std::uint32_t> bell{0};
    bool (*run_one)() = nullptr;
    int turns = 0;               // that it is still willing to do
    std::uint32_t accepted = 0;  // calls of help(); the bell rings for each
    std::uint32_t fibres = 0;    // in run_helper()
  };
  static helper_state& helping() {
    static per_execution<helper_state> state;
    return state.get();
  }
  static bool is_called(const void* object, std::uint64_t served) {
    const auto& state = *static_cast<const helper_state*>(object);
    return state.bell.peek() != served || explorer::active()->alone(state.fibres);
  }

  struct timer_state {
    time::timer_service<checking_policy> service;
    atomic<std::uint32_t> bell{0};
    std::int64_t (*advance)() = nullptr;
    int refusal = 0;
  };
  static timer_state& timing() {
    static per_execution<timer_state> state;
    return state.get();
  }
};

}  // namespace afflux::model
