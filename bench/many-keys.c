/*
 * What a program sees of a token with many key pairs. The pairs are numbered; pair N has CKA_ID "bench-id-NNNNNNNNN" and
 * CKA_LABEL "bench-key-N", and every tenth a certificate with subject, issuer, serial number and value made from N.
 *
 *   many-keys MODULE PIN-FILE generate FIRST COUNT THREADS    makes pairs from FIRST on; prints pairs per second
 *   many-keys MODULE PIN-FILE search PAIRS SEARCHES           without login, then with it
 *   many-keys MODULE PIN-FILE list
 *
 * `search` prints a line for each kind of search: name, median and 99th percentile in microseconds, objects found by all.
 * `list` prints objects, seconds for the handles, seconds for three attributes of each, resident KiB before and after.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cryptoki.h"

enum { MAX_SEARCHES = 100000, MAX_THREADS = 64, MAX_ATTRIBUTES = 6, VALUE_SIZE = 64 };

static CK_FUNCTION_LIST *p11;
static CK_ULONG pairs, searches;

static void check(CK_RV rv, const char *what)
{
    if (rv == CKR_OK) return;
    fprintf(stderr, "many-keys: %s: CK_RV 0x%lx\n", what, rv);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static CK_SESSION_HANDLE open_session(void)
{
    CK_SESSION_HANDLE session;
    check(p11->C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), "C_OpenSession");
    return session;
}

/* A template under construction; the values live inside it. */
struct template {
    CK_ATTRIBUTE attributes[MAX_ATTRIBUTES];
    unsigned char values[MAX_ATTRIBUTES][VALUE_SIZE];
    CK_ULONG count;
};

static void add(struct template *template, CK_ATTRIBUTE_TYPE type, const void *value, CK_ULONG length)
{
    memcpy(template->values[template->count], value, length);
    template->attributes[template->count] = (CK_ATTRIBUTE){type, template->values[template->count], length};
    template->count++;
}

static void add_number(struct template *template, CK_ATTRIBUTE_TYPE type, CK_ULONG number)
{
    add(template, type, &number, sizeof number);
}

static void add_text(struct template *template, CK_ATTRIBUTE_TYPE type, const char *format, CK_ULONG number)
{
    char text[VALUE_SIZE];
    int length = snprintf(text, sizeof text, format, number);
    add(template, type, text, (CK_ULONG)length);
}

static void shuffle(struct template *template)
{
    for (CK_ULONG i = template->count; i > 1; i--) {
        CK_ULONG j = (CK_ULONG)random() % i;
        CK_ATTRIBUTE other = template->attributes[i - 1];
        template->attributes[i - 1] = template->attributes[j];
        template->attributes[j] = other;
    }
}

static CK_ULONG find(CK_SESSION_HANDLE session, struct template *template, CK_OBJECT_HANDLE *first)
{
    CK_OBJECT_HANDLE found[16];
    CK_ULONG count = 0;
    check(p11->C_FindObjectsInit(session, template->attributes, template->count), "C_FindObjectsInit");
    check(p11->C_FindObjects(session, found, 16, &count), "C_FindObjects");
    check(p11->C_FindObjectsFinal(session), "C_FindObjectsFinal");
    if (count > 0 && first != NULL) *first = found[0];
    return count;
}

enum part { CLASS_PRIVATE = 1, CLASS_PUBLIC = 2, CLASS_CERTIFICATE = 4, KEY_TYPE = 8, ID = 16, LABEL = 32, UNIQUE = 64,
            SUBJECT = 128, VALUE = 256, ISSUER_SERIAL = 512, MISSING = 1024, EC_POINT = 2048, CLASS_SECRET = 4096 };

