/* SPDX-License-Identifier: Apache-2.0 */

/* 10 - What each worker keeps for itself: here a connection to an SQLite database, which is opened
 * before the worker's first task and closed after its last one. Tasks need no lock to use it.
 *
 *     10_worker_local [FILE]      asks that database, or makes one */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sqlite3.h>
#include <tarn.h>

enum { CUSTOMERS = 6 };

static atomic_int opened, closed; /* to show that no connection is left */

static bool complain(const char *what, const char *why)
{
    fprintf(stderr, "10_worker_local: %s: %s\n", what, why);
    return false;
}

/* The initializer. If it fails, the pool is broken: all tasks end TARN_BROKEN, with this text. */
static void open_connection(const char *path)
{
    sqlite3 *connection = NULL;

    /* One thread at a time uses it, hence NOMUTEX. */
    if (sqlite3_open_v2(path, &connection, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        tarn_fail(sqlite3_errcode(connection), "%s: %s", path, sqlite3_errmsg(connection));
        sqlite3_close(connection);
        return;
    }
    *tarn_worker_local() = connection;
    opened++;
}
TARN_TASK(void, open_connection, const char *);

static void close_connection(void)
{
    sqlite3_close(*tarn_worker_local());
    closed++;
}
TARN_TASK(void, close_connection, void);

static double spent_by(int customer)
{
    sqlite3 *connection = *tarn_worker_local();
    sqlite3_stmt *query = NULL;
    double total = 0;

    if (sqlite3_prepare_v2(connection, "SELECT sum(price) FROM orders WHERE customer = ?", -1,
                           &query, NULL) == SQLITE_OK &&
        sqlite3_bind_int(query, 1, customer) == SQLITE_OK && sqlite3_step(query) == SQLITE_ROW)
        total = sqlite3_column_double(query, 0);
    else
        tarn_fail(sqlite3_errcode(connection), "%s", sqlite3_errmsg(connection));
    sqlite3_finalize(query);
    return total;
}
TARN_TASK(double, spent_by, int);

/* 10,000 orders, in a file whose name is made from the template; false: there is none. */
static bool make_database(char *template)
{
    sqlite3 *connection = NULL;
    int file = mkstemp(template);

    if (file < 0)
        return complain(template, strerror(errno));
    close(file);
    if (sqlite3_open(template, &connection) != SQLITE_OK ||
        sqlite3_exec(
            connection,
            "CREATE TABLE orders (customer INTEGER, price REAL);"
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
            "INSERT INTO orders SELECT i % 6, i % 100 / 4.0 FROM n;",
            NULL, NULL, NULL) != SQLITE_OK)
        complain(template, sqlite3_errmsg(connection)); /* and so will the queries */
    sqlite3_close(connection);
    return true;
}

static bool ask(const char *path)
{
    struct open_connection_arguments where = {path};
    static const int customers[CUSTOMERS] = {0, 1, 2, 3, 4, 5};
    double totals[CUSTOMERS];

    tarn_executor *pool =
        tarn_thread_pool(.max_workers = 3, .initializer = &open_connection_task,
                         .initializer_args = &where, .finalizer = &close_connection_task);
    if (pool == NULL)
        return complain("no pool", tarn_last_error());
    tarn_status status = spent_by_map(pool, customers, CUSTOMERS, totals, NULL, TARN_FOREVER);
    if (status != TARN_OK)
        complain(path, tarn_last_error());
    for (int i = 0; status == TARN_OK && i < CUSTOMERS; i++)
        printf("customer %d spent %.2f\n", i, totals[i]);
    return tarn_shutdown(pool) == TARN_OK && status == TARN_OK;
}

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);

    char file[] = "/tmp/10_worker_local.XXXXXX";
    bool made = argc == 1 && make_database(file);
    bool done = (made || argc > 1) && ask(made ? file : argv[1]);

    if (made)
        unlink(file);
    printf("%d connections opened, %d closed\n", opened, closed);
    return !done;
}
