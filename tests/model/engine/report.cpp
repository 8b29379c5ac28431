// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is said about a failure: the reason, the trace, the choices. Nothing
// here runs in an execution that passes, but for check_ordered().
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ostream>

#include "explorer.h"

namespace afflux::model {

namespace {

constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuv";

const char* text_of(op what) {
  switch (what) {
    case op::load:
      return "load";
    case op::store:
      return "store";
    case op::exchange:
      return "exchange";
    case op::fetch_add:
      return "fetch_add";
    case op::fetch_sub:
      return "fetch_sub";
    case op::fetch_or:
      return "fetch_or";
    case op::fetch_and:
      return "fetch_and";
    case op::cas_done:
      return "cas";
    case op::cas_failed:
      return "cas failed";
    case op::read:
      return "  read";
    case op::write:
      return "  write";
    case op::make:
      return "  make";
    case op::lock:
      return "lock";
    case op::unlock:
      return "unlock";
    case op::wait:
      return "wait_for_change";
    case op::park:
      return "park";
    case op::unparked:
      return "unparked";
    case op::timed_out:
      return "timed out, now";
    case op::spurious:
      return "woken without cause";
    case op::unpark:
      return "unpark";
    case op::clock:
      return "now";
    case op::pause:
      return "pause";
    case op::created:
      return "create";
    case op::destroyed:
      return "destroy";
    case op::returned:
      return "returned";
    case op::reused:
      return "reused";
    case op::chosen:
      return "choose";
    case op::drained:
      return "store drained";
    case op::overlooked:
      return "misses store by";
    case op::stalled:
      return "stops for ever";
    case op::note:
      return "note";
  }
  return "?";
}

bool touches(op what) { return what <= op::unlock; }

std::string who(int fibre) {
  return fibre < 0 ? std::string("the main context") : "fibre " + std::to_string(fibre);
}

std::string hex(std::uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof text, value < 10 ? "%llu" : "0x%llx",
                static_cast<unsigned long long>(value));
  return text;
}

}  // namespace

void fail(std::string why) {
  if (explorer* engine = explorer::active()) engine->fail(std::move(why));
  std::fprintf(stderr, "outside of an exploration: %s\n", why.c_str());
  std::abort();
}

void note(const char* text, std::uint64_t value) {
  if (explorer* engine = explorer::active()) engine->record(op::note, text, 0, value);
}

void explorer::label(const void* address, std::string_view text) {
  names_.push_back({address, std::string(text)});
}

void explorer::stuck() {
  std::string why = stalled_ < 0 ? "deadlock:" : "waits for a stopped fibre:";
  for (int i = 0; i < count_; ++i) {
    if ((unfinished_ & bit(i)) == 0) continue;
    why += " fibre " + std::to_string(i) + " in " + text_of(tasks_[i].waits_for) + " of " +
           describe(tasks_[i].object) + ";";
  }
  why.pop_back();
  fail(why);
}

void explorer::race(const char* what, const void* address, int other) {
  fail("data race: " + std::string(what) + " " + describe(address) + " by " + who(current_) +
       " is not ordered after what " + who(other) + " did");
}

void explorer::touched(const void* address, std::size_t size) {
  const auto how = memory_.state(address, size);
  if (how == memory::death::returned) {
    if (current_ < 0) return;  // the scenario looks at what is its own
    fail("touched after return: " + describe(address) + " by " + who(current_));
  }
  fail("touched after destroy: " + describe(address) + " by " + who(current_));
}

// The owner uses memory anew, or frees it: each thread that touched it must be known to
// have finished, whatever the schedule was.
void explorer::check_ordered(const void* address, std::size_t size, const char* what) {
  if (current_ < 0) return;
  const auto* begin = static_cast<const std::byte*>(address);
  std::size_t since = 0;
  if (memory_.reuses()) {  // what was done to a former object there was checked at its end
    std::size_t index = 0;
    if (const memory::block* block = memory_.containing(address, index)) since = block->since;
  }
  for (std::size_t i = since; i < event_count_; ++i) {
    const event& past = events_[i];
    if (past.fibre < 0 || past.fibre == current_ || !touches(past.what)) continue;
    if (past.time <= clocks_[current_].at[past.fibre]) continue;
    const auto* at = static_cast<const std::byte*>(past.address);
    if (at >= begin + size || at + past.size <= begin) continue;
    race(what, past.address, past.fibre);
  }
}

void* explorer::allocate(std::size_t size, std::size_t alignment) {
  void* memory = memory_.allocate(size, alignment, current_, event_count_);
  record(op::created, memory, size, size);
  return memory;
}

