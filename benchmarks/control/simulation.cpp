// SPDX-License-Identifier: MIT OR Apache-2.0
#include "control/simulation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <deque>
#include <functional>
#include <limits>
#include <queue>

#include "control/sampler.h"

namespace afflux::simulation {
namespace {

constexpr double kSecond = 1e9;  // times are nanoseconds
constexpr double kMs = 1e6;
constexpr double kNever = std::numeric_limits<double>::infinity();

double percentile(std::vector<float>& of, double share) {
  if (of.empty()) return 0;
  const auto rank = static_cast<std::ptrdiff_t>(share * static_cast<double>(of.size() - 1));
  std::nth_element(of.begin(), of.begin() + rank, of.end());
  return static_cast<double>(of[static_cast<std::size_t>(rank)]);
}

// Counts what happened.
class record {
 public:
  explicit record(const setting& of)
      : of_(of), latencies_at_(static_cast<std::size_t>(std::ceil(of.seconds)) + 1) {
    for (auto* series :
         {&ret_.offered_at, &ret_.accepted_at, &ret_.good_at, &ret_.limit_at, &ret_.p99_at}) {
      series->assign(latencies_at_.size(), 0);
    }
    ret_.limit_least = kNever;
  }

  void arrived(double now, int limit) {
    const std::size_t second = second_of(now);
    ++ret_.offered_at[second];
    ret_.limit_at[second] += limit;
    if (now < of_.warm * kSecond) return;
    ret_.limit_least = std::min<double>(ret_.limit_least, limit);
    ret_.limit_most = std::max<double>(ret_.limit_most, limit);
  }
  void accepted(double now) { ++ret_.accepted_at[second_of(now)]; }
  void served(double now, double latency) {
    const std::size_t second = second_of(now);
    if (latency <= of_.deadline_ms * kMs) ++ret_.good_at[second];
    latencies_at_[second].push_back(static_cast<float>(latency / kMs));
  }

  outcome result() {
    const auto warm = static_cast<std::size_t>(of_.warm);
    std::vector<float> all;
    for (std::size_t i = 0; i < latencies_at_.size(); ++i) {
      if (i >= warm) {
        ret_.offered += ret_.offered_at[i];
        ret_.accepted += ret_.accepted_at[i];
        ret_.good += ret_.good_at[i];
        ret_.limit_mean += ret_.limit_at[i];
        all.insert(all.end(), latencies_at_[i].begin(), latencies_at_[i].end());
      }
      ret_.p99_at[i] = percentile(latencies_at_[i], 0.99);
      ret_.limit_at[i] /= std::max(1.0, ret_.offered_at[i]);
    }
    ret_.limit_mean /= std::max(1.0, ret_.offered);
    for (double* number : {&ret_.offered, &ret_.accepted, &ret_.good}) {
      *number /= of_.seconds - static_cast<double>(warm);
    }
    ret_.p50_ms = percentile(all, 0.5);
    ret_.p99_ms = percentile(all, 0.99);
    return std::move(ret_);
  }

 private:
  std::size_t second_of(double now) const {
    return std::min(latencies_at_.size() - 1, static_cast<std::size_t>(now / kSecond));
  }

  const setting& of_;
  outcome ret_;
  std::vector<std::vector<float>> latencies_at_;
};

class simulation {
 public:
  simulation(const setting& of, int limit, sampler* told, const shed_rule& line)
      : of_(of),
        limit_(limit),
        told_(told),
        arrivals_(of.seed),
        // Its own numbers, so that a request's service time hardly depends on who was refused.
        services_(of.seed * 7919 + 1),
        record_(of),
        line_(line) {}

  outcome run() {
    if (of_.clients == 0) schedule_arrival();
    for (int i = 0; i < of_.clients; ++i) coming_back_.push(think());
    while (step()) {
    }
    return record_.result();
  }

 private:
  struct ending {
    double at;
    double admitted;  // when it arrived, where there is a line
    bool of_worker;   // or of the dependency
    bool operator>(const ending& other) const { return at > other.at; }
  };

