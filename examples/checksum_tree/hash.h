// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Checksums, computed by the libraries that are known for them.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace checksum_tree {

enum class hash_kind { xxh64, sha256 };

// Big-endian, as it is printed.
struct digest {
  std::array<unsigned char, 32> bytes;
  std::size_t size = 0;
};

std::string to_hex(const digest& value);

class hasher {
 public:
  virtual ~hasher() = default;
  // Begins anew. False: the library failed, which the caller reports as EIO.
  virtual bool reset() = 0;
  virtual bool update(std::span<const std::byte> data) = 0;
  virtual bool finish(digest& ret_value) = 0;
};

// Throws std::bad_alloc.
std::unique_ptr<hasher> make_hasher(hash_kind kind);

}  // namespace checksum_tree
