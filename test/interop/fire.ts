/**
 * Programs under fire: a program that signs with the HSM, and the HSM goes away again and again. test/interop/fire/NAME.sh says in its first
 * two lines what it does and on which Debian, and has these functions:
 *
 * - `install`: packages, with the host's network; afterwards the machine reaches its loopback and the HSM only.
 * - `start`: starts the program, as its own user, up to its first good signature. Variables that it sets stay.
 * - `sign`: makes the running program make a new signature, which another program verifies; ends within 20 seconds or so in any case.
 * - `reload`: as an operator does it.
 * - `consumer`: prints the process id of the program, which must stay the same.
 * - `recover_FAULT`: what an operator has to do after a fault, where there is something.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { failure } from '../../scripts/quickstart/run-program.ts';
import { Cable } from './cable.ts';
import type { Conversation } from './conversation.ts';
import { equip, PREAMBLE } from './equipment.ts';
import { FAULTS, type Fault } from './faults.ts';
import { Hsm } from './hsm.ts';
import { Machine, type Release } from './machine.ts';
import { releasesOf } from './recipe.ts';

const FOLDER = join(import.meta.dirname, 'fire');

/** A line that stands for what a file has that several scripts share. */
const SHARED = /^\. (shared\/\S+)$/gm;

/** The next good signature after a fault. */
const LIMIT_MS = 60_000;
/** A script that does not answer by then hangs. */
const PATIENCE_MS = 120_000;
const BETWEEN_SIGNATURES_MS = 100;
const EXIT_INTERRUPTED = 130;

/** Does what it is told, and answers with the exit status and what it found. An order may fail, so it runs in a shell of its own. */
const OBEY = `
start 3>&- < /dev/null
echo ready >&3
while read -r order; do
  said=
  set +e
  case $order in
    consumer) said=$(consumer 3>&- < /dev/null) && [ -d "/proc/$said" ] ;;
    has\\ *) declare -F "\${order#has }" > /dev/null ;;
    end) exit 1 ;;      # the trap shows the logs
    *) (set -e; $order) 3>&- < /dev/null ;;
  esac
  status=$?
  set -e
  echo "$status $said" >&3
done
`;

export interface FireScript {
  readonly name: string;
  readonly title: string;
  readonly releases: readonly Release[];
  readonly functions: string;
}

interface Signature {
  readonly began: number;
  readonly ended: number;
  readonly good: boolean;
}

/** What a fault did to a program. */
interface Effect {
  readonly fault: string;
  /** From the end of the fault to the end of the next good signature that began after it; `undefined` if there was none in time. */
  readonly seconds: number | undefined;
  readonly failed: number;
  readonly note: string;
}

export function fireNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.sh'))
    .map((file) => file.slice(0, -3))
    .sort();
}

export function readFire(name: string): FireScript {
  const functions = readFileSync(join(FOLDER, `${name}.sh`), 'utf8').replaceAll(SHARED, (_, path: string) =>
    readFileSync(join(FOLDER, path), 'utf8'),
  );
  const [title = '', releases = ''] = functions.split('\n').map((line) => line.slice('# '.length));
  return { name, title, releases: releasesOf(releases, `test/interop/fire/${name}.sh: line 2`), functions };
}

/** One program through all faults; tells whether it came through. */
export async function underFire(script: FireScript, release: Release, show?: (text: string) => void): Promise<boolean> {
  const held = new AsyncDisposableStack();
  const giveUp = (): void => void held.disposeAsync().finally(() => process.exit(EXIT_INTERRUPTED));
  process.once('SIGINT', giveUp).once('SIGTERM', giveUp);
  try {
    const cable = await Cable.lay();
    held.defer(() => cable.remove());
    const hsm = await Hsm.start(cable.host);
    held.defer(() => hsm.stop());
    const machine = await Machine.start(release);
    held.defer(() => machine.stop());
    await equip(machine, hsm.appliance, hsm.secrets, cable.host);
    const installed = await machine.attempt(`${PREAMBLE}${script.functions}\ninstall`, show);
    if (installed.status !== 0) {
      console.log(failure(`${script.name}: install`, installed).message);
      return false;
    }
    const conversation = machine.converse(PREAMBLE + script.functions + OBEY, cable.namespace, show);
    held.defer(async () => void (await conversation.end()));
    return await new Trial(script, conversation, { hsm, cable }).run(show === undefined);
  } finally {
    process.off('SIGINT', giveUp).off('SIGTERM', giveUp);
    await held.disposeAsync();
  }
}

class Trial {
  readonly #script: FireScript;
  readonly #conversation: Conversation;
  readonly #place: { hsm: Hsm; cable: Cable };
  readonly #signatures: Signature[] = [];
  #onSignature: () => void = () => {};
  #stopped = false;

