// SPDX-License-Identifier: MIT OR Apache-2.0
//
// list: the limits in /dev/shm.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "command_line.h"
#include "commands.h"
#include "failure.h"
#include "report.h"

namespace shared_command {
namespace {

struct listing {
  bool json = false;
};

error_t take_listing(int key, char*, argp_state* state) {
  if (key != 'j') return ARGP_ERR_UNKNOWN;
  static_cast<listing*>(state->input)->json = true;
  return 0;
}

// By their first bytes. One that this user may not read does not show.
std::vector<std::string> names() {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm", error))
    if (has_magic(entry.path().string())) found.push_back(entry.path().filename().string());
  if (error) throw failure("/dev/shm: " + error.message());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

int list(int argc, char** argv) {
  constexpr argp_option kOptions[] = {{"json", 'j', nullptr, 0, "print JSON", 0}, {}};
  const argp parser{
      kOptions, take_listing, nullptr, "Show all limits of this machine that this user may read.",
      nullptr,  nullptr,      nullptr};
  listing chosen;
  example::read_arguments(parser, argc, argv, chosen);
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows = {{"LIMIT", "HELD", "WAITING", "PROCESSES", "NAME"}};
  for (const std::string& name : names()) {
    try {
      const limit one(name);
      if (chosen.json) all.push_back(json_of(one));
      const afflux_shared_stats is = one.stats();
      rows.push_back({std::to_string(is.limit), std::to_string(is.held), std::to_string(is.waiters),
                      std::to_string(is.handles),
                      harmless(name) + (is.closed != 0 ? " (closed)" : "")});
    } catch (const failure& why) {
      if (why.status() == AFFLUX_EOS && afflux_shared_last_os_error() == ENOENT) continue;
      all.push_back({{"name", name}, {"error", why.what()}});
      rows.push_back({"-", "-", "-", "-", harmless(name) + " (" + why.what() + ")"});
    }
  }
  if (chosen.json) {
    print_json(all);
  } else if (rows.size() > 1) {
    for (const std::string& line : table(rows, 1)) std::puts(line.c_str());
  }
  return 0;
}

}  // namespace shared_command
