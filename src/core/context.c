/* SPDX-License-Identifier: Apache-2.0 */
#include "core/context.h"

#include "core/callback.h"
#include "core/registry.h"
#include "core/status.h"
#include "platform/memory.h"
#include "platform/thread.h"
#include "platform/tls.h"

/* Whether the context outlives the thread's stack is kept beside it: when the thread ends, one that
 * does not must not be looked at. */
typedef struct place {
    tn_context *context;
    bool outlives;
} place;

TN_THREAD_LOCAL(place, here);
TN_THREAD_LOCAL(tn_inside *, innermost);
TN_THREAD_LOCAL(tn_undo *, latest);

tn_context *tn_context_here(void)
{
    return here()->context;
}

tn_context *tn_context_left_behind(void)
{
    return here()->context && here()->outlives ? here()->context : NULL;
}

void tn_context_enter(tn_context *context)
{
    context->ready = false;
    context->sections = 0;
    /* Asked for when it is needed: visitors seldom do, and the main thread's takes its time. */
    context->stack_floor = NULL;
    context->frames = context->few;
    context->depth = 0;
    context->room = sizeof context->few / sizeof *context->few;
    context->in_graph = false;
    context->local = NULL;
    context->runner = tn_deadlock_enter();
    tn_books_open(&context->books);
    here()->context = context;
    here()->outlives = context->lost != NULL;
}

void tn_context_leave(tn_context *context)
{
    tn_deadlock_leave(context->runner);
    if (context->frames != context->few)
        tn_free(context->frames);
    tn_books_open(NULL);
    here()->context = NULL;
}

bool tn_context_has_stack(tn_context *context)
{
    enum { LEAST = 64 * 1024 };
    if (!context->stack_floor) {
        size_t reserve = context->stack_size / 8 > LEAST ? context->stack_size / 8 : LEAST;
        unsigned char *limit = tn_thread_stack_limit();
        /* Without a limit to go by nothing may be run: the floor is above every address. */
        context->stack_floor = limit ? limit + reserve : (unsigned char *)UINTPTR_MAX;
    }
    return tn_thread_stack_here() >= context->stack_floor;
}

void tn_inside_begin(tn_inside *inside, const tarn_executor *executor)
{
    *inside = (tn_inside){.executor = executor, .outer = *innermost()};
    *innermost() = inside;
}

void tn_inside_end(tn_inside *inside)
{
    *innermost() = inside->outer;
}

void tn_inside_forget(void)
{
    *innermost() = NULL;
}

void tn_undo_begin(tn_undo *undo)
{
    undo->outer = *latest();
    *latest() = undo;
}

void tn_undo_end(tn_undo *undo)
{
    *latest() = undo->outer;
}

void tn_undo_all(void)
{
    while (*latest()) {
        tn_undo *undo = *latest();
        *latest() = undo->outer;
        undo->undo(undo);
    }
}

bool tn_is_inside(const tarn_executor *executor)
{
    const tn_context *context = here()->context;
    if (context && context->executor == executor)
        return true;
    for (size_t i = 0; context && i < context->depth; i++) {
        if (context->frames[i].visited == executor)
            return true;
    }
    const tn_inside *inside = *innermost();
    while (inside && inside->executor != executor)
        inside = inside->outer;
    return inside;
}

void tn_context_after_fork(void)
{
    tn_context *context = here()->context;
    if (context && context->executor && tn_registry_is_foreign(context->executor->id))
        here()->context = NULL;
}

/* ---- Sleeping and blocking ------------------------------------------------------------------- */

static tarn_status refuse_cycle(void)
{
    return tn_error(TARN_DEADLOCK,
                    "the wait would close a cycle of tasks that wait for each other; "
                    "none of them could ever go on");
}

static tarn_status refuse_lonely(void)
{
    return tn_error(TARN_DEADLOCK, "no spare thread can be had, and this worker is the last that "
                                   "runs: raise max_spares, or stack_size if the wait is for a "
                                   "task of its own pool, or wait with a deadline");
}

/* Gives the permit back; false: it must not. */
static bool give_back(tn_context *context, bool timed)
{
    bool in_section = context->sections > 0;
    if (!context->executor || (in_section && timed))
        return true;
    const tarn_backend *backend = context->executor->backend;
    /* The section around it was entered as one that ends by itself; this wait may not. */
    if (in_section)
        backend->unblock(context->executor);
    bool given = backend->block(context->executor, timed);
    if (!given && in_section)
        backend->block(context->executor, true);
    return given;
}

tarn_status tn_sleep_begin(tn_context *context, tn_wait *wait, bool timed)
{
    if (!context)
        return TARN_OK;
    bool judged = wait && !timed;
    if (judged && !tn_deadlock_allows(context->runner, wait))
        return refuse_cycle();
    /* In a section it stays blocked beyond this wait. */
    context->wait = judged && context->sections == 0 ? wait : NULL;
    if (!give_back(context, timed))
        return refuse_lonely();
    context->sections++;
    /* Only now: a wait that is refused for want of a spare must not have made a cycle of others. */
    context->in_graph = judged && tn_deadlock_add(context->runner, wait);
    if (!judged || context->in_graph)
        return TARN_OK;
    tn_sleep_end(context);
    return refuse_cycle();
}

void tn_sleep_end(tn_context *context)
{
    if (!context)
        return;
    if (context->in_graph)
        tn_deadlock_remove(context->runner);
    context->in_graph = false;
    if (--context->sections == 0 && context->executor)
        context->executor->backend->unblock(context->executor);
}

void tarn_blocking_begin(void)
{
    tn_sleep_begin(tn_context_here(), NULL, true);
}

/* Whether the topmost task itself opened the innermost section. */
static bool in_own_section(const tn_context *context)
{
    const tn_frame *frame = tn_context_frame(context);
    return context->sections > (frame ? frame->sections : 0);
}

void tarn_blocking_end(void)
{
    tn_context *context = tn_context_here();
    if (context && in_own_section(context))
        tn_sleep_end(context);
}

static void end_own_sections(tn_context *context)
{
    while (in_own_section(context))
        tn_sleep_end(context);
}

/* ---- Frames ---------------------------------------------------------------------------------- */

bool tn_context_reserve(tn_context *context)
{
    if (context->depth < context->room)
        return true;
    tn_frame *frames = tn_alloc_array(context->room * 2, sizeof *frames);
    if (!frames)
        return false;
    memcpy(frames, context->frames, context->depth * sizeof *frames);
    if (context->frames != context->few)
        tn_free(context->frames);
    context->frames = frames;
    context->room *= 2;
    return true;
}

tn_frame *tn_context_push(tn_context *context, tarn_future *future, uint32_t owner)
{
    tn_frame *frame = &context->frames[context->depth++];
    *frame = (tn_frame){.future = future,
                        .owner = owner,
                        .sections = context->sections,
                        .callbacks = tn_callbacks_running()};
    return frame;
}

const tn_frame *tn_context_pop(tn_context *context)
{
    end_own_sections(context);
    return &context->frames[--context->depth];
}
