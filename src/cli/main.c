/* main.c - octet: dispatches to the commands.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/str.h"
#include "base/version.h"
#include "cli/cmd.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about;
} commands[] = {
    { "run", cmd_run, "answer a prompt, or chat" },
    { "serve", cmd_serve, "answer agents over HTTP: OpenAI, Responses and Anthropic APIs" },
    { "inspect", cmd_inspect, "say what a model is made of and what it needs" },
    { "tokenize", cmd_tokenize, "text to token ids and back" },
    { "template", cmd_template, "render a chat template" },
    { "toolcall", cmd_toolcall, "tell the tool calls of a recorded output apart" },
    { "eval", cmd_eval, "measure a model: perplexity, agreement, answers" },
    { "synth", cmd_synth, "write a checkpoint with random weights" },
    { "launch", cmd_launch, "start a coding agent that uses a running server" },
    { "bench", cmd_bench, "measure many conversations at once" },
};

static void help(FILE *out)
{
    fputs("Usage: octet COMMAND [OPTION]... [ARGUMENT]...\n"
          "       octet help [COMMAND]\n"
          "       octet --version\n"
          "\n"
          "Runs MLX-format mixture-of-experts language models.\n"
          "\n"
          "Commands:\n",
          out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].about);
    fputs("\n"
          "Exit codes:\n"
          "  0    done\n"
          "  1    something went wrong while working: no memory, output that cannot be written\n"
          "  2    an option, an argument, a file or a model is not what it should be\n"
          "  130  interrupted\n"
          "\n"
          "Environment:\n"
          "  OCTET_MODEL  the model that \"octet run\" and \"octet serve\" use when none is named; otherwise the "
          "demonstration model\n",
          out);
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

static int unknown(const char *name)
{
    const char *near = NULL;
    int best = 3;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        int d = str_distance(str_from(name), str_from(commands[i].name), best);
        if (d < best) {
            best = d;
            near = commands[i].name;
        }
    }
    fprintf(stderr, "octet: unknown command \"%s\"; ", name);
    if (near)
        fprintf(stderr, "did you mean \"%s\"?\n", near);
    else
        fputs("see octet help\n", stderr);
    return CMD_BAD_INPUT;
}

static int help_on(const char *name)
{
    const struct command *c = find(name);
    if (!c)
        return unknown(name);
    char word[] = "help", flag[] = "--help";
    char *argv[] = { word, flag, NULL };
    return c->run(2, argv);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (!name[0]) {
        help(stderr);
        return CMD_BAD_INPUT;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("octet " OCTET_VERSION);
        return cmd_finish("--version");
    }
    if (strcmp(name, "help") == 0 && argc > 2 && argv[2][0] != '-')
        return help_on(argv[2]);
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        help(stdout);
        return cmd_finish("help");
    }
    const struct command *c = find(name);
    return c ? c->run(argc - 1, argv + 1) : unknown(name);
}
