/* schema_uri.h - references of schemas to each other: RFC 3986, section 5.2.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_URI_H
#define TEXT_SCHEMA_SCHEMA_URI_H

#include "base/buf.h"
#include "base/str.h"

/* Appends `ref` resolved against `base`, without its fragment. An empty base leaves a relative reference as it is. */
void schema_uri_resolve(struct buf *out, struct str base, struct str ref);
/* What follows "#", still percent-encoded; empty if there is none. */
struct str schema_uri_fragment(struct str ref);
/* Appends s with its %XX decoded. */
void schema_uri_decode(struct buf *out, struct str s);

#endif
