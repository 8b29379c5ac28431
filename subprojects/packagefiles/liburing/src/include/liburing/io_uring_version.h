/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What liburing's own configure would have written. */
#ifndef LIBURING_VERSION_H
#define LIBURING_VERSION_H

#define IO_URING_VERSION_MAJOR 2
#define IO_URING_VERSION_MINOR 14

#endif
