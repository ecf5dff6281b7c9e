/*
 * Which C_Initialize is in force, counted calls, and what a fork does to both.
 *
 * IDLE --C_Initialize--> STARTING --> READY --C_Finalize--> STOPPING --> IDLE. The phase lives in a page that the kernel
 * empties in a forked child (MADV_WIPEONFORK), so a child starts as IDLE without any handler.
 */
#ifndef DKS_PROCESS_H
#define DKS_PROCESS_H

#include "library.h"

/* C_Initialize and C_Finalize. */
CK_RV process_start(void);
CK_RV process_stop(void);

/* The library for one call, NULL if it is not initialized. A successful enter is paired with process_leave. */
struct library *process_enter(void);
void process_leave(void);

#endif
