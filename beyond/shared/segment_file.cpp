// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sources: man 7 shm_overview, man 2 memfd_create, open (O_TMPFILE), fcntl (seals).
#include "segment_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

namespace afflux::shared {
namespace {

constexpr const char* kFolder = "/dev/shm";  // where shm_open() has its names, on Linux
constexpr std::size_t kLongestName = 250;

struct path {
  char text[16 + kLongestName + 1];
  explicit path(const char* name) noexcept {
    std::snprintf(text, sizeof text, "%s/%s", kFolder, name[0] == '/' ? name + 1 : name);
  }
};

// Not one of the first three: where the program has those closed, what it prints would go into the
// segment.
int above_standard(int fd) noexcept {
  if (fd < 0 || fd > 2) return fd;
  const int above = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  const int error = errno;
  close(fd);
  errno = error;
  return above;
}

bool same_boot(const header& head, const spaces& here) noexcept {
  return std::memcmp(head.boot_id, here.boot_id, sizeof here.boot_id) == 0;
}

}  // namespace

segment_file::~segment_file() { drop(); }

void segment_file::drop() noexcept {
  const int saved = errno;
  if (base_ != nullptr) munmap(base_, size_);
  if (fd_ >= 0) close(fd_);
  base_ = nullptr;
  fd_ = -1;
  errno = saved;
}

bool segment_file::is_name(const char* name) noexcept {
  if (name == nullptr) return false;
  if (name[0] == '/') ++name;
  const std::size_t length = strnlen(name, kLongestName + 1);
  return length != 0 && length <= kLongestName && std::strchr(name, '/') == nullptr &&
         std::strcmp(name, ".") != 0 && std::strcmp(name, "..") != 0;
}

afflux_status segment_file::remove(const char* name) noexcept {
  return unlink(path(name).text) == 0 ? AFFLUX_OK : AFFLUX_EOS;
}

afflux_status segment_file::open_named(const char* name, const spaces& here) noexcept {
  fd_ = above_standard(open(path(name).text, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  return fd_ < 0 ? AFFLUX_EOS : map(here);
}

afflux_status segment_file::create_named(const char* name, const spaces& here,
                                         const creation& is) noexcept {
  // Without a name until it is whole: whoever finds the name finds all of it, and one who dies here
  // leaves nothing.
  fd_ = above_standard(open(kFolder, O_TMPFILE | O_RDWR | O_CLOEXEC, is.mode));
  if (fd_ < 0) return AFFLUX_EOS;
  const afflux_status filled = fill(here, is);
  if (filled != AFFLUX_OK) return filled;
  char own[32];
  std::snprintf(own, sizeof own, "/proc/self/fd/%d", fd_);
  if (linkat(AT_FDCWD, own, AT_FDCWD, path(name).text, AT_SYMLINK_FOLLOW) == 0) return AFFLUX_OK;
  const int error = errno;
  drop();
  errno = error;
  return error == EEXIST ? AFFLUX_EALREADY : AFFLUX_EOS;
}

afflux_status segment_file::create_unnamed(const spaces& here, const creation& is) noexcept {
  fd_ = above_standard(memfd_create("afflux-shared", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (fd_ < 0) return AFFLUX_EOS;
  const afflux_status filled = fill(here, is);
  if (filled != AFFLUX_OK) return filled;
  // Nobody cuts it short: who touches what is gone is killed (SIGBUS).
  return fcntl(fd_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0 ? AFFLUX_OK
                                                                                 : AFFLUX_EOS;
}

afflux_status segment_file::open_fd(int fd, const spaces& here) noexcept {
  fd_ = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (fd_ < 0) return errno == EBADF ? AFFLUX_EINVAL : AFFLUX_EOS;
  return map(here);
}

// Fills a new file, which nobody else has yet.
afflux_status segment_file::fill(const spaces& here, const creation& is) noexcept {
  const geometry at = geometry::of<policy>(is.slots, is.places);
  // All of its memory now: a page that is missing later would be a SIGBUS.
  int error = 0;
  do {
    error = posix_fallocate(fd_, 0, static_cast<off_t>(at.size));
  } while (error == EINTR);  // tmpfs gives up for a signal
  if (error != 0) {
    errno = error;
    return error == ENOSPC ? AFFLUX_ENOMEM : AFFLUX_EOS;
  }
  void* const base = mmap(nullptr, at.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (base == MAP_FAILED) return errno == ENOMEM ? AFFLUX_ENOMEM : AFFLUX_EOS;
  auto* const bytes = static_cast<unsigned char*>(base);
  auto* const head = new (bytes) header{};
  head->magic = kMagic;
  head->layout = kLayout;
  head->slots = is.slots;
  head->places = is.places;
  head->size = at.size;
  head->pid_space = here.pid;
  head->time_space = here.time;
  std::memcpy(head->boot_id, here.boot_id, sizeof head->boot_id);
  // All other words begin with 0, as the file does.
  auto* const common = reinterpret_cast<common_words<policy>*>(bytes + at.common);
  common->limit.store(count_word{is.permits, false, 0}.word(), std::memory_order_relaxed);
  munmap(base, at.size);
  return map(here);
}

afflux_status segment_file::map(const spaces& here) noexcept {
  struct statfs system {};
  struct stat is {};
  if (fstatfs(fd_, &system) != 0 || fstat(fd_, &is) != 0) return AFFLUX_EOS;
  // Words in a file of a disk would come back after a restart, with processes that never were.
  if (system.f_type != TMPFS_MAGIC || !S_ISREG(is.st_mode)) return AFFLUX_ENOTSUP;
  header head{};
  const ssize_t got = pread(fd_, &head, sizeof head, 0);
  if (got < 0) return AFFLUX_EOS;
  if (got != sizeof head || head.magic != kMagic || head.layout != kLayout || head.slots == 0 ||
      head.slots > kMostSlots || head.places == 0 || head.places > kMostPlaces)
    return AFFLUX_ENOTSUP;
  // From here on it is this process' copy of the counts that is used.
  const geometry at = geometry::of<policy>(head.slots, head.places);
  if (head.size != at.size || static_cast<std::uint64_t>(is.st_size) < at.size ||
      head.pid_space != here.pid || head.time_space != here.time || !same_boot(head, here))
    return AFFLUX_ENOTSUP;
  void* const base = mmap(nullptr, at.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (base == MAP_FAILED) return errno == ENOMEM ? AFFLUX_ENOMEM : AFFLUX_EOS;
  base_ = base;
  size_ = at.size;
  device_ = is.st_dev;
  inode_ = is.st_ino;
  auto* const bytes = static_cast<unsigned char*>(base);
  memory_.common = reinterpret_cast<common_words<policy>*>(bytes + at.common);
  memory_.slots = reinterpret_cast<slot_record<policy>*>(bytes + at.slots);
  memory_.records = reinterpret_cast<place_record<policy>*>(bytes + at.records);
  memory_.places = reinterpret_cast<std::atomic<std::uint64_t>*>(bytes + at.places);
  memory_.slot_count = head.slots;
  memory_.place_count = head.places;
  return AFFLUX_OK;
}

}  // namespace afflux::shared