/* The attributes point into the template, which is why it is filled in place. */
static void fill(struct template *template, CK_SESSION_HANDLE session, int parts, CK_ULONG number)
{
    template->count = 0;
    if (parts & UNIQUE || parts & EC_POINT) {
        struct template label = {.count = 0};
        CK_OBJECT_HANDLE object;
        unsigned char value[VALUE_SIZE * 2];
        CK_ATTRIBUTE asked = {parts & UNIQUE ? CKA_UNIQUE_ID : CKA_EC_POINT, value, sizeof value};
        add_text(&label, CKA_LABEL, "bench-key-%lu", number);
        add_number(&label, CKA_CLASS, CKO_PUBLIC_KEY);
        if (find(session, &label, &object) == 0) check(CKR_KEY_HANDLE_INVALID, "a key of the bench");
        check(p11->C_GetAttributeValue(session, object, &asked, 1), "C_GetAttributeValue");
        if (parts & UNIQUE) add(template, CKA_UNIQUE_ID, value, asked.ulValueLen);
        else {
            static unsigned char point[2 * VALUE_SIZE];
            memcpy(point, value, asked.ulValueLen);
            template->attributes[template->count++] = (CK_ATTRIBUTE){CKA_EC_POINT, point, asked.ulValueLen};
        }
    }
    if (parts & MISSING) number += 900000000;
    if (parts & CLASS_PRIVATE) add_number(template, CKA_CLASS, CKO_PRIVATE_KEY);
    if (parts & CLASS_PUBLIC) add_number(template, CKA_CLASS, CKO_PUBLIC_KEY);
    if (parts & CLASS_CERTIFICATE) add_number(template, CKA_CLASS, CKO_CERTIFICATE);
    if (parts & CLASS_SECRET) add_number(template, CKA_CLASS, CKO_SECRET_KEY);
    if (parts & KEY_TYPE) add_number(template, CKA_KEY_TYPE, CKK_EC);
    if (parts & ID) add_text(template, CKA_ID, "bench-id-%09lu", number);
    if (parts & LABEL) add_text(template, CKA_LABEL, "bench-key-%lu", number);
    if (parts & SUBJECT) add_text(template, CKA_SUBJECT, "bench-subject-%lu", number);
    if (parts & VALUE) add_text(template, CKA_VALUE, "bench-certificate-%lu", number);
    if (parts & ISSUER_SERIAL) {
        add_text(template, CKA_ISSUER, "bench-issuer", 0);
        add_text(template, CKA_SERIAL_NUMBER, "bench-serial-%lu", number);
    }
    shuffle(template);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(CK_SESSION_HANDLE session, const char *name, int parts, CK_ULONG expected)
{
    static double times[MAX_SEARCHES];
    CK_ULONG found = 0, wrong = 0;
    for (CK_ULONG i = 0; i < searches; i++) {
        CK_ULONG number = (CK_ULONG)random() % pairs;
        if (parts & CLASS_CERTIFICATE) number -= number % 10;
        CK_ULONG certificates = parts == ID || parts == LABEL ? number % 10 == 0 : 0;
        struct template template;
        fill(&template, session, parts, number);
        double start = now();
        CK_ULONG count = find(session, &template, NULL);
        times[i] = (now() - start) * 1e6;
        found += count;
        wrong += count != expected + certificates;
    }
    if (wrong > 0) {
        fprintf(stderr, "many-keys: %s: %lu of %lu searches did not find %lu\n", name, wrong, searches, expected);
        exit(1);
    }
    qsort(times, searches, sizeof *times, ascending);
    printf("%s %.0f %.0f %lu\n", name, times[searches / 2], times[searches - 1 - searches / 100], found);
    fflush(stdout);
}

static void search(CK_SESSION_HANDLE session, int logged_in)
{
    const char *prefix = logged_in ? "" : "public:";
    char name[64];
#define MEASURE(text, parts, expected) \
    do { \
        snprintf(name, sizeof name, "%s%s", prefix, text); \
        measure(session, name, parts, expected); \
    } while (0)
    /* Without login the private halves are not there. */
    CK_ULONG private = logged_in ? 1 : 0, halves = logged_in ? 2 : 1;
    MEASURE("CLASS,ID", CLASS_PRIVATE | ID, private);
    MEASURE("CLASS,LABEL", CLASS_PUBLIC | LABEL, 1);
    if (logged_in) {
        MEASURE("CLASS,ID,LABEL", CLASS_PRIVATE | ID | LABEL, 1);
        MEASURE("CLASS,ID,KEY_TYPE", CLASS_PUBLIC | ID | KEY_TYPE, 1);
        MEASURE("CLASS,KEY_TYPE,ID,LABEL", CLASS_PRIVATE | KEY_TYPE | ID | LABEL, 1);
        MEASURE("LABEL", LABEL, halves);
        MEASURE("ID", ID, halves);
        MEASURE("UNIQUE_ID", UNIQUE, 1);
        MEASURE("CLASS,EC_POINT", CLASS_PUBLIC | EC_POINT, 1);
        MEASURE("CLASS,SUBJECT", CLASS_CERTIFICATE | SUBJECT, 1);
        MEASURE("CLASS,VALUE", CLASS_CERTIFICATE | VALUE, 1);
        MEASURE("CLASS,ISSUER,SERIAL", CLASS_CERTIFICATE | ISSUER_SERIAL, 1);
    }
    MEASURE("none:CLASS,ID", CLASS_PRIVATE | ID | MISSING, 0);
    MEASURE("none:CLASS,LABEL", CLASS_PUBLIC | LABEL | MISSING, 0);
    MEASURE("none:CLASS,SUBJECT", CLASS_CERTIFICATE | SUBJECT | MISSING, 0);
    MEASURE("none:CLASS,VALUE", CLASS_CERTIFICATE | VALUE | MISSING, 0);
    MEASURE("none:secret,LABEL", CLASS_SECRET | LABEL, 0);
    if (!logged_in) MEASURE("none:private", CLASS_PRIVATE, 0);
    MEASURE("none:secret", CLASS_SECRET, 0);
}

static long resident(void)
{
    char line[256];
    long kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) sscanf(line, "VmRSS: %ld", &kilobytes);
    if (file != NULL) fclose(file);
    return kilobytes;
}

