/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What liburing's own configure would have found out, asked of the kernel's
 * headers instead (5.6 or newer). */
#ifndef LIBURING_COMPAT_H
#define LIBURING_COMPAT_H

#include <linux/futex.h>
#include <linux/ioctl.h>
#include <linux/openat2.h>
#include <linux/time_types.h>
#include <stdint.h>

#define UAPI_LINUX_IO_URING_H_SKIP_LINUX_TIME_TYPES_H 1

#ifndef FUTEX_WAITV_MAX /* kernel headers before 5.16 */
#define FUTEX_32 2
#define FUTEX_WAITV_MAX 128
struct futex_waitv {
  uint64_t val;
  uint64_t uaddr;
  uint32_t flags;
  uint32_t __reserved;
};
#endif

#ifndef BLOCK_URING_CMD_DISCARD
#define BLOCK_URING_CMD_DISCARD _IO(0x12, 0)
#endif

#endif
