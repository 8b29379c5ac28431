// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The list of checksums, in the order of the paths whatever the order in which
// they are ready, in the format that `sha256sum -c` and `xxhsum -c` read.
#pragma once

#include <atomic>
#include <cstddef>
#include <string>
#include <vector>

#include "hash.h"

namespace checksum_tree {

enum class verdict : unsigned char { pending, read, unreadable, skipped, stopped };

struct file_result {
  verdict what = verdict::pending;
  int error = 0;  // unreadable: why
  digest value{};
};

// "<hex>  <path>\n"; where the path holds a backslash or a line's end, these are
// escaped and a backslash is put before the line.
std::string checksum_line(const digest& value, const std::string& path);

// "checksum_tree: <path>: <why>\n", the path on one line.
std::string error_line(const std::string& path, int error);

class listing {
 public:
  // A silent one prints nothing. `paths` is borrowed.
  listing(const std::vector<std::string>& paths, bool silent)
      : paths_(paths), results_(paths.size()), silent_(silent) {}

  // Once for each file, on any thread; the rest of this class is for one thread.
  void set(std::size_t index, const file_result& result) {
    file_result& place = results_[index];
    place.error = result.error;
    place.value = result.value;
    // release, pairs with has_more(): publishes the two above.
    std::atomic_ref(place.what).store(result.what, std::memory_order_release);
  }

  // Whether print() has anything to write, or to move past.
  bool has_more() {
    return next_ < results_.size() &&
           std::atomic_ref(results_[next_].what).load(std::memory_order_acquire) !=
               verdict::pending;
  }

  // Writes the lines up to the first file that is not ready; errors go to stderr.
  void print();

  // The errno of the first write that failed, 0 while none did.
  int output_error() const { return output_error_; }

 private:
  void write_out();

  const std::vector<std::string>& paths_;
  std::vector<file_result> results_;
  std::size_t next_ = 0;
  std::string text_;
  bool silent_;
  int output_error_ = 0;
};

// All of it, however often the system interrupts. 0, or an errno.
int write_all(int fd, const std::string& text);

}  // namespace checksum_tree
