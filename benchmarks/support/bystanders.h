// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string>

#include "support/cpu.h"

namespace afflux::bench {

// How much of the machine's CPU time other processes take meanwhile. Where the system does
// not tell: 0.
class bystanders {
 public:
  double share() const {
    const double all = machine_seconds() - machine_start_;
    const double own = own_seconds() - own_start_;
    const double room = watch_.wall() * static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
    return std::clamp((all - own) / room, 0.0, 1.0);
  }

 private:
  // User, nice, system, irq, softirq and steal of Linux' /proc/stat; by the scheduler's ticks.
  static double machine_seconds() {
    std::ifstream file("/proc/stat");
    std::string name;
    std::array<double, 8> times{};
    file >> name;
    for (double& time : times) file >> time;
    const double idle = times[3] + times[4];
    double all = 0;
    for (const double time : times) all += time;
    return (all - idle) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }

  static double own_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }

  double machine_start_ = machine_seconds();
  double own_start_ = own_seconds();
  stopwatch watch_;
};

}  // namespace afflux::bench
