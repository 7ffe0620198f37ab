/* SPDX-License-Identifier: Apache-2.0 */

/* The steps of the protocol between which a process can die: README.md says what then becomes of a
 * task. The tests have these sources compiled with TARN_STEPS, and kill somebody at each step; in the
 * library there is nothing of it. */
#ifndef TN_PROCESS_STEP_H
#define TN_PROCESS_STEP_H

/* X(number, name). A number is never another step's. */
#define TN_SERVER_STEPS(X) \
    X(11, SERVER_BEGUN) \
    X(12, GREETED) \
    X(13, SPAWN_TAKEN) \
    X(14, EXECUTED) \
    X(15, CHILD_MADE) \
    X(16, SPAWN_TOLD) \
    X(17, KILL_TAKEN) \
    X(18, KILL_DONE) \
    X(19, DEATH_SEEN) \
    X(20, BURIED) \
    X(21, DEATH_TOLD) \
    X(22, SERVER_ENDING)

#define TN_WORKER_STEPS(X) \
    X(31, RECEIVING) \
    X(32, WORKER_BEGUN) \
    X(33, BOUND) \
    X(34, MAPPED) \
    X(35, CLAIMING) \
    X(36, CLAIMED) \
    X(37, SKIPPED) \
    X(38, RAN) \
    X(39, WRITTEN) \
    X(40, REPLY_MARKED) \
    X(41, PUBLISHED) \
    X(42, TOLD) \
    X(43, PARKED) \
    X(44, WOKEN) \
    X(45, LEAVING)

#define TN_HOST_STEPS(X) \
    X(51, SERVER_STARTED) \
    X(52, ASKING) \
    X(53, ASKED) \
    X(54, HEARD) \
    X(55, SLOT_WRITTEN) \
    X(56, CALL_MARKED) \
    X(57, PUSHED) \
    X(58, QUEUED) \
    X(59, HARVESTED) \
    X(60, REVOKED) \
    X(61, ENDING) \
    X(62, ENDED) \
    X(63, KILL_SENT) \
    X(64, SHUT) \
    X(65, FINALIZING) \
    X(66, CHANNEL_CLOSED) \
    X(67, LEAVE_SENT) \
    X(68, SOCKET_CLOSED) \
    X(69, SERVER_BURIED) \
    X(70, POOL_LEFT)

#ifdef TARN_STEPS

#define TN_NUMBER_OF(number, name) TN_STEP_##name = (number),
enum { TN_SERVER_STEPS(TN_NUMBER_OF) };
enum { TN_WORKER_STEPS(TN_NUMBER_OF) };
enum { TN_HOST_STEPS(TN_NUMBER_OF) TN_STEP_END };
#undef TN_NUMBER_OF

/* The test program's: a process is at a step. Under whatever locks are held there. */
void tn_step(int step);

#else
#define tn_step(step) ((void)0)
#endif

#endif
