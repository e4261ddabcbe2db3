/* version.h - the one place that says which version this is.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define OCTET_VERSION "0.1.0"

#endif
