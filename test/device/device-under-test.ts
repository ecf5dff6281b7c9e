/** A real device process and master key holder in a temporary folder, and a client on the link. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MkmClient } from '#src/mkm/client.ts';
import { ensureHolder } from '#src/mkm/holder-process.ts';
import { KeyType, User } from '#src/wire/enumerations.ts';
import {
  type ArgsOf,
  decodeResults,
  encodeRequest,
  HEADER_SIZE,
  readHeader,
  type ResultsOf,
} from '#src/wire/message.ts';
import { type OperationName, operations } from '#src/wire/operations.ts';
import { encodeFrame, SlipDecoder } from '#src/wire/slip.ts';
import { HalError } from '#src/wire/status.ts';

const MAIN = fileURLToPath(new URL('../../src/device/main.ts', import.meta.url));

export const FACTORY_PIN = Buffer.from('YouReallyNeedToChangeThisPINRightNowWeAreNotKidding');
export const NO_BYTES = new Uint8Array(0);

/** The appliance's side of one device link. */
export class DeviceLink {
  readonly child: ChildProcess;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (reply: Uint8Array) => void>();
  /** Replies that nobody asked for with {@link call}: to raw frames. */
  readonly #replies: Uint8Array[] = [];
  #onReply: (() => void) | undefined;
  #requests = 0;
  stderr = '';

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] });
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.#socket = this.child.stdio[3] as Socket;
    this.#socket.on('error', () => {});
    const decoder = new SlipDecoder(2 * 1024 * 1024);
    this.#socket.on('data', (chunk: Buffer) => decoder.push(chunk, (frame) => this.#onFrame(frame.slice())));
    this.#socket.on('close', () => {
      for (const resolve of this.#waiting.values()) resolve(NO_BYTES);
      this.#waiting.clear();
      this.#onReply?.();
    });
  }

  /** Calls a function for a connection. Rejects with the HalError of the reply, RPC_PROTOCOL_ERROR if the device ended. */
  async call<N extends OperationName>(
    name: N,
    connection: number,
    args: Omit<ArgsOf<N>, 'connection'>,
  ): Promise<ResultsOf<N>> {
    const client = operations[name].leg === 'vendor' ? connection : (0x8000_0000 | ++this.#requests) >>> 0;
    const request = encodeRequest(name, client, { connection, ...args } as unknown as ArgsOf<N>);
    return decodeResults(name, await this.exchange(client, request));
  }

  /** Sends a request and takes the reply with the same client word. */
  exchange(client: number, request: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve) => {
      this.#waiting.set(client, resolve);
      this.write(encodeFrame(request));
    });
  }

  /** Raw bytes. */
  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Waits until as many replies to raw frames have come, or the device has ended; takes them. */
  async rawReplies(count: number): Promise<Uint8Array[]> {
    while (this.#replies.length < count && !this.#socket.destroyed) {
      await new Promise<void>((resolve) => (this.#onReply = resolve));
    }
    return this.#replies.splice(0);
  }

  close(): Promise<unknown> {
    const exited =
      this.child.exitCode === null && this.child.signalCode === null ? once(this.child, 'exit') : undefined;
    this.#socket.destroy();
    return Promise.resolve(exited);
  }

  async kill(signal: NodeJS.Signals): Promise<number | null> {
    const exited = once(this.child, 'exit');
    this.child.kill(signal);
    const [code] = (await exited) as [number | null];
    return code;
  }

  #onFrame(frame: Uint8Array): void {
    const client = frame.length < HEADER_SIZE ? undefined : readHeader(frame)?.client;
    const resolve = client === undefined ? undefined : this.#waiting.get(client);
    if (client === undefined || resolve === undefined) {
      this.#replies.push(frame);
      this.#onReply?.();
      return;
    }
    this.#waiting.delete(client);
    resolve(frame);
  }
}

/** A folder with a holder and any number of starts of device 0. */
export class DeviceUnderTest {
  readonly state = mkdtempSync(join(tmpdir(), 'dks-device-'));
  readonly mkm = join(this.state, 'run', 'mkm.sock');
  readonly #links: DeviceLink[] = [];

