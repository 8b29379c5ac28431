// SPDX-License-Identifier: MIT OR Apache-2.0
#include "listing.h"

#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

namespace checksum_tree {
namespace {

constexpr std::size_t kLargeWrite = 64 * 1024;

std::string escaped(const std::string& path) {
  std::string text;
  for (const char letter : path) {
    switch (letter) {
      case '\\':
        text += "\\\\";
        break;
      case '\n':
        text += "\\n";
        break;
      case '\r':
        text += "\\r";
        break;
      default:
        text += letter;
    }
  }
  return text;
}

}  // namespace

std::string checksum_line(const digest& value, const std::string& path) {
  const bool plain = path.find_first_of("\\\n\r") == std::string::npos;
  return (plain ? "" : "\\") + to_hex(value) + "  " + (plain ? path : escaped(path)) + "\n";
}

std::string error_line(const std::string& path, int error) {
  return "checksum_tree: " + escaped(path) + ": " + std::generic_category().message(error) + "\n";
}

int write_all(int fd, const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

void listing::print() {
  for (; has_more(); ++next_) {
    const file_result& result = results_[next_];
    if (silent_) continue;
    if (result.what == verdict::read) text_ += checksum_line(result.value, paths_[next_]);
    if (result.what == verdict::unreadable) {
      // The lines before it first, for those who see both on one terminal.
      write_out();
      write_all(STDERR_FILENO, error_line(paths_[next_], result.error));
    }
    if (text_.size() >= kLargeWrite) write_out();
  }
  write_out();
}

void listing::write_out() {
  if (output_error_ == 0) output_error_ = write_all(STDOUT_FILENO, text_);
  text_.clear();
}

}  // namespace checksum_tree