static void list(CK_SESSION_HANDLE session)
{
    CK_ULONG count = 0, capacity = 1 << 20, got = 1;
    CK_OBJECT_HANDLE *objects = malloc(capacity * sizeof *objects);
    if (objects == NULL) check(CKR_HOST_MEMORY, "memory");
    long before = resident();
    double start = now();
    check(p11->C_FindObjectsInit(session, NULL, 0), "C_FindObjectsInit");
    while (got > 0 && count + 1000 <= capacity) {
        check(p11->C_FindObjects(session, objects + count, 1000, &got), "C_FindObjects");
        count += got;
    }
    check(p11->C_FindObjectsFinal(session), "C_FindObjectsFinal");
    double listed = now() - start;
    long after = resident();
    start = now();
    for (CK_ULONG i = 0; i < count; i++) {
        CK_ULONG class;
        unsigned char id[4096], label[4096];
        CK_ATTRIBUTE asked[] = {{CKA_CLASS, &class, sizeof class}, {CKA_ID, id, sizeof id}, {CKA_LABEL, label, sizeof label}};
        check(p11->C_GetAttributeValue(session, objects[i], asked, 3), "C_GetAttributeValue");
    }
    printf("%lu %.3f %.3f %ld %ld\n", count, listed, now() - start, before, after);
    free(objects);
}

struct maker {
    pthread_t thread;
    CK_ULONG from, to;
};

