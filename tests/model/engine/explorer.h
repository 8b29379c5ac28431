// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A stateless exploring model checker. A scenario is a function that is run
// once per execution; it sets up, spawns up to eight fibres, joins them and
// checks. Every shared access of a fibre is a scheduling point; explore() runs
// every schedule with at most `preemptions` switches away from a fibre that
// could have gone on. Switches at blocking or at the end of a fibre are free.
// Source of the bound: Musuvathi and Qadeer, CHESS (PLDI 2007); of the random
// mode: Burckhardt et al., PCT (ASPLOS 2010).
//
//   auto result = explore({.preemptions = 3}, [](explorer& run) {
//     checking_policy<>::atomic<int> word{0};
//     run.spawn([&] { word.fetch_add(1, std::memory_order_relaxed); });
//     run.spawn([&] { word.fetch_add(1, std::memory_order_relaxed); });
//     run.join();
//     check(word.load(std::memory_order_relaxed) == 2, "an increment was lost");
//   });
//   EXPECT_TRUE(result.passed()) << result;
//
// A failure abandons the execution: nothing after it runs, not even
// destructors. The scenario must behave alike in every execution but for the
// scheduling and choose(). One exploration at a time in a process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <limits>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "clock.h"
#include "fibre.h"
#include "memory.h"
#include "store_buffer.h"

namespace afflux::model {

inline constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t kClockStart = 1'000'000'000;  // never 0: zero means things

struct options {
  int preemptions = 3;
  int first_preemptions = 0;                 // bounds are explored in turn, from this one
  std::uint64_t max_executions = 5'000'000;  // of one bound; 0: no cap
  std::uint32_t max_steps = 10'000;          // of one execution; more is a livelock
  int spurious = 0;                          // spurious wake-ups allowed in an execution
  bool leaks_allowed = false;
  std::uint64_t random_executions = 0;  // not 0: so many random ones instead of all
  std::uint64_t seed = 1;               // of the random mode
  int priority_changes = 3;             // in each random execution
  int store_buffers = 0;      // stores that each fibre may have under way; 0: none is ever late
  int delayed_stores = 2;     // of an execution, that some fibre looks past: see store_buffer.h
  bool reuse_memory = false;  // create() hands out what destroy() took back
};

struct result {
  bool complete = false;         // every schedule within the bound was run
  std::string failure;           // empty: none found
  std::string trace;             // of the failing execution
  std::string choices;           // to replay() it
  int preemptions = 0;           // the last bound explored
  std::uint64_t executions = 0;  // at that bound
  std::uint64_t all_executions = 0;
  std::uint64_t steps = 0;  // at all bounds
  std::uint32_t longest = 0;
  std::uint64_t seed = 0;  // of the failing or the first random execution
  double seconds = 0;

  bool passed() const { return failure.empty(); }
};

std::ostream& operator<<(std::ostream& out, const result& what);

enum class op : std::uint8_t {
  load,
  store,
  exchange,
  fetch_add,
  fetch_sub,
  fetch_or,
  fetch_and,
  cas_done,
  cas_failed,
  read,
  write,
  make,
  lock,
  unlock,
  wait,
  park,
  unparked,
  timed_out,
  spurious,
  unpark,
  clock,
  pause,
  created,
  destroyed,
  returned,
  reused,
  chosen,
  drained,
  overlooked,
  stalled,
  note
};

class explorer {
 public:
  explorer(const explorer&) = delete;
  explorer& operator=(const explorer&) = delete;

  // ---- for scenarios

  // Only between set-up and join(). The callable is kept in place, at most 128 bytes.
  template <class F>
  void spawn(F&& body);
  // Runs the fibres until all have ended. May be repeated: spawn anew, join again.
  void join();
  // A choice among 0 … n-1, explored like a schedule but free; n at most 32.
  int choose(int n);
  // Names the word at that address in traces.
  void label(const void* address, std::string_view name);
  // The n-th create() from now on answers nullptr; 1 is the next.
  void fail_create(std::uint64_t n) { memory_.fail_at(n); }
  void allow_leaks() { leaks_allowed_ = true; }
  // From now on create() hands out again what destroy() took back, the latest of that
  // size first. A stale access to a new object is then seen by its effects only.
  void reuse_memory() { memory_.reuse(true); }
  // That fibre (0: spawned first) may stop for ever, at one of its points or at none: a
  // free choice. Of several such fibres at most one stops. What it holds may leak.
  void may_stall(int fibre);
  bool stalled() const { return stalled_ >= 0; }
  int stalled_fibre() const { return stalled_; }  // -1: none
  // join() then returns when no fibre can go on without the stopped fibre; else a failure.
  void may_wait_for_stalled() { may_wait_for_stalled_ = true; }
  // Whether join() left that fibre waiting.
  bool waits_for_stalled(int fibre) const { return (waiting_for_stalled_ & bit(fibre)) != 0; }
  // Lets virtual time pass; no fibre is woken by that alone.
  void advance(std::int64_t nanoseconds) { time_ += nanoseconds; }
  std::int64_t time() const { return time_; }
  std::uint64_t execution() const { return execution_; }  // never the same again
  int fibre_index() const { return current_; }            // -1: set-up or after join()
  [[noreturn]] void fail(std::string why);

