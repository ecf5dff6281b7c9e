/**
 * How long signers of zones take with keys in the HSM, beside the same with SoftHSM2 in the signer's own process: the same programs, machine
 * and zone, in turn. Each signed zone is verified by another program, outside of the time. Needs root.
 *
 *   npm run bench:zones -- [--delegations 100000] [--rounds 1] [--only dnssec-signzone|ldns-signzone|ods-signerd] [--algorithm P-256|RSA-2048]
 */

import { parseArgs } from 'node:util';
import { OperatorError } from '#src/config/errors.ts';
import { type Secrets, startAppliance } from '#test/appliance.ts';
import { equip } from '#test/interop/equipment.ts';
import { Machine, MODULE_PATH, type Release } from '#test/interop/machine.ts';
import { TOKEN } from '#test/interop/pkcs11-host.ts';
import { until } from '#test/processes.ts';
import { type Algorithm, ALGORITHMS, type Signer, SIGNERS, zoneOf } from './zone-signers.ts';

const { values: options } = parseArgs({
  options: {
    delegations: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '1' },
    only: { type: 'string' },
    algorithm: { type: 'string' },
  },
});
const rounds = Array.from({ length: Number(options.rounds) }, (_, round) => round);
const signers = SIGNERS.filter(({ name }) => options.only === undefined || name === options.only);
const algorithms = ALGORITHMS.filter(({ name }) => options.algorithm === undefined || name === options.algorithm);

/** A PKCS#11 library, with a token of the same label as the other's. */
interface Module {
  readonly name: 'ours' | 'SoftHSM2';
  readonly path: string;
  readonly pin: string;
  /** Loaded before the program where that has a heap of its own. */
  readonly preload: string;
}

interface Run {
  readonly seconds: number;
  readonly signatures: number;
  /** To the appliance, those for the login and the search of the keys too. */
  readonly requests: number;
}

const SOFTHSM_PATH = '/usr/lib/softhsm/libsofthsm2.so';

/** Packages besides the signers' own. */
const PACKAGES = 'opensc softhsm2 ldnsutils bind9-utils';

/** Makes a machine with all that its signers need. */
async function prepareMachine(release: Release, secrets: Secrets, zone: string): Promise<Machine> {
  const machine = await Machine.start(release);
  await equip(machine, appliance, secrets);
  machine.write('/srv/hsm/pin', secrets.userPin, 0o600);
  machine.write('/srv/hsm/zone', zone);
  const packages = signers.filter((signer) => signer.release === release).map((signer) => signer.packages);
  await machine.run(`apt-get install -y --no-install-recommends ${PACKAGES} ${packages.join(' ')}
softhsm2-util --init-token --free --label '${TOKEN}' --so-pin 123456 --pin ${secrets.userPin}`);
  return machine;
}

/** The beginning of each script: a folder and two keys for each signer, algorithm and module. */
function preamble(signer: Signer, algorithm: Algorithm, module: Module): string {
  const number = (key: number): string =>
    (256 * (16 * SIGNERS.indexOf(signer) + algorithm.number) + key).toString(16).padStart(4, '0');
  return `
export MODULE=${module.path} PRELOAD=${module.preload} PIN=${module.pin} URI='pkcs11:token=${encodeURIComponent(TOKEN)}'
ALGORITHM=${algorithm.number} KSK=${number(1)} ZSK=${number(2)}
mkdir -p /srv/hsm/work && cd /srv/hsm/work
trap '[ $? = 0 ] || cat *.log >&2' EXIT
`;
}

/** A new folder with the zone and the PIN; the keys are there from the first round on. */
const PREPARE = `
rm -rf /srv/hsm/work/* && ln /srv/hsm/zone /srv/hsm/pin .
p() { pkcs11-tool --module $MODULE --login --pin env:PIN "$@" 2>&1; }
for key in $KSK $ZSK; do
  p --list-objects --type privkey | grep -w $key > /dev/null ||
    p --keypairgen --key-type $KEY_TYPE --id $key --label $key --usage-sign
done
`;

