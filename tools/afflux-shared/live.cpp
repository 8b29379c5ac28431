// SPDX-License-Identifier: MIT OR Apache-2.0
#include "live.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "failure.h"

namespace shared_command {
namespace {

constexpr int kEvery = 1000;  // ms

void write_all(const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t put = write(STDOUT_FILENO, text.data() + at, text.size() - at);
    if (put <= 0) return;  // the terminal is gone: a signal says so
    at += static_cast<std::size_t>(put);
  }
}

// A terminal without echo, whose keys come at once, those for signals too; with the screen that
// editors use.
class screen {
 public:
  screen() {
    tcgetattr(STDIN_FILENO, &before_);
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
    write_all("\x1b[?1049h\x1b[?25l");
  }
  screen(const screen&) = delete;
  screen& operator=(const screen&) = delete;
  ~screen() {
    write_all("\x1b[?25h\x1b[?1049l");
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }

 private:
  termios before_{};
};

// The first `columns` characters.
std::string cut(const std::string& line, std::size_t columns) {
  std::size_t at = 0;
  for (std::size_t count = 0; at < line.size(); ++at)
    if ((static_cast<unsigned char>(line[at]) & 0xc0) != 0x80 && count++ == columns) break;
  return line.substr(0, at);
}

void draw(const std::vector<std::string>& lines) {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) {
    size.ws_row = 24;
    size.ws_col = 80;
  }
  std::string text = "\x1b[H";
  for (std::size_t i = 0; i < lines.size() && i + 1 < size.ws_row; ++i)
    text += cut(lines[i], size.ws_col) + "\x1b[K\r\n";
  text += cut("any key: quit", size.ws_col) + "\x1b[K\x1b[J";
  write_all(text);
}

}  // namespace

int show_live(const std::function<std::vector<std::string>()>& lines) {
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0)
    throw failure("--live wants a terminal");
  std::vector<std::string> first = lines();  // what fails at once does so on the ordinary screen
  sigset_t signals;
  sigemptyset(&signals);
  for (const int one : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH}) sigaddset(&signals, one);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const int caught = signalfd(-1, &signals, SFD_CLOEXEC);
  if (caught < 0) throw failure("no signalfd");
  const screen on;
  for (;;) {
    draw(first);
    pollfd events[] = {{STDIN_FILENO, POLLIN, 0}, {caught, POLLIN, 0}};
    poll(events, 2, kEvery);
    if (events[0].revents != 0) return 0;
    signalfd_siginfo signal{};
    if ((events[1].revents & POLLIN) != 0 &&
        read(caught, &signal, sizeof signal) == sizeof signal && signal.ssi_signo != SIGWINCH)
      return 128 + static_cast<int>(signal.ssi_signo);
    first = lines();
  }
}

}  // namespace shared_command
