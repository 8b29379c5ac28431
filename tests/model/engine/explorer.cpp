// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The search. Invariants:
//   EX1  An execution is a function of the decisions taken in path_.
//   EX2  path_ holds a decision for every point with more than one way to go that
//        the bound allows; depth_ of them are behind.
//   EX3  A fibre is in exactly one of ready_, waiting_, asleep_, or has ended.
#include "explorer.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace afflux::model {

namespace {

constexpr int kNoBound = std::numeric_limits<int>::max();

// What the process has explored, for tests/totals.py: of each search the executions of its last
// bound, for those of the bounds before are among them.
struct tally {
  ~tally() {
    if (executions != 0)
      std::printf("explored %llu executions\n", static_cast<unsigned long long>(executions));
  }
  std::uint64_t executions = 0;
} explored;

}  // namespace

explorer::explorer(const options& wanted, scenario body, void* object)
    : options_(wanted),
      body_(body),
      object_(object),
      delaying_(wanted.store_buffers > 0),
      events_(1024) {
  // Clocks have 15 bits, and a step releases at most once.
  if (options_.max_steps > 30'000) options_.max_steps = 30'000;
  active_ = this;
}

explorer::~explorer() { active_ = nullptr; }

result explorer::run() {
  const auto begun = std::chrono::steady_clock::now();
  result found;
  if (options_.random_executions != 0) {
    explore_random(found);
  } else {
    int bound = std::min(options_.first_preemptions, options_.preemptions);
    for (; bound <= options_.preemptions; ++bound) {
      explore_bound(bound, found);
      if (!failure_.empty() || !found.complete) break;
    }
  }
  found.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  finish(found);
  explored.executions += found.executions;
  return found;
}

result explorer::run_replay(std::string_view choices) {
  result found;
  replaying_ = true;
  parse_choices(choices);
  if (failure_.empty()) run_execution();
  found.executions = found.all_executions = 1;
  finish(found);
  found.trace = print_trace();
  return found;
}

void explorer::explore_bound(int bound, result& found) {
  bound_ = bound;
  path_.clear();
  found.preemptions = bound;
  found.executions = 0;
  found.complete = false;
  do {
    if (options_.max_executions != 0 && found.executions == options_.max_executions) return;
    run_execution();
    ++found.executions;
    ++found.all_executions;
    if (!failure_.empty()) return;
  } while (next_path());
  found.complete = true;
}

void explorer::explore_random(result& found) {
  randomly_ = true;
  bound_ = kNoBound;
  found.seed = options_.seed;
  found.preemptions = -1;
  while (found.executions < options_.random_executions && failure_.empty()) {
    path_.clear();
    found.seed = options_.seed + found.executions;
    begin_random_execution(found.seed);
    run_execution();
    ++found.executions;
  }
  if (failure_.empty()) found.seed = options_.seed;
  found.all_executions = found.executions;
}

// To the next alternative of the deepest decision that has one left.
bool explorer::next_path() {
  while (!path_.empty()) {
    decision& last = path_.back();
    last.tried |= bit(last.taken);
    const mask rest = last.options & ~last.tried;
    if (rest != 0) {
      last.taken = static_cast<std::uint8_t>(std::countr_zero(rest));
      return true;
    }
    path_.pop_back();
  }
  return false;
}

void explorer::run_execution() {
  execution_ = ++executions_;
  depth_ = 0;
  current_ = -1;
  count_ = 0;
  preemptions_ = 0;
  steps_ = 0;
  starting_ = watched_ = free_switch_ = false;
  leaks_allowed_ = options_.leaks_allowed;
  unfinished_ = ready_ = waiting_ = asleep_ = 0;
  stallable_ = waiting_for_stalled_ = 0;
  stalled_ = -1;
  may_wait_for_stalled_ = false;
  spurious_left_ = options_.spurious;
  time_ = kClockStart;
  main_clock_ = vector_clock{};
  memory_.reset();
  memory_.reuse(options_.reuse_memory);
  delays_left_ = options_.delayed_stores;
  buffers_.reset();
  event_count_ = 0;
  names_.clear();
  body_fibre_.prepare(&body_entry);
  fibre::transfer(root_, body_fibre_);
  all_steps_ += steps_;
  longest_ = std::max(longest_, steps_);
}

// ---- contexts

void explorer::body_entry() {
  explorer& engine = *active_;
  try {
    engine.body_(engine.object_, engine);
  } catch (...) {
    engine.fail("an exception left the scenario");
  }
  if (engine.unfinished_ != 0) engine.fail("the scenario ended without join()");
  if (!engine.leaks_allowed_) {
    if (const memory::block* leak = engine.memory_.first_leak()) {
      engine.fail("leak: " + std::to_string(leak->size) + " bytes, " +
                  engine.describe(leak->begin) + ", were created and not destroyed");
    }
  }
  engine.abandon();
}

void explorer::fibre_entry() {
  explorer& engine = *active_;
  task& own = engine.tasks_[engine.current_];
  try {
    own.call(own.callable);
  } catch (...) {
    engine.fail("an exception left a fibre");
  }
  const int self = engine.current_;
  if (engine.fibres_[self].overflowed()) engine.fail("a fibre overflowed its stack");
  engine.unfinished_ &= ~bit(self);
  engine.ready_ &= ~bit(self);
  engine.main_clock_.join(engine.clocks_[self]);
  if (engine.starting_ || engine.unfinished_ == 0) {
    engine.current_ = -1;
    fibre::transfer(engine.fibres_[self], engine.body_fibre_);
  }
  const int next = engine.pick();
  engine.current_ = next;
  fibre::transfer(engine.fibres_[self], next < 0 ? engine.body_fibre_ : engine.fibres_[next]);
}

void explorer::start_fibre(void (*call)(void*)) {
  const int index = count_++;
  task& own = tasks_[index];
  own.call = call;
  clocks_[index] = main_clock_;
  clocks_[index].at[index] = 1;
  unfinished_ |= bit(index);
  ready_ |= bit(index);
  fibres_[index].prepare(&fibre_entry);
}

void explorer::join() {
  if (current_ >= 0) fail("join by a fibre");
  // What precedes the first point of a fibre is invisible to the others: it
  // runs in order, and the schedules count operations only.
  starting_ = watched_ = true;
  for (int i = 0; i < count_; ++i) {
    if ((unfinished_ & bit(i)) == 0) continue;
    current_ = i;
    fibre::transfer(body_fibre_, fibres_[i]);
  }
  starting_ = false;
  watched_ = stallable_ != 0;
  current_ = -1;
  if (const int first = unfinished_ == 0 ? -1 : pick(); first >= 0) {
    current_ = first;
    fibre::transfer(body_fibre_, fibres_[first]);
  }
  watched_ = false;
  // Even what has ended, or stopped, has its stores under way until here.
  for (int i = 0; delaying_ && i < count_; ++i) drain_all(i);
}

// Continues the fibre `next`; returns when the caller is continued.
void explorer::switch_to(int next) {
  const int self = current_;
  current_ = next;
  fibre::transfer(fibres_[self], next < 0 ? body_fibre_ : fibres_[next]);
}

void explorer::abandon() {
  fibre& self = current_ < 0 ? body_fibre_ : fibres_[current_];
  current_ = -1;
  fibre::transfer(self, root_);
  std::abort();  // nobody continues an ended execution
}

void explorer::fail(std::string why) {
  failure_ = std::move(why);
  abandon();
}

// ---- points

void explorer::free_point() {
  free_switch_ = true;
  point();
}

void explorer::point_when(op what, condition holds, const void* object, std::uint64_t argument) {
  task& own = tasks_[current_];
  own.waits_for = what;
  own.holds = holds;
  own.object = object;
  own.argument = argument;
  ready_ &= ~bit(current_);
  waiting_ |= bit(current_);
  point();
  waiting_ &= ~bit(current_);
  ready_ |= bit(current_);
}

bool explorer::sleep(const void* address, std::int64_t deadline) {
  task& own = tasks_[current_];
  own.waits_for = op::park;
  own.object = address;
  own.deadline = deadline;
  const mask self = bit(current_);
  ready_ &= ~self;
  asleep_ |= self;
  point();
  if ((asleep_ & self) == 0) {  // wake() has made it ready
    record(op::unparked, address, 4, 0);
    return true;
  }
  asleep_ &= ~self;
  ready_ |= self;
  // Run although asleep: the time ran out, or no reason at all.
  const bool may_time_out = deadline != kForever;
  if (spurious_left_ > 0 && (!may_time_out || choose(2) == 1)) {
    --spurious_left_;
    record(op::spurious, address, 4, 0);
    return true;
  }
  time_ = std::max(time_, deadline);
  record(op::timed_out, address, 4, static_cast<std::uint64_t>(time_));
  return false;
}

void explorer::wake(const void* address) {
  for (mask rest = asleep_; rest != 0; rest &= rest - 1) {
    const int sleeper = std::countr_zero(rest);
    if (tasks_[sleeper].object != address) continue;
    asleep_ &= ~bit(sleeper);
    ready_ |= bit(sleeper);
  }
}

// ---- decisions

explorer::mask explorer::waiting_that_may_go() const {
  mask able = 0;
  for (mask rest = waiting_; rest != 0; rest &= rest - 1) {
    const task& candidate = tasks_[std::countr_zero(rest)];
    if (candidate.holds(candidate.object, candidate.argument)) able |= rest & (~rest + 1);
  }
  return able;
}

explorer::mask explorer::sleepers_that_may_go() const {
  if (spurious_left_ > 0) return asleep_;
  mask able = 0;
  for (mask rest = asleep_; rest != 0; rest &= rest - 1) {
    if (tasks_[std::countr_zero(rest)].deadline != kForever) able |= rest & (~rest + 1);
  }
  return able;
}

// Who goes on: the index of a fibre, or -1 for the body while fibres start.
int explorer::pick() {
  if (watched_) [[unlikely]] {
    consider_stall();
    if (starting_) return -1;
  }
  if (++steps_ > options_.max_steps) [[unlikely]]
    fail("livelock: the limit of steps is passed");
  mask ready = ready_;
  if (waiting_ != 0) ready |= waiting_that_may_go();
  mask able = ready;
  if (asleep_ != 0) able |= sleepers_that_may_go();
  if (able == 0) [[unlikely]]
    return nobody_can_go();
  const bool could_stay = current_ >= 0 && (ready & bit(current_)) != 0;
  const bool costs = could_stay && !free_switch_;
  free_switch_ = false;
  if ((able & (able - 1)) == 0) return std::countr_zero(able);
  if (costs && preemptions_ >= bound_) return current_;
  const int preferred = could_stay ? current_ : std::countr_zero(ready != 0 ? ready : able);
  const int taken =
      randomly_ ? decide_randomly(able, ready, false) : decide(able, preferred, false);
  if (costs && taken != current_) ++preemptions_;
  return taken;
}

int explorer::decide(mask able, int preferred, bool valued) {
  if (depth_ == path_.size()) {
    path_.push_back({able, 0, static_cast<std::uint8_t>(preferred), valued});
  }
  decision& here = path_[depth_];
  if (replaying_ && here.options == 0) {  // as parsed: only what was taken
    here.options = able;
    here.valued = valued;
  }
  if (here.options != able || here.valued != valued || (able & bit(here.taken)) == 0) {
    fail("the scenario is not deterministic: it did not repeat itself in a replay");
  }
  ++depth_;
  return here.taken;
}

int explorer::choose_among(mask values, int preferred) {
  if ((values & (values - 1)) == 0) return std::countr_zero(values);
  return randomly_ ? decide_randomly(values, values, true) : decide(values, preferred, true);
}

int explorer::choose(int n) {
  if (n < 1 || n > 32) fail("choose() offers 1 to 32 values");
  const int taken = choose_among(n == 32 ? ~mask{0} : bit(n) - 1, 0);
  record(op::chosen, nullptr, 0, static_cast<std::uint64_t>(taken));
  return taken;
}

}  // namespace afflux::model
