/*
 * A target for libFuzzer: everything the library does with bytes from the network behind TLS. The input is a list of calls;
 * what the appliance answers to each of their requests comes from the input too.
 *
 *   input   = { call: 1 byte, choice: 1 byte, its replies }
 *   reply   = kind: 1 byte, length: 2 bytes little-endian, bytes
 *   kind    = 0: status and results behind a right header, 1: the same in two pieces, 2: raw bytes of the stream,
 *             3: the connection is lost; modulo 4
 *
 * connection.c is compiled into this file, so that its decoder of frames is reached without sockets and TLS.
 */

#define connection_exchange connection_exchange_over_tls
#include "connection.c"
#undef connection_exchange

#include <stdio.h>
#include <unistd.h>

#include "cryptoki_parameters.h"
#include "library.h"
#include "numbers.h"
#include "process.h"

enum { KINDS = 4, MECHANISMS_MAX = 256 };

static const uint8_t *input;
static size_t input_left;
/* The good replies of an appliance, until the calls of the input begin. */
static bool opening;

/* tls.c: connections that lead nowhere. */
bool tls_prepare(void) { return true; }
SSL_CTX *tls_context(OSSL_LIB_CTX *libctx) { return SSL_CTX_new_ex(libctx, NULL, TLS_client_method()); }
SSL *tls_connect(struct library *library, struct own_socket *own, int64_t deadline, enum tls_outcome *outcome) {
  (void)own, (void)deadline;
  *outcome = TLS_CONNECTED;
  return SSL_new(library->tls);
}
void tls_close_socket(struct own_socket *own) { (void)own; }
bool tls_wait(int fd, short events, int64_t deadline) { return (void)fd, (void)events, (void)deadline, false; }

static uint8_t take(void) {
  if (input_left == 0) return 0;
  input_left--;
  return *input++;
}

/* What a socket would have given. */
static void feed(struct connection *connection, const uint8_t *bytes, size_t length) {
  while (length > 0 && !connection->broken) {
    size_t part = length < CONNECTION_INPUT ? length : CONNECTION_INPUT;
    memcpy(connection->input, bytes, part);
    if (!take_input(connection, part)) connection_break(connection);
    bytes += part;
    length -= part;
  }
}

static void feed_reply(struct connection *connection, const struct request *request, const uint8_t *bytes,
                       size_t length, size_t first) {
  struct buffer payload = {0}, frame = {0};
  xdr_put_u32(&payload, request->function);
  xdr_put_u32(&payload, request->number);
  buffer_append(&payload, bytes, length);
  slip_append(&frame, payload.bytes, payload.length);
  if (first > frame.length) first = frame.length;
  feed(connection, frame.bytes, first);
  feed(connection, frame.bytes + first, frame.length - first);
  buffer_free(&payload);
  buffer_free(&frame);
}

/* What an appliance in good health says to the requests before the first call. */
static void feed_opening(struct connection *connection, const struct request *request) {
  struct buffer results = {0};
  xdr_put_u32(&results, HAL_OK);
  if (request->function == RPC_HELLO) {
    xdr_put_u32(&results, 1);
    xdr_put_opaque(&results, "fuzz", 4);
    xdr_put_u32(&results, 64);
    xdr_put_u32(&results, 1);
  } else if (request->function == RPC_TOKEN_INFO) {
    for (int i = 0; i < 4; i++) xdr_put_opaque(&results, "fuzz", 4);
    const uint32_t numbers[] = {0x40d, 4, 4096, 1, 256, APPLIANCE_OPERATIONAL};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) xdr_put_u32(&results, numbers[i]);
  }
  feed_reply(connection, request, results.bytes, results.length, SIZE_MAX);
  buffer_free(&results);
}

static void feed_input(struct connection *connection, const struct request *request) {
  if (input_left == 0) return;
  unsigned kind = take() % KINDS;
  size_t length = take();
  length |= (size_t)take() << 8;
  if (length > input_left) length = input_left;
  const uint8_t *bytes = input;
  input += length;
  input_left -= length;
  if (kind == 2) feed(connection, bytes, length);
  else if (kind < 2) feed_reply(connection, request, bytes, length, kind == 0 ? SIZE_MAX : length / 2);
}

enum request_state connection_exchange(struct connection *connection, struct request *request) {
  pthread_mutex_lock(&connection->lock);
  bool entered = !connection->broken && enter_request(connection, request);
  buffer_clear(&connection->gathered);
  pthread_mutex_unlock(&connection->lock);
  if (!entered) return REQUEST_LOST;
  request->sent++;
  if (opening) feed_opening(connection, request);
  else feed_input(connection, request);
  if (!ended(request)) connection_break(connection);
  return (enum request_state)atomic_load(&request->state);
}

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE key, other;
static CK_BYTE data[512], out[70000];

static CK_MECHANISM_TYPE mechanism_types[] = {
#define MECHANISM_TYPE(type, ...) type,
    MECHANISM_TABLE(MECHANISM_TYPE)};

