# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a child is put through before it becomes the program: arguments for preexec_fn."""

import ctypes
import os
import resource
import struct
import subprocess

LIBC = ctypes.CDLL(None, use_errno=True)
PR_CAPBSET_DROP, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 24, 22, 38


def deny_io_uring():
    """A seccomp filter that answers io_uring_setup (425 on every architecture) with ENOSYS."""
    load_number, jump_if_equal, answer = 0x20, 0x15, 0x06
    allow, fail_with_enosys = 0x7FFF0000, 0x00050000 | 38
    filters = b"".join(struct.pack("HBBI", *f) for f in (
        (load_number, 0, 0, 0),
        (jump_if_equal, 0, 1, 425),
        (answer, 0, 0, fail_with_enosys),
        (answer, 0, 0, allow)))
    memory = ctypes.create_string_buffer(filters)
    program = struct.pack("HxxxxxxP", len(filters) // 8, ctypes.addressof(memory))
    if LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
    if LIBC.prctl(PR_SET_SECCOMP, 2, ctypes.c_char_p(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_SECCOMP")


def obey_modes():
    """Root without the capabilities that make it read what it may not."""
    if os.geteuid() != 0:
        return
    for dac_override_or_read_search in (1, 2):
        if LIBC.prctl(PR_CAPBSET_DROP, dac_override_or_read_search, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "PR_CAPBSET_DROP")


def descriptors(number):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))


def can(preexec):
    """Whether this machine lets a child do so."""
    try:
        return subprocess.run(["true"], preexec_fn=preexec, check=False).returncode == 0
    except subprocess.SubprocessError:
        return False
