// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ways in which processes share permits. make() prepares one that children of a fork() find; each
// process makes a way of its own out of it.
#pragma once

#include <afflux/shared.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>

namespace afflux::bench {

// Memory that a process and its children have in common.
template <class T>
std::shared_ptr<T> common_memory() {
  void* const memory =
      mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return {new (memory) T, [](T* one) { munmap(one, sizeof(T)); }};
}

// A file without a name, by its path.
struct common_file {
  int fd = memfd_create("bench", MFD_CLOEXEC);
  std::string path = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd);
  common_file() = default;
  common_file(const common_file&) = delete;
  common_file& operator=(const common_file&) = delete;
  ~common_file() { close(fd); }
};

class sem_way {
 public:
  using place = std::shared_ptr<sem_t>;
  static place make(unsigned limit) {
    place made = common_memory<sem_t>();
    sem_init(made.get(), 1, limit);
    return made;
  }
  explicit sem_way(const place& at) : sem_(at.get()) {}
  void acquire() {
    while (sem_wait(sem_) != 0) {
    }
  }
  void release() { sem_post(sem_); }

 private:
  sem_t* sem_;
};

class robust_way {
 public:
  using place = std::shared_ptr<pthread_mutex_t>;
  static place make(unsigned) {
    place made = common_memory<pthread_mutex_t>();
    pthread_mutexattr_t how;
    pthread_mutexattr_init(&how);
    pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(made.get(), &how);
    return made;
  }
  explicit robust_way(const place& at) : mutex_(at.get()) {}
  void acquire() {
    if (pthread_mutex_lock(mutex_) == EOWNERDEAD) pthread_mutex_consistent(mutex_);
  }
  void release() { pthread_mutex_unlock(mutex_); }

 private:
  pthread_mutex_t* mutex_;
};

template <int kFlags>
class semop_way {
 public:
  using place = std::shared_ptr<int>;
  static place make(unsigned limit) {
    place made(new int(semget(IPC_PRIVATE, 1, 0600)), [](int* id) {
      semctl(*id, 0, IPC_RMID);
      delete id;
    });
    union {
      int value;
    } argument{static_cast<int>(limit)};
    semctl(*made, 0, SETVAL, argument);
    return made;
  }
  explicit semop_way(const place& at) : id_(*at) {}
  void acquire() { change(-1); }
  void release() { change(1); }

 private:
  void change(short by) {
    sembuf one{0, by, kFlags};
    while (semop(id_, &one, 1) != 0 && errno == EINTR) {
    }
  }
  int id_;
};

class file_way {
 public:
  using place = std::shared_ptr<common_file>;
  static place make(unsigned) { return std::make_shared<common_file>(); }
  file_way(const file_way&) = delete;
  file_way& operator=(const file_way&) = delete;

 protected:
  // Of its own: locks belong to what open() has made.
  explicit file_way(const place& at) : fd_(open(at->path.c_str(), O_RDWR | O_CLOEXEC)) {}
  ~file_way() { close(fd_); }
  int fd_;
};

class ofd_way : public file_way {
 public:
  explicit ofd_way(const place& at) : file_way(at) {}
  void acquire() { change(F_WRLCK); }
  void release() { change(F_UNLCK); }

 private:
  void change(short type) {
    struct flock whole {};
    whole.l_type = type;
    whole.l_whence = SEEK_SET;
    while (fcntl(fd_, F_OFD_SETLKW, &whole) != 0 && errno == EINTR) {
    }
  }
};

class flock_way : public file_way {
 public:
  explicit flock_way(const place& at) : file_way(at) {}
  void acquire() {
    while (flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  void release() { flock(fd_, LOCK_UN); }
};

class afflux_way {
 public:
  using place = std::shared_ptr<afflux_shared>;
  static place make(unsigned limit) {
    afflux_shared_options options;
    afflux_shared_options_init(&options);
    options.flags = AFFLUX_SHARED_CREATE;
    options.permits = limit;
    afflux_shared* made = nullptr;
    afflux_shared_open(nullptr, &options, &made);
    return {made, afflux_shared_unref};
  }
  // The child of a fork() opens it itself.
  explicit afflux_way(const place& at) {
    afflux_shared_open_fd(afflux_shared_fd(at.get()), nullptr, &shared_);
  }
  afflux_way(const afflux_way&) = delete;
  afflux_way& operator=(const afflux_way&) = delete;
  ~afflux_way() { afflux_shared_unref(shared_); }
  void acquire() { afflux_shared_acquire(shared_, 1, AFFLUX_FOREVER); }
  void release() { afflux_shared_release(shared_, 1); }

 private:
  afflux_shared* shared_ = nullptr;
};

}  // namespace afflux::bench
