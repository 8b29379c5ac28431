// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A real redis-server on a socket in a folder of its own, for one test program.
#pragma once

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace afflux_test {

// Without one on the PATH there is nothing to test with.
inline bool has_redis() { return std::system("command -v redis-server >/dev/null 2>&1") == 0; }

class redis_server {
 public:
  redis_server() {
    char made[] = "/tmp/afflux-fleet-XXXXXX";
    folder_ = mkdtemp(made);
    start();
  }
  redis_server(const redis_server&) = delete;
  redis_server& operator=(const redis_server&) = delete;
  ~redis_server() {
    stop();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string url() const { return "unix://" + socket(); }
  std::string socket() const { return folder_ + "/s"; }

  void start() {
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int null = open("/dev/null", O_RDWR);
      dup2(null, STDOUT_FILENO);
      dup2(null, STDERR_FILENO);
      execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket().c_str(),
             "--dir", folder_.c_str(), "--save", "", "--appendonly", "no", nullptr);
      _exit(127);
    }
    // It answers when it is there.
    while (run({"PING"}) != "PONG") usleep(1000);
  }
  // As a crash.
  void stop() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  void freeze() const { kill(pid_, SIGSTOP); }
  void thaw() const { kill(pid_, SIGCONT); }

  // A command by a connection of its own; "" for an error.
  std::string run(const std::vector<std::string>& words) const {
    redisContext* const c = redisConnectUnix(socket().c_str());
    std::string text;
    if (c != nullptr && c->err == 0) {
      std::vector<const char*> argv;
      for (const auto& w : words) argv.push_back(w.c_str());
      auto* const r = static_cast<redisReply*>(
          redisCommandArgv(c, static_cast<int>(argv.size()), argv.data(), nullptr));
      if (r != nullptr && r->str != nullptr && r->type != REDIS_REPLY_ERROR) text = r->str;
      if (r != nullptr && r->type == REDIS_REPLY_INTEGER) text = std::to_string(r->integer);
      if (r != nullptr) freeReplyObject(r);
    }
    redisFree(c);
    return text;
  }

 private:
  std::string folder_;
  pid_t pid_ = -1;
};

}  // namespace afflux_test
