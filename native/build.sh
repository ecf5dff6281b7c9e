#!/bin/sh
# Builds build/native/diamond.node if it is older than its sources. OpenSSL's functions come from the node executable at run
# time, so only the headers are needed here, and nothing is linked.
set -eu
cd "$(dirname "$0")/.."

target=build/native/diamond.node
headers=node_modules/node-api-headers/include

if [ -e "$target" ] && [ -z "$(find native -newer "$target" -type f)" ]; then
  exit 0
fi

fail() {
  echo "native/build.sh: $1" >&2
  exit 1
}
command -v "${CC:-gcc}" >/dev/null || fail 'no C compiler: apt-get install gcc libc6-dev'
[ -e "$headers/node_api.h" ] || fail 'node-api-headers is missing: npm ci'
echo '#include <openssl/evp.h>' | "${CC:-gcc}" -fsyntax-only -x c - 2>/dev/null ||
  fail 'headers of OpenSSL or the C library are missing: apt-get install libssl-dev libc6-dev'

mkdir -p "$(dirname "$target")"
"${CC:-gcc}" -shared -fPIC -std=c11 -O2 -Wall -Wextra -Werror -Wshadow -Wconversion -Wno-sign-conversion -fvisibility=hidden \
  -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 -Wl,-z,relro,-z,now,-z,noexecstack \
  -isystem "$headers" -o "$target.new" native/*.c
mv "$target.new" "$target"
