// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the program tells: the list of checksums, the progress, the summary, complaints.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pass.h"

namespace checksum_tree {

enum class verdict : unsigned char { pending, read, unreadable, skipped, stopped };

// Of one file. The other two may be read when `what` is no longer pending.
struct file_result {
  std::string checksum;
  int error = 0;  // unreadable: why
  std::atomic<verdict> what = verdict::pending;
};

class screen {
 public:
  // Borrows both. wanted: false prints nothing.
  screen(const std::vector<std::string>& paths, const std::vector<file_result>& results,
         bool wanted);

  // Prints up to the first file that is pending: in the order of the paths, in the format that
  // `sha256sum -c` and `xxhsum -c` read.
  void print_ready();

  // Renews the line that shows on a terminal only.
  void show_progress(std::size_t ended, std::uint64_t bytes, std::uint64_t in_flight,
                     std::uint64_t waiting, std::chrono::nanoseconds time);

  // The errno of the first write of the list that failed, 0 while none did.
  int error() const { return error_; }

 private:
  void erase_progress();

  const std::vector<std::string>& paths_;
  const std::vector<file_result>& results_;
  std::size_t next_ = 0;
  bool wanted_;
  bool has_terminal_;
  bool progress_shown_ = false;
  int error_ = 0;
};

std::string summary_of(const options& chosen, const pass_report& report);

// "checksum_tree: <text>", and "checksum_tree: <path>: <why>", to standard error.
void complain(const std::string& text);
void complain_of(const std::string& path, int error);

// All of it, however often the system interrupts. 0, or an errno.
int write_all(int fd, const std::string& text);

// As printf; for short texts.
[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...);

std::string human_bytes(std::uint64_t bytes);                      // "4.2 MiB"
std::string human_time(std::uint64_t ns);                          // "12.3 ms"
std::string human_rate(std::uint64_t bytes, std::uint64_t in_ns);  // "310.5 MB/s"

}  // namespace checksum_tree