  static async create(): Promise<DeviceUnderTest> {
    const device = new DeviceUnderTest();
    await device.startHolder();
    return device;
  }

  startHolder(): Promise<void> {
    return ensureHolder(this.mkm);
  }

  async endHolder(): Promise<void> {
    const client = await MkmClient.connect(this.mkm);
    await client.shutdown();
  }

  /** Starts the device and waits until it is ready. */
  async start(...options: string[]): Promise<DeviceLink> {
    const link = this.launch(...options);
    await link.call('DEVICE_STATUS', 0, {});
    return link;
  }

  launch(...options: string[]): DeviceLink {
    const fixed = ['--index', '0', '--state', this.state, '--mkm', this.mkm, '--pin-delay-ms', '1'];
    const link = new DeviceLink([...fixed, ...options]);
    this.#links.push(link);
    return link;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()));
    await this.endHolder().catch(() => {});
    rmSync(this.state, { recursive: true, force: true });
  }
}

export const WHEEL = 1;
export const SO = 2;
export const USER = 3;
export const NOBODY = 4;
export const PINS = { [User.NORMAL]: Buffer.from('user pin'), [User.SO]: Buffer.from('so pin') };

/** Logs the connections WHEEL, SO and USER in with these roles and sets a random master key. */
export async function setUp(link: DeviceLink): Promise<{ masterKey: Uint8Array }> {
  await link.call('LOGIN', WHEEL, { user: User.WHEEL, pin: FACTORY_PIN });
  for (const user of [User.NORMAL, User.SO] as const) await link.call('SET_PIN', WHEEL, { user, pin: PINS[user] });
  await Promise.all([
    link.call('LOGIN', SO, { user: User.SO, pin: PINS[User.SO] }),
    link.call('LOGIN', USER, { user: User.NORMAL, pin: PINS[User.NORMAL] }),
  ]);
  const { key } = await link.call('MASTERKEY_SET', WHEEL, { key: NO_BYTES });
  return { masterKey: key };
}

/**
 * A device for the tests of a suite, from before the first to after the last of them.
 * @param ready is given the device when {@link setUp} is done, and prepares what else the tests need
 */
export function deviceForSuite(ready: (link: DeviceLink, device: DeviceUnderTest) => unknown): void {
  let device: DeviceUnderTest | undefined;
  before(async () => {
    device = await DeviceUnderTest.create();
    const link = await device.start();
    await setUp(link);
    await ready(link, device);
  });
  after(() => device?.[Symbol.asyncDispose]());
}

export async function logIn(link: DeviceLink): Promise<void> {
  await Promise.all([
    link.call('LOGIN', WHEEL, { user: User.WHEEL, pin: FACTORY_PIN }),
    link.call('LOGIN', SO, { user: User.SO, pin: PINS[User.SO] }),
    link.call('LOGIN', USER, { user: User.NORMAL, pin: PINS[User.NORMAL] }),
  ]);
}

let names = 0;

/** A UUID that no test has used before. */
export function freshName(): Uint8Array {
  const name = Buffer.alloc(16);
  name.writeUInt32BE(++names, 12);
  return name;
}

/** Arguments of KEY_PAIR_CREATE for an EC token pair; parts may be replaced. */
export function pairArgs(
  changes: Partial<ArgsOf<'KEY_PAIR_CREATE'>> = {},
): Omit<ArgsOf<'KEY_PAIR_CREATE'>, 'connection'> {
  return {
    session: 7,
    name: freshName(),
    publicName: freshName(),
    type: KeyType.EC_PRIVATE,
    curve: 1,
    bits: 0,
    exponent: NO_BYTES,
    flags: 0x09,
    publicFlags: 0x09,
    attributes: [],
    publicAttributes: [],
    ...changes,
  };
}

/** For assert.rejects: the status of the table with this name. */
export function status(name: ConstructorParameters<typeof HalError>[0]): { name: string; status: number } {
  return { name: 'HalError', status: new HalError(name).status };
}

/** For assert.rejects: a CK_RV of a device's own function. */
export function ckr(value: number): { name: string; ckr: number } {
  return { name: 'CkrError', ckr: value };
}
