/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The one place that holds Afflux's version: the build reads these three lines
 * for the package version and the SONAME. For a comparison at run time call
 * afflux_version().
 */
#ifndef AFFLUX_VERSION_H
#define AFFLUX_VERSION_H

#define AFFLUX_VERSION_MAJOR 0
#define AFFLUX_VERSION_MINOR 1
#define AFFLUX_VERSION_PATCH 0

#endif
