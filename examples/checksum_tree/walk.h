// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The list of files under a directory.
#pragma once

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace checksum_tree {

struct file_list {
  std::vector<std::string> paths;                     // of regular files, sorted by byte
  std::vector<std::pair<std::string, int>> failures;  // what could not be looked at, and the errno
};

// Links are not followed, but for `root` itself. Ends early when `stop` answers another number than
// 0. Throws std::runtime_error where `root` cannot be read.
inline file_list walk(std::string root, int (*stop)()) {
  namespace fs = std::filesystem;
  while (root.size() > 1 && root.back() == '/') root.pop_back();
  file_list found;
  std::vector<std::string> pending{root};
  std::error_code error;
  fs::directory_iterator entry(root, error);
  if (error) {
    const bool is_file = error == std::errc::not_a_directory;
    throw std::runtime_error("'" + root + "': " + error.message() +
                             (is_file ? " (give the directory that holds it)" : ""));
  }
  while (!pending.empty() && stop() == 0) {
    const std::string directory = std::exchange(pending.back(), {});
    pending.pop_back();
    entry = fs::directory_iterator(directory, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      std::error_code unknown;
      const fs::file_type type = entry->symlink_status(unknown).type();
      if (unknown) found.failures.emplace_back(entry->path().string(), unknown.value());
      if (type == fs::file_type::directory) pending.push_back(entry->path().string());
      if (type == fs::file_type::regular) found.paths.push_back(entry->path().string());
    }
    if (error) found.failures.emplace_back(directory, error.value());
  }
  std::sort(found.paths.begin(), found.paths.end());
  return found;
}

}  // namespace checksum_tree
