// SPDX-License-Identifier: MIT OR Apache-2.0
//
// fleet_holder WORLD INDEX URL RESOURCE: a process that works with permits of a fleet, by the
// public API, as the manual says: it checks the fence around each acquire, and sends its token to
// the resource.
#include <afflux/fleet.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "world.h"

namespace {

using namespace afflux_proof;

// A connection to the resource, which answers each step by one byte.
class resource_client {
 public:
  explicit resource_client(const char* path) : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    const sa_family_t none = AF_UNIX;
    bind(fd_, reinterpret_cast<const sockaddr*>(&none), sizeof none);  // any free name
    std::strncpy(to.sun_path, path, sizeof to.sun_path - 1);
    connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
  ~resource_client() { close(fd_); }
  bool send_step(const step& s) const {
    if (send(fd_, &s, sizeof s, MSG_NOSIGNAL) != sizeof s) std::_Exit(3);  // the driver has gone
    char answer = 0;
    if (recv(fd_, &answer, 1, 0) != 1) std::_Exit(3);
    return answer == 'y';
  }

 private:
  int fd_;
};

std::uint64_t get(const word& w) { return w.load(std::memory_order_acquire); }
void put(word& w, std::int64_t n) {
  w.store(static_cast<std::uint64_t>(n), std::memory_order_release);
}

void work(world& all, std::uint64_t index, std::uint64_t worker, afflux_fleet* fleet,
          const char* path) {
  holder_page& page = all.pages[index];
  mark& m = page.marks[worker];
  afflux_sem* const sem = afflux_fleet_sem(fleet);
  const resource_client resource(path);
  std::mt19937_64 random(index * 100 + worker + static_cast<std::uint64_t>(now_ns()));
  while (get(all.quits) == 0) {
    const std::uint64_t stops = get(page.stops);
    afflux_fleet_fence fence{};
    afflux_fleet_begin(fleet, &fence);
    bool is_fast = afflux_sem_try_acquire(sem, 1) == AFFLUX_OK;
    if (!is_fast && afflux_sem_acquire(sem, 1, 100 * kMs) != AFFLUX_OK) continue;
    const std::int64_t begun = now_ns();
    if (afflux_fleet_check(fleet, &fence) != AFFLUX_OK) {
      ++page.late;
      afflux_sem_release(sem, 1);
      pause_for(kMs);  // for the agent, which has not run either
      continue;
    }
    put(m.begun, begun);
    put(m.until, begun + fence.remaining_ns);
    put(m.stops, static_cast<std::int64_t>(stops));
    put(m.n, 1);
    if (resource.send_step({index, worker, 1, 1, fence.token, fence.floor})) {
      if (is_fast) ++page.fast;
      ++page.acquired;
      pause_for(std::uniform_int_distribution<std::int64_t>(
          static_cast<std::int64_t>(get(all.work_least_ns)),
          static_cast<std::int64_t>(get(all.work_most_ns)))(random));
    } else {
      ++page.refused;
    }
    put(m.n, 0);
    resource.send_step({index, worker, 0, 1, 0, 0});
    afflux_sem_release(sem, 1);
    if (get(all.pause_ns) != 0) pause_for(static_cast<std::int64_t>(get(all.pause_ns)));
  }
}

void publish(holder_page& page, const afflux_fleet* fleet) {
  afflux_fleet_stats s{};
  afflux_fleet_get_stats(fleet, &s);
  page.permits = s.permits;
  page.held = s.held;
  page.leased = s.leased;
  page.lapses = s.lapses;
  page.epochs = s.epochs;
  page.exchanges = s.exchanges;
}

}  // namespace

int main(int argc, char** argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (argc != 5) return 2;
  world* const all = map_world(argv[1]);
  const std::uint64_t index = std::strtoull(argv[2], nullptr, 10);
  if (all == nullptr || index >= kMaxHolders) return 2;
  const std::string label = "holder " + std::to_string(index);
  afflux_fleet_options o;
  afflux_fleet_options_init(&o);
  o.url = argv[3];
  o.name = "proof";
  o.label = label.c_str();
  o.limit = get(all->limit);
  o.lease_ns = static_cast<std::int64_t>(get(all->lease_ns));
  o.refresh_ns = static_cast<std::int64_t>(get(all->refresh_ns));
  o.margin_ns = static_cast<std::int64_t>(get(all->margin_ns));
  o.max_hold_ns = static_cast<std::int64_t>(get(all->max_hold_ns));
  afflux_fleet* fleet = nullptr;
  if (const afflux_status s = afflux_fleet_open(&o, &fleet); s != AFFLUX_OK) {
    std::fprintf(stderr, "open: %s\n", afflux_strerror(s));
    return 2;
  }
  holder_page& page = all->pages[index];
  page.alive = 1;
  std::vector<std::thread> workers;
  for (std::uint64_t i = 0; i < get(all->workers); ++i) {
    workers.emplace_back([&, i] { work(*all, index, i, fleet, argv[4]); });
  }
  while (get(all->quits) == 0) {
    publish(page, fleet);
    pause_for(20 * kMs);
  }
  for (std::thread& t : workers) t.join();
  const afflux_status closed = afflux_fleet_close(fleet, 1'000 * kMs);
  publish(page, fleet);
  page.alive = 0;
  afflux_fleet_unref(fleet);
  return closed == AFFLUX_OK || closed == AFFLUX_EAGAIN ? 0 : 1;
}
