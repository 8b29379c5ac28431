// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The promise of a fleet, for real: processes, a redis-server, and what can go wrong with them, by
// a script that comes from a seed. It fails if the limit is exceeded once (witness.h), or if it is
// not in use again after each round. What it prints of times is for people: none is asserted.
//
// With --holder another program takes the part of the holders, for schemes to compare with.
#include <argp.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "proxy.h"
#include "redis.h"
#include "witness.h"
#include "world.h"

namespace {

using namespace afflux_proof;

struct options {
  std::string holder, python, shift;
  std::string name = "afflux-fleet";
  std::uint64_t seed = 1;
  int holders = 12;
  int workers = 4;
  int limit = 24;
  int rounds = 1;  // of all faults
  int at_once = 2;
  int quiet_ms = 500;
  bool judges = true;
  bool is_row = false;
};

// ---- The processes

class crowd {
 public:
  crowd(const options& o, world& all, std::string folder, std::string url, std::int64_t* clocks)
      : options_(o),
        world_(all),
        folder_(std::move(folder)),
        url_(std::move(url)),
        clocks_(clocks),
        pids_(static_cast<std::size_t>(o.holders), -1) {}
  ~crowd() {
    for (int i = 0; i < size(); ++i) kill_one(i);
  }

  int size() const { return options_.holders; }
  void start(int i) {
    const pid_t pid = fork();
    if (pid == 0) become(i);
    at(i) = pid;
  }
  void kill_one(int i) {
    if (at(i) <= 0) return;
    page(i).alive = 0;
    kill(at(i), SIGKILL);
    waitpid(at(i), nullptr, 0);
    at(i) = -1;
    for (mark& m : page(i).marks) m.n = 0;
    page(i).permits = 0;
  }
  void stop(int i) {
    ++page(i).stops;
    kill(at(i), SIGSTOP);
  }
  void go_on(int i) { kill(at(i), SIGCONT); }
  void shift_clock(int i, std::int64_t seconds) { clocks_[2 + i] = seconds; }

  // They give back and end. Answers how many did not end well.
  int finish() {
    world_.quits = 1;
    int bad = 0;
    for (pid_t& pid : pids_) {
      int status = 0;
      if (pid > 0 && (waitpid(pid, &status, 0) != pid || status != 0)) ++bad;
      pid = -1;
    }
    return bad;
  }

 private:
  pid_t& at(int i) { return pids_[static_cast<std::size_t>(i)]; }
  holder_page& page(int i) { return world_.pages[i]; }

  [[noreturn]] void become(int i) {
    setenv("LD_PRELOAD", options_.shift.c_str(), 1);
    setenv("CLOCK_SHIFT_FILE", (folder_ + "/clocks").c_str(), 1);
    setenv("CLOCK_SHIFT_SLOT", std::to_string(2 + i).c_str(), 1);
    const std::string index = std::to_string(i), memory = folder_ + "/world",
                      resource = folder_ + "/resource";
    std::vector<const char*> argv;
    if (!options_.python.empty()) argv.push_back(options_.python.c_str());
    argv.push_back(options_.holder.c_str());
    for (const auto* s : {&memory, &index, &url_, &resource}) argv.push_back(s->c_str());
    if (!options_.python.empty()) argv.push_back(options_.name.c_str());
    argv.push_back(nullptr);
    execvp(argv[0], const_cast<char* const*>(argv.data()));
    _exit(127);
  }

  const options& options_;
  world& world_;
  const std::string folder_, url_;
  std::int64_t* const clocks_;
  std::vector<pid_t> pids_;
};

// ---- The script

class chaos {
 public:
  explicit chaos(const options& o) : options_(o), random_(o.seed) {}
  ~chaos() {
    crowd_.reset();
    servers_[0].reset();
    servers_[1].reset();
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }

  bool set_up();
  int run();

 private:
  struct fault {
    const char* name;
    std::function<std::function<void()>()> begin;  // answers what ends it, or nothing
  };
  std::vector<fault> faults();

