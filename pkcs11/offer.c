#include "offer.h"

#include "library.h"

static bool is_outdated(const struct mechanism *mechanism) {
  if (mechanism->digest == DIGEST_MD5) return true;
  return mechanism->digest == DIGEST_SHA1 && (mechanism->flags & CKF_DIGEST) == 0;
}

bool is_offered(struct library *library, const struct mechanism *mechanism) {
  const struct token_mechanism *mechanisms;
  CK_ULONG count;
  /* Asked for once; without an answer no policy is known. */
  if (!is_outdated(mechanism) || token_get_mechanisms(library, &mechanisms, &count) != CKR_OK) return true;
  for (CK_ULONG i = 0; i < count; i++) {
    if (mechanisms[i].type == mechanism->type) return true;
  }
  return false;
}
