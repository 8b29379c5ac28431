// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The memory of one execution: an arena whose blocks are not reused before the
// execution ends, unless asked for, so that a stale access is seen instead of
// undefined; and the ranges that no fibre may touch at present.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace afflux::model {

class memory {
 public:
  enum class death : std::uint8_t { none, returned, destroyed };

  struct block {
    const std::byte* begin;
    std::size_t size;
    int fibre;  // that created it; -1: set-up
    bool live;
    std::size_t since;  // events of the execution that were before this use of it
  };

  memory();

  void reset();

  // nullptr when a failure was ordered for this call or the arena is full.
  void* allocate(std::size_t size, std::size_t alignment, int fibre, std::size_t events);
  // False when no live block begins there.
  bool release(const void* address);
  // Whether a block that was released serves the next allocation of its size.
  void reuse(bool wanted) { reuse_ = wanted; }
  bool reuses() const { return reuse_; }
  // The n-th allocation from now on fails, n = 1 being the next; 0: none.
  void fail_at(std::uint64_t n) { failing_call_ = n; }

  void bury(const void* address, std::size_t size, death how);
  // True when something of the range was dead; the rest of it stays dead.
  bool revive(const void* address, std::size_t size);
  death state(const void* address, std::size_t size) const {
    return dead_.empty() ? death::none : find_dead(address, size);
  }

  const block* first_leak() const;
  const block* containing(const void* address, std::size_t& index) const;

 private:
  struct range {
    const std::byte* begin;
    const std::byte* end;
    death how;
  };

  block* released(std::size_t size, std::size_t alignment);
  death find_dead(const void* address, std::size_t size) const;

  static constexpr std::size_t kArenaSize = std::size_t{1} << 20;

  std::unique_ptr<std::byte[]> arena_;
  std::size_t used_ = 0;
  std::uint64_t failing_call_ = 0;
  std::vector<range> dead_;
  std::vector<block> blocks_;
  bool reuse_ = false;
  std::vector<std::size_t> released_;  // indices of blocks_, the latest last
};

}  // namespace afflux::model
