// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two who watch, and trust none of what they watch.
//
// The witness looks at the marks of all holders, all the time and at each step at the resource. It
// counts a mark unless
//   - its process is dead;
//   - its process was stopped since the acquire, and its lease has run out by the witness's clock:
//   it
//     could run nothing, and what it does when it runs again is the resource's matter;
//   - its lease has run out, and the work has taken longer than max_hold: what the options say that
//     work does not do.
// Marks that were all there in two looks, one after the other, were there together between the two.
//
// The resource has no clock. It keeps the highest floor that it was sent, and refuses a token that
// is not above it, as the manual says. Of the work that has begun there, what has a token above the
// floor is counted: of stopped processes and dead ones, too, and however long it takes.
#pragma once

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "world.h"

namespace afflux_proof {

class witness {
 public:
  witness(world& all, std::string path) : world_(all), path_(std::move(path)) {
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    std::strncpy(a.sun_path, path_.c_str(), sizeof a.sun_path - 1);
    bind(fd_, reinterpret_cast<const sockaddr*>(&a), sizeof a);
    const timeval most{0, 2'000};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    thread_ = std::thread([this] { run(); });
  }
  witness(const witness&) = delete;
  witness& operator=(const witness&) = delete;
  ~witness() {
    ends_ = true;
    thread_.join();
    close(fd_);
  }

  void say_what(const std::string& fault) {
    const std::scoped_lock lock(mutex_);
    fault_ = fault;
  }
  struct result {
    std::uint64_t looks = 0, steps = 0, refused = 0;
    std::uint64_t peak = 0, peak_at_resource = 0;
    std::uint64_t excesses = 0;  // how often the sum went above the limit, by marks
    std::uint64_t excesses_at_resource = 0;
    std::uint64_t stopped = 0, overran = 0;  // marks not counted, looks all together
    std::int64_t above_ns = 0;               // the time spent above the limit, by marks
    std::map<std::string, std::uint64_t> by_fault;
    double used = 0;  // mean sum of marks
    double may = 0;   // mean sum of what holders may use
  };
  result read() const {
    const std::scoped_lock lock(mutex_);
    return result_;
  }
  void begin_means() {
    const std::scoped_lock lock(mutex_);
    sum_used_ = sum_may_ = 0;
    means_ = 0;
  }
  std::pair<double, double> means() const {
    const std::scoped_lock lock(mutex_);
    const double n = means_ != 0 ? static_cast<double>(means_) : 1.0;
    return {static_cast<double>(sum_used_) / n, static_cast<double>(sum_may_) / n};
  }

 private:
  struct seen {
    const mark* at;
    std::uint64_t n, begun;
  };

  // With the lock.
  void look() {
    seen_.clear();
    std::uint64_t may = 0, sum = 0;
    const auto now = static_cast<std::uint64_t>(now_ns());
    for (const holder_page& page : world_.pages) {
      if (page.alive == 0) continue;
      may += page.permits;
      for (const mark& m : page.marks) {
        const std::uint64_t n = m.n, begun = m.begun;
        if (n == 0) continue;
        if (now > m.until && page.stops != m.stops) {
          ++result_.stopped;
        } else if (now > m.until && now > begun + world_.max_hold_ns) {
          ++result_.overran;
        } else {
          seen_.push_back({&m, n, begun});
        }
      }
    }
    for (const seen& s : seen_) {
      if (s.at->n == s.n && s.at->begun == s.begun) sum += s.n;
    }
    ++result_.looks;
    ++means_;
    sum_used_ += sum;
    sum_may_ += may;
    result_.peak = std::max(result_.peak, sum);
    const bool is_above = sum > world_.limit;
    if (is_above && !was_above_) {
      ++result_.excesses;
      ++result_.by_fault[fault_];
    }
    const auto t = static_cast<std::int64_t>(now);
    if (was_above_) result_.above_ns += t - last_;
    was_above_ = is_above;
    last_ = t;
  }

  bool take(const step& s) {
    if (s.begins == 0) {
      begun_.erase({s.holder, s.worker});
      return true;
    }
    ++result_.steps;
    floor_ = std::max(floor_, s.floor);
    if (s.token == 0) return true;  // of a scheme without tokens
    if (s.token <= floor_) {
      ++result_.refused;
      return false;
    }
    begun_[{s.holder, s.worker}] = s;
    std::uint64_t sum = 0;
    for (const auto& [who, each] : begun_) sum += each.token > floor_ ? each.n : 0;
    result_.peak_at_resource = std::max(result_.peak_at_resource, sum);
    if (sum > world_.limit) {
      ++result_.excesses_at_resource;
      ++result_.by_fault[fault_ + " (resource)"];
    }
    return true;
  }

  void run() {
    std::int64_t next = 0;
    while (!ends_) {
      step s{};
      sockaddr_un from{};
      socklen_t size = sizeof from;
      const ssize_t n = recvfrom(fd_, &s, sizeof s, 0, reinterpret_cast<sockaddr*>(&from), &size);
      const std::scoped_lock lock(mutex_);
      if (n == sizeof s) {
        const char answer = take(s) ? 'y' : 'n';
        sendto(fd_, &answer, 1, MSG_DONTWAIT | MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&from), size);
      }
      // At each beginning, and at least each 2 ms.
      if (s.begins != 0 || now_ns() >= next) {
        look();
        next = now_ns() + 2 * kMs;
      }
    }
  }

  world& world_;
  const std::string path_;
  int fd_ = -1;
  mutable std::mutex mutex_;
  std::string fault_ = "none";
  result result_;
  std::vector<seen> seen_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, step> begun_;
  std::uint64_t floor_ = 0;
  std::uint64_t sum_used_ = 0, sum_may_ = 0, means_ = 0;
  bool was_above_ = false;
  std::int64_t last_ = 0;
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

}  // namespace afflux_proof
