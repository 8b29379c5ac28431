// SPDX-License-Identifier: MIT OR Apache-2.0
#include "options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <map>
#include <system_error>

namespace checksum_tree {
namespace {

constexpr const char* kAbout =
    "Prints a checksum of every regular file under DIR, in the format of sha256sum and xxhsum,\n"
    "sorted by path. All files are begun at once; an Afflux semaphore lets N of them be in "
    "flight\n(open, with a buffer), the others wait as coroutines.";

constexpr const char* kEnds =
    "Links are not followed, but for DIR itself; sockets, FIFOs and devices are left out.\n"
    "Checksums go to standard output, all else to standard error. A progress line shows only\n"
    "where standard error is a terminal. SIGINT ends cleanly: nothing waits any more, what is\n"
    "ready is printed.\n"
    "\n"
    "Exit status:\n"
    "  0    every file has been read\n"
    "  1    some file or directory could not be read, or the output not be written\n"
    "  2    wrong usage, no such directory, io_uring asked for and refused\n"
    "  130  interrupted by SIGINT (143: by SIGTERM)\n"
    "\n"
    "Check them:  checksum_tree --hash sha256 DIR | sha256sum -c";

// What is wrong with N, or "".
std::string check_in_flight(const std::string& text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::invalid_argument || rest != end) return "not a number: '" + text + "'";
  if (error != std::errc() || number > options::kNoLimit) return "too large: " + text;
  if (number == 0) return "must be at least 1: with 0 no file would ever be read";
  return {};
}

// What the library does not put into its place itself.
struct raw_options {
  std::string hash = "xxh64";
  std::string io = "auto";
  bool no_limit = false;
  bool no_summary = false;
};

void declare(CLI::App& app, options& chosen, raw_options& raw) {
  app.add_option("DIR", chosen.directory, "the directory")->type_name("")->capture_default_str();
  auto* limit = app.add_option("-n,--in-flight", chosen.in_flight, "files in flight at most")
                    ->check(CLI::Validator(check_in_flight, ""))
                    ->type_name("N")
                    ->capture_default_str();
  app.add_option("--rings", chosen.rings,
                 "threads with an io_uring each; the files in flight are those of all")
      ->check(CLI::Range(1U, 64U))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--hash", raw.hash, "which checksum")
      ->check(CLI::IsMember({"xxh64", "sha256"}))
      ->type_name("")
      ->capture_default_str();
  app.add_option("--io", raw.io, "plain reads are for threads; auto: uring, threads if refused")
      ->check(CLI::IsMember({"auto", "uring", "threads"}))
      ->type_name("")
      ->capture_default_str();
  app.add_flag("--no-limit", raw.no_limit, "without a limit, to see what happens")->excludes(limit);
  app.add_flag("--compare", chosen.compare,
               "then measure two more passes, with the limit and without, side by side")
      ->excludes("--no-limit");
  app.add_flag("-q,--no-summary", raw.no_summary, "no summary at the end");
}

void put_in_place(const raw_options& raw, options& chosen) {
  const std::map<std::string, io_mode> modes{
      {"auto", io_mode::automatic}, {"uring", io_mode::uring}, {"threads", io_mode::threads}};
  chosen.io = modes.at(raw.io);
  chosen.hash = raw.hash == "sha256" ? hash_kind::sha256 : hash_kind::xxh64;
  if (raw.no_limit) chosen.in_flight = options::kNoLimit;
  chosen.summary = !raw.no_summary;
}

}  // namespace

std::optional<options> parse_options(int argc, char** argv, int& ret_exit_code) {
  options chosen;
  raw_options raw;
  CLI::App app(kAbout, "checksum_tree");
  app.footer(kEnds);
  declare(app, chosen, raw);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    ret_exit_code = app.exit(error) == 0 ? kAllRead : kCannotRun;
    return std::nullopt;
  }
  put_in_place(raw, chosen);
  return chosen;
}

}  // namespace checksum_tree
