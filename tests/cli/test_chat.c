/* test_chat.c - octet run on a terminal of its own: commands, turns, pasted text, Ctrl-C, the end.
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700 /* posix_openpt and what belongs to it */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "support/program.h"

/* WAIT_MS bounds how long anything expected may take; a test that passes never waits for it. */
enum { MAX_ARGS = 16, OUTPUT_BYTES = 1 << 20, WAIT_MS = 60000 };

/* A chat on a pseudo-terminal: what it printed so far, and up to where expect() has looked. */
struct chat {
    int fd;
    pid_t pid;
    char *out;
    size_t n, seen;
};

static void run_child(const char *tty, char **argv)
{
    setsid();
    int fd = open(tty, O_RDWR); /* becomes the controlling terminal, being the first that a session opens */
    if (fd < 0)
        _exit(127);
    for (int i = 0; i < 3; i++)
        dup2(fd, i);
    setenv("TERM", "xterm", 1);
    signal(SIGINT, SIG_DFL); /* a test run in the background has it ignored */
    execv(argv[0], argv);
    _exit(127);
}

/* Starts octet run models/octet-mini with the further arguments up to NULL. */
static void start(struct chat *c, ...)
{
    char *argv[MAX_ARGS] = { (char *)program_path(), (char *)"run", (char *)"models/octet-mini" };
    va_list ap;
    va_start(ap, c);
    int n = 3;
    while ((argv[n] = va_arg(ap, char *)) != NULL)
        n++;
    va_end(ap);
    *c = (struct chat){ .fd = posix_openpt(O_RDWR | O_NOCTTY), .out = calloc(1, OUTPUT_BYTES + 1) };
    assert_true(c->fd >= 0 && c->out);
    assert_int_equal(grantpt(c->fd) | unlockpt(c->fd), 0);
    c->pid = fork();
    assert_true(c->pid >= 0);
    if (c->pid == 0)
        run_child(ptsname(c->fd), argv);
}

/* Reads more output; false when there is none within WAIT_MS, or the program has ended. */
static int read_more(struct chat *c)
{
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    if (poll(&p, 1, WAIT_MS) <= 0)
        return 0;
    ssize_t n = read(c->fd, c->out + c->n, OUTPUT_BYTES - c->n);
    if (n <= 0)
        return 0;
    for (ssize_t i = 0; i < n; i++) /* strstr sees it all */
        if (!c->out[c->n + (size_t)i])
            c->out[c->n + (size_t)i] = '?';
    c->n += (size_t)n;
    return 1;
}

/* Waits until the output that was not looked at yet has `text`, and looks behind it next time. */
static void expect(struct chat *c, const char *text)
{
    for (;;) {
        c->out[c->n] = 0;
        char *at = strstr(c->out + c->seen, text);
        if (at) {
            c->seen = (size_t)(at - c->out) + strlen(text);
            return;
        }
        if (!read_more(c)) {
            kill(c->pid, SIGKILL);
            fail_msg("\"%s\" did not come; since the last match: \"%s\"", text, c->out + c->seen);
        }
    }
}

