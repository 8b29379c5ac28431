// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reading by asking: a bounded channel of requests to the thread that owns the data, and a place
// for the answer. Made of a mutex and condition variables, or of afflux.
#pragma once

#include <afflux/afflux.h>

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <thread>

#include "support/afflux_handle.h"
#include "support/locked_client.h"

namespace afflux::bench {

// Room for some values of a pointer's size.
class ring {
 public:
  static constexpr std::size_t kRoom = 16;
  bool full() const { return in_ - out_ == kRoom; }
  bool empty() const { return in_ == out_; }
  void push(void* value) { values_[in_++ % kRoom] = value; }
  void* pop() { return values_[out_++ % kRoom]; }

 private:
  std::array<void*, kRoom> values_{};
  std::size_t in_ = 0;
  std::size_t out_ = 0;
};

struct standard_parts {
  static constexpr const char* kName = "channel_mutex";

  class channel {
   public:
    void push(void* value) {
      {
        std::unique_lock lock(mutex_);
        not_full_.wait(lock, [this] { return !ring_.full(); });
        ring_.push(value);
      }
      not_empty_.notify_one();
    }
    void* pop() {
      void* value = nullptr;
      {
        std::unique_lock lock(mutex_);
        not_empty_.wait(lock, [this] { return !ring_.empty(); });
        value = ring_.pop();
      }
      not_full_.notify_one();
      return value;
    }

   private:
    std::mutex mutex_;
    std::condition_variable not_full_, not_empty_;
    ring ring_;
  };

  class signal {
   public:
    void set() {
      // Notifies under the lock: the thread that waits may destroy the signal once it has the lock.
      const std::lock_guard lock(mutex_);
      set_ = true;
      changed_.notify_one();
    }
    void wait() {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return set_; });
    }

   private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool set_ = false;
  };
};

struct afflux_parts {
  static constexpr const char* kName = "channel_afflux";

  class channel {
   public:
    channel() {
      std::uint64_t all = 0;
      afflux_sem_drain(filled_.get(), &all);
    }
    void push(void* value) {
      afflux_sem_acquire(free_.get(), 1, AFFLUX_FOREVER);
      {
        const std::lock_guard lock(mutex_);
        ring_.push(value);
      }
      afflux_sem_release(filled_.get(), 1);
    }
    void* pop() {
      afflux_sem_acquire(filled_.get(), 1, AFFLUX_FOREVER);
      void* value = nullptr;
      {
        const std::lock_guard lock(mutex_);
        value = ring_.pop();
      }
      afflux_sem_release(free_.get(), 1);
      return value;
    }

   private:
    const handle free_ = make(ring::kRoom, AFFLUX_QUEUE_AUTO);
    const handle filled_ = make(ring::kRoom, AFFLUX_QUEUE_AUTO);
    std::mutex mutex_;
    ring ring_;
  };

  // An event, which a thread keeps for all of its requests.
  class signal {
   public:
    void set() { afflux_event_notify_one(event_); }
    void wait() { afflux_event_wait(event_, AFFLUX_FOREVER); }

   private:
    struct kept {
      kept() {
        if (afflux_event_create(0, AFFLUX_QUEUE_AUTO, &event) != AFFLUX_OK) throw std::bad_alloc();
      }
      ~kept() { afflux_event_unref(event); }
      afflux_event* event = nullptr;
    };
    static afflux_event* own() {
      static thread_local const kept one;
      return one.event;
    }
    afflux_event* const event_ = own();
  };
};

// A client that a thread of its own keeps.
template <class Parts>
class asked_client {
 public:
  static constexpr const char* kName = Parts::kName;

  asked_client() : keeper_([this] { keep(); }) {}
  ~asked_client() {
    message stop{what::stop, nullptr, nullptr};
    requests_.push(&stop);
    keeper_.join();
  }
  asked_client(const asked_client&) = delete;
  asked_client& operator=(const asked_client&) = delete;

  void count() { requests_.push(&one_request_); }  // not waited for
  std::uint64_t responses(std::uint32_t code) {
    std::uint64_t number = code;
    ask(what::look_up, &number);
    return number;
  }
  void summary(afflux_client_summary_t& into) { ask(what::read, &into); }

 private:
  enum class what { count, look_up, read, stop };
  struct message {
    what kind;
    void* answer;  // a summary; or a number, which is the code before
    typename Parts::signal* answered;
  };
  struct no_mutex {
    void lock() {}
    void unlock() {}
  };

  void ask(what kind, void* answer) {
    typename Parts::signal answered;
    message request{kind, answer, &answered};
    requests_.push(&request);
    answered.wait();
  }

  void keep() {
    for (;;) {
      const message& next = *static_cast<message*>(requests_.pop());
      switch (next.kind) {
        case what::count:
          client_.count_requests(1, 1);
          break;
        case what::look_up: {
          auto& number = *static_cast<std::uint64_t*>(next.answer);
          number = client_.responses(static_cast<std::uint32_t>(number));
          next.answered->set();
          break;
        }
        case what::read:
          client_.summary(*static_cast<afflux_client_summary_t*>(next.answer));
          next.answered->set();
          break;
        case what::stop:
          return;
      }
    }
  }

  message one_request_{what::count, nullptr, nullptr};
  typename Parts::channel requests_;
  locked_client<no_mutex> client_;
  std::thread keeper_;  // last: it uses all of the above
};

}  // namespace afflux::bench
