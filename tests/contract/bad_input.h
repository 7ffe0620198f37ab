/* SPDX-License-Identifier: Apache-2.0 */

/* The tables of bad_input_jobs.c. */
#ifndef TESTS_CONTRACT_BAD_INPUT_H
#define TESTS_CONTRACT_BAD_INPUT_H

void refuse_options(void);
void refuse_many(void);
void refuse_chains(void);
void refuse_maps(void);
void refuse_buffers(void);

#endif
