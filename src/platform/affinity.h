/* SPDX-License-Identifier: Apache-2.0 */

/* On which CPUs a thread runs. */
#ifndef TN_PLATFORM_AFFINITY_H
#define TN_PLATFORM_AFFINITY_H

/* A set of CPUs. */
typedef struct tn_cpus tn_cpus;

/* Reads a list such as "0-3,8,10-20:2", as taskset takes it, and keeps what this machine has of it.
 * 0 and the set in *cpus, to be freed; EINVAL: that is no such list, or none of its CPUs is one of
 * this machine; ENOMEM. Not a cancellation point. */
int tn_cpus_parse(const char *list, tn_cpus **cpus);

/* How many they are. */
int tn_cpus_count(const tn_cpus *cpus);

void tn_cpus_free(tn_cpus *cpus); /* NULL does nothing */

/* Lets the calling thread run on these CPUs only (NULL: those that it may use now); if turn is 0 or
 * more, on one of them: they take turns. 0, or the errno: none of them may be used. */
int tn_cpus_bind(const tn_cpus *cpus, int turn);

#endif
