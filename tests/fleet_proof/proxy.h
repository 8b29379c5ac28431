// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What stands between holders and the server: its target changes, and it cuts, delays, holds back
// or loses what passes.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "world.h"

namespace afflux_proof {

inline sockaddr_in loopback(int port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(static_cast<std::uint16_t>(port));
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

// Bound to a port of the system's choice.
inline int bind_any(int& ret_port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in a = loopback(0);
  bind(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a);
  socklen_t n = sizeof a;
  getsockname(fd, reinterpret_cast<sockaddr*>(&a), &n);
  ret_port = ntohs(a.sin_port);
  return fd;
}

class proxy {
 public:
  // What happens to a part of the connections, and to those that are made meanwhile.
  enum class fault : std::uint8_t {
    none,
    hole,   // nothing passes; what was sent arrives, late, when this is over
    delay,  // each message of either direction takes up to `most`
    mute,   // requests pass, and their answers are lost
  };

  explicit proxy(std::uint64_t seed) : random_(seed) {
    listener_ = bind_any(port_);
    listen(listener_, 512);
    thread_ = std::thread([this] { run(); });
  }
  proxy(const proxy&) = delete;
  proxy& operator=(const proxy&) = delete;
  ~proxy() {
    ends_ = true;
    thread_.join();
    for (pair& p : pairs_) close_pair(p);
    close(listener_);
  }

  int port() const { return port_; }
  void lead_to(int port) { target_ = port; }

  void cut(double part) {
    const std::scoped_lock lock(mutex_);
    for (pair& p : pairs_) p.is_cut = p.is_cut || chance(part);
  }
  void set(fault what, double part, std::int64_t most = 0) {
    const std::scoped_lock lock(mutex_);
    fault_ = what;
    part_ = part;
    most_ = most;
    for (pair& p : pairs_) p.suffers = chance(part);
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct chunk {
    std::int64_t due;
    std::string bytes;
  };
  struct pair {
    int ends[2];  // the holder's, the server's
    bool suffers = false;
    bool is_cut = false;
    std::deque<chunk> queues[2];  // to the server, to the holder
  };

  bool chance(double p) { return std::uniform_real_distribution<>(0, 1)(random_) < p; }

  static void close_pair(pair& p) {
    for (const int fd : p.ends) close(fd);
  }

  void accept_one() {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in a = loopback(target_);
    if (connect(server, reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0) {
      close(client);
      close(server);
      return;
    }
    const int on = 1;
    for (const int fd : {client, server}) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pairs_.push_back({{client, server}, chance(part_), false, {}});
  }

  void read_end(pair& p, int from) {
    char buffer[16'384];
    const ssize_t n = recv(p.ends[from], buffer, sizeof buffer, MSG_DONTWAIT);
    if (n <= 0) {
      // Which leaves what is under way: a server may do a request whose sender has gone.
      if (p.queues[from].empty()) p.is_cut = true;
      return;
    }
    bytes_ += static_cast<std::uint64_t>(n);
    if (p.suffers && fault_ == fault::mute && from == 1) return;
    std::int64_t due = now_ns();
    if (p.suffers && fault_ == fault::delay) {
      due += std::uniform_int_distribution<std::int64_t>(0, most_)(random_);
    }
    if (!p.queues[from].empty()) due = std::max(due, p.queues[from].back().due);
    p.queues[from].push_back({due, std::string(buffer, static_cast<std::size_t>(n))});
  }

  void pass_on(pair& p, std::int64_t now) {
    for (int from = 0; from < 2; ++from) {
      auto& queue = p.queues[from];
      while (!queue.empty() && queue.front().due <= now) {
        const std::string& bytes = queue.front().bytes;
        const ssize_t n =
            send(p.ends[1 - from], bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n != static_cast<ssize_t>(bytes.size())) p.is_cut = true;
        queue.pop_front();
      }
    }
  }

  void run() {
    std::vector<pollfd> fds;
    while (!ends_) {
      fds.clear();
      fds.push_back({listener_, POLLIN, 0});
      bool has_queued = false;
      {
        const std::scoped_lock lock(mutex_);
        for (const pair& p : pairs_) {
          const bool reads = !(p.suffers && fault_ == fault::hole);
          for (const int fd : p.ends) fds.push_back({reads ? fd : -1, POLLIN, 0});
          has_queued = has_queued || !p.queues[0].empty() || !p.queues[1].empty();
        }
      }
      poll(fds.data(), fds.size(), has_queued ? 1 : 5);
      const std::scoped_lock lock(mutex_);
      std::size_t i = 1;
      const std::int64_t now = now_ns();
      for (pair& p : pairs_) {  // as many as above: only this thread adds or erases
        for (int from = 0; from < 2; ++from, ++i) {
          if (fds[i].fd >= 0 && fds[i].revents != 0) read_end(p, from);
        }
        if (!(p.suffers && fault_ == fault::hole)) pass_on(p, std::max(now, now_ns()));
      }
      std::erase_if(pairs_, [](pair& p) {
        if (p.is_cut) close_pair(p);
        return p.is_cut;
      });
      if (fds[0].revents != 0) accept_one();
    }
  }

  std::mutex mutex_;
  std::mt19937_64 random_;
  std::list<pair> pairs_;
  fault fault_ = fault::none;
  double part_ = 0;
  std::int64_t most_ = 0;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> target_{0};
  std::atomic<bool> ends_{false};
  std::atomic<std::uint64_t> bytes_{0};
  std::thread thread_;
};

}  // namespace afflux_proof