async function sign(machine: Machine, signer: Signer, algorithm: Algorithm, module: Module): Promise<Run> {
  const begin = preamble(signer, algorithm, module);
  await machine.run(`${begin}KEY_TYPE=${algorithm.keyType}${PREPARE}${signer.prepare}`);
  await quiet();
  const before = appliance.log.length;
  const output = await machine.run(`${begin}
START=$EPOCHREALTIME
${signer.sign}
echo "from $START to $EPOCHREALTIME"
${signer.end ?? ''}`);
  await quiet();
  const [, start, end] = /^from (\S+) to (\S+)$/m.exec(output) ?? [];
  const requests = [...appliance.log.slice(before).matchAll(/disconnected after (\d+) requests/g)];
  await machine.run(`${begin}${signer.verify}`);
  const signatures = await machine.run(
    `${begin}grep -cE '[[:space:]]RRSIG[[:space:]]+[A-Z]+ +${algorithm.number} ' signed`,
  );
  return {
    seconds: Number(end) - Number(start),
    signatures: Number(signatures),
    requests: requests.reduce((sum, [, count]) => sum + Number(count), 0),
  };
}

/** Until the appliance has told of all connections that they ended. */
async function quiet(): Promise<void> {
  const count = (pattern: RegExp): number => appliance.log.match(pattern)?.length ?? 0;
  await until(() => count(/:\d+ connected, /g) === count(/ disconnected after /g));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function row(signer: string, algorithm: string, ours: readonly Run[], reference: readonly Run[]): string {
  const of = (runs: readonly Run[], figure: (run: Run) => number): number => median(runs.map(figure));
  const rate = ({ signatures, seconds }: Run): number => signatures / seconds;
  const ratio = median(ours.map(({ seconds }, round) => seconds / (reference[round]?.seconds ?? Number.NaN)));
  return [
    signer.padEnd(15),
    algorithm.padEnd(9),
    of(ours, (run) => run.signatures)
      .toString()
      .padStart(10),
    of(ours, (run) => run.seconds)
      .toFixed(2)
      .padStart(9),
    of(reference, (run) => run.seconds)
      .toFixed(2)
      .padStart(11),
    ratio.toFixed(2).padStart(6),
    of(ours, rate).toFixed(0).padStart(8),
    of(reference, rate).toFixed(0).padStart(12),
    of(ours, (run) => run.requests / run.signatures)
      .toFixed(4)
      .padStart(19),
  ].join(' ');
}

if (signers.length === 0 || algorithms.length === 0) throw new OperatorError('there is no such signer or algorithm');
const appliance = await startAppliance({ verbose: true });
const machines = new Map<Release, Machine>();
try {
  const secrets = await appliance.setUp();
  const modules: readonly Module[] = [
    { name: 'ours', path: MODULE_PATH, pin: secrets.userPin, preload: '' },
    { name: 'SoftHSM2', path: SOFTHSM_PATH, pin: secrets.userPin, preload: SOFTHSM_PATH },
  ];
  const zone = zoneOf(Number(options.delegations));
  for (const release of new Set(signers.map((signer) => signer.release))) {
    machines.set(release, await prepareMachine(release, secrets, zone));
  }
  console.log(
    'signer          algorithm signatures    ours s  SoftHSM2 s  ratio   ours/s   SoftHSM2/s requests/signature',
  );
  for (const algorithm of algorithms) {
    for (const signer of signers) {
      const runs: Record<Module['name'], Run[]> = { ours: [], SoftHSM2: [] };
      for (const round of rounds) {
        for (const module of round % 2 === 0 ? modules : modules.toReversed()) {
          runs[module.name].push(await sign(machines.get(signer.release) as Machine, signer, algorithm, module));
        }
      }
      console.log(row(signer.name, algorithm.name, runs.ours, runs.SoftHSM2));
    }
  }
} finally {
  for (const machine of machines.values()) await machine.stop();
  await appliance.stop();
}
