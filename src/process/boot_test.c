/* SPDX-License-Identifier: Apache-2.0 */
#include "process/boot.h"

#include "platform/child.h"
#include "platform/socket.h"
#include "platform/spawn.h"
#include "process/message.h"
#include "process/server.h"
#include "process/worker.h"
#include "runner.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <tarn.h>
#include <unistd.h>

/* ---- What a server and a worker would be --------------------------------------------------------- */

enum { IS_SERVER = 41, IS_WORKER = 42, IS_PROGRAM = 43, IS_LED_ASTRAY = 44 };

noreturn void __wrap_tn_server_main(int host);
noreturn void __wrap_tn_worker_receive(int server);
bool __wrap_tn_is_privileged(void);
uid_t __wrap_tn_self_uid(void);

static bool privileged, another_user;
static int parent;

noreturn void __wrap_tn_server_main(int host)
{
    _exit(host == parent ? IS_SERVER : IS_LED_ASTRAY);
}

noreturn void __wrap_tn_worker_receive(int server)
{
    _exit(server == parent ? IS_WORKER : IS_LED_ASTRAY);
}

bool __wrap_tn_is_privileged(void)
{
    return privileged;
}

uid_t __wrap_tn_self_uid(void)
{
    return geteuid() + (another_user ? 1 : 0);
}

typedef enum giver { NOBODY, PARENT, ITSELF } giver;

/* The exit status of a child that begins with these arguments, and a socket at TN_CONTROL_FD that was
 * made by somebody. */
static int begin(const char *first, const char *second, giver by)
{
    char name[32], word[32];
    char *arguments[] = {name, word, NULL};
    int ends[2], status = 0;
    snprintf(name, sizeof(name), "%s", first);
    snprintf(word, sizeof(word), "%s", second);
    assert_int_equal(tn_socket_pair(ends), 0);
    parent = (int)getpid();
    pid_t pid = fork();
    if (pid == 0) {
        if (by == ITSELF)
            tn_socket_pair(ends);
        tn_fds_arrange(&ends[1], by == NOBODY ? 0 : 1, TN_CONTROL_FD);
        tarn_boot(2, arguments);
        _exit(IS_PROGRAM);
    }
    close(ends[0]);
    close(ends[1]);
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(who_is_started_by_its_parent_becomes_what_that_wants)
{
    assert_int_equal(begin("tarn-server", "--by-tarn", PARENT), IS_SERVER);
    assert_int_equal(begin("tarn-worker", "--by-tarn", PARENT), IS_WORKER);
    assert_int_equal(begin("tarn-worker", "--help", PARENT), IS_PROGRAM);
    assert_int_equal(begin("program", "--by-tarn", PARENT), IS_PROGRAM);
}

TEST(nobody_else_makes_a_program_a_server_or_a_worker)
{
    static const char *const names[] = {"tarn-server", "tarn-worker"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(begin(names[i], "--by-tarn", NOBODY), EXIT_FAILURE);
        assert_int_equal(begin(names[i], "--by-tarn", ITSELF), EXIT_FAILURE);
        privileged = true;
        assert_int_equal(begin(names[i], "--by-tarn", PARENT), EXIT_FAILURE);
        privileged = false;
        another_user = true;
        assert_int_equal(begin(names[i], "--by-tarn", PARENT), EXIT_FAILURE);
        another_user = false;
        assert_int_not_equal(begin(names[i], "--by-tarn", PARENT), EXIT_FAILURE);
    }
}

/* ---- Programs ------------------------------------------------------------------------------------ */

TEST(a_program_has_booted_once_main_said_so)
{
    char name[] = "program";
    char *arguments[] = {name, NULL};
    assert_false(tn_booted());
    assert_int_equal(tarn_boot(-1, arguments), TARN_INVALID);
    assert_int_equal(tarn_boot(INT_MIN, arguments), TARN_INVALID);
    assert_int_equal(tarn_boot(1, NULL), TARN_INVALID);
    assert_false(tn_booted());
    assert_int_equal(tarn_boot(1, arguments), TARN_OK);
    assert_true(tn_booted());
    assert_int_equal(tarn_boot(1, arguments), TARN_OK);
    assert_true(tn_booted());
}

TEST(a_failure_to_start_comes_with_its_remedy)
{
    assert_non_null(strstr(tn_boot_remedy(NULL, EAGAIN), "limit on processes"));
    assert_non_null(strstr(tn_boot_remedy(NULL, EMFILE), "limit on open files"));
    assert_non_null(strstr(tn_boot_remedy(NULL, ENFILE), "system's limit on open files"));
    assert_non_null(strstr(tn_boot_remedy(NULL, ENOMEM), "limit on memory"));
    assert_non_null(strstr(tn_boot_remedy(NULL, EFBIG), "ulimit -f"));
    assert_non_null(strstr(tn_boot_remedy(NULL, ENOSYS), "Valgrind"));
    assert_non_null(strstr(tn_boot_remedy(NULL, ENOENT), "/proc/self/exe"));
    assert_non_null(strstr(tn_boot_remedy(NULL, EACCES), "/proc/self/exe"));
    /* That of another program is in its path. */
    assert_string_equal(tn_boot_remedy("/nowhere", ENOENT), "");
    assert_string_equal(tn_boot_remedy(NULL, EPERM), "");
}

/* An exec with an empty list of arguments is odd, but the program did begin with it. */
TEST(a_program_may_have_no_name)
{
    char *arguments[] = {NULL};
    assert_int_equal(tarn_boot(0, arguments), TARN_OK);
    assert_true(tn_booted());
}
