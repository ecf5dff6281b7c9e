/* What is said when a call of the module fails: the call, the code by number and name, and what to do. */
#ifndef DKS_TOOLS_ERRORS_H
#define DKS_TOOLS_ERRORS_H

#include "cryptoki.h"

/* One line on standard error: `C_Login: Error = 0x000000A0 (CKR_PIN_INCORRECT): the PIN is wrong`. */
void report(const char *function, CK_RV rv);

/* The same for failures before there is a session, which BIND announces in this way. */
void report_initialization(const char *function, CK_RV rv);

#endif
