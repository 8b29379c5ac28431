// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A server of each kind of engine, started when it is first asked for.
#pragma once

#include <memory>
#include <string>

#include "etcd_server.h"
#include "fleet/memory_engine.h"
#include "redis_server.h"

namespace afflux_test {

class engine_server {
 public:
  engine_server() = default;
  engine_server(const engine_server&) = delete;
  engine_server& operator=(const engine_server&) = delete;
  virtual ~engine_server() = default;

  virtual std::unique_ptr<afflux::fleet::engine> connect() = 0;
  virtual void forget() = 0;  // all records
  virtual bool can_freeze() const { return true; }
  virtual void freeze() {}
  virtual void thaw() {}

 protected:
  static std::unique_ptr<afflux::fleet::engine> connect_to_url(const std::string& url) {
    std::string error;
    return afflux::fleet::make_engine(url, error);
  }
};

class memory_server final : public engine_server {
 public:
  std::unique_ptr<afflux::fleet::engine> connect() override {
    return std::make_unique<afflux::fleet::memory_engine>(store_);
  }
  void forget() override { store_->forget(); }
  bool can_freeze() const override { return false; }

 private:
  std::shared_ptr<afflux::fleet::memory_store> store_ =
      std::make_shared<afflux::fleet::memory_store>();
};

class redis_engine_server final : public engine_server {
 public:
  std::unique_ptr<afflux::fleet::engine> connect() override {
    return connect_to_url(server_.url());
  }
  void forget() override { server_.run({"FLUSHALL"}); }
  void freeze() override { server_.freeze(); }
  void thaw() override { server_.thaw(); }

 private:
  redis_server server_;
};

class etcd_engine_server final : public engine_server {
 public:
  std::unique_ptr<afflux::fleet::engine> connect() override {
    return connect_to_url(server_.url());
  }
  void forget() override { server_.remove_all(); }
  void freeze() override { server_.freeze(); }
  void thaw() override { server_.thaw(); }

 private:
  etcd_server server_;
};

// Null: there is none on this machine, or its engine is not in this build. Lives as long as the
// program.
inline engine_server* engine_server_of(const std::string& kind) {
  std::string error;
  if (kind == "memory") {
    static memory_server server;
    return &server;
  }
  if (kind == "redis" && has_program("redis-server")) {
    static redis_engine_server server;
    return &server;
  }
  if (kind == "etcd" && has_program("etcd") &&
      afflux::fleet::make_engine("etcd://localhost", error) != nullptr) {
    static etcd_engine_server server;
    return &server;
  }
  return nullptr;
}

}  // namespace afflux_test
