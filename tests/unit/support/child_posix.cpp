// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The test process itself never has a second thread, so its children begin as a
// fresh process would. They answer through a pipe.
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "../../contract/support/build_kind.h"
#include "child.h"

// The thread sanitizer would end a child of a process with threads when it starts
// one; here that is the point.
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "die_after_fork=0"; }

using create_fn = int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);

static create_fn* real_pthread_create();

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                              void* (*start)(void*), void* argument) {
  if (const int error = afflux_test::g_create_error.load()) return error;
  afflux_test::g_created.fetch_add(1);
  static create_fn* const next = real_pthread_create();
  return next(thread, attributes, start, argument);
}

#if AFFLUX_TEST_ASAN || AFFLUX_TEST_TSAN
// The sanitizer's own.
extern "C" create_fn __interceptor_pthread_create;
static create_fn* real_pthread_create() { return __interceptor_pthread_create; }
#else
static create_fn* real_pthread_create() {
  return reinterpret_cast<create_fn*>(dlsym(RTLD_NEXT, "pthread_create"));
}
#endif

namespace afflux_test {

std::string in_child(std::string (*body)(), bool orderly_exit) {
  int ends[2];
  if (pipe(ends) != 0) return "pipe";
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);  // the watchdog: a hang is a failure, not a hang
    close(ends[0]);
    const std::string answer = body();
    const auto written = write(ends[1], answer.data(), answer.size());
    const int status = written == static_cast<ssize_t>(answer.size()) ? 0 : 1;
    close(ends[1]);
    if (orderly_exit) std::exit(status);
    _exit(status);
  }
  close(ends[1]);
  std::string answer;
  char buffer[256];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    answer.append(buffer, static_cast<std::size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) answer += " (status " + std::to_string(status) + ")";
  return answer;
}

int threads_named(const std::string& name) {
  int count = 0;
  DIR* const tasks = opendir("/proc/self/task");
  while (const dirent* task = readdir(tasks)) {
    std::ifstream file("/proc/self/task/" + std::string(task->d_name) + "/comm");
    std::string comm;
    if (std::getline(file, comm) && comm == name) ++count;
  }
  closedir(tasks);
  return count;
}

}  // namespace afflux_test