  double mean() const { return of_.mean_ms * kMs; }
  double seconds() const { return now_ / kSecond; }
  int limit() const { return told_ != nullptr ? told_->limit() : limit_; }
  int serving_workers() const {
    return static_cast<int>(std::lround(of_.workers * of_.capacity.at(seconds())));
  }
  double think() { return now_ + exponential(arrivals_, of_.think_ms * kMs); }

  void schedule_arrival() {
    const double rate = of_.load.at(seconds()) * of_.workers / mean();
    next_arrival_ = now_ + exponential(arrivals_, 1 / std::max(rate, 1e-18));
  }

  bool step() {
    const double ends = endings_.empty() ? kNever : endings_.top().at;
    const double back = coming_back_.empty() ? kNever : coming_back_.top();
    const double next = std::min({ends, back, next_arrival_});
    if (next > of_.seconds * kSecond) return false;
    now_ = next;
    if (next == ends) {
      const ending ended = endings_.top();
      endings_.pop();
      end(ended);
    } else if (next == back) {
      coming_back_.pop();
      arrive();
    } else {
      schedule_arrival();
      arrive();
    }
    return true;
  }

  void arrive() {
    record_.arrived(now_, limit());
    if (in_flight_ < limit()) return admit(now_);
    if (!line_.exists()) return refuse();
    line_.push(now_);
    shed();
  }

  void admit(double arrived) {
    ++in_flight_;
    record_.accepted(now_);
    waiting_.push_back(arrived);
    serve();
  }

  void shed() {
    for (std::size_t left = line_.shed(now_); left > 0; --left) refuse();
  }

  void refuse() {
    if (of_.retry_ms > 0) {
      coming_back_.push(now_ + of_.retry_ms * kMs * (0.5 + uniform(arrivals_)));
    } else if (of_.clients > 0) {
      coming_back_.push(think());
    }
  }

  void serve() {
    while (!waiting_.empty() && busy_ < serving_workers()) {
      const double beyond = std::max(0, in_flight_ - of_.workers);
      const double slower = 1 + of_.slow * beyond / of_.workers;
      ++busy_;
      endings_.push({now_ + of_.served.draw(services_) * mean() * slower, waiting_.front(), true});
      waiting_.pop_front();
    }
  }

  void end(const ending& ended) {
    if (ended.of_worker) {
      --busy_;
      serve();
      const double delay = of_.delay_ms.at(seconds()) * kMs;
      if (delay > 0) {
        endings_.push({now_ + delay * (0.5 + uniform(services_)), ended.admitted, false});
        return;
      }
    }
    if (told_ != nullptr) {
      told_->sample(static_cast<std::int64_t>(now_), static_cast<std::int64_t>(ended.admitted),
                    in_flight_, false);
    }
    --in_flight_;
    record_.served(now_, now_ - ended.admitted);
    if (of_.clients > 0) coming_back_.push(think());
    shed();
    while (!line_.empty() && in_flight_ < limit()) admit(line_.take(now_));
  }

  template <class T>
  using earliest_first = std::priority_queue<T, std::vector<T>, std::greater<T>>;

  const setting& of_;
  const int limit_;
  sampler* const told_;
  generator arrivals_;
  generator services_;
  record record_;
  double now_ = 0;
  double next_arrival_ = kNever;
  int in_flight_ = 0;
  int busy_ = 0;
  shed_line line_;              // for a permit
  std::deque<double> waiting_;  // for a worker: when each was admitted, or arrived
  earliest_first<ending> endings_;
  earliest_first<double> coming_back_;
};

}  // namespace

outcome simulate(const setting& of, int limit, const shed_rule& line) {
  return simulation(of, limit, nullptr, line).run();
}

outcome simulate(const setting& of, control::algorithm& steered, int min, int max) {
  sampler told(steered, min, max);
  return simulation(of, 0, &told, {}).run();
}

}  // namespace afflux::simulation