  bool chance(double p) { return std::uniform_real_distribution<>(0, 1)(random_) < p; }
  std::int64_t leases(double least, double most) {
    return static_cast<std::int64_t>(std::uniform_real_distribution<>(least, most)(random_) *
                                     static_cast<double>(world_->lease_ns.load()));
  }
  std::vector<int> some(double part) {
    std::vector<int> all;
    for (int i = 0; i < crowd_->size(); ++i) {
      if (chance(part)) all.push_back(i);
    }
    if (all.empty())
      all.push_back(static_cast<int>(random_() % static_cast<std::uint64_t>(options_.holders)));
    return all;
  }
  redis& master() { return *servers_[master_]; }
  redis& replica() { return *servers_[1 - master_]; }
  void follow() { replica().run({"REPLICAOF", "127.0.0.1", std::to_string(master().port())}); }
  void lead() { proxy_->lead_to(master().port()); }
  std::uint64_t in_use() const;
  bool await_use(double part, std::int64_t most, std::int64_t& ret_took) const;
  void fail_over();
  void restart(bool keeps_data);
  int judge(std::int64_t whole, const std::vector<double>& recoveries, std::uint64_t leaked);
  std::uint64_t count_leaked();

  const options options_;
  std::mt19937_64 random_;
  std::string folder_;
  world* world_ = nullptr;
  std::int64_t* clocks_ = nullptr;
  std::unique_ptr<redis> servers_[2];
  int master_ = 0;
  std::unique_ptr<proxy> proxy_;
  std::unique_ptr<witness> witness_;
  std::unique_ptr<crowd> crowd_;
  double used_ = 0, may_ = 0;
  int stuck_ = 0;
};

bool chaos::set_up() {
  char made[] = "/tmp/afflux-chaos-XXXXXX";
  if (mkdtemp(made) == nullptr) return false;
  folder_ = made;
  world_ = map_world((folder_ + "/world").c_str());
  const int fd = open((folder_ + "/clocks").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (world_ == nullptr || fd < 0 || ftruncate(fd, 8192) != 0) return false;
  void* const at = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (at == MAP_FAILED) return false;
  clocks_ = static_cast<std::int64_t*>(at);
  world_->limit = static_cast<std::uint64_t>(options_.limit);
  world_->workers = static_cast<std::uint64_t>(options_.workers);
  world_->lease_ns = 400 * kMs;
  world_->refresh_ns = 100 * kMs;
  world_->margin_ns = 20 * kMs;
  world_->max_hold_ns = 120 * kMs;
  world_->work_least_ns = 20 * kMs;
  world_->work_most_ns = 50 * kMs;
  for (int i = 0; i < 2; ++i) {
    servers_[i] = std::make_unique<redis>(folder_ + "/redis" + std::to_string(i), options_.shift,
                                          folder_ + "/clocks", i);
    if (!servers_[i]->start(false)) return false;
  }
  follow();
  proxy_ = std::make_unique<proxy>(options_.seed);
  lead();
  witness_ = std::make_unique<witness>(*world_, folder_ + "/resource");
  crowd_ = std::make_unique<crowd>(options_, *world_, folder_,
                                   "redis://127.0.0.1:" + std::to_string(proxy_->port()), clocks_);
  for (int i = 0; i < options_.holders; ++i) crowd_->start(i);
  return true;
}

std::uint64_t chaos::in_use() const {
  std::uint64_t sum = 0;
  for (const holder_page& p : world_->pages) {
    if (p.alive != 0) sum += options_.judges ? p.permits.load() : p.held.load();
  }
  return sum;
}

// Until it has been in use for a whole lease: what a fault does may show late. ret_took: until it
// was in use for good.
bool chaos::await_use(double part, std::int64_t most, std::int64_t& ret_took) const {
  const std::int64_t begun = now_ns();
  const double wanted = part * options_.limit;
  ret_took = 0;
  for (;;) {
    const std::int64_t passed = now_ns() - begun;
    if (static_cast<double>(in_use()) < wanted) ret_took = passed;
    if (passed - ret_took > static_cast<std::int64_t>(world_->lease_ns)) return true;
    if (passed > most) return false;
    pause_for(5 * kMs);
  }
}

void chaos::fail_over() {
  master().crash();
  replica().run({"REPLICAOF", "NO", "ONE"});
  master_ = 1 - master_;
  lead();
  replica().start(false);
  follow();
}

void chaos::restart(bool keeps_data) {
  if (keeps_data) {
    master().run({"SAVE"});
    pause_for(leases(0.2, 1.2));  // which the file does not have
  }
  master().crash();
  master().start(keeps_data);
  lead();
  follow();
}

std::vector<chaos::fault> chaos::faults() {
  const auto nothing = std::function<void()>{};
  const auto troubled = [this, nothing](proxy::fault what, double part, double least, double most,
                                        double delay) {
    return [=, this] {
      proxy_->set(what, part, leases(delay, delay));
      pause_for(leases(least, most));
      return std::function<void()>([this] { proxy_->set(proxy::fault::none, 0); });
    };
  };
  const auto command = [this, nothing](std::vector<std::string> words) {
    return [this, words, nothing] {
      master().run(words);
      return nothing;
    };
  };
  const auto server_clock = [this, nothing](std::int64_t by) {
    return [this, by, nothing] {
      clocks_[0] += by;
      clocks_[1] += by;
      return nothing;
    };
  };
  return {
      {"SIGKILL of holders",
       [this, nothing] {
         const std::vector<int> who = some(0.25);
         for (const int i : who) crowd_->kill_one(i);
         for (const int i : who) crowd_->start(i);
         return nothing;
       }},
      {"SIGSTOP for longer than a lease",
       [this] {
         const std::vector<int> who = some(0.3);
         for (const int i : who) crowd_->stop(i);
         pause_for(leases(1.2, 2.5));
         return std::function<void()>([this, who] {
           for (const int i : who) crowd_->go_on(i);
         });
       }},
      {"server's clock +1 h", server_clock(3600)},
      {"server's clock -1 h", server_clock(-3600)},
      {"holders' clocks +-1 h",
       [this, nothing] {
         for (const int i : some(0.5)) crowd_->shift_clock(i, chance(0.5) ? 3600 : -3600);
         return nothing;
       }},
      {"FLUSHALL", command({"FLUSHALL"})},
      {"the key evicted",
       [this, nothing] {
         master().run({"EVAL",
                       "for _, k in ipairs(redis.call('KEYS', '*')) do redis.call('DEL', k) end",
                       "0"});
         return nothing;
       }},
      {"SCRIPT FLUSH", command({"SCRIPT", "FLUSH"})},
      {"restart without data",
       [this, nothing] {
         restart(false);
         return nothing;
       }},
      {"restart with old data",
       [this, nothing] {
         restart(true);
         return nothing;
       }},
      {"failover to a replica",
       [this, nothing] {
         fail_over();
         return nothing;
       }},
      {"connections cut",
       [this, nothing] {
         proxy_->cut(0.7);
         return nothing;
       }},
      {"black hole for all", troubled(proxy::fault::hole, 1, 1.2, 2, 0)},
      {"black hole for some", troubled(proxy::fault::hole, 0.4, 1.2, 2.5, 0)},
      {"messages late", troubled(proxy::fault::delay, 0.7, 1, 2, 0.6)},
      {"answers lost", troubled(proxy::fault::mute, 0.5, 1, 2, 0)},
      {"CLIENT PAUSE", command({"CLIENT", "PAUSE", "600", "ALL"})},
  };
}

int chaos::run() {
  std::int64_t took = 0;
  const std::int64_t begun = now_ns();
  const std::int64_t patience = options_.judges ? 60'000 * kMs : 1'000 * kMs;
  const double part = options_.judges ? 0.97 : 0.4;  // others take no permits in advance
  if (!await_use(part, 60'000 * kMs, took)) {
    std::fprintf(stderr, "the limit does not come into use\n");
    return 1;
  }
  const auto lease = static_cast<double>(world_->lease_ns.load());
  if (!options_.is_row) {
    std::printf("seed %llu: %d processes, limit %d; in use after %.1f leases\n",
                static_cast<unsigned long long>(options_.seed), options_.holders, options_.limit,
                static_cast<double>(took) / lease);
  }
  witness_->begin_means();
  pause_for(options_.quiet_ms * kMs);
  const auto means = witness_->means();
  used_ = means.first / options_.limit;
  may_ = means.second / options_.limit;

  std::vector<double> recoveries;
  const std::vector<fault> all = faults();
  for (int round = 0; round < options_.rounds; ++round) {
    std::vector<const fault*> order;
    for (const fault& f : all) order.push_back(&f);
    std::shuffle(order.begin(), order.end(), random_);
    for (std::size_t i = 0; i < order.size();) {
      std::string names;
      std::vector<std::function<void()>> ends;
      for (int k = 0; k < options_.at_once && i < order.size(); ++k, ++i) {
        names += (names.empty() ? "" : ", ") + std::string(order[i]->name);
        witness_->say_what(names);
        ends.push_back(order[i]->begin());
      }
      for (const auto& end : ends) {
        if (end) end();
      }
      const bool is_well = await_use(part, patience, took);
      if (!is_well) ++stuck_;
      recoveries.push_back(static_cast<double>(took) / lease);
      if (!options_.is_row) {
        std::printf("  %-64s %5.1f leases%s\n", names.c_str(), recoveries.back(),
                    is_well ? "" : ", and not in use");
        std::fflush(stdout);
      }
    }
  }
  // Whoever was stopped runs again, and gets its chance.
  pause_for(static_cast<std::int64_t>(lease));
  const int bad = crowd_->finish();
  if (bad != 0) std::fprintf(stderr, "%d holders did not end well\n", bad);
  const int judged = judge(now_ns() - begun, recoveries, count_leaked());
  return judged != 0 || (options_.judges && bad != 0) ? 1 : 0;
}

// What all have given back and is not free three leases later. Of a fleet: what a holder that is
// alone then has not. The others count it by themselves.
std::uint64_t chaos::count_leaked() {
  if (options_.judges) {
    world_->quits = 0;
    crowd_->start(0);
  }
  pause_for(3 * static_cast<std::int64_t>(world_->lease_ns));
  if (options_.judges) {
    const std::uint64_t free = world_->pages[0].permits;
    std::int64_t took = 0;
    if (!await_use(1, 60'000 * kMs, took)) ++stuck_;  // all comes back in the end
    crowd_->finish();
    return free < world_->limit ? world_->limit - free : 0;
  }
  crowd_.reset();
  world_->pages[0].leased = 0;
  const std::string ask = "exec " + options_.python + " " + options_.holder + " " + folder_ +
                          "/world 0 redis://127.0.0.1:" + std::to_string(master().port()) + " " +
                          folder_ + "/resource " + options_.name + " --count-free";
  if (std::system(ask.c_str()) != 0) {
    std::fprintf(stderr, "no answer of %s\n", options_.name.c_str());
  }
  const std::uint64_t free = world_->pages[0].leased;
  return free < world_->limit ? world_->limit - free : 0;
}

int chaos::judge(std::int64_t whole, const std::vector<double>& recoveries, std::uint64_t leaked) {
  const witness::result r = witness_->read();
  std::uint64_t acquired = 0, fast = 0, late = 0, lapses = 0, epochs = 0;
  for (const holder_page& p : world_->pages) {
    acquired += p.acquired;
    fast += p.fast;
    late += p.late;
    lapses += p.lapses;
    epochs = std::max(epochs, p.epochs.load());
  }
  using number = unsigned long long;
  if (options_.is_row) {
    std::printf("| %s | %llu | %llu | %llu of %d | %.0f | %llu |\n", options_.name.c_str(),
                number{acquired}, number{r.excesses}, number{r.peak}, options_.limit,
                static_cast<double>(r.above_ns) / 1e6, number{leaked});
  } else {
    std::vector<double> sorted = recoveries;
    std::sort(sorted.begin(), sorted.end());
    std::printf("%.1f s, %llu pieces of work (%llu without a wait), %llu looks, %llu steps\n",
                static_cast<double>(whole) / 1e9, number{acquired}, number{fast}, number{r.looks},
                number{r.steps});
    std::printf("quiet: %.1f %% of the limit leased, %.1f %% at work\n", 100 * may_, 100 * used_);
    std::printf("in use again after %.1f leases (median), %.1f (most)\n",
                sorted.empty() ? 0.0 : sorted[sorted.size() / 2],
                sorted.empty() ? 0.0 : sorted.back());
    std::printf("most at once: %llu by marks, %llu at the resource, of %d\n", number{r.peak},
                number{r.peak_at_resource}, options_.limit);
    std::printf(
        "not counted: %llu looks at marks of stopped processes, %llu at work over max_hold\n",
        number{r.stopped}, number{r.overran});
    std::printf("refused: %llu by the resource, %llu by holders that read their fence\n",
                number{r.refused}, number{late});
    std::printf("%llu lapses, %llu losses of memory at most\n", number{lapses}, number{epochs});
    std::printf("leaked: %llu\n", number{leaked});
    std::printf("above the limit: %llu times by marks, %llu times at the resource\n",
                number{r.excesses}, number{r.excesses_at_resource});
    for (const auto& [name, n] : r.by_fault) std::printf("  %s: %llu\n", name.c_str(), number{n});
  }
  if (!options_.judges) return 0;
  return r.excesses != 0 || r.excesses_at_resource != 0 || stuck_ != 0 || acquired == 0 ? 1 : 0;
}

// ---- Command line

error_t parse(int key, char* text, argp_state* state) {
  auto& o = *static_cast<options*>(state->input);
  const auto number = [&] {
    char* end = nullptr;
    const long n = std::strtol(text, &end, 10);
    if (end == text || *end != '\0' || n < 0 || n > 1'000'000) {
      argp_error(state, "%s is no number in range", text);
    }
    return static_cast<int>(n);
  };
  switch (key) {
    case 's':
      o.seed = static_cast<std::uint64_t>(number());
      return 0;
    case 'n':
      o.holders = std::clamp(number(), 2, kMaxHolders);
      return 0;
    case 'w':
      o.workers = std::clamp(number(), 1, kMaxWorkers);
      return 0;
    case 'l':
      o.limit = std::max(number(), 1);
      return 0;
    case 'r':
      o.rounds = number();
      return 0;
    case 'a':
      o.at_once = std::max(number(), 1);
      return 0;
    case 'q':
      o.quiet_ms = number();
      return 0;
    case 'h':
      o.holder = text;
      return 0;
    case 'c':
      o.shift = text;
      return 0;
    case 'o':
      o.python = text;
      o.judges = false;
      return 0;
    case 'e':
      o.name = text;
      return 0;
    case 't':
      o.is_row = true;
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const argp_option all[] = {
      {"seed", 's', "N", 0, "of the script; default 1", 0},
      {"holders", 'n', "N", 0, "processes, 2 to 512; default 12", 0},
      {"workers", 'w', "N", 0, "threads of each, 1 to 8; default 4", 0},
      {"limit", 'l', "N", 0, "permits; default 24", 0},
      {"rounds", 'r', "N", 0, "how often each fault comes; default 1", 0},
      {"at-once", 'a', "N", 0, "faults before it waits; default 2", 0},
      {"quiet", 'q', "MS", 0, "without a fault, at the beginning; default 500", 0},
      {"holder", 'h', "FILE", 0, "the program of a holder", 0},
      {"clock-shift", 'c', "FILE", 0, "the library that shifts clocks", 0},
      {"other", 'o', "PYTHON", 0, "the holder is run by this, and not judged", 0},
      {"name", 'e', "NAME", 0, "of the other scheme", 0},
      {"row", 't', nullptr, 0, "print a row of a table only", 0},
      {}};
  const argp parser{all,     parse,   nullptr, "A fleet, and what can go wrong.",
                    nullptr, nullptr, nullptr};
  options o;
  if (argp_parse(&parser, argc, argv, 0, nullptr, &o) != 0) return 2;
  if (std::system("command -v redis-server >/dev/null 2>&1") != 0) {
    std::printf("no redis-server\n");
    return 77;
  }
  chaos c(o);
  if (!c.set_up()) {
    std::fprintf(stderr, "a server, or memory, is missing\n");
    return 1;
  }
  return c.run();
}