static void type(struct chat *c, const char *text)
{
    assert_int_equal(write(c->fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Waits until the line editor has the terminal: an end of file typed before that is lost. */
static void await_editor(const struct chat *c)
{
    struct termios t;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(tcgetattr(c->fd, &t), 0);
        if (!(t.c_lflag & ICANON))
            return;
        poll(NULL, 0, 10);
    }
    fail_msg("the terminal was never set up for editing");
}

/* Waits for the end; returns the exit code. */
static int end(struct chat *c)
{
    int status = 0;
    while (read_more(c))
        ;
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    assert_true(WIFEXITED(status));
    close(c->fd);
    free(c->out);
    return WEXITSTATUS(status);
}

static void turns_remember_what_was_said(void **state)
{
    (void)state;
    struct chat c;
    start(&c, (char *)NULL);
    expect(&c, "/help lists the commands.");
    expect(&c, "> ");
    type(&c, "My favourite food is porridge.\n");
    expect(&c, "\n> ");
    type(&c, "What food did I say I like best?\n");
    expect(&c, "porridge.\r\n");
    expect(&c, "> ");
    type(&c, "/stats\n");
    expect(&c, " held already)");
    expect(&c, "tokens/s");
    expect(&c, "context ");
    type(&c, "/quit\n");
    assert_int_equal(end(&c), 0);
}

static void commands_do_what_help_says(void **state)
{
    (void)state;
    struct chat c;
    char path[] = "/tmp/octet-chat-XXXXXX", line[200], saved[2000] = "";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    start(&c, "--system", "You are brief.", (char *)NULL);
    expect(&c, "> ");
    type(&c, "/help\n");
    expect(&c, "/save FILE");
    expect(&c, "> ");
    type(&c, "/stats\n");
    expect(&c, "There is no answer yet.");
    type(&c, "/system\n");
    expect(&c, "You are brief.");
    type(&c, "/wrong thing\n");
    expect(&c, "There is no /wrong; /help lists the commands.");
    type(&c, "What is 2+2? Answer in one short sentence.\n");
    expect(&c, "2 + 2 = 4.\r\n");
    expect(&c, "> ");
    snprintf(line, sizeof line, "/save %s\n", path);
    type(&c, line);
    expect(&c, "Saved to ");
    expect(&c, "> ");
    type(&c, "/save\n");
    expect(&c, "/save needs the name of a file.");
    type(&c, "/reset\n");
    expect(&c, "The conversation begins anew.");
    type(&c, "/quit\n");
    assert_int_equal(end(&c), 0);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fread(saved, 1, sizeof saved - 1, f) > 0);
    fclose(f);
    remove(path);
    assert_string_equal(saved, "[{\"role\": \"system\", \"content\": \"You are brief.\"}, "
                               "{\"role\": \"user\", \"content\": \"What is 2+2? Answer in one short sentence.\"}, "
                               "{\"role\": \"assistant\", \"content\": \"2 + 2 = 4.\"}]\n");
}

static void ctrl_c_stops_the_answer_and_not_the_program(void **state)
{
    (void)state;
    struct chat c;
    start(&c, "--ignore-eos", "--max-tokens", "30000", (char *)NULL);
    expect(&c, "> ");
    type(&c, "Say the numbers from 1 to 20.\n");
    expect(&c, "5, 6, 7");
    type(&c, "\003");
    expect(&c, "(stopped)");
    expect(&c, "> ");
    await_editor(&c);
    type(&c, "half a li\003");
    expect(&c, "(/quit or Ctrl-D ends the chat)");
    expect(&c, "> ");
    type(&c, "/stats\n");
    expect(&c, "generated ");
    expect(&c, "> ");
    await_editor(&c);
    type(&c, "\004");
    assert_int_equal(end(&c), 0);
}

static void pasted_lines_and_backslashes_make_one_message(void **state)
{
    (void)state;
    struct chat c;
    char path[] = "/tmp/octet-chat-XXXXXX", line[200], saved[2000] = "";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    start(&c, "--max-tokens", "1", (char *)NULL);
    expect(&c, "> ");
    type(&c, "first line\nsecond line\nthird line\n");
    expect(&c, "(cut at the limit of tokens)");
    expect(&c, "> ");
    type(&c, "one \\\n");
    expect(&c, "\n. ");
    type(&c, "two\n");
    expect(&c, "(cut at the limit of tokens)");
    expect(&c, "> ");
    snprintf(line, sizeof line, "/save %s\n", path);
    type(&c, line);
    expect(&c, "Saved to ");
    type(&c, "/quit\n");
    assert_int_equal(end(&c), 0);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fread(saved, 1, sizeof saved - 1, f) > 0);
    fclose(f);
    remove(path);
    assert_non_null(strstr(saved, "{\"role\": \"user\", \"content\": \"first line\\nsecond line\\nthird line\"}"));
    assert_non_null(strstr(saved, "{\"role\": \"user\", \"content\": \"one \\ntwo\"}"));
}

static void characters_beyond_ascii_pass_the_line_editor(void **state)
{
    (void)state;
    struct chat c;
    start(&c, "--max-tokens", "1", (char *)NULL);
    expect(&c, "> ");
    type(&c, "/system Gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x99\x82\n");
    expect(&c, "The conversation begins anew.");
    expect(&c, "> ");
    type(&c, "/system\n");
    expect(&c, "\r\nGr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x99\x82\r\n");
    type(&c, "/quit\n");
    assert_int_equal(end(&c), 0);
}

static void a_conversation_that_is_too_long_says_so(void **state)
{
    (void)state;
    struct chat c;
    start(&c, "--context", "60", (char *)NULL);
    expect(&c, "> ");
    type(&c, "one two three four five six seven eight nine ten one two three four five six seven eight nine ten "
             "one two three four five six seven eight nine ten one two three four five six seven eight nine ten\n");
    expect(&c, "but the context holds 60; /reset begins anew");
    expect(&c, "> ");
    type(&c, "What is 2+2? Answer in one short sentence.\n");
    expect(&c, "2 + 2 = 4.");
    type(&c, "/quit\n");
    assert_int_equal(end(&c), 0);
}

static void ctrl_c_ends_a_single_answer_with_code_130(void **state)
{
    (void)state;
    struct chat c;
    start(&c, "-p", "Say the numbers from 1 to 20.", "--ignore-eos", "--max-tokens", "30000", (char *)NULL);
    expect(&c, "5, 6, 7");
    type(&c, "\003");
    expect(&c, "generated ");
    assert_int_equal(end(&c), 130);
}

int main(int argc, char **argv)
{
    (void)argc;
    program_init(argv[0]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_remember_what_was_said),
        cmocka_unit_test(commands_do_what_help_says),
        cmocka_unit_test(ctrl_c_stops_the_answer_and_not_the_program),
        cmocka_unit_test(pasted_lines_and_backslashes_make_one_message),
        cmocka_unit_test(characters_beyond_ascii_pass_the_line_editor),
        cmocka_unit_test(a_conversation_that_is_too_long_says_so),
        cmocka_unit_test(ctrl_c_ends_a_single_answer_with_code_130),
    };
    return cmocka_run_group_tests_name("chat", tests, NULL, NULL);
}
