/* SPDX-License-Identifier: Apache-2.0 */

/* A task that holds up a pool of one worker until the gate is opened. */
#ifndef GATE_H
#define GATE_H

#include <unistd.h>
#include <tarn.h>

#include "bench.h"

static int gate[4]; /* two pipes: "I am here", "go on" */

/* Blocks in the system, not in tarn: tarn would let a spare worker take its place. */
static void hold_up(void)
{
    char byte = 0;

    if (write(gate[1], &byte, 1) != 1 || read(gate[2], &byte, 1) != 1)
        tarn_fail(1, "the gate is broken");
}
TARN_TASK(void, hold_up, void);

/* Returns when the pool's worker stands still. */
static inline tarn_future *close_gate(tarn_executor *pool)
{
    char byte;

    if (pipe(gate) != 0 || pipe(gate + 2) != 0)
        wrong("no pipe");
    tarn_future *future = hold_up_submit(pool);
    if (read(gate[0], &byte, 1) != 1)
        wrong("no word from the gate");
    return future;
}

static inline void open_gate(tarn_future *future)
{
    if (write(gate[3], "", 1) != 1 || hold_up_result(future) != TARN_OK)
        wrong("the gate does not open");
    tarn_drop(future);
    for (int i = 0; i < 4; i++)
        close(gate[i]);
}

#endif
