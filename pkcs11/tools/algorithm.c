#include "algorithm.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum class { RSA, ECC, ECX, GONE };

/* Classes, as in BIND, and the algorithms of DNSSEC by their mnemonics (RFC 8624, RFC 8080); some fix the size. */
static const struct {
  const char *name;
  enum class class;
  CK_ULONG bits;
} algorithms[] = {
    {"RSA", RSA, 0},
    {"RSAMD5", RSA, 0},
    {"RSASHA1", RSA, 0},
    {"NSEC3RSASHA1", RSA, 0},
    {"RSASHA256", RSA, 0},
    {"RSASHA512", RSA, 0},
    {"ECC", ECC, 0},
    {"ECDSA", ECC, 0},
    {"ECDSAP256SHA256", ECC, 256},
    {"ECDSAP384SHA384", ECC, 384},
    {"ECX", ECX, 0},
    {"EDDSA", ECX, 0},
    {"ED25519", ECX, 256},
    {"ED448", ECX, 456},
    {"DSA", GONE, 0},
    {"NSEC3DSA", GONE, 0},
    {"DH", GONE, 0},
    {"ECCGOST", GONE, 0},
};

enum { ALGORITHMS = sizeof algorithms / sizeof *algorithms };

/* Object identifiers in DER (RFC 5480, RFC 8410). */
static const CK_BYTE P256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const CK_BYTE P384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
static const CK_BYTE ED25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
static const CK_BYTE ED448[] = {0x06, 0x03, 0x2b, 0x65, 0x71};

static const struct {
  enum class class;
  struct key_kind kind;
} curves[] = {
    {ECC, {CKM_EC_KEY_PAIR_GEN, 256, P256, sizeof P256}},
    {ECC, {CKM_EC_KEY_PAIR_GEN, 384, P384, sizeof P384}},
    {ECX, {CKM_EC_EDWARDS_KEY_PAIR_GEN, 256, ED25519, sizeof ED25519}},
    {ECX, {CKM_EC_EDWARDS_KEY_PAIR_GEN, 456, ED448, sizeof ED448}},
};

static int find(const char *name) {
  for (int i = 0; i < ALGORITHMS; i++) {
    if (strcasecmp(algorithms[i].name, name) == 0) return i;
  }
  return -1;
}

static bool refuse_unknown(const char *name) {
  fprintf(stderr, "Option -a: there is no algorithm %s; there are:", name);
  for (int i = 0; i < ALGORITHMS; i++) {
    if (algorithms[i].class != GONE) fprintf(stderr, " %s", algorithms[i].name);
  }
  fputc('\n', stderr);
  return false;
}

/* The curve of this class and size. */
static bool read_curve(const char *name, enum class class, CK_ULONG bits, struct key_kind *kind) {
  for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
    if (curves[i].class != class || curves[i].kind.bits != bits) continue;
    *kind = curves[i].kind;
    return true;
  }
  fprintf(stderr, "Option -b: %s keys have %s bits\n", name, class == ECC ? "256 or 384" : "256 or 456");
  return false;
}

bool algorithm_read(const struct options *options, struct key_kind *kind) {
  const char *name = options->algorithm == NULL ? "RSA" : options->algorithm;
  int found = find(name);
  if (found < 0) return refuse_unknown(name);
  enum class class = algorithms[found].class;
  CK_ULONG fixed = algorithms[found].bits, bits = options->bits;
  if (class == GONE) {
    fprintf(stderr, "Option -a: %s keys are not made any more: nothing in DNSSEC accepts them (RFC 8624); use ECC or RSA\n",
            name);
    return false;
  }
  if (options->given['e'] && class != RSA) {
    fprintf(stderr, "Option -e: only RSA keys have an exponent\n");
    return false;
  }
  if (class == RSA) {
    *kind = (struct key_kind){.mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN, .bits = bits};
    if (bits == 0) fprintf(stderr, "Option -b: RSA keys need a size, such as -b 2048\n");
    return bits != 0;
  }
  if (fixed != 0 && bits != 0 && fixed != bits) {
    fprintf(stderr, "Option -b: %s keys have %lu bits\n", name, fixed);
    return false;
  }
  if (bits == 0) bits = fixed != 0 ? fixed : 256;
  return read_curve(name, class, bits, kind);
}
