/* SPDX-License-Identifier: Apache-2.0 */

/* The program and the libraries it has loaded. */
#ifndef TN_PLATFORM_MODULE_H
#define TN_PLATFORM_MODULE_H

/* Keeps the library that this address lies in from being unloaded by dlclose(), until the process
 * ends. Does nothing for the program itself, where nothing can be unloaded, and for an address in
 * no library. May take the locks of the dynamic linker. */
void tn_module_keep(const void *address);

#endif
