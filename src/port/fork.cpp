// SPDX-License-Identifier: MIT OR Apache-2.0
#include "port/fork.h"

#include <mutex>

#include "threads/fork_watch.h"
#include "time/immortal.h"

namespace afflux::port {
namespace {

struct registry {
  std::mutex mutex;  // held over a fork(), so that the child finds the list whole
  forked* first = nullptr;
};
constinit time::immortal<registry> g_registry;

}  // namespace

void for_each_forked(void (*visit)(forked&)) noexcept {
  for (forked* each = g_registry.value.first; each != nullptr; each = each->next_) visit(*each);
}

namespace {

struct handlers {
  static void before() { g_registry.value.mutex.lock(); }
  static void parent() { g_registry.value.mutex.unlock(); }
  static void child() {
    for_each_forked([](forked& each) { each.begin_anew(); });
    g_registry.value.mutex.unlock();
  }
};

// Normally registered before there are threads, one of which could fork meanwhile.
[[maybe_unused]] const int g_early = watch_forks();

}  // namespace

int watch_forks() noexcept { return threads::fork_watch<handlers>::begin(); }

void forked::enlist() noexcept {
  registry& all = g_registry.value;
  const std::lock_guard lock(all.mutex);
  next_ = all.first;
  if (next_ != nullptr) next_->prev_ = this;
  all.first = this;
}

void forked::delist() noexcept {
  registry& all = g_registry.value;
  const std::lock_guard lock(all.mutex);
  (prev_ != nullptr ? prev_->next_ : all.first) = next_;
  if (next_ != nullptr) next_->prev_ = prev_;
}

}  // namespace afflux::port
