/* writer_list.h - the APIs in which an answer can be told.
 * SPDX-License-Identifier: MIT */
#ifndef API_WRITER_LIST_H
#define API_WRITER_LIST_H

#include "api/writer_dialect.h"

extern const struct writer_dialect writer_chat;        /* writer_chat.c */
extern const struct writer_dialect writer_completions; /* writer_completions.c */
extern const struct writer_dialect writer_responses;   /* writer_responses.c */
extern const struct writer_dialect writer_messages;    /* writer_messages.c */

#endif
