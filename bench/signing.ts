/**
 * Signatures per second and latency through the PKCS#11 library, beside SoftHSM2 in process and `openssl speed`, measured in turn
 * in the same run. Prints medians and ratios.
 *
 *   npm run bench -- [--rounds 5] [--seconds 1.5] [--only rsa2048|p256|ed25519]
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MODULE, Pkcs11Host, TOKEN } from '#test/interop/pkcs11-host.ts';

const THREADS = [1, 8, 32] as const;
const ALGORITHMS = { rsa2048: 'rsa2048', p256: 'ecdsap256', ed25519: 'ed25519' } as const;
type Kind = keyof typeof ALGORITHMS;

const SOFTHSM = '/usr/lib/softhsm/libsofthsm2.so';
const ROOT = join(import.meta.dirname, '..');

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1.5' },
    only: { type: 'string' },
  },
});
const kinds = (Object.keys(ALGORITHMS) as Kind[]).filter((kind) => options.only === undefined || kind === options.only);

interface Module {
  readonly path: string;
  readonly label: string;
  readonly pinFile: string;
  readonly env: Record<string, string>;
}

interface Sample {
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
}

const bench = join(ROOT, 'build/bench/p11bench');

function compile(): void {
  mkdirSync(join(ROOT, 'build/bench'), { recursive: true });
  execFileSync(
    'gcc',
    [
      '-O2',
      '-Wall',
      '-Wextra',
      '-I',
      join(ROOT, 'pkcs11'),
      '-I',
      join(ROOT, 'build/pkcs11'),
      join(ROOT, 'bench/p11bench.c'),
      '-o',
      bench,
      '-ldl',
      '-lpthread',
    ],
    { stdio: 'inherit' },
  );
}

function run(module: Module, ...args: string[]): string {
  return execFileSync(bench, [module.path, module.label, module.pinFile, ...args], {
    env: { ...process.env, ...module.env },
    encoding: 'utf8',
  });
}

function sign(module: Module, kind: Kind, threads: number): Sample {
  const [rate, p50, p99] = run(module, 'sign', kind, String(threads), options.seconds).trim().split(' ').map(Number);
  return { rate: rate ?? Number.NaN, p50: p50 ?? Number.NaN, p99: p99 ?? Number.NaN };
}

/** Signatures per second of `openssl speed` on as many processes as there are processors. */
function opensslSpeed(kind: Kind): number {
  const { stdout } = spawnSync(
    'openssl',
    [
      'speed',
      '-mr',
      '-seconds',
      String(Math.max(1, Math.round(Number(options.seconds)))),
      '-multi',
      String(availableParallelism()),
      ALGORITHMS[kind],
    ],
    { encoding: 'utf8' },
  );
  // The last line sums up all processes: "+F2:2:2048:SIGNATURES:VERIFICATIONS" (RSA), "+F4:3:256:..." (ECDSA), "+F6:0:253:Ed25519:..." per second.
  const fields = (stdout.split('\n').findLast((text) => /^\+F[246]:/.test(text)) ?? '').split(':');
  return Number(fields[fields[0] === '+F6' ? 4 : 3]);
}

function softhsm(folder: string): Module {
  const tokens = join(folder, 'tokens');
  mkdirSync(tokens);
  const configuration = join(folder, 'softhsm2.conf');
  writeFileSync(configuration, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`);
  const pinFile = join(folder, 'softhsm-pin');
  writeFileSync(pinFile, '1234');
  const env = { SOFTHSM2_CONF: configuration };
  execFileSync('softhsm2-util', ['--init-token', '--free', '--label', 'bench', '--so-pin', '123456', '--pin', '1234'], {
    env: { ...process.env, ...env },
    stdio: 'ignore',
  });
  return { path: SOFTHSM, label: 'bench', pinFile, env };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function medianSample(samples: readonly Sample[]): Sample {
  return {
    rate: median(samples.map(({ rate }) => rate)),
    p50: median(samples.map(({ p50 }) => p50)),
    p99: median(samples.map(({ p99 }) => p99)),
  };
}

/** Resident memory of a process in MiB. */
function residentMemory(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

function memoryTable(daemon: number): string {
  const processes = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(daemon)], { encoding: 'utf8' }).trim();
  const rows = processes.split('\n').map((row) => {
    const [pid = '', ...args] = row.trim().split(/\s+/);
    const script = args.find((argument) => argument.endsWith('.ts')) ?? args[0] ?? '';
    return `  ${script.split('/').slice(-2).join('/')}: ${residentMemory(Number(pid)).toFixed(0)} MiB`;
  });
  return [`  daemon: ${residentMemory(daemon).toFixed(0)} MiB`, ...rows].join('\n');
}

compile();
if (!existsSync(SOFTHSM)) {
  console.error('SoftHSM2 is missing: apt-get install softhsm2');
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'dks-bench-'));
const host = await Pkcs11Host.start();
try {
  const ours: Module = { path: MODULE, label: TOKEN, pinFile: join(host.folder, 'pin'), env: host.env };
  const reference = softhsm(folder);
  for (const kind of kinds) for (const module of [ours, reference]) run(module, 'keygen', kind);

  console.log('type     threads   ours/s  p50 us  p99 us  SoftHSM/s  p50 us  ours:SoftHSM  openssl/s  ours:openssl');
  for (const kind of kinds) {
    for (const threads of THREADS) {
      const rounds = Array.from({ length: Number(options.rounds) }, () => ({
        ours: sign(ours, kind, threads),
        reference: sign(reference, kind, threads),
        openssl: opensslSpeed(kind),
      }));
      const mine = medianSample(rounds.map(({ ours: sample }) => sample));
      const other = medianSample(rounds.map(({ reference: sample }) => sample));
      const openssl = median(rounds.map((round) => round.openssl));
      const toSofthsm = median(rounds.map((round) => round.ours.rate / round.reference.rate));
      const toOpenssl = median(rounds.map((round) => round.ours.rate / round.openssl));
      console.log(
        [
          kind.padEnd(8),
          String(threads).padStart(7),
          mine.rate.toFixed(0).padStart(8),
          mine.p50.toFixed(0).padStart(7),
          mine.p99.toFixed(0).padStart(7),
          other.rate.toFixed(0).padStart(10),
          other.p50.toFixed(0).padStart(7),
          toSofthsm.toFixed(2).padStart(13),
          openssl.toFixed(0).padStart(10),
          toOpenssl.toFixed(2).padStart(13),
        ].join(' '),
      );
    }
  }
  console.log(`Resident memory after the run:\n${memoryTable(host.appliance.pid)}`);
} finally {
  await host.stop();
  rmSync(folder, { recursive: true, force: true });
}
