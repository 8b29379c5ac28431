// SPDX-License-Identifier: MIT OR Apache-2.0
#include "attendant.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <map>
#include <mutex>
#include <new>

#include "handle.h"
#include "process.h"
#include "thread.h"

namespace afflux::shared::attendant {
namespace {

// Where a process can't be watched by a pidfd, its death raises no event: how often to ask, in
// nanoseconds.
constexpr std::int64_t kAskEvery = 20'000'000;

struct watched {
  int fd;              // pidfd; −1: it has ended
  std::uint64_t look;  // the last one at which a segment named it
};

// All but the lock belong to whoever holds it. They are never destroyed: the thread outlives
// main().
pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
handle* g_first = nullptr;
std::map<std::uint64_t, watched>* g_watched = nullptr;
int g_epoll = -1;
int g_doorbell = -1;
bool g_running = false;
std::uint64_t g_look = 0;
bool g_unwatched = false;  // some process has no pidfd
std::atomic<bool> g_hooked{false};

class guard {
 public:
  guard() noexcept { pthread_mutex_lock(&g_mutex); }
  ~guard() { pthread_mutex_unlock(&g_mutex); }
  guard(const guard&) = delete;
  guard& operator=(const guard&) = delete;
};

// What is known by pidfds; of others the system is asked.
class watching_host final : public host {
 public:
  bool is_alive(std::uint64_t life) override {
    const auto found = g_watched->find(life);
    return found != g_watched->end() ? found->second.fd >= 0 : shared::is_alive(life);
  }
  bool stands_still(std::uint64_t life) override { return shared::stands_still(life); }
};

// A part of this process' descriptors: the others are the program's.
std::size_t most_watched() {
  rlimit files{};
  return getrlimit(RLIMIT_NOFILE, &files) == 0 ? static_cast<std::size_t>(files.rlim_cur / 4) : 64;
}

void watch(std::uint64_t life) {
  const auto found = g_watched->find(life);
  if (found != g_watched->end()) {
    found->second.look = g_look;
    return;
  }
  if (g_watched->size() >= most_watched()) {
    g_unwatched = true;
    return;
  }
  const int fd = open_life(life);
  if (fd < 0) {
    g_unwatched = g_unwatched || errno != ESRCH;
    return;
  }
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = life;
  if (epoll_ctl(g_epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
    close(fd);
    g_unwatched = true;
    return;
  }
  try {
    g_watched->emplace(life, watched{fd, g_look});
  } catch (const std::bad_alloc&) {
    close(fd);
    g_unwatched = true;
  }
}

// Watches those who have a slot where this process waits, and no others.
void renew_watches() {
  ++g_look;
  g_unwatched = false;
  for (const handle* each = g_first; each != nullptr; each = each->next) {
    if (!each->attended.load(std::memory_order_relaxed)) continue;
    const segment<policy>& memory = each->memory();
    for (std::uint32_t i = 0; i < memory.slot_count; ++i) {
      const std::uint64_t life = memory.slots[i].life.load(std::memory_order_acquire);
      if (life != 0 && life != each->life()) watch(life_word::as_alive(life));
    }
  }
  for (auto at = g_watched->begin(); at != g_watched->end();) {
    if (at->second.look == g_look) {
      ++at;
      continue;
    }
    if (at->second.fd >= 0) close(at->second.fd);
    at = g_watched->erase(at);
  }
}

void has_ended(std::uint64_t life) {
  const auto found = g_watched->find(life);
  if (found == g_watched->end() || found->second.fd < 0) return;
  close(found->second.fd);
  found->second.fd = -1;
}

// One look at all segments in which this process waits; `deaths`: some process has ended since the
// last one. How long to sleep after it, in milliseconds; −1: until the doorbell rings.
int look(bool deaths) {
  bool changed = g_unwatched;
  for (handle* each = g_first; each != nullptr; each = each->next)
    if (each->attended.load(std::memory_order_relaxed))
      changed = each->has_other_lives() || each->anew || changed;
  if (changed) renew_watches();
  watching_host processes;
  std::int64_t sleep = -1;
  for (handle* each = g_first; each != nullptr; each = each->next) {
    if (!each->attended.load(std::memory_order_relaxed)) continue;
    const std::int64_t next = each->tend(processes, deaths || changed || each->anew);
    each->anew = false;
    // [waits] seq_cst; with attend(): it sees `attended` cleared, or this sees its wait.
    each->attended.store(false, std::memory_order_seq_cst);
    if (each->waits() == 0) continue;
    each->attended.store(true, std::memory_order_relaxed);
    sleep = sleep < 0 ? next : std::min(sleep, next);
  }
  if (sleep < 0) return -1;
  if (g_unwatched) sleep = std::min(sleep, kAskEvery);
  return static_cast<int>((sleep + 999'999) / 1'000'000);
}

void* run(void*) {
  constexpr int kEvents = 64;
  for (int sleep = 0;;) {
    epoll_event events[kEvents];
    const int count = epoll_wait(g_epoll, events, kEvents, sleep);
    const guard locked;
    bool deaths = false;
    for (int i = 0; i < count; ++i) {
      if (events[i].data.u64 != 0) {
        has_ended(events[i].data.u64);
        deaths = true;
        continue;
      }
      std::uint64_t rings = 0;
      [[maybe_unused]] const ssize_t got = read(g_doorbell, &rings, sizeof rings);
    }
    sleep = look(deaths);
  }
}

void ring() {
  const std::uint64_t one = 1;
  const int saved = errno;
  [[maybe_unused]] const ssize_t put = write(g_doorbell, &one, sizeof one);
  errno = saved;
}

int start() {
  if (g_running) return 0;
  if (g_watched == nullptr) g_watched = new (std::nothrow) std::map<std::uint64_t, watched>;
  if (g_watched == nullptr) return ENOMEM;
  if (g_epoll < 0) g_epoll = epoll_create1(EPOLL_CLOEXEC);
  if (g_epoll < 0) return errno;
  if (g_doorbell < 0) {
    g_doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (g_doorbell < 0) return errno;
    epoll_event event{};
    event.events = EPOLLIN;  // data 0: no life word is
    if (epoll_ctl(g_epoll, EPOLL_CTL_ADD, g_doorbell, &event) != 0) {
      const int error = errno;
      close(g_doorbell);
      g_doorbell = -1;
      return error;
    }
  }
  pthread_t thread{};
  const int error = start_thread(run, nullptr, thread);
  if (error != 0) return error;
  pthread_detach(thread);
  g_running = true;
  return 0;
}

void before_fork() { pthread_mutex_lock(&g_mutex); }

void in_parent() { pthread_mutex_unlock(&g_mutex); }

// The child has none of the parent's permits, and not this thread.
void in_child() {
  for (handle* each = g_first; each != nullptr; each = each->next) each->become_foreign();
  g_first = nullptr;
  if (g_watched != nullptr)
    for (const auto& [life, one] : *g_watched)
      if (one.fd >= 0) close(one.fd);
  // Its nodes are not freed: another thread of the parent may have been inside the allocator, which
  // not every C library puts in order.
  g_watched = nullptr;
  if (g_epoll >= 0) close(g_epoll);
  if (g_doorbell >= 0) close(g_doorbell);
  g_epoll = -1;
  g_doorbell = -1;
  g_running = false;
  pthread_mutex_unlock(&g_mutex);
}

}  // namespace

int prepare() noexcept {
  if (g_hooked.load(std::memory_order_acquire)) return 0;
  // Under the mutex, so that the handlers are registered once. A fork() by another thread meanwhile
  // has none of them yet, and leaves the mutex locked in its child: it must not be the first.
  const guard locked;
  if (g_hooked.load(std::memory_order_relaxed)) return 0;
  lock::prepare();
  const int error = pthread_atfork(before_fork, in_parent, in_child);
  if (error == 0) g_hooked.store(true, std::memory_order_release);
  return error;
}

void lock() noexcept { pthread_mutex_lock(&g_mutex); }
void unlock() noexcept { pthread_mutex_unlock(&g_mutex); }

void add(handle& one) noexcept {
  one.next = g_first;
  g_first = &one;
}

void remove(handle& one) noexcept {
  const guard locked;
  for (handle** at = &g_first; *at != nullptr; at = &(*at)->next) {
    if (*at != &one) continue;
    *at = one.next;
    return;
  }
}

handle* first() noexcept { return g_first; }

afflux_status attend(handle& one) noexcept {
  // [waits] seq_cst, with look(): once it is attended it stays so while it has waits.
  if (one.attended.load(std::memory_order_seq_cst)) return AFFLUX_OK;
  const guard locked;
  const int error = start();
  if (error != 0) {
    errno = error;
    return AFFLUX_EOS;
  }
  if (one.attended.exchange(true, std::memory_order_seq_cst)) return AFFLUX_OK;
  one.anew = true;
  ring();
  return AFFLUX_OK;
}

void look_for_newcomers(handle& one) noexcept {
  if (one.knows_all_lives()) return;
  const guard locked;
  if (g_running) ring();
}

}  // namespace afflux::shared::attendant