static CK_MECHANISM choose(uint8_t choice) {
  return (CK_MECHANISM){mechanism_types[choice % (sizeof mechanism_types / sizeof mechanism_types[0])], NULL, 0};
}

static void find(void) {
  CK_OBJECT_HANDLE found[8];
  CK_ULONG count = 0;
  if (C_FindObjectsInit(session, NULL, 0) != CKR_OK) return;
  while (C_FindObjects(session, found, 8, &count) == CKR_OK && count > 0) {
    other = key;
    key = found[count - 1];
  }
  C_FindObjectsFinal(session);
}

static void read_attributes(uint8_t choice) {
  static const CK_ATTRIBUTE_TYPE types[] = {CKA_CLASS,    CKA_KEY_TYPE, CKA_LABEL,     CKA_VALUE,     CKA_MODULUS,
                                            CKA_EC_POINT, CKA_ID,       CKA_VALUE_LEN, CKA_EC_PARAMS, CKA_PRIVATE_EXPONENT,
                                            CKA_WRAP_TEMPLATE, CKA_ALLOWED_MECHANISMS};
  enum { COUNT = sizeof types / sizeof types[0] };
  CK_ATTRIBUTE asked[COUNT];
  for (size_t i = 0; i < COUNT; i++) asked[i] = (CK_ATTRIBUTE){types[i], choice == 0 ? NULL : out + 4096 * i, choice};
  C_GetAttributeValue(session, key, asked, COUNT);
  CK_ULONG size;
  C_GetObjectSize(session, key, &size);
}

static void crypt_with(uint8_t choice, bool encrypt) {
  CK_MECHANISM mechanism = choose(choice);
  CK_BYTE block[16] = {0};
  if (mechanism.mechanism == CKM_AES_CBC || mechanism.mechanism == CKM_AES_CBC_PAD)
    mechanism = (CK_MECHANISM){mechanism.mechanism, block, 16};
  CK_RV (*init)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE) = encrypt ? C_EncryptInit : C_DecryptInit;
  CK_RV (*update)(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *) =
      encrypt ? C_EncryptUpdate : C_DecryptUpdate;
  CK_RV (*final)(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG *) = encrypt ? C_EncryptFinal : C_DecryptFinal;
  CK_RV (*once)(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *) = encrypt ? C_Encrypt : C_Decrypt;
  CK_ULONG size = sizeof out;
  if (init(session, &mechanism, key) == CKR_OK) once(session, data, 32, out, &size);
  if (init(session, &mechanism, key) != CKR_OK) return;
  size = sizeof out;
  update(session, data, 33, out, &size);
  size = 40;
  if (final(session, out, &size) != CKR_BUFFER_TOO_SMALL) return;
  size = sizeof out;
  final(session, out, &size);
}

static void sign(uint8_t choice) {
  CK_MECHANISM mechanism = choose(choice);
  CK_ULONG size = sizeof out;
  if (C_SignInit(session, &mechanism, key) == CKR_OK) C_Sign(session, data, 32, out, &size);
  if (C_SignInit(session, &mechanism, key) == CKR_OK && C_SignUpdate(session, data, 32) == CKR_OK) {
    size = sizeof out;
    C_SignFinal(session, out, &size);
  }
  C_SessionCancel(session, ~0UL);
  size = sizeof out;
  if (C_SignRecoverInit(session, &mechanism, key) == CKR_OK) C_SignRecover(session, data, 32, out, &size);
  size = sizeof out;
  if (C_MessageSignInit(session, &mechanism, key) == CKR_OK) C_SignMessage(session, NULL, 0, data, 32, out, &size);
  C_SessionCancel(session, ~0UL);
}

static void verify(uint8_t choice) {
  CK_MECHANISM mechanism = choose(choice);
  CK_ULONG size = sizeof out, length = choice % 2 == 0 ? 64 : 128;
  if (C_VerifyInit(session, &mechanism, key) == CKR_OK) C_Verify(session, data, 32, data, length);
  if (C_VerifyInit(session, &mechanism, key) == CKR_OK && C_VerifyUpdate(session, data, 32) == CKR_OK)
    C_VerifyFinal(session, data, length);
  C_SessionCancel(session, ~0UL);
  if (C_VerifySignatureInit(session, &mechanism, key, data, length) == CKR_OK) C_VerifySignature(session, data, 32);
  if (C_VerifyRecoverInit(session, &mechanism, key) == CKR_OK) C_VerifyRecover(session, data, length, out, &size);
  C_SessionCancel(session, ~0UL);
}

/* GCM by messages: the appliance returns text and tag in one. */
static void crypt_message(bool encrypt) {
  static CK_BYTE iv[12], tag[16];
  CK_MECHANISM mechanism = {CKM_AES_GCM, NULL, 0};
  CK_GCM_MESSAGE_PARAMS params = {iv, 12, 0, CKG_NO_GENERATE, tag, 128};
  CK_ULONG size = sizeof out;
  if (encrypt) {
    if (C_MessageEncryptInit(session, &mechanism, key) != CKR_OK) return;
    C_EncryptMessage(session, &params, sizeof params, NULL, 0, data, 32, out, &size);
  } else {
    if (C_MessageDecryptInit(session, &mechanism, key) != CKR_OK) return;
    C_DecryptMessage(session, &params, sizeof params, NULL, 0, data, 32, out, &size);
  }
  C_SessionCancel(session, ~0UL);
}