  // ---- for checked types

  static explorer* active() { return active_; }
  static explorer* exchange_active(explorer* other) { return std::exchange(active_, other); }
  // The explorer when a fibre runs, nullptr on the main context.
  static explorer* in_fibre() {
    return active_ != nullptr && active_->current_ >= 0 ? active_ : nullptr;
  }

  void point();
  // A point at which switching away costs nothing.
  void free_point();
  // A point that is not passed before holds(object, argument).
  using condition = bool (*)(const void* object, std::uint64_t argument);
  void point_when(op what, condition holds, const void* object, std::uint64_t argument);

  // Asleep until unpark(address); false when the deadline passed instead.
  bool sleep(const void* address, std::int64_t deadline);
  void wake(const void* address);
  // Whether no fibre but the running one and those in `besides` has still to end.
  bool alone(std::uint32_t besides) const { return (unfinished_ & ~besides) == 0; }

  // Store buffers, for the running fibre; see store_buffer.h. Only if delays().
  bool delays() const { return delaying_; }
  void drain_own();
  // Which stores of others to that word have become visible.
  void settle(const void* address);
  // What it reads there.
  store_buffers::content look(const store_buffers::place& where);
  // Stores of others drain until it reads something else than `seen`. Only if may_differ().
  std::uint64_t settle_until_differs(const store_buffers::place& where, std::uint64_t seen);
  bool may_differ(const void* address, std::uint64_t in_memory, std::uint64_t seen) const;
  void delay(const store_buffers::place& where, const store_buffers::content& what);
  // Around a read-modify-write of memory, or a store that no fibre sees late.
  void begin_update(const store_buffers::place& where);
  void end_update(const store_buffers::place& where) { buffers_.conceal(where); }

  vector_clock& clock() { return clocks_[current_]; }
  epoch now_epoch() const {
    return {clocks_[current_].at[current_], static_cast<std::int16_t>(current_)};
  }
  // What the fibre does from now on is not covered by what it released so far.
  void tick() { ++clocks_[current_].at[current_]; }

  void record(op what, const void* address, std::size_t size, std::uint64_t value);
  // Fails when the memory is dead. On the main context only freed memory is.
  void check_alive(const void* address, std::size_t size) {
    if (memory_.state(address, size) != memory::death::none) [[unlikely]]
      touched(address, size);
  }
  [[noreturn]] void race(const char* what, const void* address, int other);

  void* allocate(std::size_t size, std::size_t alignment);
  void release(void* object);
  void returned(const void* address, std::size_t size);
  void reused(const void* address, std::size_t size);
  // For constructors: memory that comes to life again in a dead range.
  void constructed(const void* address, std::size_t size) {
    if (memory_.state(address, size) != memory::death::none) [[unlikely]]
      reused(address, size);
    if (delaying_) [[unlikely]]
      buffers_.forget(address, size);
  }

 private:
  template <class F>
  friend result explore(const options&, F);
  template <class F>
  friend result replay(const options&, std::string_view, F);

  using mask = std::uint32_t;
  using scenario = void (*)(void* object, explorer& run);

  struct task {  // what is known of a fibre besides its stack
    void (*call)(void* callable) = nullptr;
    alignas(std::max_align_t) std::byte callable[128];
    condition holds = nullptr;
    const void* object = nullptr;  // of the condition, or slept on
    std::uint64_t argument = 0;
    std::int64_t deadline = kForever;
    op waits_for = op::note;
  };

  struct decision {
    mask options;
    mask tried;
    std::uint8_t taken;
    bool valued;  // by choose(), not by the scheduler
  };

  struct event {
    const void* address;
    std::uint64_t value;
    std::uint32_t size;
    std::int16_t time;
    std::int8_t fibre;
    op what;
  };

  struct name {
    const void* address;
    std::string text;
  };

  explorer(const options& wanted, scenario body, void* object);
  ~explorer();

  result run();
  result run_replay(std::string_view choices);

  // explorer.cpp: the search
  void explore_bound(int bound, result& found);
  void explore_random(result& found);
  void run_execution();
  bool next_path();
  int pick();
  int decide(mask options, int preferred, bool valued);
  int decide_randomly(mask options, mask ready, bool valued);
  int choose_among(mask options, int preferred);
  mask waiting_that_may_go() const;
  mask sleepers_that_may_go() const;
  void switch_to(int next);
  void leave(int next);
  [[noreturn]] void abandon();
  [[noreturn]] void stuck();
  static void body_entry();
  static void fibre_entry();
  void start_fibre(void (*call)(void*));
  void begin_random_execution(std::uint64_t seed);
  std::uint64_t random();

