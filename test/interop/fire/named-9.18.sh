# BIND 9.18 built for engines, libp11: dynamic updates of two zones, RSA with inline signing and ECDSA without.
# Debian 12.

. shared/named.sh

# What was built is kept among the packages, for the next time.
install() {
  local version built
  apt-get install -y --no-install-recommends bind9 bind9-utils bind9-dnsutils opensc libengine-pkcs11-openssl \
    build-essential pkg-config libuv1-dev libcap-dev libssl-dev
  version=$(dpkg-query -W -f '${source:Version}' bind9 | tr : _)
  built=/var/cache/apt/archives/bind9-engine_$version.tar
  if [ ! -e $built ]; then
    mkdir src && cd src
    apt-get source --download-only --tar-only bind9
    tar xf bind9_*.orig.tar.xz --strip-components=1
    CFLAGS=-O2 CPPFLAGS=-DOPENSSL_API_COMPAT=10100 ./configure --quiet --disable-doh \
      --prefix=/opt/bind9 --sysconfdir=/opt/bind9/etc --localstatedir=/opt/bind9/var
    make -s bind.keys.h
    for part in lib bin/named bin/dnssec; do make -s -j"$(nproc)" -C $part install; done
    tar cf $built.$$ -C / opt/bind9
    mv $built.$$ $built
    cd ..
  fi
  tar xf $built -C /
}

start() {
  local zone role id=0
  PATH=/opt/bind9/bin:/opt/bind9/sbin:$PATH
  cat > openssl.cnf <<END
openssl_conf = openssl_init
[openssl_init]
engines = engine_section
[engine_section]
pkcs11 = pkcs11_section
[pkcs11_section]
engine_id = pkcs11
dynamic_path = $(echo /usr/lib/*/engines-3/pkcs11.so)
MODULE_PATH = $MODULE
PIN = $PIN
init = 0
END
  chown root:bind openssl.cnf && chmod 640 openssl.cnf
  write_zones
  write_options
  for zone in "rsa.fire RSASHA256 rsa:2048" "ec.fire ECDSAP256SHA256 EC:prime256v1"; do
    set -- $zone
    for role in ksk zsk; do
      id=$((id + 1))
      pkcs11-tool --module $MODULE --login --pin env:PIN --keypairgen --key-type $3 --label $1-$role --id 0$id --usage-sign
      OPENSSL_CONF=/srv/hsm/openssl.cnf dnssec-keyfromlabel -E pkcs11 -a $2 -l "$URI;object=$1-$role" $([ $role = zsk ] || echo -f KSK) -K named/keys $1
    done
  done
  cat >> named.conf <<'END'
dnssec-policy "rsa" { keys { ksk lifetime unlimited algorithm rsasha256 2048; zsk lifetime unlimited algorithm rsasha256 2048; }; };
dnssec-policy "ec" { keys { ksk lifetime unlimited algorithm ecdsap256sha256; zsk lifetime unlimited algorithm ecdsap256sha256; }; };
zone "rsa.fire" { type primary; file "rsa.fire"; dnssec-policy "rsa"; inline-signing yes; allow-update { any; }; };
zone "ec.fire" { type primary; file "ec.fire"; dnssec-policy "ec"; inline-signing no; allow-update { any; }; };
END
  chown -R bind:bind named
  OPENSSL_CONF=/srv/hsm/openssl.cnf named -E pkcs11 -u bind -c /srv/hsm/named.conf -g 2> named.log & NAMED=$!
  await_zones
  sign
}
