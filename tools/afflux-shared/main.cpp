// SPDX-License-Identifier: MIT OR Apache-2.0
//
// afflux-shared: limits of a machine, from the command line.
#include <afflux/afflux.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

#include "commands.h"
#include "failure.h"

namespace {

struct command {
  const char* name;
  int (*body)(int argc, char** argv);
  const char* usage;
  const char* about;
};

constexpr command kCommands[] = {
    {"run", shared_command::run, "NAME [-n N] [--limit L] [--timeout S] [--tag T] COMMAND...",
     "run a command when its turn comes"},
    {"create", shared_command::create, "NAME -n LIMIT [--mode M]", "make a limit"},
    {"show", shared_command::show, "NAME [--live] [--json]", "a limit, its holders and waiters"},
    {"list", shared_command::list, "[--json]", "all limits of this machine"},
    {"resize", shared_command::resize, "NAME LIMIT", "change a limit"},
    {"close", shared_command::close, "NAME", "let nobody in any more"},
    {"remove", shared_command::remove, "NAME", "remove a limit's name"},
};

void print_usage(std::FILE* to) {
  std::fputs(
      "Usage: afflux-shared COMMAND [ARGUMENT...]\n"
      "Limits that the processes of this machine share.\n\n",
      to);
  for (const command& one : kCommands)
    std::fprintf(to, "  %-7s %-58s\n          %s\n", one.name, one.usage, one.about);
  std::fputs("\n'afflux-shared COMMAND --help' tells more; --version prints the version.\n", to);
}

int run_command(const command& chosen, int argc, char** argv) {
  // What argp calls itself in its messages.
  std::string name = std::string("afflux-shared ") + chosen.name;
  argv[0] = name.data();
  try {
    const int status = chosen.body(argc, argv);
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
    std::fprintf(stderr, "%s: the output could not be written\n", name.c_str());
    return 1;
  } catch (const shared_command::failure& why) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), why.what());
  } catch (const std::exception& why) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), why.what());
  }
  return chosen.body == shared_command::run ? 125 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    print_usage(stderr);
    return 2;
  }
  const char* const asked = argv[1];
  for (const command& one : kCommands)
    if (std::strcmp(asked, one.name) == 0) return run_command(one, argc - 1, argv + 1);
  if (std::strcmp(asked, "--help") == 0 || std::strcmp(asked, "-h") == 0 ||
      std::strcmp(asked, "help") == 0) {
    print_usage(stdout);
    return 0;
  }
  if (std::strcmp(asked, "--version") == 0 || std::strcmp(asked, "-V") == 0) {
    std::printf("afflux-shared %s\n", afflux_version_string());
    return 0;
  }
  std::fprintf(stderr, "afflux-shared: there is no command '%s'\n", asked);
  print_usage(stderr);
  return 2;
}
