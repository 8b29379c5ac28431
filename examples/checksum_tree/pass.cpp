// SPDX-License-Identifier: MIT OR Apache-2.0
//
// All files are begun at once, each as a coroutine. One semaphore lets `in_flight` of them go on;
// the others wait in its queue, in the order in which they came. With several rings each file
// belongs to the loop of one thread, and the semaphore to all.
#include "pass.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <afflux/afflux.hpp>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <list>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <vector>

#include "../support/detached.h"
#include "../support/gauge.h"
#include "../support/process.h"
#include "io.h"
#include "report.h"
#include "walk.h"

namespace checksum_tree {
namespace {

constexpr std::size_t kBufferSize = 128 * 1024;
constexpr std::chrono::milliseconds kProgressPeriod{200};
constexpr std::chrono::milliseconds kLongestWait{100};  // until an interrupt is seen

// What all lanes share.
struct shared_state {
  const std::vector<std::string>& paths;
  std::vector<file_result> results;  // in the order of the paths
  afflux::semaphore permits;
  afflux::event all_ended{afflux::reset::manual};
  std::atomic<std::size_t> ended = 0;
  std::atomic<std::uint64_t> bytes = 0;
  example::gauge in_flight{};
  example::gauge open_files{};
};

// A thread with a loop, and the files that it reads.
struct lane {
  shared_state& all;
  hash_kind hash;
  std::unique_ptr<file_io> io;
  std::size_t left = 0;  // files that have not ended
};

// ---- One file ---------------------------------------------------------------

// Whether the file is to be read: `pending` says yes.
verdict check_opened(int fd, int& ret_error) {
  ret_error = fd < 0 ? -fd : 0;
  // Since the walk a link, a FIFO or a socket has taken the file's place.
  if (ret_error == ELOOP || ret_error == ENXIO) return verdict::skipped;
  if (fd < 0) return verdict::unreadable;
  struct stat info {};
  if (fstat(fd, &info) == 0 && !S_ISREG(info.st_mode)) return verdict::skipped;
  // O_NONBLOCK kept open() from waiting for a FIFO; from here on io_uring might answer EAGAIN.
  if (fcntl(fd, F_SETFL, 0) == 0) return verdict::pending;
  ret_error = errno;
  return verdict::unreadable;
}

// Takes in what read() has answered: `pending` while there is more to read.
verdict take_in(hasher& hash, const std::byte* data, int got, file_result& result) {
  if (got < 0) {
    result.error = -got;
    return verdict::unreadable;
  }
  if (got > 0 && hash.add({data, static_cast<std::size_t>(got)})) {
    return interrupted() != 0 ? verdict::stopped : verdict::pending;
  }
  if (got == 0 && hash.finish(result.checksum)) return verdict::read;
  result.error = EIO;
  return verdict::unreadable;
}

void end_file(lane& own, file_result& result, verdict what) {
  // release, pairs with screen::print_ready(): publishes the rest of the result.
  result.what.store(what, std::memory_order_release);
  --own.left;
  if (++own.all.ended == own.all.results.size()) (void)own.all.all_ended.notify_all();
}

// Begins on the main thread. From its first wait on it runs on its lane's thread: the lane's loop
// resumes it when a system call has ended, and when it has got its permit, whichever thread has
// given that permit back.
example::detached checksum_file(lane& own, std::size_t index) {
  shared_state& all = own.all;
  file_result& result = all.results[index];
  // The token gives the permit back at the end of the coroutine: then the next file goes on.
  const afflux::permit_token permit(co_await all.permits.acquire().resume_on(own.io->port()));
  if (!permit) {  // the semaphore was closed, by an interrupt
    end_file(own, result, verdict::stopped);
    co_return;
  }
  all.in_flight.enter();

  const int fd = co_await own.io->open(all.paths[index].c_str());
  verdict what = check_opened(fd, result.error);
  if (fd >= 0) {
    all.open_files.enter();
    // A file that waits needs neither of these.
    hasher hash(own.hash);
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kBufferSize);
    for (std::uint64_t at = 0; what == verdict::pending;) {
      const int got = co_await own.io->read(fd, {buffer.get(), kBufferSize}, at);
      what = take_in(hash, buffer.get(), got, result);
      const auto count = static_cast<unsigned>(got > 0 ? got : 0);
      at += count;
      all.bytes += count;
    }
    close(fd);
    all.open_files.leave();
  }
  all.in_flight.leave();
  end_file(own, result, what);
}

// ---- All files --------------------------------------------------------------

void run_lane(lane& own) {
  while (own.left != 0) {
    own.io->turn(kLongestWait);
    // Files that wait for a permit end now, those that have one after the part that they read.
    if (interrupted() != 0) own.all.permits.close();
  }
}

afflux::semaphore make_permits(std::uint64_t in_flight) {
  afflux::options wanted;
  wanted.permits = in_flight;
  wanted.statistics = afflux::statistics_level::full;  // with histograms of waits and holds
  return afflux::semaphore(wanted);
}

std::unique_ptr<file_io> make_io(io_mode mode, bool tell) {
  if (mode == io_mode::threads) return make_thread_io();
  std::string why;
  if (auto made = make_uring_io(why)) return made;
  if (mode == io_mode::uring) throw std::runtime_error("io_uring is refused: " + why);
  if (tell) complain("io_uring is refused (" + why + "); plain reads in threads instead");
  return make_thread_io();
}

std::list<lane> make_lanes(shared_state& all, const options& chosen) {
  std::list<lane> lanes;
  io_mode mode = chosen.io;
  while (lanes.size() < chosen.rings) {
    lanes.push_back({all, chosen.hash, make_io(mode, chosen.list)});
    // What has been refused once is not asked for again.
    if (lanes.back().io->name() == std::string_view("threads")) mode = io_mode::threads;
  }
  return lanes;
}

// noexcept: without a thread for each lane some files would never end, so the program does.
void read_all(shared_state& all, std::list<lane>& lanes, screen& output) noexcept {
  auto own = lanes.begin();
  for (std::size_t i = 0; i < all.paths.size(); ++i) {
    ++own->left;
    if (!checksum_file(*own, i).begun) {
      all.results[i].error = ENOMEM;
      end_file(*own, all.results[i], verdict::unreadable);
    }
    if (++own == lanes.end()) own = lanes.begin();
  }
  if (all.paths.empty()) (void)all.all_ended.notify_all();

  std::vector<std::jthread> threads;
  for (lane& each : lanes) threads.emplace_back([&each] { run_lane(each); });
  const auto begun = std::chrono::steady_clock::now();
  while (all.all_ended.wait_blocking_for(kProgressPeriod) != afflux::status::ok) {
    output.print_ready();
    output.show_progress(all.ended, all.bytes, all.in_flight.now(), all.permits.waiters(),
                         std::chrono::steady_clock::now() - begun);
  }
  output.print_ready();
}

void count(pass_report& report, const file_result& result) {
  const verdict what = result.what;
  if (what == verdict::read) ++report.read;
  if (what == verdict::skipped) ++report.skipped;
  if (what == verdict::stopped) ++report.stopped;
  if (what != verdict::unreadable) return;
  ++report.unreadable;
  if (result.error == EMFILE || result.error == ENFILE) ++report.out_of_descriptors;
}

pass_report report_of(const shared_state& all) {
  pass_report report{};
  for (const file_result& result : all.results) count(report, result);
  report.bytes = all.bytes;
  report.peak_in_flight = all.in_flight.peak();
  report.peak_open_files = all.open_files.peak();
  // The semaphore has measured how long files waited for it, and how long they held their permits.
  afflux_histogram times{};
  afflux_sem_wait_times(all.permits.handle(), &times);
  report.waited = times.count;
  report.wait_p50_ns = afflux_histogram_quantile(&times, 0.50);
  report.wait_p99_ns = afflux_histogram_quantile(&times, 0.99);
  afflux_sem_hold_times(all.permits.handle(), &times);
  report.latency_p50_ns = afflux_histogram_quantile(&times, 0.50);
  report.latency_p99_ns = afflux_histogram_quantile(&times, 0.99);
  return report;
}

}  // namespace

pass_report run_pass(const options& chosen) {
  const std::uint64_t open_file_limit = example::raise_open_file_limit();
  const file_list found = walk(chosen.directory, interrupted);
  shared_state all{found.paths, std::vector<file_result>(found.paths.size()),
                   make_permits(chosen.in_flight)};
  std::list<lane> lanes = make_lanes(all, chosen);
  screen output(found.paths, all.results, chosen.list);
  if (chosen.list) {
    for (const auto& [path, error] : found.failures) complain_of(path, error);
  }

  const auto begun = std::chrono::steady_clock::now();
  read_all(all, lanes, output);
  const std::chrono::nanoseconds time = std::chrono::steady_clock::now() - begun;

  if (output.error() != 0) complain_of("standard output", output.error());

  pass_report report = report_of(all);
  report.io = lanes.front().io->name();
  report.unreadable += found.failures.size();
  report.open_file_limit = open_file_limit;
  report.peak_memory = example::peak_memory();
  report.time_ns = static_cast<std::uint64_t>(time.count());
  report.output_error = output.error();
  report.signal = interrupted();
  return report;
}

}  // namespace checksum_tree
