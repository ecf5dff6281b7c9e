/*
 * Signatures per second and latency through any PKCS#11 module.
 *
 *   p11bench MODULE LABEL PIN-FILE keygen rsa2048|p256|ed25519
 *   p11bench MODULE LABEL PIN-FILE sign   rsa2048|p256|ed25519 THREADS SECONDS
 *
 * `keygen` makes a token key pair labelled bench-TYPE if there is none. `sign` runs THREADS threads with a session each, all
 * with that key, and prints one line: signatures per second, median and 99th percentile of one C_SignInit + C_Sign in microseconds.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cryptoki.h"

enum { MAX_THREADS = 128, MAX_SAMPLES = 1 << 20 };

struct key_kind {
    const char *name;
    CK_MECHANISM_TYPE generate, sign;
    const unsigned char *params;
    CK_ULONG params_length, input_length;
};

static const unsigned char P256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const unsigned char ED25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};

/* Input sizes: a DigestInfo of SHA-256, a SHA-256 digest, a message of the size of a small RRset. */
static const struct key_kind KINDS[] = {
    {"rsa2048", CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS, NULL, 0, 51},
    {"p256", CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, P256, sizeof P256, 32},
    {"ed25519", CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA, ED25519, sizeof ED25519, 100},
};

static CK_FUNCTION_LIST *p11;
static const struct key_kind *kind;
static CK_OBJECT_HANDLE private_key;
static CK_SLOT_ID slot;
static atomic_int running;
static pthread_barrier_t barrier;

struct worker {
    pthread_t thread;
    uint32_t *nanoseconds;
    size_t count;
};

static void die(const char *what, CK_RV rv)
{
    fprintf(stderr, "p11bench: %s: CK_RV 0x%lx\n", what, rv);
    exit(1);
}

static void check(CK_RV rv, const char *what)
{
    if (rv != CKR_OK) die(what, rv);
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static CK_SESSION_HANDLE open_session(void)
{
    CK_SESSION_HANDLE session;
    check(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), "C_OpenSession");
    return session;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    CK_SESSION_HANDLE session = open_session();
    CK_MECHANISM mechanism = {kind->sign, NULL, 0};
    unsigned char input[128], signature[1024];
    memset(input, 0x5a, sizeof input);
    pthread_barrier_wait(&barrier);
    while (atomic_load_explicit(&running, memory_order_relaxed)) {
        CK_ULONG length = sizeof signature;
        uint64_t start = now();
        check(p11->C_SignInit(session, &mechanism, private_key), "C_SignInit");
        check(p11->C_Sign(session, input, kind->input_length, signature, &length), "C_Sign");
        if (worker->count < MAX_SAMPLES) worker->nanoseconds[worker->count] = (uint32_t)(now() - start);
        worker->count++;
    }
    return NULL;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void label_of(char label[32])
{
    snprintf(label, 32, "bench-%s", kind->name);
}

static int find_key(CK_SESSION_HANDLE session)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    char label[32];
    label_of(label);
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, label, strlen(label)}};
    CK_ULONG found = 0;
    check(p11->C_FindObjectsInit(session, template, 2), "C_FindObjectsInit");
    check(p11->C_FindObjects(session, &private_key, 1, &found), "C_FindObjects");
    check(p11->C_FindObjectsFinal(session), "C_FindObjectsFinal");
    return found == 1;
}

static void generate(CK_SESSION_HANDLE session)
{
    CK_MECHANISM mechanism = {kind->generate, NULL, 0};
    CK_BBOOL yes = CK_TRUE;
    CK_ULONG bits = 2048;
    unsigned char exponent[] = {1, 0, 1}, id = (unsigned char)kind->sign;
    char label[32];
    label_of(label);
    CK_ATTRIBUTE public_template[] = {
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_VERIFY, &yes, sizeof yes},
        {CKA_LABEL, label, strlen(label)},
        {CKA_ID, &id, 1},
        {CKA_MODULUS_BITS, &bits, sizeof bits},
        {CKA_PUBLIC_EXPONENT, exponent, sizeof exponent},
    };
    CK_ATTRIBUTE private_template[] = {
        {CKA_TOKEN, &yes, sizeof yes}, {CKA_PRIVATE, &yes, sizeof yes}, {CKA_SENSITIVE, &yes, sizeof yes},
        {CKA_SIGN, &yes, sizeof yes},  {CKA_ID, &id, 1},                {CKA_LABEL, label, strlen(label)},
    };
    CK_ULONG public_count = 6;
    if (kind->params != NULL) {
        public_template[4] = (CK_ATTRIBUTE){CKA_EC_PARAMS, (void *)kind->params, kind->params_length};
        public_count = 5;
    }
    CK_OBJECT_HANDLE public_key;
    check(p11->C_GenerateKeyPair(session, &mechanism, public_template, public_count, private_template, 6, &public_key,
                                 &private_key),
          "C_GenerateKeyPair");
}

