// SPDX-License-Identifier: MIT OR Apache-2.0
#include "pass.h"

#include <unistd.h>

#include <afflux/afflux.hpp>
#include <cstring>

#include "../support/percentile.h"
#include "../support/process.h"
#include "file.h"
#include "interrupt.h"
#include "listing.h"
#include "loop.h"
#include "meter.h"
#include "progress.h"
#include "walk.h"
#include "workspace.h"

namespace checksum_tree {
namespace {

// How late an interrupt that falls between a look and the wait may be seen.
constexpr std::chrono::milliseconds kLongestWait{100};

std::unique_ptr<io_backend> make_io(io_mode mode, bool silent) {
  if (mode == io_mode::threads) return make_thread_io();
  std::string why;
  if (auto io = make_uring_io(why)) return io;
  if (mode == io_mode::uring) throw cannot_run("io_uring is refused: " + why);
  if (!silent) {
    write_all(STDERR_FILENO,
              "checksum_tree: io_uring is refused (" + why + "); plain reads in threads instead\n");
  }
  return make_thread_io();
}

file_list find_files(const std::string& directory, progress& line, bool silent) {
  file_list found = walk(directory, [&line](std::size_t count) {
    if (line.due()) line.show_walk(count);
    return interrupted() == 0;
  });
  line.erase();
  if (silent) return found;
  for (const file_list::failure& failure : found.failures) {
    write_all(STDERR_FILENO, error_line(failure.path, failure.error));
  }
  return found;
}

void run_loop(shared_state& pass, progress& line) {
  bool closed = false;
  while (pass.measured.ended() < pass.paths.size()) {
    pass.io.turn(kLongestWait);
    if (interrupted() != 0 && !closed) {
      // Who waits for a permit ends now, who has one after the part it reads.
      pass.permits.close();
      closed = true;
    }
    if (!line.due()) continue;
    if (pass.results.has_more()) {
      line.erase();
      pass.results.print();
    }
    line.show(pass.measured, pass.paths.size(), pass.permits.waiters());
  }
  line.erase();
  pass.results.print();
  if (pass.results.output_error() != 0) {
    write_all(STDERR_FILENO, error_line("standard output", pass.results.output_error()));
  }
}

pass_report report_of(meter& measured) {
  pass_report report{};
  report.read = measured.read;
  report.unreadable = measured.unreadable;
  report.out_of_descriptors = measured.out_of_descriptors;
  report.skipped = measured.skipped;
  report.stopped = measured.stopped;
  report.bytes = measured.bytes;
  report.peak_in_flight = measured.in_flight.peak();
  report.peak_open_files = measured.open_files.peak();
  report.wait_p50_ns = example::percentile(measured.waits, 0.50).count();
  report.wait_p99_ns = example::percentile(measured.waits, 0.99).count();
  report.latency_p50_ns = example::percentile(measured.latencies, 0.50).count();
  report.latency_p99_ns = example::percentile(measured.latencies, 0.99).count();
  return report;
}

}  // namespace

int exit_code_of(const pass_report& report) {
  if (report.signal != 0) return 128 + report.signal;
  return report.unreadable != 0 || report.output_error != 0 ? kSomeUnreadable : kAllRead;
}

pass_report run_pass(const options& chosen, bool silent) {
  const std::uint64_t open_file_limit = example::raise_open_file_limit();
  std::unique_ptr<io_backend> backend = make_io(chosen.io, silent);
  progress line(!silent);
  const file_list found = find_files(chosen.directory, line, silent);

  // In this order, so that the backend goes before the memory that it reads into.
  workspace_pool workspaces(chosen.hash);
  meter measured;
  measured.waits.reserve(found.paths.size());
  measured.latencies.reserve(found.paths.size());
  listing results(found.paths, silent);
  afflux::semaphore permits(chosen.in_flight);
  loop io(std::move(backend));
  shared_state pass{found.paths, permits, io, workspaces, measured, results};

  const clock::time_point begun = clock::now();
  for (std::size_t i = 0; i < found.paths.size(); ++i) begin_file(pass, i);
  run_loop(pass, line);

  const nanoseconds time = clock::now() - begun;
  pass_report report = report_of(measured);
  std::strncpy(report.io.data(), io.io_name(), report.io.size() - 1);
  report.files = found.paths.size();
  report.unreadable += found.failures.size();
  report.open_file_limit = open_file_limit;
  report.peak_memory = example::peak_memory();
  report.time_ns = time.count();
  report.output_error = results.output_error();
  report.signal = interrupted();
  return report;
}

}  // namespace checksum_tree
