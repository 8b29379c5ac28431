// SPDX-License-Identifier: MIT OR Apache-2.0
#include "pass.h"

#include <unistd.h>

#include <afflux/afflux.hpp>
#include <cstring>
#include <exception>
#include <functional>
#include <latch>
#include <list>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "../support/percentile.h"
#include "../support/process.h"
#include "file.h"
#include "interrupt.h"
#include "lane.h"
#include "listing.h"
#include "meter.h"
#include "progress.h"
#include "walk.h"

namespace checksum_tree {
namespace {

// How often the end of a pass is looked for, besides being told.
constexpr std::chrono::milliseconds kPeriod{100};

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

std::vector<std::unique_ptr<io_backend>> make_all_io(const options& chosen, bool silent) {
  std::vector<std::unique_ptr<io_backend>> made;
  io_mode mode = chosen.io;
  while (made.size() < chosen.rings) {
    made.push_back(make_io(mode, silent));
    // What has been refused once is not asked for again.
    if (made.back()->name() == std::string_view("threads")) mode = io_mode::threads;
  }
  return made;
}

// A lane without a thread, or without its io: its files would never end.
[[noreturn]] void give_up(const std::exception& error) {
  write_all(STDERR_FILENO, std::string("checksum_tree: ") + error.what() + "\n");
  _exit(kCannotRun);
}

std::vector<std::jthread> start(std::list<lane>& lanes, std::latch& all_begun) {
  std::vector<std::jthread> threads;
  const auto run = [&all_begun, step = lanes.size()](lane& own, std::size_t first) {
    try {
      run_lane(own, first, step, all_begun);
    } catch (const std::exception& error) {
      give_up(error);
    }
  };
  try {
    for (lane& each : lanes) threads.emplace_back(run, std::ref(each), threads.size());
  } catch (const std::exception& error) {
    give_up(error);
  }
  return threads;
}

void show_until_ended(shared_state& pass, progress& line) {
  while (pass.measured.ended < pass.paths.size()) {
    if (pass.all_ended.wait_blocking_for(kPeriod) == afflux::status::ok) break;
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

pass_report report_of(const meter& measured, const std::list<lane>& lanes) {
  samples times;
  for (const lane& each : lanes) times.add(each.times);
  pass_report report{};
  report.read = measured.read;
  report.unreadable = measured.unreadable;
  report.out_of_descriptors = measured.out_of_descriptors;
  report.skipped = measured.skipped;
  report.stopped = measured.stopped;
  report.bytes = measured.bytes;
  report.peak_in_flight = measured.in_flight.peak();
  report.peak_open_files = measured.open_files.peak();
  report.wait_p50_ns = example::percentile(times.waits, 0.50).count();
  report.wait_p99_ns = example::percentile(times.waits, 0.99).count();
  report.latency_p50_ns = example::percentile(times.latencies, 0.50).count();
  report.latency_p99_ns = example::percentile(times.latencies, 0.99).count();
  return report;
}

}  // namespace

int exit_code_of(const pass_report& report) {
  if (report.signal != 0) return 128 + report.signal;
  return report.unreadable != 0 || report.output_error != 0 ? kSomeUnreadable : kAllRead;
}

pass_report run_pass(const options& chosen, bool silent) {
  const std::uint64_t open_file_limit = example::raise_open_file_limit();
  std::vector<std::unique_ptr<io_backend>> backends = make_all_io(chosen, silent);
  progress line(!silent);
  const file_list found = find_files(chosen.directory, line, silent);

  meter measured;
  listing results(found.paths, silent);
  afflux::semaphore permits(chosen.in_flight);
  afflux::event all_ended(afflux::reset::manual);
  shared_state pass{found.paths, permits, measured, results, all_ended};
  std::list<lane> lanes;
  for (auto& backend : backends) lanes.emplace_back(pass, std::move(backend), chosen.hash);

  const clock::time_point begun = clock::now();
  std::latch all_begun(static_cast<std::ptrdiff_t>(lanes.size()));
  std::vector<std::jthread> threads = start(lanes, all_begun);
  show_until_ended(pass, line);
  threads.clear();  // joins

  const nanoseconds time = clock::now() - begun;
  pass_report report = report_of(measured, lanes);
  std::strncpy(report.io.data(), lanes.front().io.io_name(), report.io.size() - 1);
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
