/* SPDX-License-Identifier: Apache-2.0 */

/* Chunks: several calls of one task in one future, for maps. */
#ifndef TN_CORE_CHUNK_H
#define TN_CORE_CHUNK_H

#include "core/cell.h"

/* The payload of such a future. The map fills it and, when the future has ended, empties it; in
 * between it is the worker's, but for `halt`. */
typedef struct tn_chunk {
    size_t count, room; /* items that it has, and could have */
    size_t done;        /* calls that have returned; atomic, while it runs */
    size_t taken;       /* results that belong to the map's caller */
    tn_atomic_u32 halt; /* of TN_HALT_ */
    bool all_ok;        /* of the calls that returned */
    int64_t ns;         /* how long they took */

    int retries, retry_on; /* of each item */
    size_t tried;          /* the item that is being tried again, and how often it was */
    int tries;

    char **texts; /* of the items that failed; NULL, or one of them NULL: that of its status */

    tn_block *inputs; /* the data of the items' tarn_bytes, the last one's first */
    unsigned char *items, *results;
    int8_t *statuses; /* tarn_status of each item; of those that `done` does not count: undefined */
} tn_chunk;

/* How many items a chunk of so many bytes has room for; at least 1. */
size_t tn_chunk_room(const tarn_task *task, size_t bytes);

/* A pending future for up to `room` calls, with none yet; NULL: no memory. */
tarn_future *tn_chunk_new(const tarn_task *task, size_t room);

static inline tn_chunk *tn_chunk_of(const tarn_future *future)
{
    return tn_cell_ext(future)->payload;
}

/* How many of its items an ended chunk speaks for: all of them, but if one has ended its thread,
 * those up to that one, or before it if it is to be tried again. The others have not begun. */
size_t tn_chunk_reached(const tarn_future *future);

/* How many items of a chunk that may still run have ended for sure: their statuses and results stay
 * as they are. */
size_t tn_chunk_known(const tarn_future *future);

/* Where the next item is to be written, for which there is room. */
void *tn_chunk_place(tarn_future *future);

/* Takes that item in: makes it own what its arguments point to as those of a submit would be.
 * TARN_OK; TARN_INVALID, TARN_NO_MEMORY: it is not in. */
tarn_status tn_chunk_add(tarn_future *future);

/* The same for n items in a row, none of which owns anything or has a tarn_bytes in it. */
void tn_chunk_add_plain(tarn_future *future, const void *items, size_t n);

/* Moves all items from number `from` on to an empty chunk that has room, with their data. If the
 * first of them has begun, this is a further try. */
void tn_chunk_move(tarn_future *future, size_t from, tarn_future *rest);

#endif
