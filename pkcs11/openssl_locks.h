/*
 * The locks of the private OpenSSL, which survive a fork.
 *
 * OpenSSL guards a few things that belong to no context with locks of its own, such as the choice of the random number
 * generator. A thread that holds one at the moment of a fork does not exist in the child, where the lock would stay taken for
 * ever. No call into OpenSSL is made by the thread that forks, so in a child every lock that is taken was left behind: each
 * is made anew when it is first used there. The linker puts these functions in the place of OpenSSL's (--wrap in build.sh).
 */
#ifndef DKS_OPENSSL_LOCKS_H
#define DKS_OPENSSL_LOCKS_H

/* This process is the child of one that may have used OpenSSL. */
void openssl_locks_forked(void);

#endif
