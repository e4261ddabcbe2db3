/* arch_list.h - every architecture that is built in, for arch.c to search.
 * SPDX-License-Identifier: MIT */
#ifndef MODEL_ARCH_LIST_H
#define MODEL_ARCH_LIST_H

#include "model/arch.h"

extern const struct arch arch_qwen3_moe;

#endif
