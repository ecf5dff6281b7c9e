#!/bin/sh
# Builds the tools with the names of BIND's, one program and four links, beside the library. OUT and CFLAGS_EXTRA as for the library.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
out=${OUT:-$root/build/pkcs11}
cc=${CC:-gcc}
program=$out/bind-pkcs11-tools
[ -f "$out/generated.h" ] || { echo 'pkcs11/tools/build.sh: build the library first: pkcs11/build.sh' >&2; exit 1; }

newest=$(find "$root/pkcs11/tools" "$root/pkcs11/cryptoki.h" "$out/generated.h" -type f -printf '%T@ %p\n' |
  sort -n | tail -n 1 | cut -d' ' -f2-)
if [ ! -f "$program" ] || [ "$newest" -nt "$program" ]; then
  # shellcheck disable=SC2086 # flags are words
  "$cc" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -O2 -g -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 ${CFLAGS_EXTRA:-} \
    -I"$out" -I"$root/pkcs11" "$root"/pkcs11/tools/*.c -o "$program.$$" -pie -Wl,-z,relro,-z,now -ldl
  # Under a name of its own first: others may build too, and a process that runs the old one keeps it.
  mv "$program.$$" "$program"
fi
for name in keygen list destroy tokens; do
  [ -L "$out/pkcs11-$name" ] || ln -sfn "$(basename "$program")" "$out/pkcs11-$name"
done
