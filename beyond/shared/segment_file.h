// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The file behind a segment: made whole before it has a name, and checked before it is used.
#pragma once

#include <cstddef>
#include <cstdint>

#include "afflux/afflux.h"
#include "policy.h"
#include "process.h"
#include "segment.h"

namespace afflux::shared {

struct creation {
  std::uint64_t permits;
  std::uint32_t mode;
  std::uint32_t slots;
  std::uint32_t places;
};

class segment_file {
 public:
  segment_file() noexcept = default;
  ~segment_file();
  segment_file(const segment_file&) = delete;
  segment_file& operator=(const segment_file&) = delete;

  // Answers and errno as afflux_shared_open(). `name` has no leading '/'.
  afflux_status open_named(const char* name, const spaces& here) noexcept;
  // AFFLUX_EALREADY: another was quicker.
  afflux_status create_named(const char* name, const spaces& here, const creation& is) noexcept;
  afflux_status create_unnamed(const spaces& here, const creation& is) noexcept;
  afflux_status open_fd(int fd, const spaces& here) noexcept;

  static bool is_name(const char* name) noexcept;
  static afflux_status remove(const char* name) noexcept;

  bool is_same(const segment_file& other) const noexcept {
    return device_ == other.device_ && inode_ == other.inode_;
  }
  int fd() const noexcept { return fd_; }
  const segment<policy>& memory() const noexcept { return memory_; }

 private:
  afflux_status map(const spaces& here) noexcept;
  afflux_status fill(const spaces& here, const creation& is) noexcept;
  void drop() noexcept;

  int fd_ = -1;
  void* base_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
  segment<policy> memory_;
};

}  // namespace afflux::shared
