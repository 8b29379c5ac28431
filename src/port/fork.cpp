// SPDX-License-Identifier: MIT OR Apache-2.0
#include "port/fork.h"

#include <mutex>

#include "time/host.h"
#include "time/immortal.h"

namespace afflux::port {
namespace {

struct registry {
  std::mutex mutex;  // held over a fork(), so that the child finds the list whole
  forked* first = nullptr;
};
constinit time::immortal<registry> g_registry;

void before() { g_registry.value.mutex.lock(); }
void in_parent() { g_registry.value.mutex.unlock(); }

}  // namespace

void for_each_forked(void (*visit)(forked&)) noexcept {
  for (forked* each = g_registry.value.first; each != nullptr; each = each->next_) visit(*each);
}

namespace {
void in_child() {
  for_each_forked([](forked& each) { each.begin_anew(); });
  g_registry.value.mutex.unlock();
}
}  // namespace

int watch_forks() noexcept {
  static const int error = time::at_fork(before, in_parent, in_child);
  return error;
}

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
