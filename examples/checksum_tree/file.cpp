// SPDX-License-Identifier: MIT OR Apache-2.0
#include "file.h"

#include <fcntl.h>

#include <cerrno>
#include <span>

#include "../support/detached.h"
#include "../support/port_wait.h"
#include "interrupt.h"

namespace checksum_tree {
namespace {

file_result failed(int error) { return {.what = verdict::unreadable, .error = error}; }

// ELOOP and ENXIO: since the walk a link, a FIFO or a socket has taken its place.
file_result not_opened(int error) {
  if (error == ELOOP || error == ENXIO) return {.what = verdict::skipped};
  return failed(error);
}

// Why the open file is not to be read; `pending` when it is. A regular file is
// made an ordinary, blocking one: with O_NONBLOCK set, io_uring may answer
// EAGAIN instead of reading from the disk.
file_result look_at(int fd, int stat_result, const struct statx& info) {
  if (stat_result < 0) return failed(-stat_result);
  if (!S_ISREG(info.stx_mode)) return {.what = verdict::skipped};
  if (fcntl(fd, F_SETFL, 0) != 0) return failed(errno);
  return {};
}

file_result finished(hasher& hash) {
  file_result result{.what = verdict::read};
  return hash.finish(result.value) ? result : failed(EIO);
}

// One part of a file; `pending` while there is more to read.
file_result take_in(hasher& hash, const std::byte* data, int read_result) {
  if (read_result < 0) return failed(-read_result);
  if (read_result == 0) return finished(hash);
  if (!hash.update(std::span(data, static_cast<std::size_t>(read_result)))) return failed(EIO);
  return interrupted() != 0 ? file_result{.what = verdict::stopped} : file_result{};
}

void end_file(lane& own, std::size_t index, const file_result& result) {
  meter& measured = own.pass.measured;
  switch (result.what) {
    case verdict::pending:
      break;
    case verdict::read:
      ++measured.read;
      break;
    case verdict::unreadable:
      ++measured.unreadable;
      if (result.error == EMFILE || result.error == ENFILE) ++measured.out_of_descriptors;
      break;
    case verdict::skipped:
      ++measured.skipped;
      break;
    case verdict::stopped:
      ++measured.stopped;
      break;
  }
  own.pass.results.set(index, result);
  --own.left;
  if (++measured.ended == own.pass.paths.size()) own.pass.all_ended.notify_all();
}

// The order of the locals matters: the workspace goes back before the permit.
example::detached checksum_file(lane& own, std::size_t index) {
  shared_state& pass = own.pass;
  const clock::time_point asked = clock::now();
  const afflux_status answer =
      co_await example::acquire(pass.permits.handle(), own.io.completions());
  if (answer != AFFLUX_OK) {  // closed: without time and queue limits nothing else can be
    end_file(own, index, {.what = verdict::stopped});
    co_return;
  }
  const afflux::permit permit = pass.permits.adopt(1);
  const clock::time_point begun = clock::now();
  own.times.waits.push_back(begun - asked);
  pass.measured.in_flight.enter();

  file_result result = failed(ENOMEM);
  const workspace_pool::lease work = own.workspaces.take();
  if (work) {
    const int fd = co_await own.io.open(pass.paths[index].c_str());
    if (fd < 0) {
      result = not_opened(-fd);
    } else {
      pass.measured.open_files.enter();
      struct statx info {};
      const int stat_result = co_await own.io.stat(fd, info);
      result = look_at(fd, stat_result, info);
      if (!work->hash->reset()) result = failed(EIO);
      for (std::uint64_t at = 0; result.what == verdict::pending;) {
        std::byte* buffer = work->buffer.get();
        const int got = co_await own.io.read(fd, buffer, workspace::kBufferSize, at);
        result = take_in(*work->hash, buffer, got);
        if (got > 0) {
          at += static_cast<std::uint64_t>(got);
          pass.measured.bytes += static_cast<std::uint64_t>(got);
        }
      }
      co_await own.io.close(fd);
      pass.measured.open_files.leave();
    }
  }

  if (result.what == verdict::read) own.times.latencies.push_back(clock::now() - begun);
  pass.measured.in_flight.leave();
  end_file(own, index, result);
}

}  // namespace

void begin_file(lane& own, std::size_t index) {
  if (!checksum_file(own, index).begun) end_file(own, index, failed(ENOMEM));
}

}  // namespace checksum_tree
