/**
 * OpenDNSSEC's enforcer and signer with a configuration of their own. The programs have their folders compiled in, so they run in a
 * mount namespace where private folders lie over /etc/opendnssec, /var/lib/opendnssec and /run/opendnssec; a process namespace
 * makes sure that no daemon survives.
 */

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface OpenDnssecOptions {
  /** Empty folder to work in. */
  readonly folder: string;
  readonly module: string;
  readonly tokenLabel: string;
  readonly pin: string;
  /** RSA public keys are made as session objects that vanish; not for ECDSA. */
  readonly skipPublicKey: boolean;
  /** DNSSEC algorithm number and key lengths of KSK and ZSK. */
  readonly algorithm: number;
  readonly kskLength: number;
  readonly zskLength: number;
  /** Passed to the programs; the PKCS#11 library reads its configuration through it. */
  readonly env: Readonly<Record<string, string>>;
}

export interface OpenDnssecResult {
  /** Files: the zone as it was signed first, and at the end. */
  readonly zoneAtFirst: string;
  readonly zoneAtLast: string;
  /** Output of `ods-hsmutil list`. */
  readonly hsmList: string;
  /** Output of `ods-enforcer key list --verbose` after the first signing, and after four leaps to the next event in the zone's life. */
  readonly keysAtFirst: string;
  readonly keysAtLast: string;
}

/** The zone of the manual's OpenDNSSEC example (section 7). */
const ZONE = `$ORIGIN example.com.
$TTL 3600
@       IN SOA  ns1 hostmaster 2018110101 21600 3600 604800 3600
        IN NS   ns1
        IN NS   ns2
        IN MX   10 mail
ns1     IN A    192.0.2.1
ns2     IN A    192.0.2.2
mail    IN A    192.0.2.10
www     IN A    192.0.2.20
`;

function configuration({ module, tokenLabel, pin, skipPublicKey }: OpenDnssecOptions): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<Configuration>
  <RepositoryList>
    <Repository name="Cryptech">
      <Module>${module}</Module>
      <TokenLabel>${tokenLabel}</TokenLabel>
      <PIN>${pin}</PIN>
      ${skipPublicKey ? '<SkipPublicKey/>' : ''}
    </Repository>
  </RepositoryList>
  <Common>
    <Logging><Verbosity>3</Verbosity><Syslog><Facility>local0</Facility></Syslog></Logging>
    <PolicyFile>/etc/opendnssec/kasp.xml</PolicyFile>
    <ZoneListFile>/etc/opendnssec/zonelist.xml</ZoneListFile>
  </Common>
  <Enforcer>
    <Datastore><SQLite>/var/lib/opendnssec/db/kasp.db</SQLite></Datastore>
    <AutomaticKeyGenerationPeriod>PT12H</AutomaticKeyGenerationPeriod>
    <WorkingDirectory>/var/lib/opendnssec/enforcer</WorkingDirectory>
  </Enforcer>
  <Signer>
    <WorkingDirectory>/var/lib/opendnssec/signer</WorkingDirectory>
    <WorkerThreads>4</WorkerThreads>
  </Signer>
</Configuration>
`;
}

/** The packaged policy "lab" with the wanted algorithm in the repository "Cryptech". */
function policy({ algorithm, kskLength, zskLength }: OpenDnssecOptions): string {
  const packaged = readFileSync('/usr/share/opendnssec/kasp.xml', 'utf8');
  let length = kskLength;
  return packaged
    .replaceAll('<Repository>SoftHSM</Repository>', '<Repository>Cryptech</Repository>')
    .replaceAll(/<Algorithm length="\d+">\d+<\/Algorithm>/g, () => {
      const element = `<Algorithm length="${length}">${algorithm}</Algorithm>`;
      length = length === kskLength ? zskLength : kskLength;
      return element;
    });
}

const ZONE_LIST = `<?xml version="1.0" encoding="UTF-8"?>
<ZoneList>
  <Zone name="example.com">
    <Policy>lab</Policy>
    <SignerConfiguration>/var/lib/opendnssec/signconf/example.com.xml</SignerConfiguration>
    <Adapters>
      <Input><Adapter type="File">/var/lib/opendnssec/unsigned/example.com</Adapter></Input>
      <Output><Adapter type="File">/var/lib/opendnssec/signed/example.com</Adapter></Output>
    </Adapters>
  </Zone>
