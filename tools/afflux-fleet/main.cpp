// SPDX-License-Identifier: MIT OR Apache-2.0
//
// afflux-fleet: shows and changes limits that many machines share.
#include <afflux/fleet.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "limit.h"
#include "options.h"
#include "view.h"

namespace fleet_command {
namespace {

int fail(const std::string& text) {
  std::fprintf(stderr, "afflux-fleet: %s\n", printable(text).c_str());
  return kFailed;
}

int fail(const connection& c, const options& o, afflux_status s) {
  return fail(s == AFFLUX_EAGAIN ? "no such limit: " + o.name : c.failure(s));
}

// Of a change: without an answer it is not known whether it was made.
int end_change(const connection& c, const options& o, afflux_status s) {
  if (s == AFFLUX_OK) return kDone;
  if (s != AFFLUX_ETIMEDOUT) return fail(c, o, s);
  return fail(c.failure(s) + "; it may be done all the same, now or later: see afflux-fleet show");
}

// False: nobody reads any more.
bool print(const std::string& text) {
  return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
}

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int s : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, s);
  return set;
}

// True: a signal to end came before the time was over.
bool wait(double s) {
  const sigset_t set = ending_signals();
  const auto whole = static_cast<std::time_t>(s);
  const std::timespec time{whole, static_cast<long>((s - static_cast<double>(whole)) * 1e9)};
  return sigtimedwait(&set, nullptr, &time) > 0;
}

int show_live(const connection& c, const options& o) {
  const sigset_t set = ending_signals();
  sigprocmask(SIG_BLOCK, &set, nullptr);
  const bool is_terminal = isatty(STDOUT_FILENO) == 1 && !o.is_json;
  observer eyes;
  do {
    limit now;
    const afflux_status s = eyes.look(c.fleet(), now);
    // An engine that is away may come back.
    if (s != AFFLUX_OK) fail(c, o, s);
    if (s == AFFLUX_EREJECTED || s == AFFLUX_ENOMEM) return kFailed;
    if (s != AFFLUX_OK) continue;
    const std::string text = o.is_json ? to_json(o.name, now) : to_table(o.name, now);
    if (!print((is_terminal ? "\033[H\033[J" : "") + text + (o.is_json || is_terminal ? "" : "\n")))
      return kFailed;
  } while (!wait(o.interval_s));
  return kDone;
}

int show(const connection& c, const options& o) {
  if (o.is_live) return show_live(c, o);
  observer eyes;
  limit now;
  const afflux_status s = eyes.look(c.fleet(), now);
  if (s != AFFLUX_OK) return fail(c, o, s);
  return print(o.is_json ? to_json(o.name, now) : to_table(o.name, now)) ? kDone : kFailed;
}

// A resize makes a limit where there is none; the words say which of both is meant.
int set_limit(const connection& c, const options& o) {
  const afflux_status s = afflux_fleet_holders(c.fleet(), nullptr, nullptr, nullptr);
  if (o.verb == verb::create && s == AFFLUX_OK)
    return fail("there is such a limit already: " + o.name);
  if (s != AFFLUX_OK && (o.verb == verb::resize || s != AFFLUX_EAGAIN)) return fail(c, o, s);
  return end_change(c, o, afflux_fleet_resize(c.fleet(), o.permits));
}

int expire(const connection& c, const options& o) {
  const afflux_status s = afflux_fleet_expire(c.fleet(), o.holder.c_str());
  if (s == AFFLUX_EAGAIN) return fail("no such holder: " + o.holder);
  if (s == AFFLUX_EINVAL) return fail("not the id of a holder: " + o.holder);
  return end_change(c, o, s);
}

int list(const connection& c, const options& o) {
  std::vector<std::string> names;
  const auto visit = [](void* ctx, const char* name) -> std::int32_t {
    static_cast<std::vector<std::string>*>(ctx)->emplace_back(name);
    return 0;
  };
  const afflux_status s = afflux_fleet_names(c.fleet(), visit, &names);
  if (s != AFFLUX_OK) return fail(c, o, s);
  std::string text = o.is_json ? to_json(names) : std::string();
  if (!o.is_json) {
    for (const std::string& name : names) text += printable(name) + "\n";
  }
  return print(text) ? kDone : kFailed;
}

int run(const options& o) {
  const connection c(o);
  if (c.status() != AFFLUX_OK) {
    fail(c.failure(c.status()));
    return kCannotRun;
  }
  switch (o.verb) {
    case verb::show:
      return show(c, o);
    case verb::create:
    case verb::resize:
      return set_limit(c, o);
    case verb::expire:
      return expire(c, o);
    case verb::list:
      return list(c, o);
  }
  return kCannotRun;
}

}  // namespace
}  // namespace fleet_command

int main(int argc, char** argv) {
  return fleet_command::run(fleet_command::read_options(argc, argv));
}
