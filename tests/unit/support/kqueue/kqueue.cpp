// SPDX-License-Identifier: MIT OR Apache-2.0
#include <sys/event.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>

namespace {

struct user_event {
  struct kevent registered;
  bool triggered = false;
};
struct queue_state {
  std::map<std::uintptr_t, user_event> events;
};

std::mutex g_mutex;
std::condition_variable g_changed;
std::map<ino_t, queue_state> g_queues;  // a duplicated descriptor is the same pipe

queue_state* find(int queue) {
  struct stat about;
  if (fstat(queue, &about) != 0) return nullptr;
  const auto found = g_queues.find(about.st_ino);
  return found == g_queues.end() ? nullptr : &found->second;
}

int change(queue_state& queue, const struct kevent& how) {
  if (how.filter != EVFILT_USER) return EINVAL;
  if ((how.flags & EV_ADD) != 0) queue.events[how.ident].registered = how;
  const auto found = queue.events.find(how.ident);
  if (found == queue.events.end()) return ENOENT;
  if ((how.flags & EV_DELETE) != 0) {
    queue.events.erase(found);
    return 0;
  }
  found->second.registered.udata = how.udata;
  if ((how.fflags & NOTE_TRIGGER) != 0) found->second.triggered = true;
  return 0;
}

int collect(queue_state& queue, struct kevent* events, int room) {
  int count = 0;
  for (auto& [ident, one] : queue.events) {
    if (!one.triggered || count == room) continue;
    events[count++] = one.registered;
    if ((one.registered.flags & EV_CLEAR) != 0) one.triggered = false;
  }
  return count;
}

}  // namespace

int kqueue() {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  close(ends[1]);
  struct stat about;
  if (fstat(ends[0], &about) != 0) return -1;
  const std::lock_guard lock(g_mutex);
  g_queues[about.st_ino] = {};
  return ends[0];
}

int kevent(int queue, const struct kevent* changes, int count, struct kevent* events, int room,
           const timespec* timeout) {
  std::unique_lock lock(g_mutex);
  queue_state* const state = find(queue);
  if (state == nullptr) {
    errno = EBADF;
    return -1;
  }
  for (int i = 0; i < count; ++i) {
    if (const int error = change(*state, changes[i]); error != 0) {
      errno = error;
      return -1;
    }
  }
  if (count != 0) g_changed.notify_all();
  if (room == 0) return 0;
  int found = 0;
  const auto some = [&] { return (found = collect(*state, events, room)) != 0; };
  if (timeout == nullptr) {
    g_changed.wait(lock, some);
  } else {
    const auto most =
        std::chrono::seconds(timeout->tv_sec) + std::chrono::nanoseconds(timeout->tv_nsec);
    g_changed.wait_for(lock, most, some);
  }
  return found;
}
