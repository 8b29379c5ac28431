// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A redis-server on loopback, whose wall clock can be shifted.
#pragma once

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "proxy.h"

namespace afflux_proof {

class redis {
 public:
  // `preload`: "" or the library that shifts the clock by word `slot` of `clocks`.
  redis(std::string folder, std::string preload, std::string clocks, int slot)
      : folder_(std::move(folder)),
        preload_(std::move(preload)),
        clocks_(std::move(clocks)),
        slot_(slot) {
    std::filesystem::create_directories(folder_);
  }
  redis(const redis&) = delete;
  redis& operator=(const redis&) = delete;
  ~redis() { crash(); }

  int port() const { return port_; }
  pid_t pid() const { return pid_; }

  // False: no server came up.
  bool start(bool keeps_data) {
    if (!keeps_data) std::filesystem::remove(folder_ + "/dump.rdb");
    for (int tries = 0; tries < 5; ++tries) {
      close(bind_any(port_));  // which another program may take meanwhile
      pid_ = fork();
      if (pid_ == 0) become();
      while (waitpid(pid_, nullptr, WNOHANG) == 0) {
        if (run({"PING"}) == "PONG") return true;
        pause_for(2 * kMs);
      }
    }
    pid_ = -1;
    return false;
  }
  void crash() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  // A command by a connection of its own; "" for an error.
  std::string run(const std::vector<std::string>& words) const {
    const timeval most{2, 0};
    const std::unique_ptr<redisContext, void (*)(redisContext*)> c(
        redisConnectWithTimeout("127.0.0.1", port_, most), redisFree);
    if (c == nullptr || c->err != 0) return "";
    redisSetTimeout(c.get(), most);
    std::vector<const char*> argv;
    for (const auto& w : words) argv.push_back(w.c_str());
    const std::unique_ptr<redisReply, void (*)(void*)> r(
        static_cast<redisReply*>(
            redisCommandArgv(c.get(), static_cast<int>(argv.size()), argv.data(), nullptr)),
        freeReplyObject);
    if (r == nullptr || r->type == REDIS_REPLY_ERROR) return "";
    if (r->type == REDIS_REPLY_INTEGER) return std::to_string(r->integer);
    return r->str != nullptr ? std::string(r->str, r->len) : "";
  }

 private:
  [[noreturn]] void become() {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int null = open("/dev/null", O_RDWR);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    if (!preload_.empty()) {
      setenv("LD_PRELOAD", preload_.c_str(), 1);
      setenv("CLOCK_SHIFT_FILE", clocks_.c_str(), 1);
      setenv("CLOCK_SHIFT_SLOT", std::to_string(slot_).c_str(), 1);
    }
    execlp("redis-server", "redis-server", "--port", std::to_string(port_).c_str(), "--bind",
           "127.0.0.1", "--dir", folder_.c_str(), "--save", "", "--appendonly", "no",
           "--repl-diskless-sync-delay", "0", nullptr);
    _exit(127);
  }

  const std::string folder_, preload_, clocks_;
  const int slot_;
  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace afflux_proof
