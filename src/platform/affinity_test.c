/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/affinity.h"

#include "runner.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Beyond what any machine has, and still a number that the kernel might know. */
#define NO_CPU "8191"

/* Those that the system numbers from 0 on without a hole. */
static int cpus_of_machine(void)
{
    int last = 0;
    FILE *file = fopen("/sys/devices/system/cpu/present", "re");
    if (!file || fscanf(file, "0-%d", &last) < 0)
        last = (int)sysconf(_SC_NPROCESSORS_CONF) - 1;
    if (file)
        fclose(file);
    return last + 1;
}

/* How many CPUs the list names; REFUSED: it is no list of CPUs. */
enum { REFUSED = -1 };

static int count_of(const char *list)
{
    tn_cpus *cpus = NULL;
    int error = tn_cpus_parse(list, &cpus);
    if (error != 0) {
        assert_int_equal(error, EINVAL);
        assert_null(cpus);
        return REFUSED;
    }
    int count = tn_cpus_count(cpus);
    tn_cpus_free(cpus);
    return count;
}

/* ---- Lists ----------------------------------------------------------------------------------- */

TEST(a_cpu_by_its_number)
{
    assert_int_equal(count_of("0"), 1);
    assert_int_equal(count_of("00"), 1);
    assert_int_equal(count_of("0," NO_CPU), 1);
}

TEST(a_range_has_both_its_ends)
{
    char list[64];
    snprintf(list, sizeof(list), "0-%d", cpus_of_machine() - 1);
    assert_int_equal(count_of(list), cpus_of_machine());
    assert_int_equal(count_of("0-0"), 1);
}

TEST(a_range_may_have_steps)
{
    char list[64];
    int all = cpus_of_machine();
    snprintf(list, sizeof(list), "0-%d:2", all - 1);
    assert_int_equal(count_of(list), (all + 1) / 2);
    snprintf(list, sizeof(list), "0-%d:%d", all - 1, all);
    assert_int_equal(count_of(list), 1);
}

TEST(what_is_named_twice_counts_once)
{
    assert_int_equal(count_of("0,0,0-0,0"), 1);
}

TEST(only_cpus_of_this_machine_count)
{
    assert_int_equal(count_of("0-" NO_CPU), cpus_of_machine());
}

TEST(a_list_without_any_cpu_of_this_machine_is_refused)
{
    assert_int_equal(count_of(NO_CPU), REFUSED);
    assert_int_equal(count_of("8000-" NO_CPU), REFUSED);
}

TEST(what_is_no_list_is_refused)
{
    static const char *const lists[] = {
        "",
        ",",
        "0,",
        ",0",
        "0,,0",
        "-",
        "-1",
        "0-",
        "0-a",
        "1-0",
        "a",
        "all",
        "0,1-0",
        "0 ",
        " 0",
        "0 0",
        "0;0",
        "0x0",
        "+0",
        "0.0",
        "0-0:",
        "0-0:0",
        "0-0:-1",
        "0:2",
        "0-0-0",
        "8192",
        "0-8192",
        "4294967296",
        "99999999999999999999",
        "0-99999999999999999999",
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (count_of(lists[i]) != REFUSED)
            fail_msg("\"%s\" is taken for a list", lists[i]);
    }
}

TEST(nothing_can_be_freed)
{
    tn_cpus_free(NULL);
}

/* ---- Binding --------------------------------------------------------------------------------- */

/* Each test binds the program's own thread, and gives it back what it had. */
static cpu_set_t before;
static int allowed[CPU_SETSIZE];
static int allowed_count;

static void begin(void)
{
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    allowed_count = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET((size_t)cpu, &before))
            allowed[allowed_count++] = cpu;
    }
}

static void end(void)
{
    assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

/* Binds this thread, and says on which CPU it stays: -1, if on several. */
static int bind(const char *list, int turn)
{
    tn_cpus *cpus = NULL;
    cpu_set_t now;
    if (list)
        assert_int_equal(tn_cpus_parse(list, &cpus), 0);
    assert_int_equal(tn_cpus_bind(cpus, turn), 0);
    tn_cpus_free(cpus);
    assert_int_equal(sched_getaffinity(0, sizeof(now), &now), 0);
    if (CPU_COUNT(&now) != 1)
        return -1;
    int cpu = 0;
    while (!CPU_ISSET((size_t)cpu, &now))
        cpu++;
    assert_int_equal(sched_getcpu(), cpu);
    return cpu;
}

TEST(a_thread_is_bound_to_the_cpu_that_is_named)
{
    begin();
    for (int i = 0; i < allowed_count; i++) {
        char list[32];
        snprintf(list, sizeof(list), "%d", allowed[i]);
        assert_int_equal(bind(list, -1), allowed[i]);
    }
    end();
}

TEST(a_thread_is_bound_to_all_that_are_named)
{
    begin();
    char list[64];
    cpu_set_t now;
    snprintf(list, sizeof(list), "%d-%d", allowed[0], allowed[allowed_count - 1]);
    tn_cpus *cpus = NULL;
    assert_int_equal(tn_cpus_parse(list, &cpus), 0);
    bind("0-" NO_CPU, 0);
    assert_int_equal(tn_cpus_bind(cpus, -1), 0);
    tn_cpus_free(cpus);
    assert_int_equal(sched_getaffinity(0, sizeof(now), &now), 0);
    for (int i = 0; i < allowed_count; i++)
        assert_true(CPU_ISSET((size_t)allowed[i], &now));
    end();
}

TEST(threads_take_turns_on_the_cpus_they_may_use)
{
    begin();
    for (int turn = 0; turn < 3 * allowed_count; turn++) {
        assert_int_equal(bind(NULL, turn), allowed[turn % allowed_count]);
        end();
    }
}

TEST(turns_go_through_what_is_named)
{
    begin();
    char list[64];
    int last = allowed[allowed_count - 1];
    snprintf(list, sizeof(list), "%d," NO_CPU, last);
    for (int turn = 0; turn < 3; turn++)
        assert_int_equal(bind(list, turn), last);
    end();
}