static void make(uint8_t choice) {
  static CK_BBOOL no = CK_FALSE;
  static CK_OBJECT_CLASS class = CKO_SECRET_KEY;
  static CK_KEY_TYPE type = CKK_GENERIC_SECRET;
  CK_ATTRIBUTE template[] = {{CKA_TOKEN, &no, 1}, {CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &type, sizeof type},
                             {CKA_VALUE, data, 16}};
  CK_MECHANISM generic = {CKM_GENERIC_SECRET_KEY_GEN, NULL, 0}, curve = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
  CK_MECHANISM wrap = {CKM_AES_KEY_WRAP, NULL, 0}, kem = {CKM_ML_KEM, NULL, 0};
  CK_OBJECT_HANDLE made = 0;
  CK_ULONG size = sizeof out;
  switch (choice % 9) {
    case 0: C_CreateObject(session, template, 4, &made); break;
    case 1: C_GenerateKey(session, &generic, template, 1, &made); break;
    case 2: C_GenerateKeyPair(session, &curve, template, 1, template, 1, &made, &key); break;
    case 3: C_CopyObject(session, key, template, 1, &made); break;
    case 4: C_WrapKey(session, &wrap, key, other, out, &size); break;
    case 5: C_UnwrapKey(session, &wrap, key, data, 24, template, 3, &made); break;
    case 6: C_EncapsulateKey(session, &kem, key, template, 3, out, &size, &made); break;
    case 7: C_DecapsulateKey(session, &kem, key, template, 3, data, 32, &made); break;
    default: C_DeriveKey(session, &generic, key, template, 3, &made); break;
  }
  if (made != 0) key = made;
}

static void ask_token(struct library *library) {
  CK_TOKEN_INFO info;
  CK_MECHANISM_TYPE types[MECHANISMS_MAX];
  CK_ULONG count = MECHANISMS_MAX;
  token_forget(library);
  C_GetTokenInfo(0, &info);
  token_free(library);
  library->token = (struct token){0};
  token_init(library);
  C_GetMechanismList(0, types, &count);
}

static void change(uint8_t choice) {
  static CK_UTF8CHAR pin[] = "user-4711";
  CK_ATTRIBUTE label = {CKA_LABEL, "x", 1};
  switch (choice % 8) {
    case 0: C_SetAttributeValue(session, key, &label, 1); break;
    case 1: C_DestroyObject(session, key); break;
    case 2: C_SetPIN(session, pin, 9, pin, 8); break;
    case 3: C_Logout(session); break;
    case 4: C_Login(session, CKU_USER, pin, 9); break;
    case 6: crypt_message(true); break;
    case 7: crypt_message(false); break;
    default: C_GenerateRandom(session, out, sizeof out); break;
  }
}

static void call(struct library *library) {
  uint8_t function = take(), choice = take();
  switch (function % 9) {
    case 0: find(); break;
    case 1: read_attributes(choice); break;
    case 2: sign(choice); break;
    case 3: verify(choice); break;
    case 4: make(choice); break;
    case 5: ask_token(library); break;
    case 6: crypt_with(choice, true); break;
    case 7: crypt_with(choice, false); break;
    default: change(choice); break;
  }
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  static char folder[] = "/tmp/dks-fuzz-XXXXXX";
  char path[64];
  (void)argc, (void)argv;
  if (mkdtemp(folder) == NULL) abort();
  snprintf(path, sizeof path, "%s/hsm.conf", folder);
  FILE *file = fopen(path, "w");
  fputs("<rpc><IP>192.0.2.1</IP><port>1</port><servername>x</servername><serial>1</serial></rpc>", file);
  fclose(file);
  setenv("DIAMOND_HSM_CONFIG_PATH", folder, 1);
  setenv("DKS_PKCS11_RETRY_SECONDS", "0", 1);
  setenv("DKS_PKCS11_LOG", "none", 1);
  if (C_Initialize(NULL) != CKR_OK) abort();
  unlink(path);
  rmdir(folder);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  struct library *library = process_enter();
  input = bytes;
  input_left = length;
  key = other = 0;
  opening = true;
  if (C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session) != CKR_OK) abort();
  if (C_Login(session, CKU_USER, (CK_UTF8CHAR *)"user-4711", 9) != CKR_OK) abort();
  opening = false;
  while (input_left > 0) call(library);
  /* Everything as it was: an input that fails does so alone. */
  C_CloseAllSessions(0);
  struct connection *connection = link_current(library);
  if (connection != NULL) connection_break(connection);
  connection_release(connection);
  object_table_free(library);
  object_table_init(library);
  token_free(library);
  library->token = (struct token){0};
  token_init(library);
  library->link.failed_at = 0;
  process_leave();
  return 0;
}
