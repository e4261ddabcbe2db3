/* test_sys.c - hints to the system: what they change, and what they must leave as it is.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sys.h"

/* A thread's place among the others, as the kernel tells it. */
struct place {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t slice_ns, deadline, period;
};

struct places {
    struct place before, after, child;
    int failed;
};

static int read_place(struct place *p)
{
#ifdef SYS_sched_getattr
    return (int)syscall(SYS_sched_getattr, 0, p, sizeof *p, 0);
#else
    (void)p;
    return -1;
#endif
}

static void *as_child(void *arg)
{
    struct places *p = arg;
    p->failed |= read_place(&p->child);
    return NULL;
}

static void *as_parent(void *arg)
{
    struct places *p = arg;
    pthread_t t;
    p->failed |= read_place(&p->before);
    sys_prefer_latency();
    p->failed |= read_place(&p->after);
    p->failed |= pthread_create(&t, NULL, as_child, p);
    if (!p->failed)
        pthread_join(t, NULL);
    return NULL;
}

/* In a thread of its own, so that the test program stays as it was. */
static void a_prompt_thread_and_those_it_starts_have_short_slices(void **state)
{
    (void)state;
    struct places p = { 0 };
    struct place mine = { 0 }, later = { 0 };
    pthread_t t;
    if (read_place(&mine) || mine.policy != SCHED_OTHER || !mine.slice_ns)
        skip(); /* another system, a kernel before 6.12, or a policy that slices say nothing of */
    assert_int_equal(pthread_create(&t, NULL, as_parent, &p), 0);
    pthread_join(t, NULL);
    assert_false(p.failed);
    assert_int_equal(p.before.slice_ns, mine.slice_ns);
    assert_int_equal(p.after.slice_ns, 100000);
    assert_int_equal(p.child.slice_ns, 100000);
    assert_int_equal(p.after.policy, p.before.policy);
    assert_int_equal(p.after.nice, p.before.nice);
    assert_int_equal(read_place(&later), 0);
    assert_int_equal(later.slice_ns, mine.slice_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_thread_and_those_it_starts_have_short_slices),
    };
    return cmocka_run_group_tests_name("sys", tests, NULL, NULL);
}