  constructor(script: FireScript, conversation: Conversation, place: { hsm: Hsm; cable: Cable }) {
    this.#script = script;
    this.#conversation = conversation;
    this.#place = place;
  }

  /** Shows what became of each fault; if the program did not come through, or is not quiet, also the ends of the logs. */
  async run(quiet: boolean): Promise<boolean> {
    const { name, title } = this.#script;
    console.log(`${name}: ${title}`);
    let good = false;
    try {
      good = await this.#throughAll();
    } catch (error) {
      console.log(`  ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#stopped = true;
    if (!good || !quiet) await this.#showLogs(quiet);
    return good;
  }

  async #throughAll(): Promise<boolean> {
    if ((await inTime(this.#conversation.listen(), 'start')) !== 'ready') throw new Error('start failed');
    const signing = this.#sign();
    const stop = (): void => {
      this.#stopped = true;
      this.#onSignature();
    };
    signing.then(stop, stop);
    let consumer = await this.#consumer();
    let good = (await this.#nextGood(performance.now())) !== undefined;
    if (!good) console.log('  no good signature before the first fault');
    for (const fault of good ? FAULTS : []) {
      const effect = await this.#through(fault);
      const now = await this.#consumer();
      const same = now === consumer || (now !== '' && effect.note !== '');
      const note = now === '' ? 'the main process has ended' : 'the main process is another one';
      console.log(line(same ? effect : { ...effect, note }));
      good &&= same && effect.seconds !== undefined;
      consumer = now;
    }
    this.#stopped = true;
    await signing;
    return good;
  }

  async #through(fault: Fault): Promise<Effect> {
    const { name } = fault;
    const first = this.#signatures.length;
    const reload = async (): Promise<void> => {
      const status = await this.#order('reload');
      if (status !== '0') throw new Error('reload failed');
    };
    await fault.happen({ ...this.#place, reload });
    const over = performance.now();
    const recover = `recover_${name}`;
    const hasRecovery = (await this.#order(`has ${recover}`)) === '0';
    if (hasRecovery) await this.#order(recover);
    const next = await this.#nextGood(over);
    const failed = this.#signatures.slice(first).filter(({ good }) => !good).length;
    const seconds = next && (next.ended - over) / 1000;
    return { fault: name, seconds, failed, note: hasRecovery ? `with ${recover}` : '' };
  }

  async #sign(): Promise<void> {
    while (!this.#stopped) {
      const began = performance.now();
      const good = (await this.#order('sign')) === '0';
      this.#signatures.push({ began, ended: performance.now(), good });
      this.#onSignature();
      await sleep(BETWEEN_SIGNATURES_MS);
    }
  }

  /** The first good signature that began after a moment. */
  async #nextGood(after: number): Promise<Signature | undefined> {
    for (;;) {
      const found = this.#signatures.find(({ began, good }) => good && began >= after);
      const left = after + LIMIT_MS - performance.now();
      if (found || left <= 0 || this.#stopped) return found;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, left);
      this.#onSignature = resolve;
      await promise;
      clearTimeout(timer);
    }
  }

  /** Gives the exit status. */
  async #order(order: string): Promise<string> {
    const [status = ''] = (await this.#ask(order)).split(' ');
    return status;
  }

  /** Process id of the program; empty if it has ended. */
  async #consumer(): Promise<string> {
    const [status, pid = ''] = (await this.#ask('consumer')).split(' ');
    return status === '0' ? pid : '';
  }

  async #ask(order: string): Promise<string> {
    const answer = await inTime(this.#conversation.ask(order), order);
    if (answer === undefined) throw new Error(`the script ended at ${order}`);
    return answer;
  }

  async #showLogs(quiet: boolean): Promise<void> {
    void this.#conversation.ask('end');
    const { stdout, stderr } = await inTime(this.#conversation.outcome, 'end').catch(() => this.#conversation.end());
    if (quiet) console.log(lastLines(stdout, 15) + lastLines(stderr, 60));
    console.log(`the appliance:\n${lastLines(this.#place.hsm.log, 15)}`);
  }
}

async function inTime<Result>(result: Promise<Result>, what: string): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no end of ${what}`)), PATIENCE_MS);
  try {
    return await Promise.race([result, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function line({ fault, seconds, failed, note }: Effect): string {
  const time = seconds === undefined ? '   never' : `${seconds.toFixed(1).padStart(6)} s`;
  return `  ${fault.padEnd(8)} ${time} ${String(failed).padStart(4)} failed  ${note}`.trimEnd();
}

export function lastLines(text: string, count: number): string {
  return text
    .split('\n')
    .slice(-count - 1)
    .map((one) => `  ${one}\n`)
    .join('');
}
