// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Checksums, computed by the libraries that are known for them.
#pragma once

#include <openssl/evp.h>
#include <xxhash.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>

namespace checksum_tree {

enum class hash_kind { xxh64, sha256 };

// Of one file. Where an answer is false the library has failed.
class hasher {
 public:
  // Throws std::bad_alloc.
  explicit hasher(hash_kind kind) {
    if (kind == hash_kind::xxh64) {
      xxh64_.reset(XXH64_createState());
      if (xxh64_ == nullptr || XXH64_reset(xxh64_.get(), 0) != XXH_OK) throw std::bad_alloc();
    } else {
      sha256_.reset(EVP_MD_CTX_new());
      if (EVP_DigestInit_ex(sha256_.get(), EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
    }
  }

  bool add(std::span<const std::byte> data) {
    if (xxh64_ != nullptr) return XXH64_update(xxh64_.get(), data.data(), data.size()) == XXH_OK;
    return EVP_DigestUpdate(sha256_.get(), data.data(), data.size()) == 1;
  }

  // Hexadecimal.
  bool finish(std::string& ret_text) {
    std::array<unsigned char, 32> digest{};
    if (xxh64_ != nullptr) {
      const std::uint64_t value = XXH64_digest(xxh64_.get());
      for (int shift = 56; shift >= 0; shift -= 8) put(ret_text, value >> shift & 0xff);
      return true;
    }
    if (EVP_DigestFinal_ex(sha256_.get(), digest.data(), nullptr) != 1) return false;
    for (const unsigned char byte : digest) put(ret_text, byte);
    return true;
  }

 private:
  static void put(std::string& text, std::uint64_t byte) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }

  struct free_state {
    void operator()(XXH64_state_t* state) const { XXH64_freeState(state); }
    void operator()(EVP_MD_CTX* state) const { EVP_MD_CTX_free(state); }
  };
  // One of them.
  std::unique_ptr<XXH64_state_t, free_state> xxh64_;
  std::unique_ptr<EVP_MD_CTX, free_state> sha256_;
};

}  // namespace checksum_tree
