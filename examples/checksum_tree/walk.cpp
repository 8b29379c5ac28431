// SPDX-License-Identifier: MIT OR Apache-2.0
#include "walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace checksum_tree {
namespace {

struct close_directory {
  void operator()(DIR* directory) const { closedir(directory); }
};
using open_directory = std::unique_ptr<DIR, close_directory>;

// Without O_NOFOLLOW for the root: a link that the user names is meant.
open_directory open_at(const std::string& path, bool follow) {
  const int fd =
      ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
  if (fd < 0) return nullptr;
  open_directory opened(fdopendir(fd));
  if (!opened) ::close(fd);
  return opened;
}

std::string join(const std::string& directory, const char* name) {
  return directory.back() == '/' ? directory + name : directory + "/" + name;
}

bool is_dot(const char* name) {
  return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

class walker {
 public:
  explicit walker(const std::function<bool(std::size_t)>& go_on) : go_on_(go_on) {}

  file_list run(const std::string& root) {
    pending_.push_back(root);
    for (bool first = true; !pending_.empty() && go_on_(found_.paths.size()); first = false) {
      const std::string directory = std::exchange(pending_.back(), {});
      pending_.pop_back();
      read_directory(directory, first);
    }
    std::sort(found_.paths.begin(), found_.paths.end());
    return std::move(found_);
  }

 private:
  void read_directory(const std::string& path, bool is_root) {
    const open_directory opened = open_at(path, is_root);
    if (!opened) {
      // It was a directory a moment ago: gone, or a link now.
      found_.failures.push_back({path, errno});
      return;
    }
    for (;;) {
      errno = 0;
      // NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of its own.
      const dirent* entry = readdir(opened.get());
      if (entry == nullptr) break;
      if (!is_dot(entry->d_name)) add(*entry, dirfd(opened.get()), path);
    }
    if (errno != 0) found_.failures.push_back({path, errno});
  }

  void add(const dirent& entry, int directory_fd, const std::string& directory) {
    unsigned char type = entry.d_type;
    // Some file systems do not tell.
    if (type == DT_UNKNOWN) {
      struct stat info {};
      if (fstatat(directory_fd, entry.d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        found_.failures.push_back({join(directory, entry.d_name), errno});
        return;
      }
      type = static_cast<unsigned char>(IFTODT(info.st_mode));
    }
    if (type == DT_DIR) pending_.push_back(join(directory, entry.d_name));
    if (type == DT_REG) found_.paths.push_back(join(directory, entry.d_name));
  }

  const std::function<bool(std::size_t)>& go_on_;
  std::vector<std::string> pending_;
  file_list found_;
};

std::string without_trailing_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

int check_directory(const std::string& directory) { return open_at(directory, true) ? 0 : errno; }

file_list walk(const std::string& directory, const std::function<bool(std::size_t)>& go_on) {
  return walker(go_on).run(without_trailing_slashes(directory));
}

}  // namespace checksum_tree
