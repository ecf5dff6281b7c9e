/* What the appliance's policy leaves of the mechanisms that the library performs by itself. */
#ifndef DKS_OFFER_H
#define DKS_OFFER_H

#include "mechanism.h"

struct library;

/* False if the appliance does not list an outdated mechanism (MD5, signatures with SHA-1) because its policy is against it. */
bool is_offered(struct library *library, const struct mechanism *mechanism);

#endif
