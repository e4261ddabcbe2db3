/* chat_loop.c - a conversation on the terminal.
 * SPDX-License-Identifier: MIT */
#include "cli/chat_loop.h"

#include <errno.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cli/figures.h"
#include "cli/interrupt.h"
#include "cli/progress.h"

/* PASTE_MS: a terminal delivers a paste at once, a person does not type the next line within this time. */
enum { HISTORY_LINES = 1000, PASTE_MS = 25, MAX_MESSAGE_BYTES = 64 << 20 };

struct chat_loop {
    const struct load *l; /* borrowed, as the next two: the caller's, for the call */
    struct conversation *talk;
    struct generate_request *req;
    struct seq *seq;    /* owned */
    EditLine *el;       /* owned */
    History *history;   /* owned */
    const char *prompt; /* what el_prompt shows */
    struct progress bar;
    struct buf answer;
    struct figures last; /* of the last answer */
    bool quiet, answered;
    bool quit;
};

static char *el_prompt(EditLine *el)
{
    struct chat_loop *c = NULL;
    el_get(el, EL_CLIENTDATA, &c);
    return (char *)c->prompt;
}

/* libedit reads characters by the locale; where that is plain C, text is UTF-8 all the same. */
static void use_utf8(void)
{
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

static int open_editor(struct chat_loop *c, struct err *e)
{
    HistEvent ev;
    use_utf8();
    c->el = el_init("octet", stdin, stdout, stderr);
    c->history = history_init();
    if (!c->el || !c->history)
        return err_set(e, ERR_IO, "cannot set up line editing on this terminal");
    history(c->history, &ev, H_SETSIZE, HISTORY_LINES);
    history(c->history, &ev, H_SETUNIQUE, 1);
    el_set(c->el, EL_CLIENTDATA, c);
    el_set(c->el, EL_PROMPT, el_prompt);
    el_set(c->el, EL_EDITOR, "emacs");
    el_set(c->el, EL_HIST, history, c->history);
    el_set(c->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    return 0;
}

/* Whether more input waits behind a line: then the line is part of a paste. */
static bool more_waits(void)
{
    struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
    return poll(&p, 1, PASTE_MS) > 0 && p.revents & POLLIN;
}

/* One line into *line. False at the end of input; an interrupt gives an empty line. */
static bool read_line(struct chat_loop *c, const char *prompt, struct str *line)
{
    int n = 0;
    c->prompt = prompt;
    interrupt_clear();
    errno = 0;
    const char *text = el_gets(c->el, &n);
    *line = (struct str){ text ? text : "", text && n > 0 ? (size_t)n : 0 };
    if (text && n > 0)
        return true;
    if (!interrupt_pending() && errno != EINTR) {
        putchar('\n');
        return false;
    }
    fputs("\n(/quit or Ctrl-D ends the chat)\n", stdout);
    return true;
}

/* A message: a line, a paste of several, or lines that end in a backslash. False at the end of input. */
static bool read_message(struct chat_loop *c, struct buf *message)
{
    const char *prompt = "> ";
    struct str line;
    buf_reset(message);
    for (;;) {
        if (!read_line(c, prompt, &line))
            return message->n > 0;
        if (!line.n) {
            buf_reset(message);
            return true;
        }
        bool ended = line.p[line.n - 1] == '\n';
        struct str content = str_sub(line, 0, line.n - ended);
        bool goes_on = str_ends(content, STR("\\"));
        buf_str(message, str_sub(content, 0, content.n - goes_on));
        if (!goes_on && !more_waits())
            return true;
        buf_char(message, '\n');
        prompt = ". ";
    }
}

static void remember(struct chat_loop *c, const struct buf *message)
{
    HistEvent ev;
    if (!memchr(message->p, '\n', message->n))
        history(c->history, &ev, H_ENTER, message->p);
}

static bool on_progress(void *arg, size_t done, size_t total)
{
    struct chat_loop *c = arg;
    progress_update(&c->bar, done, total);
    return interrupt_pending();
}

static bool on_text(void *arg, struct str piece)
{
    struct chat_loop *c = arg;
    progress_end(&c->bar);
    buf_str(&c->answer, piece);
    fwrite(piece.p, 1, piece.n, stdout);
    return fflush(stdout) != 0 || interrupt_pending();
}

/* Asks the model with the conversation as it is, and adds its answer. */
static int ask(struct chat_loop *c, struct err *e)
{
    struct generate_result res = { 0 };
    struct ids ids = { 0 };
    buf_reset(&c->answer);
    interrupt_clear();
    int rc = conversation_ids(c->talk, c->l->chat, c->l->tok, &ids, e);
    if (!rc) {
        c->req->prompt = ids.v;
        c->req->n_prompt = ids.n;
        progress_init(&c->bar, "prompt", "tokens", !c->quiet);
        rc = generate(&res, c->seq, c->l->tok, c->req, e);
        progress_end(&c->bar);
    }
    if (!rc) {
        c->last = figures_of(&res, c->l->seconds);
        c->answered = true;
        if (c->answer.n && c->answer.p[c->answer.n - 1] != '\n')
            putchar('\n');
        if (res.finish == ANSWER_CANCELLED)
            puts("(stopped)");
        else if (res.finish == ANSWER_LENGTH || res.finish == ANSWER_WINDOW)
            puts("(cut at the limit of tokens)");
    }
    generate_result_deinit(&res);
    ids_deinit(&ids);
    return rc;
}

/* A turn. What cannot be answered is taken back, so that the conversation can go on without it. */
static void turn(struct chat_loop *c, struct str message)
{
    struct err e = ERR_INIT;
    if (!utf8_valid(message)) {
        puts("That is not UTF-8 text.");
        return;
    }
    conversation_add(c->talk, "user", message);
    if (ask(c, &e))
        printf("%s%s\n", e.msg, e.code == ERR_LIMIT ? "; /reset begins anew" : "");
    if (e.code || !c->answer.n)
        conversation_drop_last(c->talk);
    else
        conversation_add(c->talk, "assistant", buf_view(&c->answer));
    fflush(stdout);
}

static void show_help(struct chat_loop *c, struct str arg)
{
    (void)c;
    (void)arg;
    fputs("/help          this text\n"
          "/reset         forget the conversation\n"
          "/system TEXT   set the system message and begin anew; without TEXT: show it\n"
          "/stats         figures of the last answer\n"
          "/save FILE     write the conversation as JSON\n"
          "/quit          end (Ctrl-D, too)\n"
          "Ctrl-C stops an answer. A line that ends in \\ goes on in the next; pasted lines are one message.\n",
          stdout);
}

static void reset(struct chat_loop *c, struct str arg)
{
    (void)arg;
    conversation_reset(c->talk);
    puts("The conversation begins anew.");
}

static void set_system(struct chat_loop *c, struct str arg)
{
    if (!arg.n) {
        printf("%s\n", c->talk->system ? c->talk->system : "There is no system message.");
        return;
    }
    char *text = xstrndup(arg.p, arg.n);
    conversation_set_system(c->talk, text);
    mem_free(text);
    reset(c, arg);
}

static void show_stats(struct chat_loop *c, struct str arg)
{
    (void)arg;
    if (!c->answered) {
        puts("There is no answer yet.");
        return;
    }
    figures_print(stdout, &c->last);
    printf("context      %zu of %zu tokens\n", seq_len(c->seq), seq_context(c->seq));
}

static void save(struct chat_loop *c, struct str arg)
{
    struct err e = ERR_INIT;
    struct buf out = { 0 };
    if (!arg.n) {
        puts("/save needs the name of a file.");
        return;
    }
    char *path = xstrndup(arg.p, arg.n);
    conversation_write(c->talk, &out);
    buf_char(&out, '\n');
    if (buf_check(&out, "the conversation", &e) || file_write(path, buf_view(&out), &e))
        puts(e.msg);
    else
        printf("Saved to %s.\n", path);
    mem_free(path);
    buf_deinit(&out);
}

static void quit(struct chat_loop *c, struct str arg)
{
    (void)arg;
    c->quit = true;
}

static const struct {
    const char *name;
    void (*run)(struct chat_loop *c, struct str arg);
} commands[] = {
    { "/help", show_help },   { "/reset", reset }, { "/system", set_system },
    { "/stats", show_stats }, { "/save", save },   { "/quit", quit },
};

static void command(struct chat_loop *c, struct str line)
{
    struct str rest = line, name;
    if (!str_cut(&rest, ' ', &name)) {
        name = line;
        rest = (struct str){ 0 };
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (str_eqz(name, commands[i].name)) {
            commands[i].run(c, str_trim(rest));
            return;
        }
    }
    printf("There is no %.*s; /help lists the commands.\n", (int)MIN(name.n, 40), name.p);
}

static void talk(struct chat_loop *c)
{
    struct buf message = BUF_INIT(MAX_MESSAGE_BYTES);
    struct err e = ERR_INIT;
    while (!c->quit && read_message(c, &message)) {
        struct str text = str_trim(buf_view(&message));
        if (buf_check(&message, "a message", &e)) {
            puts(e.msg);
            err_clear(&e);
        } else if (text.n) {
            remember(c, &message);
            if (text.p[0] == '/' && !memchr(text.p, '\n', text.n))
                command(c, text);
            else
                turn(c, text);
        }
    }
    buf_deinit(&message);
}

int chat_loop(const struct load *l, struct conversation *with, struct generate_request *req, size_t n_ctx, bool quiet,
              struct err *e)
{
    struct chat_loop c = { .l = l, .talk = with, .req = req, .quiet = quiet, .prompt = "" };
    if (!chat_has_template(l->chat))
        return err_set(e, ERR_UNSUPPORTED, "%s has no chat template; --raw with a prompt does without",
                       model_dir(l->model)->path);
    req->on_text = on_text;
    req->on_progress = on_progress;
    req->arg = &c;
    int rc = seq_new(&c.seq, l->model, n_ctx, e);
    if (!rc)
        rc = open_editor(&c, e);
    if (!rc) {
        if (!quiet)
            printf("%s on %s; loaded in %.2f s. /help lists the commands.\n", model_dir(l->model)->path,
                   model_backend(l->model), l->seconds);
        talk(&c);
    }
    if (c.history)
        history_end(c.history);
    if (c.el)
        el_end(c.el);
    seq_free(c.seq);
    buf_deinit(&c.answer);
    return rc;
}