</ZoneList>
`;

/**
 * Runs inside the namespaces; $1 is the work folder. The daemons end with the namespace: told to stop, those of 2.1.12 now and then
 * free a thread twice and hang (janitor.c).
 */
const SCRIPT = `set -eu
W=$1
mkdir -p /run/opendnssec
mount --bind "$W/etc" /etc/opendnssec
mount --bind "$W/var" /var/lib/opendnssec
mount --bind "$W/run" /run/opendnssec
wait_for() {
  for i in $(seq 300); do
    ! "$@" 2>/dev/null || return 0
    sleep 0.1
  done
  echo "not within 30 s: $*" >&2
  return 1
}
complete() {
  grep -q 'RRSIG.DNSKEY' $signed && grep -q 'RRSIG.SOA' $signed && return 0
  sleep 1
  touch /var/lib/opendnssec/signconf/example.com.xml
  ods-signer update example.com >/dev/null
  return 1
}
signed=/var/lib/opendnssec/signed/example.com
ods-enforcer-db-setup -f
ods-kaspcheck
ods-enforcerd -d & ods-signerd -d &
wait_for test -e /run/opendnssec/enforcer.sock
wait_for test -e /run/opendnssec/engine.sock
ods-enforcer policy import
ods-enforcer zonelist import
# The enforcer tells the signer of each key as it comes, but the signer overlooks the second in the same second as the first.
wait_for complete
ods-enforcer key list --verbose >"$W/keys-at-first"
cp $signed "$W/signed-at-first"
for i in 1 2 3 4; do
  ods-enforcer time leap
  sleep 0.7
  tag=$(ods-enforcer key list --verbose | awk '/waiting for ds-seen/ { print $NF; exit }')
  [ -z "$tag" ] || ods-enforcer key ds-seen -z example.com -x "$tag"
done
ods-enforcer key list --verbose >"$W/keys-at-last"
cp $signed "$W/signed"
ods-hsmutil list >"$W/hsm-list"
`;

/** Lets OpenDNSSEC sign the zone example.com. */
export async function signWithOpenDnssec(options: OpenDnssecOptions): Promise<OpenDnssecResult> {
  const { folder } = options;
  for (const name of ['db', 'enforcer', 'signconf', 'signed', 'signer', 'tmp', 'unsigned']) {
    mkdirSync(join(folder, 'var', name), { recursive: true });
  }
  mkdirSync(join(folder, 'etc'));
  mkdirSync(join(folder, 'run'));
  cpSync('/usr/share/opendnssec/addns.xml', join(folder, 'etc', 'addns.xml'));
  writeFileSync(join(folder, 'etc', 'conf.xml'), configuration(options), { mode: 0o600 });
  writeFileSync(join(folder, 'etc', 'kasp.xml'), policy(options));
  writeFileSync(join(folder, 'etc', 'zonelist.xml'), ZONE_LIST);
  writeFileSync(join(folder, 'var', 'unsigned', 'example.com'), ZONE);

  const namespaces = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc'];
  await run('unshare', [...namespaces, 'sh', '-c', SCRIPT, 'sh', folder], {
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, ...options.env },
    timeout: 60_000,
    killSignal: 'SIGKILL', // unshare passes no other on
  });
  return {
    zoneAtFirst: join(folder, 'signed-at-first'),
    zoneAtLast: join(folder, 'signed'),
    hsmList: readFileSync(join(folder, 'hsm-list'), 'utf8'),
    keysAtFirst: readFileSync(join(folder, 'keys-at-first'), 'utf8'),
    keysAtLast: readFileSync(join(folder, 'keys-at-last'), 'utf8'),
  };
}
