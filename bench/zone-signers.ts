/** A zone like a top-level domain's, and the programs that sign it: how each is installed, gets its keys, signs, and who judges. */

import { createHash } from 'node:crypto';
import { type Release } from '#test/interop/machine.ts';

export const ORIGIN = 'example';

/** Of so many delegations one is signed, so has a DS record. */
const DELEGATIONS_FOR_EACH_DS = 10;

/** DNSSEC's number of an algorithm (RFC 8624), and its keys as pkcs11-tool names them. */
export const ALGORITHMS = [
  { name: 'P-256', number: 13, keyType: 'EC:prime256v1' },
  { name: 'RSA-2048', number: 8, keyType: 'rsa:2048' },
] as const;

export type Algorithm = (typeof ALGORITHMS)[number];

/** Always the same zone for the same number of delegations. */
export function zoneOf(delegations: number): string {
  const lines = [
    `$ORIGIN ${ORIGIN}.`,
    '$TTL 86400',
    '@ IN SOA ns1 hostmaster 1 7200 3600 1209600 3600',
    '@ IN NS ns1',
    'ns1 IN A 192.0.2.1',
  ];
  for (let i = 0; i < delegations; i++) {
    const digest = createHash('sha256').update(String(i)).digest();
    // The number at the end makes the name unique, the digest gives it its place in the chain of names.
    const name = `${digest.toString('hex', 0, 4)}-${i}`;
    const operator = digest.readUInt16BE(4) % 1000;
    lines.push(`${name} IN NS ns1.operator${operator}.test.`, `${name} IN NS ns2.operator${operator}.test.`);
    if (i % DELEGATIONS_FOR_EACH_DS === 0) {
      lines.push(`${name} IN DS ${digest.readUInt16BE(6)} 13 2 ${digest.toString('hex')}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/**
 * A program that signs the file `zone` into the file `signed`. Its scripts run in a work folder and have $MODULE, $URI, $PIN, $ALGORITHM;
 * $KSK and $ZSK are the identifiers of two keys in the token, and their labels.
 */
export interface Signer {
  readonly name: string;
  readonly release: Release;
  readonly packages: string;
  /** Everything before the signing: not in the time. */
  readonly prepare: string;
  /** What is timed. */
  readonly sign: string;
  /** After the signing: not in the time. */
  readonly end?: string;
  /** By a program of others. */
  readonly verify: string;
}

/** As docs/programs/bind-9.20.md. SoftHSM2 shares its heap with BIND only if it is loaded first. */
const bind: Signer = {
  name: 'dnssec-signzone',
  release: 'trixie',
  packages: 'bind9-utils pkcs11-provider openssl',
  prepare: `
cat > provider.cnf <<END
openssl_conf = openssl_init
[openssl_init]
providers = provider_sect
[provider_sect]
default = default_sect
pkcs11 = pkcs11_sect
[default_sect]
activate = 1
[pkcs11_sect]
module = $(echo /usr/lib/*/ossl-modules/pkcs11.so)
pkcs11-module-path = $MODULE
pkcs11-module-token-pin = file:$PWD/pin
pkcs11-module-load-behavior = early
pkcs11-module-cache-keys = false
activate = 1
END
mkdir keys
export OPENSSL_CONF=$PWD/provider.cnf LD_PRELOAD=$PRELOAD
dnssec-keyfromlabel -a $ALGORITHM -l "$URI;object=$KSK" -f KSK -K keys ${ORIGIN} > ksk
dnssec-keyfromlabel -a $ALGORITHM -l "$URI;object=$ZSK" -K keys ${ORIGIN} > zsk`,
  sign: `OPENSSL_CONF=$PWD/provider.cnf LD_PRELOAD=$PRELOAD \\
  dnssec-signzone -n 64 -K keys -S -o ${ORIGIN} -f signed zone`,
  verify: 'ldns-verify-zone signed',
};

/** As docs/programs/ldns.md. */
const ldns: Signer = {
  name: 'ldns-signzone',
  release: 'bookworm',
  packages: 'libengine-pkcs11-openssl',
  prepare: '',
  sign: `PKCS11_MODULE_PATH=$MODULE ldns-signzone -E pkcs11 -o ${ORIGIN} -f signed \\
  -K "$ALGORITHM,$URI;object=$KSK;type=private?pin-source=file:$PWD/pin" -k "$ALGORITHM,$URI;object=$ZSK;type=private?pin-source=file:$PWD/pin" zone`,
  verify: `dnssec-verify -o ${ORIGIN} signed`,
};

/** OpenDNSSEC's signer alone, told what its enforcer would tell it, with as many threads as docs/programs/opendnssec.md says. */
const openDnssec: Signer = {
  name: 'ods-signerd',
  release: 'bookworm',
  packages: 'opendnssec-common opendnssec-signer',
  prepare: `
cat > repository.xml <<END
<Repository name="bench"><Module>$MODULE</Module><TokenLabel>Cryptech Token</TokenLabel><PIN>$PIN</PIN></Repository>
END
sed -e '/<Repository name="SoftHSM">/,/<\\/Repository>/d' -e "/<RepositoryList>/r repository.xml" -e '/<Privileges>/,/<\\/Privileges>/d' -e 's|</Signer>|<SignerThreads>32</SignerThreads>&|' \\
  /usr/share/opendnssec/conf.xml > /etc/opendnssec/conf.xml
rm -rf /var/lib/opendnssec/{enforcer,signer,signconf,unsigned,signed,tmp}
mkdir -p /var/lib/opendnssec/{enforcer,signer,signconf,unsigned,signed,tmp}
cp zone /var/lib/opendnssec/unsigned/${ORIGIN}
cat > /var/lib/opendnssec/enforcer/zones.xml <<END
<?xml version="1.0" encoding="UTF-8"?>
<ZoneList><Zone name="${ORIGIN}"><Policy>default</Policy>
  <SignerConfiguration>/var/lib/opendnssec/signconf/${ORIGIN}.xml</SignerConfiguration>
  <Adapters>
    <Input><Adapter type="File">/var/lib/opendnssec/unsigned/${ORIGIN}</Adapter></Input>
    <Output><Adapter type="File">/var/lib/opendnssec/signed/${ORIGIN}</Adapter></Output>
  </Adapters>
</Zone></ZoneList>
END
cat > /var/lib/opendnssec/signconf/${ORIGIN}.xml <<END
<?xml version="1.0" encoding="UTF-8"?>
<SignerConfiguration><Zone name="${ORIGIN}">
  <Signatures>
    <Resign>PT2H</Resign><Refresh>P3D</Refresh><Validity><Default>P14D</Default><Denial>P14D</Denial></Validity>
    <Jitter>PT12H</Jitter><InceptionOffset>PT3600S</InceptionOffset>
  </Signatures>
  <Denial><NSEC/></Denial>
  <Keys>
    <TTL>PT3600S</TTL>
    <Key><Flags>257</Flags><Algorithm>$ALGORITHM</Algorithm><Locator>$KSK</Locator><KSK/><Publish/></Key>
    <Key><Flags>256</Flags><Algorithm>$ALGORITHM</Algorithm><Locator>$ZSK</Locator><ZSK/><Publish/></Key>
  </Keys>
  <SOA><TTL>PT3600S</TTL><Minimum>PT3600S</Minimum><Serial>unixtime</Serial></SOA>
</Zone></SignerConfiguration>
END`,
  // Told to stop, version 2.1.12 now and then frees a thread twice: the daemon is ended.
  sign: `mkdir /run/opendnssec
ods-signerd -d > signer.log 2>&1 & SIGNER=$!
until [ -e /var/lib/opendnssec/signed/${ORIGIN} ]; do kill -0 $SIGNER; sleep 0.1; done`,
  end: `kill -9 $SIGNER; cp /var/lib/opendnssec/signed/${ORIGIN} signed`,
  verify: `dnssec-verify -o ${ORIGIN} signed`,
};

export const SIGNERS: readonly Signer[] = [bind, ldns, openDnssec];
