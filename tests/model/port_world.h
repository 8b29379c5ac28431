// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A port under the checking policy: a doorbell that a loop's fibre sleeps on, the loop's ways to
// drain, and nodes that complete without a semaphore.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/checking_policy.h"
#include "engine/explorer.h"
#include "port/port.h"
#include "time/clock.h"

namespace afflux::model {

// A word that the loop parks on. Level: it shows until it is silenced, like an eventfd under
// poll(). Otherwise each ring ends one sleep, like an event of a ring. In the arena of the
// execution, so that a ring after the port's end is seen.
template <class P>
class model_bell final : public port::doorbell {
 public:
  explicit model_bell(bool level) : level_(level) {}
  static void* operator new(std::size_t size) {
    return explorer::active()->allocate(size, alignof(model_bell));
  }
  static void operator delete(void* memory) { explorer::active()->release(memory); }

  port::kind what() const noexcept override { return port::kind::callback; }
  bool shows() const noexcept override { return level_; }

  bool ring() noexcept override {
    if (refuses_to == P::thread_key()) return false;
    if (refuses != 0) return --refuses, false;
    ++rings;
    // release, pairs with wait(): as a system call orders.
    word_.fetch_add(1, std::memory_order_release);
    P::unpark(&word_);
    return true;
  }
  std::uint64_t silence() noexcept override { return word_.exchange(0, std::memory_order_acquire); }

  // The loop's sleep.
  void wait() {
    while (word_.load(std::memory_order_acquire) == 0) P::park(word_, 0, time::kNever);
    if (!level_) word_.exchange(0, std::memory_order_acquire);
  }
  bool showing() const { return word_.peek() != 0; }

  int rings = 0;                  // an oracle's count
  int refuses = 0;                // so many of the next rings, as a system does that has no memory
  std::uintptr_t refuses_to = 0;  // ... or all of this fibre's

 private:
  const bool level_;
  typename P::template atomic<std::uint32_t> word_{0};
};

// How a loop drains after each ring.
enum class draining : std::uint8_t { once, until_short, to_zero };

// The loop's side, for nodes of any type.
template <class P, class Node>
class port_loop {
 public:
  using port_type = port::port<P, Node>;

  explicit port_loop(bool level, bool drains_all = false) : bell(new model_bell<P>(level)) {
    port = P::template create<port_type>(std::unique_ptr<port::doorbell>(bell), drains_all);
  }

  template <class Out>
  std::size_t drain(std::size_t most, Out&& out) {
    const std::size_t n = port->drain(most, [&](Node& x) {
      ++got;
      out(x);
    });
    return n;
  }

  // Sleeps until so many have come, as loops of that kind do.
  template <class Out>
  void run(int wanted, std::size_t most, draining how, Out&& out) {
    while (got < wanted) {
      bell->wait();
      std::size_t n = 0;
      do {
        n = drain(most, out);
      } while (how == draining::to_zero ? n != 0 : how == draining::until_short && n == most);
    }
  }

  model_bell<P>* const bell;
  port_type* port = nullptr;
  int got = 0;
};

// What completes without a semaphore.
template <class P>
struct plain_node {
  typename P::template var<plain_node*> next{nullptr};
  typename P::template var<int> value{0};
};

// Producers that have begun `kNodes` requests, and their loop.
template <class Policy>
struct port_world : port_loop<Policy, plain_node<Policy>> {
  using P = Policy;
  using node = plain_node<P>;
  static constexpr int kNodes = 4;

  explicit port_world(int pending, bool level = true, bool drains_all = false)
      : port_loop<P, node>(level, drains_all) {
    for (int i = 0; i < pending; ++i) check(this->port->begin(), "set-up");
  }

  // ---- what completing fibres do

  void complete(int which) {
    nodes[which].value = which + 1;
    this->port->deliver(nodes[which], nodes[which]);
    this->port->end();
  }
  // Both at once, in this order.
  void complete(int first, int second) {
    nodes[first].value = first + 1;
    nodes[second].value = second + 1;
    nodes[second].next = &nodes[first];
    this->port->deliver(nodes[second], nodes[first]);
    this->port->end(2);
  }

  // ---- what the loop does

  std::size_t drain(std::size_t most) {
    return port_loop<P, node>::drain(most, [this](node& x) { take(x); });
  }
  void run(int wanted, std::size_t most, draining how) {
    port_loop<P, node>::run(wanted, most, how, [this](node& x) { take(x); });
  }
  void take(node& x) {
    const int which = x.value - 1;  // the race detector checks the order
    check(which == static_cast<int>(&x - nodes) && place[which] == 0, "S3: completed twice");
    place[which] = ++taken;
    P::returned(&x, sizeof x);  // the owner's again: no other may touch it
  }
  bool in_order(int first, int second) const { return place[first] < place[second]; }

  // The end: nothing is on its way, so the port is freed.
  void at_rest(int wanted) {
    check(this->got == wanted, "L1: not all have come");
    check(this->port->pending() == 0, "a request is left");
    check(this->port->close() == port::closing::done, "something is left");
    this->port->unref();
  }

  node nodes[kNodes];
  int place[kNodes] = {};
  int taken = 0;
};

}  // namespace afflux::model
