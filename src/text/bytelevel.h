/* bytelevel.h - the alphabet of byte-level BPE: every byte has a printable character that stands for it.
 *
 * Bytes 0x21..0x7e, 0xa1..0xac and 0xae..0xff stand for themselves (U+0021 and so on); the other 68, in ascending order, are
 * U+0100, U+0101, ... So the space is U+0120 and the line feed U+010A. Source: GPT-2's encoder.py, bytes_to_unicode. Pure.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_BYTELEVEL_H
#define TEXT_BYTELEVEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

uint32_t bytelevel_char(unsigned char byte);
/* Appends the bytes that the characters of s stand for. False, and out is as it was, if one of them stands for no byte. */
bool bytelevel_bytes(struct str s, struct buf *out);

#endif
