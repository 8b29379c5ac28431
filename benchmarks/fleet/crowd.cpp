// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Many holders of one limit on one redis-server that it starts: fleet_crowd [HOLDERS [PROCESSES]].
// Prints JSON. Holders are handles with their own connections and threads, in a few processes.
//
//   rest     nobody wants anything: round trips of a holder, and what the server uses of a
//   processor half     every second holder wants its part of 80 % of the limit, in requests of one
//   permit full     all want more than there is: how much of the limit is leased moves    those who
//   wanted all stop, the others begin: how long until those have it ceiling  exchanges as fast as
//   the server does them, for as many holders, by two connections
#include <afflux/fleet.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "fleet/clock.h"
#include "fleet/engine.h"
#include "fleet/lease.h"
#include "redis_server.h"

namespace {

using afflux::fleet::now_ns;

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMs;
constexpr int kMost = 1000;

// What a part of a crowd does: 0 nothing, 1 its part of the load, 2 more than there is.
struct shared {
  std::atomic<int> wants[2];  // of even and odd holders
  std::atomic<bool> ends;
  std::atomic<int> ready;
  std::atomic<std::uint64_t> acquired, fast;
  std::atomic<std::uint64_t> permits[kMost], exchanges[kMost], lapses[kMost];
};

struct options {
  int holders = 500;
  int processes = 5;
  std::uint64_t limit = 5'000;
};

void pause_for(std::int64_t ns) {
  const std::timespec t{ns / kSecond, ns % kSecond};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &t, nullptr);
}

// ---- The processes

// One thread works for all holders of a process: it acquires without a wait and with one, and
// releases what has been held for its time.
class part {
 public:
  part(shared& all, const options& o, int process, const std::string& url) : all_(all) {
    for (int i = process; i < o.holders; i += o.processes) {
      afflux_fleet_options f;
      afflux_fleet_options_init(&f);
      f.url = url.c_str();
      f.name = "crowd";
      f.limit = o.limit;
      f.flags = AFFLUX_FLEET_FRESH;
      afflux_fleet* fleet = nullptr;
      if (afflux_fleet_open(&f, &fleet) != AFFLUX_OK) std::_Exit(3);
      members_.push_back({i, fleet, {}, 0, {}});
    }
  }

  void run() {
    std::int64_t next_report = 0;
    while (!all_.ends) {
      const std::int64_t now = now_ns();
      for (member& m : members_) work(m, now);
      if (now >= next_report) report(), next_report = now + 20 * kMs;
      pause_for(5 * kMs);
    }
  }

 private:
  // A request of one permit that waits in the queue.
  struct asked {
    alignas(64) afflux_waiter waiter{};
    std::atomic<int> answer{kIdle};
  };
  enum : int { kIdle, kWaits, kGranted };
  struct member {
    int index;
    afflux_fleet* fleet;
    std::vector<std::int64_t> ends;  // of its pieces of work
    std::int64_t next = 0;           // when it begins another one
    std::vector<std::unique_ptr<asked>> asks;
  };

  void work(member& m, std::int64_t now) {
    afflux_sem* const sem = afflux_fleet_sem(m.fleet);
    const auto done = std::partition(m.ends.begin(), m.ends.end(), [&](auto e) { return e > now; });
    const auto n = static_cast<std::uint64_t>(m.ends.end() - done);
    m.ends.erase(done, m.ends.end());
    if (n != 0) afflux_sem_release(sem, n);
    const int wants = all_.wants[m.index % 2];
    std::size_t waiting = 0;
    for (auto& a : m.asks) {
      if (a->answer == kGranted) {
        a->answer = kIdle;
        begin_work(m, now);
      } else if (a->answer == kWaits && wants == 0) {
        if (afflux_waiter_cancel(&a->waiter) == AFFLUX_OK) a->answer = kIdle;
      } else if (a->answer == kWaits) {
        ++waiting;
      }
    }
    // Half of all with 16 of 10 each: 80 % of the limit. Or all with 24.
    const std::size_t most = wants == 0 ? 0 : wants == 1 ? 16 : 24;
    while (m.ends.size() + waiting < most && (wants == 2 || now >= m.next)) {
      if (wants == 1) m.next = std::max(m.next, now - 50 * kMs) + 100 * kMs / 16;
      if (ask(m, sem))
        begin_work(m, now);
      else
        ++waiting;
      if (wants == 2 && waiting > 20) break;
    }
  }