static void *make(void *argument)
{
    static const unsigned char P256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    struct maker *maker = argument;
    CK_SESSION_HANDLE session = open_session();
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_BBOOL yes = CK_TRUE;
    for (CK_ULONG i = maker->from; i < maker->to; i++) {
        struct template public_key = {.count = 0}, private_key = {.count = 0};
        add(&public_key, CKA_TOKEN, &yes, 1);
        add(&public_key, CKA_VERIFY, &yes, 1);
        add(&public_key, CKA_EC_PARAMS, P256, sizeof P256);
        add_text(&public_key, CKA_ID, "bench-id-%09lu", i);
        add_text(&public_key, CKA_LABEL, "bench-key-%lu", i);
        add(&private_key, CKA_TOKEN, &yes, 1);
        add(&private_key, CKA_PRIVATE, &yes, 1);
        add(&private_key, CKA_SENSITIVE, &yes, 1);
        add(&private_key, CKA_SIGN, &yes, 1);
        add_text(&private_key, CKA_ID, "bench-id-%09lu", i);
        CK_OBJECT_HANDLE made[2];
        add_text(&private_key, CKA_LABEL, "bench-key-%lu", i);
        check(p11->C_GenerateKeyPair(session, &mechanism, public_key.attributes, public_key.count,
                                     private_key.attributes, private_key.count, &made[0], &made[1]),
              "C_GenerateKeyPair");
    }
    return NULL;
}

static void generate(CK_ULONG first, CK_ULONG count, CK_ULONG threads)
{
    static struct maker makers[MAX_THREADS];
    double start = now();
    for (CK_ULONG i = 0; i < threads; i++) {
        makers[i].from = first + i * count / threads;
        makers[i].to = first + (i + 1) * count / threads;
        if (pthread_create(&makers[i].thread, NULL, make, &makers[i]) != 0) check(CKR_HOST_MEMORY, "pthread_create");
    }
    for (CK_ULONG i = 0; i < threads; i++) pthread_join(makers[i].thread, NULL);
    printf("%.0f\n", (double)count / (now() - start));
}

static CK_ULONG number(const char *text, CK_ULONG min, CK_ULONG max)
{
    char *end;
    CK_ULONG value = strtoul(text == NULL ? "" : text, &end, 10);
    if (text == NULL || *end != '\0' || value < min || value > max) {
        fprintf(stderr, "many-keys: a number between %lu and %lu is missing\n", min, max);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    const char *command = argc < 4 ? "" : argv[3];
    bool known = (strcmp(command, "generate") == 0 && argc == 7) || (strcmp(command, "search") == 0 && argc == 6) ||
                 (strcmp(command, "list") == 0 && argc == 4);
    if (!known) {
        fprintf(stderr, "usage: many-keys MODULE PIN-FILE generate FIRST COUNT THREADS | search PAIRS SEARCHES | list\n");
        return 2;
    }
    unsigned char pin[256];
    FILE *file = fopen(argv[2], "r");
    if (file == NULL) {
        perror(argv[2]);
        return 1;
    }
    CK_ULONG pin_length = fread(pin, 1, sizeof pin, file);
    fclose(file);
    void *module = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (module == NULL) {
        fprintf(stderr, "many-keys: %s\n", dlerror());
        return 1;
    }
    CK_RV (*get_list)(CK_FUNCTION_LIST **) = (CK_RV (*)(CK_FUNCTION_LIST **))dlsym(module, "C_GetFunctionList");
    if (get_list == NULL || get_list(&p11) != CKR_OK) check(CKR_GENERAL_ERROR, "C_GetFunctionList");
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
    check(p11->C_Initialize(&arguments), "C_Initialize");
    CK_SESSION_HANDLE session = open_session();
    if (strcmp(command, "search") == 0) {
        pairs = number(argv[4], 1, 900000000);
        searches = number(argv[5], 1, MAX_SEARCHES);
        search(session, 0);
    }
    check(p11->C_Login(session, CKU_USER, pin, pin_length), "C_Login");
    if (strcmp(command, "search") == 0) search(session, 1);
    else if (strcmp(command, "list") == 0) list(session);
    else
        generate(number(argv[4], 0, 900000000), number(argv[5], 1, 900000000), number(argv[6], 1, MAX_THREADS));
    check(p11->C_Finalize(NULL), "C_Finalize");
    return 0;
}