void explorer::release(void* object) {
  std::size_t index = 0;
  const memory::block* block = memory_.containing(object, index);
  if (block == nullptr || block->begin != object) fail("destroy of what create did not make");
  if (!block->live) fail("destroyed twice: " + describe(object));
  record(op::destroyed, object, block->size, 0);
  check_ordered(object, block->size, "destroy of");
  memory_.release(object);
  if (delaying_) buffers_.forget(object, block->size);
}

void explorer::returned(const void* address, std::size_t size) {
  check_alive(address, size);
  record(op::returned, address, size, size);
  memory_.bury(address, size, memory::death::returned);
}

void explorer::reused(const void* address, std::size_t size) {
  if (memory_.state(address, size) == memory::death::destroyed) touched(address, size);
  record(op::reused, address, size, size);
  check_ordered(address, size, "reuse of");
  memory_.revive(address, size);
}

std::string explorer::describe(const void* address) const {
  if (address == nullptr) return "-";
  for (auto known = names_.rbegin(); known != names_.rend(); ++known) {
    if (known->address == address) return known->text;
  }
  std::size_t index = 0;
  if (const memory::block* block = memory_.containing(address, index)) {
    return "object " + std::to_string(index) + " +" +
           std::to_string(static_cast<const std::byte*>(address) - block->begin);
  }
  // Anything else is called by the line of the trace at which it first appears.
  std::size_t line = 0;
  while (line < event_count_ && events_[line].address != address) ++line;
  std::string text = "@" + std::to_string(line);
  for (int i = 0; i < kMaxFibres; ++i) {
    if (fibres_[i].on_stack(address)) text += " (stack of " + std::to_string(i) + ")";
  }
  return text;
}

std::string explorer::print_trace() const {
  std::string text = "line fibre operation            where                    value\n";
  for (std::size_t i = 0; i < event_count_; ++i) {
    const event& past = events_[i];
    const bool noted = past.what == op::note;
    const std::string where =
        noted ? std::string(static_cast<const char*>(past.address)) : describe(past.address);
    const std::string by = past.fibre < 0 ? "-" : std::to_string(past.fibre);
    char line[160];
    std::snprintf(line, sizeof line, "%4zu %5s %-20s %-24s %s\n", i, by.c_str(), text_of(past.what),
                  where.c_str(), hex(past.value).c_str());
    text += line;
  }
  return text;
}

// "3:0120": the bound, or r for none, and one digit in base 32 per decision.
std::string explorer::print_choices() const {
  std::string text = randomly_ ? "r:" : std::to_string(bound_) + ":";
  const std::size_t taken = std::min(depth_, path_.size());
  for (std::size_t i = 0; i < taken; ++i) text += kDigits[path_[i].taken];
  return text;
}

void explorer::parse_choices(std::string_view choices) {
  const std::size_t colon = choices.find(':');
  bool good = colon != std::string_view::npos && colon > 0;
  bound_ = 0;
  for (std::size_t i = 0; good && i < colon; ++i) {
    if (choices == "r" || choices[0] == 'r') {
      bound_ = std::numeric_limits<int>::max();
      break;
    }
    good = choices[i] >= '0' && choices[i] <= '9' && bound_ < 1000;
    bound_ = bound_ * 10 + (choices[i] - '0');
  }
  for (std::size_t i = colon + 1; good && i < choices.size(); ++i) {
    const std::size_t digit = kDigits.find(choices[i]);
    good = digit != std::string_view::npos;
    if (good) path_.push_back({0, 0, static_cast<std::uint8_t>(digit), false});
  }
  if (!good) failure_ = "not a choice string";
}

void explorer::finish(result& found) const {
  found.failure = failure_;
  found.steps = all_steps_;
  found.longest = longest_;
  if (failure_.empty()) return;
  found.trace = print_trace();
  found.choices = print_choices();
}

std::ostream& operator<<(std::ostream& out, const result& what) {
  out << (what.passed() ? "passed" : "FAILED") << ", ";
  if (what.preemptions >= 0) {
    out << (!what.passed()  ? ""
            : what.complete ? "complete, "
                            : "capped, ")
        << "preemptions <= " << what.preemptions;
  } else {
    out << "random, seed " << what.seed;
  }
  out << ", executions " << what.executions << ", steps " << what.steps << ", longest "
      << what.longest << ", " << what.seconds << " s\n";
  if (!what.passed()) {
    out << what.failure << "\nchoices " << what.choices << '\n' << what.trace;
  }
  return out;
}

}  // namespace afflux::model
