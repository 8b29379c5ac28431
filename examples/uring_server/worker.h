// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A ring thread: accepts clients and serves each by a coroutine.
#pragma once

#include <cstdint>
#include <unordered_set>

#include "doorbell.h"
#include "listener.h"
#include "ring.h"
#include "service.h"

namespace uring_server {

struct tally {
  std::uint64_t served = 0;
  std::uint64_t shed = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t metrics = 0;
  std::uint64_t malformed = 0;
  std::uint64_t unsent = 0;  // answers whose client had gone

  tally& operator+=(const tally& other);
};

class worker {
 public:
  worker(service& shared, std::uint16_t port) : shared_(shared), listener_(port) {}

  std::uint16_t port() const { return listener_.port(); }

  // Until service::stop, and until the last client has been answered.
  void run();

  // After run(): whether nothing was left in the port, that is, all that waited was answered.
  bool close_port() { return afflux_port_close(doorbell_.port()) == AFFLUX_OK; }
  const tally& counted() const { return counted_; }

  // ---- for the clients' coroutines

  service& shared() { return shared_; }
  ring& io() { return ring_; }
  afflux_port* completions() { return doorbell_.port(); }
  tally& counted() { return counted_; }
  bool stopping() const { return stopping_; }
  void end_client(int fd);

 private:
  bool done() const { return stopping_ && !accepting_ && clients_.empty(); }
  void begin_client(int fd);
  void begin_accepting();
  void begin_waiting_for_the_end();
  void stop();

  service& shared_;
  listener listener_;
  ring ring_;
  doorbell doorbell_{ring_};
  std::unordered_set<int> clients_;
  tally counted_;
  bool accepting_ = true;
  bool stopping_ = false;
};

}  // namespace uring_server
