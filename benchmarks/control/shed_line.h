// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A line before the limit that sheds those who have waited too long, with adaptive LIFO or without:
// what a semaphore does with afflux_sem_options.shed_target_ns, in virtual time.
#pragma once

#include <cstddef>
#include <deque>

namespace afflux::simulation {

struct shed_rule {
  double target_ms = 0;  // 0: there is no line, what finds the limit reached is refused
  double interval_ms = 0;
  bool newest_first = false;  // while the queue stands

  bool on() const { return target_ms > 0; }
};

// Times are nanoseconds.
class shed_line {
 public:
  explicit shed_line(const shed_rule& rule) : rule_(rule) {}

  bool exists() const { return rule_.on(); }
  bool empty() const { return came_.empty(); }

  void push(double now) {
    if (empty()) since_ = now;
    came_.push_back(now);
  }
  // How many.
  std::size_t shed(double now) {
    std::size_t count = 0;
    while (!empty() &&
           now - came_.front() > (stands(now) ? rule_.target_ms : rule_.interval_ms) * kMs) {
      came_.pop_front();
      ++count;
    }
    return count;
  }
  // When the next one came; the line is not empty, and has shed.
  double take(double now) {
    const bool newest = rule_.newest_first && stands(now);
    const double came = newest ? came_.back() : came_.front();
    newest ? came_.pop_back() : came_.pop_front();
    return came;
  }

 private:
  static constexpr double kMs = 1e6;

  bool stands(double now) const { return now - since_ > rule_.interval_ms * kMs; }

  const shed_rule rule_;
  std::deque<double> came_;
  double since_ = 0;
};

}  // namespace afflux::simulation
