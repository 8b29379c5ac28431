// SPDX-License-Identifier: MIT OR Apache-2.0
#include "blocking_io.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace checksum_tree {
namespace {

long call_once(const io_request& request) {
  switch (request.call) {
    case io_call::open:
      return ::open(request.path, open_flags());
    case io_call::stat:
      return ::statx(request.fd, "", AT_EMPTY_PATH, STATX_TYPE, request.info);
    case io_call::read:
      return ::pread(request.fd, request.buffer, request.size, static_cast<off_t>(request.offset));
    case io_call::close:
      return ::close(request.fd);
  }
  return -1;
}

}  // namespace

int open_flags() { return O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY; }

int perform(const io_request& request) {
  for (;;) {
    const long result = call_once(request);
    if (result >= 0) return static_cast<int>(result);
    // A close is never repeated: its descriptor is gone either way.
    if (errno != EINTR || request.call == io_call::close) return -errno;
  }
}

}  // namespace checksum_tree
