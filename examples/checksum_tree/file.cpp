// SPDX-License-Identifier: MIT OR Apache-2.0
#include "file.h"

#include <fcntl.h>

#include <cerrno>
#include <span>

#include "../support/detached.h"
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

// The order of the locals matters: the workspace goes back before the permit.
example::detached checksum_file(shared_state& pass, std::size_t index) {
  const clock::time_point asked = clock::now();
  const afflux::permit permit = co_await pass.permits.acquire(1).resume_on(pass.io.on_this_loop());
  if (!permit) {  // closed: without time and queue limits nothing else can be
    end_file(pass, index, {.what = verdict::stopped});
    co_return;
  }
  const clock::time_point begun = clock::now();
  pass.measured.waits.push_back(begun - asked);
  pass.measured.in_flight.enter();

  file_result result = failed(ENOMEM);
  const workspace_pool::lease work = pass.workspaces.take();
  if (work) {
    const int fd = co_await pass.io.open(pass.paths[index].c_str());
    if (fd < 0) {
      result = not_opened(-fd);
    } else {
      pass.measured.open_files.enter();
      struct statx info {};
      const int stat_result = co_await pass.io.stat(fd, info);
      result = look_at(fd, stat_result, info);
      if (!work->hash->reset()) result = failed(EIO);
      for (std::uint64_t at = 0; result.what == verdict::pending;) {
        std::byte* buffer = work->buffer.get();
        const int got = co_await pass.io.read(fd, buffer, workspace::kBufferSize, at);
        result = take_in(*work->hash, buffer, got);
        if (got > 0) {
          at += static_cast<std::uint64_t>(got);
          pass.measured.bytes += static_cast<std::uint64_t>(got);
        }
      }
      co_await pass.io.close(fd);
      pass.measured.open_files.leave();
    }
  }

  if (result.what == verdict::read) pass.measured.latencies.push_back(clock::now() - begun);
  pass.measured.in_flight.leave();
  end_file(pass, index, result);
}

}  // namespace

void begin_file(shared_state& pass, std::size_t index) {
  if (!checksum_file(pass, index).begun) end_file(pass, index, failed(ENOMEM));
}

void end_file(shared_state& pass, std::size_t index, const file_result& result) {
  switch (result.what) {
    case verdict::pending:
      break;
    case verdict::read:
      ++pass.measured.read;
      break;
    case verdict::unreadable:
      ++pass.measured.unreadable;
      if (result.error == EMFILE || result.error == ENFILE) ++pass.measured.out_of_descriptors;
      break;
    case verdict::skipped:
      ++pass.measured.skipped;
      break;
    case verdict::stopped:
      ++pass.measured.stopped;
      break;
  }
  pass.results.set(index, result);
}

}  // namespace checksum_tree
