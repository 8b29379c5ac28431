// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The list of files under a directory.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace checksum_tree {

struct file_list {
  std::vector<std::string> paths;  // of regular files, sorted by byte
  struct failure {
    std::string path;
    int error;
  };
  std::vector<failure> failures;  // directories that could not be read, and the like
};

// 0, or the errno that makes `directory` none that can be walked.
int check_directory(const std::string& directory);

// Links are not followed, but for `directory` itself. `go_on` is asked now and
// then with the number of files found; false ends the walk.
file_list walk(const std::string& directory, const std::function<bool(std::size_t)>& go_on);

}  // namespace checksum_tree
