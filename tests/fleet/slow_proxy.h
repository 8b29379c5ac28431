// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Between a client and a server, on loopback: passes on what each says, but for what a test wants
// to go wrong. One connection after the other.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "etcd_server.h"

namespace afflux_test {

class slow_proxy {
 public:
  explicit slow_proxy(int server_port)
      : server_port_(server_port),
        listener_(listen_anywhere(port_)),
        thread_([this] { serve(); }) {}
  slow_proxy(const slow_proxy&) = delete;
  slow_proxy& operator=(const slow_proxy&) = delete;
  ~slow_proxy() {
    release();
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // The next request with `words` in it is passed on, but its answer is lost with the connection.
  void lose_answer(std::string_view words) { set(words, trouble::lose_answer); }
  // The next request with `words` in it is passed on when release() is called, not before.
  void hold(std::string_view words) { set(words, trouble::hold); }
  void release() {
    const std::scoped_lock lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }
  // The answer to the request that was in trouble, when it has come.
  std::string answer() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !answer_.empty(); });
    return answer_;
  }

 private:
  enum class trouble { none, lose_answer, hold };

  void set(std::string_view words, trouble what) {
    const std::scoped_lock lock(mutex_);
    words_ = words;
    trouble_ = what;
  }

  // Which trouble this is in for; it is over with that.
  trouble take(std::string_view text) {
    const std::scoped_lock lock(mutex_);
    if (trouble_ == trouble::none || text.find(words_) == text.npos) return trouble::none;
    return std::exchange(trouble_, trouble::none);
  }

  void serve() {
    for (int client; (client = accept(listener_, nullptr, nullptr)) >= 0;) {
      const int server = connect_to(server_port_);
      if (server >= 0) pass(client, server);
      close(client);
      if (server >= 0) close(server);
    }
  }

  void pass(int client, int server) {
    for (bool in_trouble = false;;) {
      pollfd both[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
      // A client that has gone does not end what is in trouble.
      if (poll(both + (in_trouble ? 1 : 0), in_trouble ? 1 : 2, -1) < 0) return;
      char bytes[16384];
      if (both[1].revents != 0) {
        const ssize_t n = recv(server, bytes, sizeof(bytes), 0);
        if (n <= 0) return;
        if (in_trouble) {
          const std::scoped_lock lock(mutex_);
          answer_.assign(bytes, static_cast<std::size_t>(n));
          changed_.notify_all();
          return;
        }
        send(client, bytes, static_cast<std::size_t>(n), MSG_NOSIGNAL);
      } else {
        const ssize_t n = recv(client, bytes, sizeof(bytes), 0);
        if (n <= 0) return;
        const trouble what = take({bytes, static_cast<std::size_t>(n)});
        in_trouble = what != trouble::none;
        if (what == trouble::hold) {
          std::unique_lock lock(mutex_);
          changed_.wait(lock, [this] { return released_; });
        }
        send(server, bytes, static_cast<std::size_t>(n), MSG_NOSIGNAL);
      }
    }
  }

  int server_port_;
  int port_ = 0;
  int listener_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string words_;
  trouble trouble_ = trouble::none;
  bool released_ = false;
  std::string answer_;

  std::thread thread_;
};

}  // namespace afflux_test
