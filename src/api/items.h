/* items.h - items of answers over the Responses API, by their ids.
 *
 * A client that does not say "store": false may take an answer's items for stored, and send {"type": "item_reference", "id": ...} in their place with
 * the next request (the AI SDK does). So the last ones are known: in memory, until the program ends, to whoever had the same API key.
 *
 *   items_put --> young --when it is full--> old --when that is replaced--> gone
 *                   ^------------ items_get --'
 *
 * Any thread.
 * SPDX-License-Identifier: MIT */
#ifndef API_ITEMS_H
#define API_ITEMS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

struct items;

struct items *items_new(size_t max_bytes);
void items_free(struct items *t); /* NULL is fine */

/* Everything is copied. One that alone takes more than half of max_bytes is not kept. */
void items_put(struct items *t, struct str key_id, struct str id, struct str json);
/* Appends the JSON of an item; false: it is not known. */
bool items_get(struct items *t, struct str key_id, struct str id, struct buf *out);

#endif
