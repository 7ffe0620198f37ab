/* SPDX-License-Identifier: Apache-2.0 */

/* Buffers: pages that are counted. */
#include "core/status.h"
#include "platform/atomic.h"
#include "platform/memory.h"

struct tarn_buffer {
    void *data;
    size_t size;
    tarn_access access; /* of worker processes; threads have the memory as it is */
    tn_atomic_u64 references;
};

tarn_buffer *tarn_buffer_new(size_t size, tarn_access access)
{
    if (size == 0) {
        tn_error(TARN_INVALID, "tarn_buffer_new: size is 0");
        return NULL;
    }
    if (access != TARN_WORKERS_READ && access != TARN_WORKERS_WRITE) {
        tn_error_format(TARN_INVALID,
                        "tarn_buffer_new: access is %d; give a TARN_WORKERS_ constant",
                        (int)access);
        return NULL;
    }
    tarn_buffer *buffer = tn_alloc(sizeof *buffer);
    void *data = buffer ? tn_pages_map(size, 1) : NULL;
    if (!data) {
        tn_free(buffer);
        tn_error_format(TARN_NO_MEMORY, "tarn_buffer_new: no memory for %zu bytes", size);
        return NULL;
    }
    buffer->data = data;
    buffer->size = size;
    buffer->access = access;
    tn_u64_set(&buffer->references, 1);
    return buffer;
}

void *tarn_buffer_data(const tarn_buffer *buffer)
{
    return buffer ? buffer->data : NULL;
}

size_t tarn_buffer_size(const tarn_buffer *buffer)
{
    return buffer ? buffer->size : 0;
}

tarn_buffer *tarn_buffer_hold(tarn_buffer *buffer)
{
    if (buffer)
        tn_u64_add_relaxed(&buffer->references, 1);
    else
        tn_error(TARN_INVALID, "tarn_buffer_hold: buffer is NULL");
    return buffer;
}

void tarn_buffer_drop(tarn_buffer *buffer)
{
    /* acq_rel: whoever frees it comes after all that the others did with it. */
    if (!buffer || tn_u64_sub_acq_rel(&buffer->references, 1) != 1)
        return;
    tn_pages_unmap(buffer->data, buffer->size);
    tn_free(buffer);
}