  void begin_work(member& m, std::int64_t now) {
    m.ends.push_back(now + std::uniform_int_distribution<std::int64_t>(50, 150)(random_) * kMs);
  }

  // True: granted at once.
  bool ask(member& m, afflux_sem* sem) {
    auto free = std::find_if(m.asks.begin(), m.asks.end(),
                             [](const auto& a) { return a->answer == kIdle; });
    if (free == m.asks.end()) free = m.asks.insert(free, std::make_unique<asked>());
    asked& a = **free;
    afflux_request r;
    afflux_request_init(&r);
    r.ctx = &a;
    r.wake = [](void* ctx, afflux_status s) {
      static_cast<asked*>(ctx)->answer = s == AFFLUX_OK ? kGranted : kIdle;
    };
    a.answer = kWaits;
    const afflux_status s = afflux_sem_acquire_async(sem, &r, &a.waiter);
    if (s != AFFLUX_PENDING) a.answer = kIdle;
    ++all_.acquired;
    if (s == AFFLUX_OK) ++all_.fast;
    return s == AFFLUX_OK;
  }

  void report() {
    for (const member& m : members_) {
      afflux_fleet_stats s{};
      afflux_fleet_get_stats(m.fleet, &s);
      const auto i = static_cast<std::size_t>(m.index);
      all_.permits[i] = s.permits;
      all_.exchanges[i] = s.exchanges;
      all_.lapses[i] = s.lapses;
    }
    if (!is_ready_ && std::all_of(members_.begin(), members_.end(), [this](const member& m) {
          return all_.exchanges[static_cast<std::size_t>(m.index)] >= 3;
        })) {
      is_ready_ = true;
      ++all_.ready;
    }
  }

  shared& all_;
  std::vector<member> members_;
  std::mt19937_64 random_{1};
  bool is_ready_ = false;
};

// ---- What is measured

double seconds_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(in)), {});
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::string word;
  double ticks = 0;
  for (int i = 3; rest >> word; ++i) {
    if (i == 14 || i == 15) ticks += std::stod(word);
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

template <class A>
double sum_of(const A& all, int n, int first = 0, int by = 1) {
  double sum = 0;
  for (int i = first; i < n; i += by) sum += static_cast<double>(all[i].load());
  return sum;
}

struct span {
  double exchanges = 0, server = 0, leased = 0;
};

span watch(const shared& all, const options& o, pid_t server, int seconds) {
  const double before = sum_of(all.exchanges, o.holders), cpu = seconds_of(server);
  const std::int64_t begun = now_ns();
  double leased = 0;
  int looks = 0;
  while (now_ns() < begun + seconds * kSecond) {
    pause_for(20 * kMs);
    leased += sum_of(all.permits, o.holders);
    ++looks;
  }
  const double took = static_cast<double>(now_ns() - begun) / 1e9;
  return {(sum_of(all.exchanges, o.holders) - before) / took, (seconds_of(server) - cpu) / took,
          leased / looks / static_cast<double>(o.limit)};
}

double ceiling(const options& o, const std::string& url, std::string& ret_error) {
  std::atomic<std::uint64_t> done{0};
  std::atomic<bool> ends{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      std::string error;
      const auto engine = afflux::fleet::make_engine(url, error);
      std::vector<afflux::fleet::lease> leases;
      for (int i = t; i < o.holders; i += 2) {
        afflux::fleet::lease_terms terms;
        terms.holder = "c" + std::to_string(i);
        terms.lease = 5 * kSecond;
        terms.refresh = kSecond;
        terms.margin = 50 * kMs;
        terms.limit = o.limit;
        leases.emplace_back(terms);
      }
      std::mt19937_64 random(static_cast<std::uint64_t>(t));
      for (std::size_t i = 0; !ends; i = (i + 1) % leases.size()) {
        auto& l = leases[i];
        l.sample(now_ns(), l.usable(now_ns()), 20);
        const auto q = l.begin(now_ns(), l.usable(now_ns()), random());
        afflux::fleet::reply a;
        if (engine->exchange("ceiling", q, now_ns() + 5 * kSecond, a)) {
          l.arrived(now_ns(), a);
          ++done;
        } else {
          l.failed(now_ns(), random());
        }
      }
    });
  }
  pause_for(2 * kSecond);
  const std::uint64_t before = done;
  const std::int64_t begun = now_ns();
  pause_for(4 * kSecond);
  const double rate =
      static_cast<double>(done - before) / (static_cast<double>(now_ns() - begun) / 1e9);
  ends = true;
  for (auto& t : threads) t.join();
  if (rate == 0) ret_error = "no exchange";
  return rate;
}

