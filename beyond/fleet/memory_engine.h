// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An engine in this process: for tests, and for simulation. memory:// has no other use, for what
// it limits an afflux_sem limits better.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fleet/engine.h"

namespace afflux::fleet {

// What the connections to one engine share. Threads: any number at once.
class memory_store {
 public:
  reply exchange(const std::string& name, const request& q) {
    const std::scoped_lock lock(mutex_);
    ++at_.time_us;
    return fleet::exchange(records_[name], q, at_);
  }
  record read(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    return records_[name];
  }
  std::vector<std::string> names() {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> all;
    for (const auto& [name, r] : records_) {
      if (r.epoch != 0) all.push_back(name);
    }
    return all;
  }
  // As FLUSHALL, or a restart without persistence.
  void forget() {
    const std::scoped_lock lock(mutex_);
    records_.clear();
  }
  // As a failover to a replica, or a restart from a file: what is there may be old.
  void move_to(const std::string& server_id) {
    const std::scoped_lock lock(mutex_);
    at_.id = server_id;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, record> records_;
  server at_{.id = "memory", .time_us = 0};  // the time is a count, which nothing sets back
};

class memory_engine final : public engine {
 public:
  explicit memory_engine(std::shared_ptr<memory_store> store) : store_(std::move(store)) {}

  outcome exchange(const std::string& name, const request& q, std::int64_t /*deadline*/,
                   reply& ret_reply) override {
    ret_reply = store_->exchange(name, q);
    return {};
  }
  outcome read(const std::string& name, std::int64_t /*deadline*/, record& ret_record) override {
    ret_record = store_->read(name);
    return {};
  }
  outcome names(std::int64_t /*deadline*/, std::vector<std::string>& ret_names) override {
    ret_names = store_->names();
    return {};
  }

 private:
  std::shared_ptr<memory_store> store_;
};

}  // namespace afflux::fleet
