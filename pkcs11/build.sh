#!/bin/sh
# Builds build/pkcs11/libcryptechdks-pkcs11.so. Compiles only what changed. CFLAGS_EXTRA and OUT may be set by tests.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
out=${OUT:-$root/build/pkcs11}
cc=${CC:-gcc}
PATH=$root/node_modules/.bin:$PATH

fail() {
  echo "pkcs11/build.sh: $1" >&2
  exit 1
}

command -v "$cc" >/dev/null || fail "$cc is missing: apt-get install gcc libc6-dev"
command -v node >/dev/null || fail 'node is missing: npm ci'
libdir=$(dirname "$("$cc" -print-file-name=libcrypto.a)")
if [ ! -f "$libdir/libcrypto.a" ] || [ ! -f "$libdir/libssl.a" ] ||
  ! echo '#include <openssl/ssl.h>' | "$cc" -E - >/dev/null 2>&1; then
  fail 'OpenSSL 3 headers and static libraries are missing: apt-get install libssl-dev'
fi

mkdir -p "$out"
# Two at once (tests beside each other) would write the same files.
if command -v flock >/dev/null; then
  exec 8>"$out/lock"
  flock 8
fi
node "$root/scripts/generate-c-headers.ts" "$out/generated.h"

# What the processor has against jumps to where no function begins.
case $(uname -m) in
  x86_64) branches=-fcf-protection ;;
  aarch64) branches=-mbranch-protection=standard ;;
  *) branches= ;;
esac
flags="-std=c11 -D_GNU_SOURCE -Wall -Wextra -Wformat=2 -Werror -O2 -g -fPIC -pthread -fvisibility=hidden
  -fstack-protector-strong -fstack-clash-protection $branches -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
  -I$out -I$root/pkcs11 ${CFLAGS_EXTRA:-}"

newest_header=$(find "$root/pkcs11" "$out" -maxdepth 1 \( -name '*.h' -o -name build.sh \) -printf '%T@ %p\n' |
  sort -n | tail -n 1 | cut -d' ' -f2-)
library=$out/libcryptechdks-pkcs11.so
relink=no
stale=''
for source in "$root"/pkcs11/*.c; do
  object=$out/$(basename "$source" .c).o
  if [ ! -f "$object" ] || [ "$source" -nt "$object" ] || [ "$newest_header" -nt "$object" ]; then
    stale="$stale$(basename "$source" .c)
"
    relink=yes
  fi
done
# OpenSSL's locks are replaced by ours, see openssl_locks.h.
wraps=''
for function in lock_new read_lock write_lock unlock lock_free; do
  wraps="$wraps -Wl,--wrap=CRYPTO_THREAD_$function"
done
export cc flags root out
# shellcheck disable=SC2016 # for the inner shell
printf %s "$stale" | xargs -P "$(nproc)" -I{} \
  sh -c '$cc $flags -c "$root/pkcs11/{}.c" -o "$out/{}.o.new" && mv "$out/{}.o.new" "$out/{}.o"' ||
  fail 'compilation failed'

# Objects of sources that are gone would stay in the library.
for object in "$out"/*.o; do
  [ -f "$root/pkcs11/$(basename "$object" .o).c" ] || { rm -f "$object"; relink=yes; }
done

if [ $relink = yes ] || [ ! -f "$library" ] || [ "$root/pkcs11/exports.map" -nt "$library" ]; then
  # shellcheck disable=SC2086
  "$cc" -shared -pthread ${CFLAGS_EXTRA:-} -o "$library.new" "$out"/*.o "$libdir/libssl.a" "$libdir/libcrypto.a" -ldl \
    -Wl,-soname,libcryptechdks-pkcs11.so -Wl,-z,relro,-z,now,-z,nodelete,-z,defs,-z,noexecstack \
    $wraps -Wl,--exclude-libs,ALL -Wl,--gc-sections -Wl,--version-script="$root/pkcs11/exports.map" ||
    fail 'linking failed'
  # A new file: a process that has the old one loaded keeps it.
  mv "$library.new" "$library"
fi