static void sign(int threads, double seconds)
{
    static struct worker workers[MAX_THREADS];
    pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
    atomic_store(&running, 1);
    for (int i = 0; i < threads; i++) {
        workers[i].nanoseconds = malloc(MAX_SAMPLES * sizeof(uint32_t));
        if (workers[i].nanoseconds == NULL) die("out of memory", CKR_HOST_MEMORY);
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) die("pthread_create", CKR_HOST_MEMORY);
    }
    pthread_barrier_wait(&barrier);
    uint64_t start = now();
    struct timespec pause = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&pause, NULL);
    atomic_store(&running, 0);
    size_t total = 0, kept = 0;
    for (int i = 0; i < threads; i++) pthread_join(workers[i].thread, NULL);
    double elapsed = (double)(now() - start) / 1e9;
    for (int i = 0; i < threads; i++) {
        total += workers[i].count;
        kept += workers[i].count < MAX_SAMPLES ? workers[i].count : MAX_SAMPLES;
    }
    if (kept == 0) die("no signature was made", CKR_FUNCTION_FAILED);
    uint32_t *all = malloc(kept * sizeof *all);
    if (all == NULL) die("out of memory", CKR_HOST_MEMORY);
    size_t at = 0;
    for (int i = 0; i < threads; i++) {
        size_t n = workers[i].count < MAX_SAMPLES ? workers[i].count : MAX_SAMPLES;
        memcpy(all + at, workers[i].nanoseconds, n * sizeof *all);
        at += n;
    }
    qsort(all, kept, sizeof *all, ascending);
    printf("%.1f %.1f %.1f\n", (double)total / elapsed, all[kept / 2] / 1e3, all[kept - 1 - kept / 100] / 1e3);
}

/* The slot whose token has the label. */
static void find_slot(const char *label)
{
    CK_SLOT_ID slots[64];
    CK_ULONG count = 64;
    check(p11->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info;
        if (p11->C_GetTokenInfo(slots[i], &info) == CKR_OK && memcmp(info.label, label, strlen(label)) == 0) {
            slot = slots[i];
            return;
        }
    }
    fprintf(stderr, "p11bench: no token labelled \"%s\"\n", label);
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: p11bench MODULE LABEL PIN-FILE keygen|sign rsa2048|p256|ed25519 [THREADS SECONDS]\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (strcmp(KINDS[i].name, argv[5]) == 0) kind = &KINDS[i];
    int threads = argc > 6 ? atoi(argv[6]) : 1;
    double seconds = argc > 7 ? atof(argv[7]) : 1;
    if (kind == NULL || threads < 1 || threads > MAX_THREADS || !(seconds > 0)) {
        fprintf(stderr, "p11bench: bad key type, number of threads or time\n");
        return 2;
    }
    unsigned char pin[256];
    FILE *file = fopen(argv[3], "r");
    if (file == NULL) {
        perror(argv[3]);
        return 1;
    }
    CK_ULONG pin_length = fread(pin, 1, sizeof pin, file);
    fclose(file);

    void *module = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (module == NULL) {
        fprintf(stderr, "p11bench: %s\n", dlerror());
        return 1;
    }
    CK_RV (*get_list)(CK_FUNCTION_LIST **) = (CK_RV (*)(CK_FUNCTION_LIST **))dlsym(module, "C_GetFunctionList");
    if (get_list == NULL || get_list(&p11) != CKR_OK) die("C_GetFunctionList", CKR_GENERAL_ERROR);
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
    check(p11->C_Initialize(&arguments), "C_Initialize");
    find_slot(argv[2]);
    CK_SESSION_HANDLE session = open_session();
    check(p11->C_Login(session, CKU_USER, pin, pin_length), "C_Login");
    int found = find_key(session);
    if (strcmp(argv[4], "keygen") == 0) {
        if (!found) generate(session);
    } else {
        if (!found) die("no key: run keygen first", CKR_KEY_HANDLE_INVALID);
        sign(threads, seconds);
    }
    check(p11->C_Finalize(NULL), "C_Finalize");
    return 0;
}
