/*
 * inventory MODULE: signs the text "inventory" with every private key of the token and tells everything that a judge needs,
 * a line each, values in hexadecimal digits:
 *
 *   private LABEL SIGNATURE
 *   public LABEL TYPE VALUE EXPONENT      TYPE: CKK_...; VALUE: modulus, or the point as CKA_EC_POINT has it (no exponent)
 */

#include "module.h"

static CK_SESSION_HANDLE session;

static void print_hex(const CK_BYTE *bytes, CK_ULONG length) {
  putchar(' ');
  for (CK_ULONG i = 0; i < length; i++) printf("%02x", bytes[i]);
}

static CK_ULONG get(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *value, CK_ULONG size) {
  CK_ATTRIBUTE attribute = {type, value, size};
  OK(p11->C_GetAttributeValue(session, object, &attribute, 1));
  return attribute.ulValueLen;
}

static void print_label(const char *class, CK_OBJECT_HANDLE object) {
  char label[256];
  CK_ULONG length = get(object, CKA_LABEL, label, sizeof label);
  printf("%s %.*s", class, (int)length, label);
}

static void show_private(CK_OBJECT_HANDLE object) {
  CK_ULONG type;
  CK_BYTE signature[1024];
  CK_ULONG size = sizeof signature;
  get(object, CKA_KEY_TYPE, &type, sizeof type);
  CK_MECHANISM mechanism = {type == CKK_RSA  ? CKM_SHA256_RSA_PKCS
                            : type == CKK_EC ? CKM_ECDSA_SHA256
                                             : CKM_EDDSA,
                            NULL, 0};
  OK(p11->C_SignInit(session, &mechanism, object));
  OK(p11->C_Sign(session, (CK_BYTE *)"inventory", 9, signature, &size));
  print_label("private", object);
  print_hex(signature, size);
}

static void show_public(CK_OBJECT_HANDLE object) {
  CK_ULONG type;
  CK_BYTE value[1200], exponent[16];
  get(object, CKA_KEY_TYPE, &type, sizeof type);
  print_label("public", object);
  printf(" %lu", type);
  print_hex(value, get(object, type == CKK_RSA ? CKA_MODULUS : CKA_EC_POINT, value, sizeof value));
  if (type == CKK_RSA) print_hex(exponent, get(object, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent));
}

static void show_all(CK_OBJECT_CLASS class, void (*show)(CK_OBJECT_HANDLE)) {
  static CK_OBJECT_HANDLE objects[20000];
  CK_ULONG total = 0, count;
  CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_TOKEN, &yes, 1}};
  OK(p11->C_FindObjectsInit(session, template, 2));
  do {
    OK(p11->C_FindObjects(session, objects + total, 1000, &count));
    total += count;
    CHECK(total + 1000 <= sizeof objects / sizeof objects[0]);
  } while (count > 0);
  OK(p11->C_FindObjectsFinal(session));
  for (CK_ULONG i = 0; i < total; i++) {
    show(objects[i]);
    putchar('\n');
  }
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  load_module(argv[1], 0);
  session = start();
  show_all(CKO_PRIVATE_KEY, show_private);
  show_all(CKO_PUBLIC_KEY, show_public);
  OK(p11->C_Finalize(NULL));
  return 0;
}
