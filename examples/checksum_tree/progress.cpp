// SPDX-License-Identifier: MIT OR Apache-2.0
#include "progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "human.h"
#include "listing.h"

namespace checksum_tree {
namespace {

constexpr std::chrono::milliseconds kPeriod{200};

// A line that wraps could not be erased.
std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

progress::progress(bool wanted)
    : shown_(wanted && isatty(STDERR_FILENO) == 1), next_(clock::now()), began_(next_) {}

bool progress::due() {
  const clock::time_point now = clock::now();
  if (now < next_) return false;
  next_ = now + kPeriod;
  return true;
}

void progress::show_walk(std::size_t found) {
  put("looking for files: " + std::to_string(found));
  began_ = clock::now();
}

void progress::show(const meter& measured, std::size_t files, std::uint64_t waiting) {
  put(std::to_string(measured.ended) + "/" + std::to_string(files) + " files, " +
      human_bytes(measured.bytes) + ", " + std::to_string(measured.in_flight.now()) +
      " in flight, " + std::to_string(waiting) + " waiting, " +
      human_rate(measured.bytes, clock::now() - began_));
}

void progress::erase() {
  if (!on_screen_) return;
  write_all(STDERR_FILENO, "\r\033[K");
  on_screen_ = false;
}

void progress::put(const std::string& line) {
  if (!shown_) return;
  write_all(STDERR_FILENO, "\r\033[K" + line.substr(0, terminal_width() - 1));
  on_screen_ = true;
}

}  // namespace checksum_tree
