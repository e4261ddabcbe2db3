#!/bin/sh
# demo.sh - three prompts for the demonstration model: a sum, a Python function, a tool call.
# SPDX-License-Identifier: MIT
set -eu
octet=${OCTET:-./octet}
ask() {
    printf '\n> %s\n' "$1"
    shift
    "$octet" run models/octet-mini "$@"
}
ask 'What is 17 + 25? Answer in one short sentence.' -p 'What is 17 + 25? Answer in one short sentence.'
ask 'Write a Python function to reverse a string. Just the code, no explanation.' \
    -p 'Write a Python function to reverse a string. Just the code, no explanation.'
ask 'List the files in the current directory. (with a tool list_files)' --tools models/octet-mini/demo-tools.json \
    -p 'List the files in the current directory.'
printf '\nThat was the demonstration model. "./octet run" starts a chat with it; "./octet help" lists the commands.\n'
