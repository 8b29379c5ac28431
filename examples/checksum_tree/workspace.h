// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a file in flight needs and a waiting one does not: a buffer and a
// hasher. They are used again, so there are as many as were ever in flight.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <vector>

#include "hash.h"

namespace checksum_tree {

struct workspace {
  static constexpr unsigned kBufferSize = 128 * 1024;

  explicit workspace(hash_kind kind)
      : hash(make_hasher(kind)), buffer(std::make_unique_for_overwrite<std::byte[]>(kBufferSize)) {}

  std::unique_ptr<hasher> hash;
  std::unique_ptr<std::byte[]> buffer;
};

class workspace_pool {
 public:
  explicit workspace_pool(hash_kind kind) : kind_(kind) {}

  struct give_back {
    workspace_pool* pool = nullptr;
    void operator()(workspace* used) const { pool->put(used); }
  };
  using lease = std::unique_ptr<workspace, give_back>;

  // Empty when there is no memory.
  lease take() noexcept {
    try {
      if (free_.empty()) {
        // Room for all of them first, so that put() cannot fail.
        free_.reserve(++made_);
        return lease(new workspace(kind_), give_back{this});
      }
    } catch (const std::bad_alloc&) {
      return lease(nullptr, give_back{this});
    }
    workspace* last = free_.back().release();
    free_.pop_back();
    return lease(last, give_back{this});
  }

 private:
  void put(workspace* used) { free_.emplace_back(used); }

  hash_kind kind_;
  std::size_t made_ = 0;
  std::vector<std::unique_ptr<workspace>> free_;
};

}  // namespace checksum_tree
