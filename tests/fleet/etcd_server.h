// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A real etcd of one member on loopback, in a folder of its own, for one test program.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace afflux_test {

// Without one on the PATH there is nothing to test with.
inline bool has_program(const std::string& name) {
  return std::system(("command -v " + name + " >/dev/null 2>&1").c_str()) == 0;
}

inline sockaddr_in loopback(int port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  a.sin_port = htons(static_cast<std::uint16_t>(port));
  return a;
}

// A listening socket on a port that was free.
inline int listen_anywhere(int& ret_port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in a = loopback(0);
  bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof(a));
  listen(fd, 64);
  socklen_t size = sizeof(a);
  getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size);
  ret_port = ntohs(a.sin_port);
  return fd;
}

inline int connect_to(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in a = loopback(port);
  if (connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof(a)) == 0) return fd;
  close(fd);
  return -1;
}

class etcd_server {
 public:
  // `more` options, for the command line.
  explicit etcd_server(std::string more = {}) : more_(std::move(more)) {
    char made[] = "/tmp/afflux-fleet-XXXXXX";
    folder_ = mkdtemp(made);
    start();
  }
  etcd_server(const etcd_server&) = delete;
  etcd_server& operator=(const etcd_server&) = delete;
  ~etcd_server() {
    stop();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url() const { return "etcd://" + address(); }
  const std::string& folder() const { return folder_; }
  std::string data() const { return folder_ + "/data"; }

  // The ports were free a moment ago, and are kept over restarts; another process may be faster.
  void start() {
    while (!try_start()) port_ = 0;
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

  // A call of the gateway; "" where there is no answer.
  std::string post(const std::string& path, const std::string& json) const {
    const int fd = connect_to(port_);
    if (fd < 0) return {};
    const std::string request = "POST " + path +
                                " HTTP/1.0\r\nContent-Length: " + std::to_string(json.size()) +
                                "\r\n\r\n" + json;
    std::string text;
    char bytes[4096];
    send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    for (ssize_t n; (n = recv(fd, bytes, sizeof(bytes), 0)) > 0;) {
      text.append(bytes, static_cast<std::size_t>(n));
    }
    close(fd);
    return text;
  }
  void remove_all() const { post("/v3/kv/deleterange", R"({"key":"AA==","range_end":"AA=="})"); }

  // etcdctl with these words; false: it failed.
  bool control(const std::string& words) const {
    return std::system(("ETCDCTL_API=3 etcdctl --endpoints=" + address() + " " + words + " >" +
                        folder_ + "/etcdctl 2>&1")
                           .c_str()) == 0;
  }

  // Makes the cluster anew from the backup in `file`; between stop() and start().
  bool restore(const std::string& file) const {
    std::error_code ignored;
    std::filesystem::remove_all(data(), ignored);
    return control("snapshot restore " + file + " --name default --data-dir " + data() +
                   " --initial-cluster default=" + peer_url() + " --initial-advertise-peer-urls " +
                   peer_url());
  }

 private:
  std::string peer_url() const { return "http://127.0.0.1:" + std::to_string(peer_port_); }

  bool try_start() {
    if (port_ == 0) {
      const int client = listen_anywhere(port_);
      const int peer = listen_anywhere(peer_port_);
      close(client);
      close(peer);
    }
    const std::string scheme = more_.find("tls") == more_.npos ? " http://" : " https://";
    const std::string command =
        "exec etcd --name default --data-dir " + data() + " --listen-client-urls" + scheme +
        address() + " --advertise-client-urls" + scheme + address() + " --listen-peer-urls " +
        peer_url() + " --initial-advertise-peer-urls " + peer_url() +
        " --initial-cluster default=" + peer_url() +
        " --heartbeat-interval 20 --election-timeout 200 --unsafe-no-fsync " + more_ + " >" +
        folder_ + "/log 2>&1";
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      _exit(127);
    }
    // It answers a linearizable read when it has a leader; with users, it does not let this one. By
    // TLS it listens when it has one.
    for (;;) {
      if (scheme == " https://") {
        if (const int fd = connect_to(port_); fd >= 0) {
          close(fd);
          return true;
        }
      } else {
        const std::string answer = post("/v3/kv/range", R"({"key":"AA=="})");
        if (answer.find("header") != answer.npos || answer.find("\"code\":3") != answer.npos) {
          return true;
        }
      }
      if (waitpid(pid_, nullptr, WNOHANG) == pid_) return false;
      usleep(2000);
    }
  }

  std::string more_;
  std::string folder_;
  int port_ = 0, peer_port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace afflux_test
