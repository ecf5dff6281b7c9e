/* pkcs11-keygen: makes a key pair on the token. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "algorithm.h"
#include "errors.h"
#include "objects.h"
#include "tools.h"

/* How many objects have this attribute; -1 after having said why it is not known. */
static long count_objects(const struct session *session, CK_ATTRIBUTE_TYPE type, const void *value, CK_ULONG length) {
  CK_ATTRIBUTE attribute = {type, (void *)value, length};
  size_t count;
  CK_OBJECT_HANDLE *handles = objects_find(session, &attribute, 1, &count);
  if (handles == NULL) return -1;
  free(handles);
  return (long)count;
}

static bool label_is_free(const struct session *session, const char *label) {
  long count = count_objects(session, CKA_LABEL, label, strlen(label));
  if (count > 0) fprintf(stderr, "Key already exists.\nChoose another label than '%s', or see pkcs11-destroy\n", label);
  return count == 0;
}

/*
 * OpenSSL's engine and provider find the public half of a key by its ID, so each pair needs one of its own. Without -i it is a number
 * of four bytes that no object has yet.
 */
static bool choose_id(const struct session *session, const struct options *options, struct id *id) {
  *id = options->id;
  if (id->length > 0) {
    long count = count_objects(session, CKA_ID, id->bytes, id->length);
    if (count > 0) fprintf(stderr, "Key already exists.\nChoose another ID than %s: it must be of this pair alone\n", options->id_text);
    return count == 0;
  }
  long count;
  do {
    id->length = 4;
    if (getrandom(id->bytes, id->length, 0) != (ssize_t)id->length) {
      perror("getrandom");
      return false;
    }
    /* Smaller numbers are those of two bytes. */
    id->bytes[0] |= 0x10;
    count = count_objects(session, CKA_ID, id->bytes, id->length);
  } while (count > 0);
  return count == 0;
}

/* The token tells the sizes that it makes; one that does not tell finds out when it makes the key. */
static bool size_is_possible(const struct session *session, CK_SLOT_ID slot, const struct key_kind *kind) {
  CK_MECHANISM_INFO info;
  if (kind->curve != NULL) return true;
  if (session->p11->C_GetMechanismInfo(slot, kind->mechanism, &info) != CKR_OK) return true;
  if (kind->bits >= info.ulMinKeySize && kind->bits <= info.ulMaxKeySize) return true;
  fprintf(stderr, "Option -b: the token makes RSA keys of %lu to %lu bits\n", info.ulMinKeySize, info.ulMaxKeySize);
  return false;
}

/* The attributes that BIND gives its keys. */
static CK_RV generate(const struct session *session, const struct options *options, const struct key_kind *kind,
                      struct id *id) {
  static const CK_BYTE f4[] = {1, 0, 1}, f5[] = {1, 0, 0, 0, 1};
  bool large = options->given['e'];
  CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
  CK_BBOOL sensitive = options->given['P'] ? CK_FALSE : CK_TRUE, extractable = options->given['P'] ? CK_TRUE : CK_FALSE;
  CK_ULONG bits = kind->bits;
  CK_ATTRIBUTE label = {CKA_LABEL, (void *)options->label, strlen(options->label)}, ids = {CKA_ID, id->bytes, id->length};
  CK_ATTRIBUTE token = {CKA_TOKEN, &yes, sizeof yes};
  CK_ATTRIBUTE public[7] = {label, ids, token, {CKA_PRIVATE, &no, sizeof no}, {CKA_VERIFY, &yes, sizeof yes}};
  CK_ULONG count = 5;
  if (kind->curve != NULL) {
    public[count++] = (CK_ATTRIBUTE){CKA_EC_PARAMS, (void *)kind->curve, kind->curve_length};
  } else {
    public[count++] = (CK_ATTRIBUTE){CKA_MODULUS_BITS, &bits, sizeof bits};
    public[count++] = (CK_ATTRIBUTE){CKA_PUBLIC_EXPONENT, (void *)(large ? f5 : f4), large ? sizeof f5 : sizeof f4};
  }
  CK_ATTRIBUTE private[] = {
      label, ids, token, {CKA_PRIVATE, &yes, sizeof yes}, {CKA_SIGN, &yes, sizeof yes},
      {CKA_SENSITIVE, &sensitive, sizeof sensitive}, {CKA_EXTRACTABLE, &extractable, sizeof extractable},
  };
  CK_MECHANISM mechanism = {kind->mechanism, NULL, 0};
  CK_OBJECT_HANDLE public_key, private_key;
  return session->p11->C_GenerateKeyPair(session->handle, &mechanism, public, count, private,
                                         sizeof private / sizeof *private, &public_key, &private_key);
}

int keygen_run(const struct options *options) {
  struct key_kind kind;
  struct session session;
  struct id id;
  if (options->label == NULL) {
    fprintf(stderr, "A label is needed, as argument or with -l\n");
    return 2;
  }
  if (!algorithm_read(options, &kind)) return 2;
  if (!session_open(&session, options, ACCESS_WRITE)) return 1;
  bool good = size_is_possible(&session, options->slot, &kind) && label_is_free(&session, options->label) &&
              choose_id(&session, options, &id);
  if (good) {
    CK_RV rv = generate(&session, options, &kind, &id);
    good = rv == CKR_OK;
    if (!good) report("C_GenerateKeyPair", rv);
    if (!good && options->given['e']) fprintf(stderr, "Perhaps the token makes only keys with the exponent 65537: try without -e\n");
    if (good && !options->given['q']) printf("Key pair generation complete.\n");
  }
  session_close(&session);
  return good ? 0 : 1;
}
