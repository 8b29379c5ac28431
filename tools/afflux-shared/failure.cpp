// SPDX-License-Identifier: MIT OR Apache-2.0
#include "failure.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace shared_command {
namespace {

constexpr char kMagic[] = "AFLXSHM";  // and a digit

std::string quoted(const std::string& name) { return "'" + harmless(name) + "'"; }

std::string owner_of(const std::string& name) {
  struct stat is {};
  if (stat(path_of(name).c_str(), &is) != 0) return "another user";
  const passwd* const user = getpwuid(is.st_uid);  // NOLINT(concurrency-mt-unsafe): one thread
  return user != nullptr ? user->pw_name : "user " + std::to_string(is.st_uid);
}

std::string why_not_usable(const std::string& name) {
  const std::string path = path_of(name);
  if (access("/proc/self/stat", R_OK) != 0) return "/proc is not mounted";
  if (!has_magic(path)) return path + " is a file of another kind";
  return quoted(name) +
         " is from another pid or time namespace (a container's), from before a restart, or by "
         "another version of Afflux";
}

std::string why_the_system(const std::string& name, int error) {
  switch (error) {
    case ENOENT:
      return "no limit " + quoted(name);
    case EACCES:
    case EPERM:
      if (access(path_of(name).c_str(), F_OK) != 0)
        return "no permission to make " + quoted(name) + " in /dev/shm";
      return "no permission for " + quoted(name) + ", which belongs to " + owner_of(name);
    case ELOOP:
      return path_of(name) + " is a symbolic link";
    default:
      return quoted(name) + ": " + std::strerror(error);  // NOLINT(concurrency-mt-unsafe)
  }
}

}  // namespace

std::string path_of(const std::string& name) {
  return "/dev/shm/" + (!name.empty() && name[0] == '/' ? name.substr(1) : name);
}

std::string harmless(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

bool has_magic(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return false;
  char first[sizeof kMagic] = {};
  const bool is = pread(fd, first, sizeof first, 0) == static_cast<ssize_t>(sizeof first) &&
                  std::memcmp(first, kMagic, sizeof kMagic - 1) == 0;
  close(fd);
  return is;
}

failure why_not_open(const std::string& name, afflux_status status) {
  switch (status) {
    case AFFLUX_ENOTSUP:
      return {why_not_usable(name), status};
    case AFFLUX_EALREADY:
      return {"there is a limit " + quoted(name) + " already", status};
    case AFFLUX_EREJECTED:
      return {quoted(name) + ": as many processes have it open as it has handles for", status};
    case AFFLUX_EOS:
      return {why_the_system(name, afflux_shared_last_os_error()), status};
    default:
      return {quoted(name) + ": " + afflux_strerror(status), status};
  }
}

failure why_not(const std::string& name, afflux_status status) {
  switch (status) {
    case AFFLUX_ECLOSED:
      return {quoted(name) + " is closed", status};
    case AFFLUX_EALREADY:
      return {quoted(name) + " is closed already", status};
    case AFFLUX_EREJECTED:
      return {quoted(name) + ": as many wait as it has places for", status};
    case AFFLUX_ETIMEDOUT:
      return {quoted(name) + ": the time ran out", status};
    case AFFLUX_EOS:
      return {why_the_system(name, afflux_shared_last_os_error()), status};
    default:
      return {quoted(name) + ": " + afflux_strerror(status), status};
  }
}

void require_name(const std::string& name) {
  const std::string bare = path_of(name).substr(std::strlen("/dev/shm/"));
  if (bare.empty() || bare.size() > 250 || bare == "." || bare == ".." ||
      bare.find('/') != std::string::npos)
    throw failure("a name has 1 to 250 bytes, and no '/' but a leading one", AFFLUX_EINVAL);
}

}  // namespace shared_command
