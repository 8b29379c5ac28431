// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Checksums of a tree of files, with a bounded number of them in flight.
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <string>
#include <system_error>

#include "compare.h"
#include "interrupt.h"
#include "listing.h"
#include "options.h"
#include "pass.h"
#include "summary.h"
#include "walk.h"

namespace checksum_tree {
namespace {

void require_directory(const std::string& path) {
  const int error = check_directory(path);
  if (error == 0) return;
  const std::string hint = error == ENOTDIR ? " (give the directory that holds it)" : "";
  throw cannot_run("'" + path + "': " + std::generic_category().message(error) + hint);
}

int run(const options& chosen) {
  catch_interrupts();
  require_directory(chosen.directory);
  if (chosen.compare) return compare(chosen);
  const pass_report report = run_pass(chosen, false);
  if (chosen.summary) write_all(STDERR_FILENO, summary_of(chosen, report));
  return exit_code_of(report);
}

}  // namespace
}  // namespace checksum_tree

int main(int argc, char** argv) {
  using namespace checksum_tree;
  try {
    int code = 0;
    const std::optional<options> chosen = parse_options(argc, argv, code);
    return chosen ? run(*chosen) : code;
  } catch (const std::exception& error) {
    write_all(STDERR_FILENO, std::string("checksum_tree: ") + error.what() + "\n");
    return kCannotRun;
  }
}
