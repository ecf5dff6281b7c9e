/*
 * Which appliance is the right one: its public key is pinned by hsm.conf, or remembered on first use in `known_hsms`
 * beside hsm.conf (one line `host port fingerprint` each).
 */
#ifndef DKS_TRUST_H
#define DKS_TRUST_H

#include "config.h"

/* Whether a server with this SHA-256 of its SubjectPublicKeyInfo may be talked to; a message says why not. */
bool trust_server(struct config *config, const uint8_t fingerprint[32]);

#endif
