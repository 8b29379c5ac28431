// SPDX-License-Identifier: MIT OR Apache-2.0
#include "hash.h"

#include <openssl/evp.h>
#include <xxhash.h>

#include <algorithm>
#include <new>

namespace checksum_tree {
namespace {

class xxh64_hasher final : public hasher {
 public:
  xxh64_hasher() : state_(XXH64_createState()) {
    if (state_ == nullptr) throw std::bad_alloc();
  }

  bool reset() override { return XXH64_reset(state_.get(), 0) == XXH_OK; }

  bool update(std::span<const std::byte> data) override {
    return XXH64_update(state_.get(), data.data(), data.size()) == XXH_OK;
  }

  bool finish(digest& ret_value) override {
    XXH64_canonical_t canonical;
    XXH64_canonicalFromHash(&canonical, XXH64_digest(state_.get()));
    std::copy(std::begin(canonical.digest), std::end(canonical.digest), ret_value.bytes.begin());
    ret_value.size = sizeof canonical.digest;
    return true;
  }

 private:
  struct free_state {
    void operator()(XXH64_state_t* state) const { XXH64_freeState(state); }
  };
  std::unique_ptr<XXH64_state_t, free_state> state_;
};

class sha256_hasher final : public hasher {
 public:
  sha256_hasher() : context_(EVP_MD_CTX_new()) {
    if (context_ == nullptr) throw std::bad_alloc();
  }

  bool reset() override {
    // NULL begins anew with what the first call has looked up.
    const EVP_MD* algorithm = begun_ ? nullptr : EVP_sha256();
    begun_ = EVP_DigestInit_ex(context_.get(), algorithm, nullptr) == 1;
    return begun_;
  }

  bool update(std::span<const std::byte> data) override {
    return EVP_DigestUpdate(context_.get(), data.data(), data.size()) == 1;
  }

  bool finish(digest& ret_value) override {
    unsigned size = 0;
    if (EVP_DigestFinal_ex(context_.get(), ret_value.bytes.data(), &size) != 1) return false;
    ret_value.size = size;
    return true;
  }

 private:
  struct free_context {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, free_context> context_;
  bool begun_ = false;
};

}  // namespace

std::string to_hex(const digest& value) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * value.size);
  for (std::size_t i = 0; i < value.size; ++i) {
    text += kDigits[value.bytes[i] >> 4];
    text += kDigits[value.bytes[i] & 15];
  }
  return text;
}

std::unique_ptr<hasher> make_hasher(hash_kind kind) {
  if (kind == hash_kind::xxh64) return std::make_unique<xxh64_hasher>();
  return std::make_unique<sha256_hasher>();
}

}  // namespace checksum_tree