  // store_buffer.cpp
  static constexpr int kNobody = kMaxFibres;  // in choices of whose store drains
  void drain_one(int fibre, mask behind = 0);
  void drain_to(int fibre, const void* address, mask behind = 0);
  void drain_all(int fibre);

  // stall.cpp
  void consider_stall();
  int nobody_can_go();

  // report.cpp
  void touched(const void* address, std::size_t size);
  void check_ordered(const void* address, std::size_t size, const char* what);
  void finish(result& found) const;
  std::string describe(const void* address) const;
  std::string print_trace() const;
  std::string print_choices() const;
  void parse_choices(std::string_view choices);

  static mask bit(int index) { return mask{1} << index; }

  static inline explorer* active_ = nullptr;

  options options_;
  scenario body_;
  void* object_;

  // The search.
  std::vector<decision> path_;
  std::size_t depth_ = 0;
  int bound_ = 0;
  static inline std::uint64_t executions_ = 0;
  std::uint64_t execution_ = 0;
  std::uint64_t all_steps_ = 0;
  std::uint32_t longest_ = 0;
  bool replaying_ = false;
  bool randomly_ = false;
  std::string failure_;

  // This execution.
  int current_ = -1;
  int count_ = 0;
  int preemptions_ = 0;
  std::uint32_t steps_ = 0;
  bool starting_ = false;
  bool watched_ = false;  // starting, or a fibre may stall
  bool free_switch_ = false;
  bool leaks_allowed_ = false;
  mask unfinished_ = 0;
  mask ready_ = 0;
  mask waiting_ = 0;  // at a point with a condition
  mask asleep_ = 0;
  mask stallable_ = 0;
  mask waiting_for_stalled_ = 0;
  int stalled_ = -1;
  bool may_wait_for_stalled_ = false;
  int spurious_left_ = 0;
  std::int64_t time_ = kClockStart;
  vector_clock main_clock_;
  vector_clock clocks_[kMaxFibres];
  task tasks_[kMaxFibres];
  memory memory_;
  const bool delaying_;
  int delays_left_ = 0;
  store_buffers buffers_;
  std::vector<event> events_;
  std::size_t event_count_ = 0;
  std::vector<name> names_;

  // Random mode.
  std::uint64_t random_state_ = 0;
  std::uint64_t random_seed_ = 0;
  int priority_[kMaxFibres] = {};
  std::vector<std::uint32_t> change_at_;
  std::uint64_t stall_in_ = 0;

  fibre root_;
  fibre body_fibre_;
  fibre fibres_[kMaxFibres];
};

[[noreturn]] void fail(std::string why);
inline void check(bool holds, const char* why) {
  if (!holds) fail(why);
}
inline int choose(int n) {
  return explorer::active() == nullptr ? 0 : explorer::active()->choose(n);
}
// A line of the trace; the text must outlive the exploration.
void note(const char* text, std::uint64_t value = 0);

// ---- inline parts

template <class F>
void explorer::spawn(F&& body) {
  using callable = std::decay_t<F>;
  static_assert(sizeof(callable) <= sizeof(task::callable), "capture by reference");
  // Abandoned executions run no destructors: nothing may depend on one.
  static_assert(std::is_trivially_destructible_v<callable>, "capture by reference");
  if (count_ == kMaxFibres) fail("more than eight fibres");
  if (current_ >= 0) fail("spawn by a fibre");
  ::new (static_cast<void*>(tasks_[count_].callable)) callable(std::forward<F>(body));
  start_fibre([](void* stored) { (*static_cast<callable*>(stored))(); });
}

inline void explorer::point() {
  const int next = pick();
  if (next != current_) switch_to(next);
}

inline void explorer::record(op what, const void* address, std::size_t size, std::uint64_t value) {
  if (event_count_ == events_.size()) [[unlikely]]
    events_.resize(2 * events_.size());
  events_[event_count_++] = {address,
                             value,
                             static_cast<std::uint32_t>(size),
                             current_ < 0 ? std::int16_t{0} : clocks_[current_].at[current_],
                             static_cast<std::int8_t>(current_),
                             what};
}

template <class F>
result explore(const options& wanted, F body) {
  explorer engine(
      wanted, [](void* object, explorer& run) { (*static_cast<F*>(object))(run); }, &body);
  return engine.run();
}

// Runs the one execution that a result's `choices` stand for, with its trace.
template <class F>
result replay(const options& wanted, std::string_view choices, F body) {
  explorer engine(
      wanted, [](void* object, explorer& run) { (*static_cast<F*>(object))(run); }, &body);
  return engine.run_replay(choices);
}

}  // namespace afflux::model
