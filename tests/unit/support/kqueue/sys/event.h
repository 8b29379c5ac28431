/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * As much of a kqueue as a user event needs, for systems without one: what src/port/kqueue.cpp
 * relies on, after FreeBSD's man 2 kqueue. The names and values are FreeBSD's.
 */
#pragma once

#include <cstdint>
#include <ctime>

struct kevent {
  std::uintptr_t ident;
  short filter;
  unsigned short flags;
  unsigned fflags;
  std::int64_t data;
  void* udata;
};

constexpr short EVFILT_USER = -11;
constexpr unsigned short EV_ADD = 0x0001;
constexpr unsigned short EV_DELETE = 0x0002;
constexpr unsigned short EV_CLEAR = 0x0020;
constexpr unsigned NOTE_TRIGGER = 0x01000000;

#define EV_SET(event, a, b, c, d, e, f) (*(event) = {(a), (b), (c), (d), (e), (f)})

int kqueue();
int kevent(int queue, const struct kevent* changes, int count, struct kevent* events, int room,
           const timespec* timeout);
