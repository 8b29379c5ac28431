// SPDX-License-Identifier: MIT OR Apache-2.0
#include "options.h"

#include <afflux/fleet.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "../../examples/support/arguments.h"

namespace fleet_command {
namespace {

// argp puts what follows "\v" behind the options.
constexpr const char* kAbout =
    "Shows and changes limits that many machines share (afflux/fleet.h). URL is that of the "
    "engine, as in redis://host, unix:///path/of/socket or etcd://host,host.\v"
    "Exit status: 0 when it is done, 1 when it is not (no such limit or holder, the engine does "
    "not answer or refuses), 2 when the command line has a mistake.\n"
    "\n"
    "Try it:\n"
    "  afflux-fleet create redis://127.0.0.1 backend 200\n"
    "  afflux-fleet show redis://127.0.0.1 backend --live";

constexpr const char* kArguments =
    "show URL NAME\n"
    "create URL NAME PERMITS\n"
    "resize URL NAME PERMITS\n"
    "expire URL NAME HOLDER\n"
    "list URL";

enum key : int { kLive = 256, kJson, kFresh, kInterval, kTimeout, kVersion };

constexpr argp_option kOptions[] = {
    {"live", kLive, nullptr, 0, "show: again and again, until a signal", 0},
    {"interval", kInterval, "S", 0, "seconds between two looks of --live (1)", 0},
    {"json", kJson, nullptr, 0, "show, list: a line of JSON, for programs", 0},
    {"fresh", kFresh, nullptr, 0,
     "create: nobody has used this limit before, so that permits may be leased at once, and not "
     "after one lease of silence",
     0},
    {"timeout", kTimeout, "S", 0, "seconds that an answer is waited for (2)", 0},
    {"version", kVersion, nullptr, 0, "print the version and end", 0},
    // What looks like one is a negative number.
    {nullptr, '0', nullptr, OPTION_HIDDEN, nullptr, 0},
    {nullptr, '1', nullptr, OPTION_HIDDEN, nullptr, 0},
    {nullptr, '2', nullptr, OPTION_HIDDEN, nullptr, 0},
    {nullptr, '3', nullptr, OPTION_HIDDEN, nullptr, 0},
    {nullptr, '4', nullptr, OPTION_HIDDEN, nullptr, 0},
    {nullptr, '5', nullptr, OPTION_HIDDEN, nullptr, 0},
    {nullptr, '6', nullptr, OPTION_HIDDEN, nullptr, 0},
    {nullptr, '7', nullptr, OPTION_HIDDEN, nullptr, 0},
    {nullptr, '8', nullptr, OPTION_HIDDEN, nullptr, 0},
    {nullptr, '9', nullptr, OPTION_HIDDEN, nullptr, 0},
    {}};

struct words {
  options chosen;
  std::vector<std::string> arguments;
};

constexpr std::uint64_t kMostPermits = (std::uint64_t{1} << 42) - 1;

void read_seconds(double& ret, const argp_state* state, const char* option, const char* text) {
  char* end = nullptr;
  const double s = std::strtod(text, &end);
  if (end == text || *end != '\0' || !std::isfinite(s) || s < 0.01 || s > 3600)
    argp_error(state, "%s: from 0.01 to 3600 seconds", option);
  ret = s;
}

// What came before the options, and whether these are of the verb.
void take_arguments(words& w, const argp_state* state) {
  constexpr std::string_view kVerbs[] = {"show", "create", "resize", "expire", "list"};
  constexpr std::size_t kCounts[] = {3, 4, 4, 4, 2};
  if (w.arguments.empty()) argp_usage(state);
  std::size_t which = 0;
  while (which < std::size(kVerbs) && kVerbs[which] != w.arguments[0]) ++which;
  if (which == std::size(kVerbs))
    argp_error(state, "'%s' is none of show, create, resize, expire, list", w.arguments[0].c_str());
  if (w.arguments.size() != kCounts[which])
    argp_error(state, "%s: %s arguments", w.arguments[0].c_str(),
               w.arguments.size() < kCounts[which] ? "too few" : "too many");
  options& o = w.chosen;
  o.verb = static_cast<verb>(which);
  o.url = w.arguments[1];
  if (which != static_cast<std::size_t>(verb::list)) o.name = w.arguments[2];
  if (o.verb == verb::expire) o.holder = w.arguments[3];
  if (o.verb == verb::create || o.verb == verb::resize)
    example::read_number(o.permits, state, "PERMITS", w.arguments[3].c_str(), std::uint64_t{0},
                         kMostPermits);
  if (o.is_live && o.verb != verb::show) argp_error(state, "--live is for show");
  if (o.is_json && o.verb != verb::show && o.verb != verb::list)
    argp_error(state, "--json is for show and list");
  if (o.is_fresh && o.verb != verb::create) argp_error(state, "--fresh is for create");
}

error_t take(int key, char* text, argp_state* state) {
  words& w = *static_cast<words*>(state->input);
  switch (key) {
    case kLive:
      w.chosen.is_live = true;
      return 0;
    case kJson:
      w.chosen.is_json = true;
      return 0;
    case kFresh:
      w.chosen.is_fresh = true;
      return 0;
    case kInterval:
      read_seconds(w.chosen.interval_s, state, "--interval", text);
      return 0;
    case kTimeout:
      read_seconds(w.chosen.timeout_s, state, "--timeout", text);
      return 0;
    case kVersion:
      std::printf("afflux-fleet %s\n", afflux_version_string());
      std::exit(kDone);
    case ARGP_KEY_ARG:
      w.arguments.emplace_back(text);
      return 0;
    case ARGP_KEY_END:
      take_arguments(w, state);
      return 0;
    default:
      if (key >= '0' && key <= '9') argp_error(state, "PERMITS: a number is not negative");
      return ARGP_ERR_UNKNOWN;
  }
}

}  // namespace

options read_options(int argc, char** argv) {
  words w;
  const argp parser{kOptions, take, kArguments, kAbout, nullptr, nullptr, nullptr};
  example::read_arguments(parser, argc, argv, w);
  return w.chosen;
}

}  // namespace fleet_command
