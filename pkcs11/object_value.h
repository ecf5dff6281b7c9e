/* The secret attributes of an object that may be read. */
#ifndef DKS_OBJECT_VALUE_H
#define DKS_OBJECT_VALUE_H

#include "object_table.h"

/* Fetches them; nothing is kept. CKR_ATTRIBUTE_SENSITIVE if they may not be read. The caller releases `*values`. */
CK_RV object_values(struct library *library, const struct object_view *view, struct facts **values);

#endif
