// SPDX-License-Identifier: MIT OR Apache-2.0
//
// show: one limit, its numbers and holders.
#include <cstdio>

#include "command_line.h"
#include "commands.h"
#include "failure.h"
#include "live.h"
#include "report.h"

namespace shared_command {
namespace {

struct showing {
  std::string name;
  bool live = false;
  bool json = false;
};

error_t take_showing(int key, char* text, argp_state* state) {
  auto& chosen = *static_cast<showing*>(state->input);
  switch (key) {
    case 'l':
      chosen.live = true;
      return 0;
    case 'j':
      chosen.json = true;
      return 0;
    case ARGP_KEY_END:
      if (chosen.live && chosen.json) {
        // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet
        argp_error(state, "--live and --json do not go together");
      }
      [[fallthrough]];
    default:
      return take_name(chosen.name, key, text, state);
  }
}

}  // namespace

int show(int argc, char** argv) {
  constexpr argp_option kOptions[] = {
      {"live", 'l', nullptr, 0, "draw it anew each second, until a key is pressed", 0},
      {"json", 'j', nullptr, 0, "print JSON", 0},
      {}};
  const argp parser{kOptions, take_showing, "NAME", "Show a limit, and who holds permits or waits.",
                    nullptr,  nullptr,      nullptr};
  showing chosen;
  example::read_arguments(parser, argc, argv, chosen);
  if (chosen.live) {
    // Opened anew each time: that gives back what the dead held, and finds one that was made anew.
    bool shown = false;
    return show_live([&]() -> std::vector<std::string> {
      try {
        std::vector<std::string> lines = lines_of(limit(chosen.name));
        shown = true;
        return lines;
      } catch (const failure& why) {
        if (!shown) throw;
        return {harmless(chosen.name), why.what()};
      }
    });
  }
  const limit one(chosen.name);
  if (chosen.json) {
    print_json(json_of(one));
  } else {
    for (const std::string& line : lines_of(one)) std::puts(line.c_str());
  }
  return 0;
}

}  // namespace shared_command