pid_t pid_of(const afflux_test::redis_server& server) {
  const std::string info = server.run({"INFO", "server"});
  const std::size_t at = info.find("process_id:");
  return at == info.npos ? 0 : std::atoi(info.c_str() + at + 11);
}

int run(const options& o) {
  const afflux_test::redis_server server;
  const std::string url = server.url();
  void* const at =
      mmap(nullptr, sizeof(shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return 1;
  auto& all = *new (at) shared{};
  std::vector<pid_t> children;
  for (int p = 0; p < o.processes; ++p) {
    children.push_back(fork());
    if (children.back() == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      part(all, o, p, url).run();
      std::_Exit(0);
    }
  }
  while (all.ready < o.processes) pause_for(10 * kMs);
  const pid_t pid = pid_of(server);
  pause_for(3 * kSecond);
  const span rest = watch(all, o, pid, 10);

  all.wants[0] = 1;
  pause_for(3 * kSecond);
  all.acquired = 0;
  all.fast = 0;
  const span half = watch(all, o, pid, 10);
  const double fast =
      static_cast<double>(all.fast) / std::max(1.0, static_cast<double>(all.acquired));

  all.wants[0] = 2;
  all.wants[1] = 2;
  pause_for(5 * kSecond);
  const span full = watch(all, o, pid, 10);

  // From those of even number to the others, some times.
  std::vector<double> moves;
  for (int i = 0; i < 5; ++i) {
    all.wants[i % 2] = 0;
    all.wants[1 - i % 2] = 2;
    const std::int64_t begun = now_ns();
    while (sum_of(all.permits, o.holders, 1 - i % 2, 2) < 0.95 * static_cast<double>(o.limit) &&
           now_ns() < begun + 10 * kSecond) {
      pause_for(5 * kMs);
    }
    if (i != 0) moves.push_back(static_cast<double>(now_ns() - begun) / 1e9);
    pause_for(3 * kSecond);
  }
  std::sort(moves.begin(), moves.end());
  const double lapses = sum_of(all.lapses, o.holders);
  all.ends = true;
  for (const pid_t child : children) waitpid(child, nullptr, 0);
  std::string error;
  const double most = ceiling(o, url, error);
  std::printf(
      "{\"holders\": %d, \"processes\": %d, \"limit\": %llu, \"rest\": {\"exchanges\": %.1f, "
      "\"server\": %.4f}, \"half\": {\"exchanges\": %.1f, \"server\": %.4f, \"fast\": %.5f}, "
      "\"full\": {\"exchanges\": %.1f, \"server\": %.4f, \"leased\": %.4f}, \"moves_median_s\": "
      "%.2f, \"moves_most_s\": %.2f, \"lapses\": %.0f, \"ceiling\": %.0f}\n",
      o.holders, o.processes, static_cast<unsigned long long>(o.limit), rest.exchanges, rest.server,
      half.exchanges, half.server, fast, full.exchanges, full.server, full.leased,
      moves[moves.size() / 2], moves.back(), lapses, most);
  return error.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  options o;
  if (argc > 1) o.holders = std::atoi(argv[1]);
  if (argc > 2) o.processes = std::atoi(argv[2]);
  o.limit = static_cast<std::uint64_t>(std::max(o.holders, 1)) * 10;
  if (o.holders < 2 || o.holders > kMost || o.processes < 1 || o.processes > o.holders) {
    std::fprintf(stderr, "usage: fleet_crowd [HOLDERS [PROCESSES]], 2 to %d holders\n", kMost);
    return 2;
  }
  if (!afflux_test::has_redis()) {
    std::fprintf(stderr, "no redis-server\n");
    return 77;
  }
  return run(o);
}
